"""make_globe: houses on all continents, whose price depends on where they are, here smoothly and there by the mile."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sparsereg.datasets._land import on_land
from sparsereg.linear_model.validation import check_flag, check_number

__all__ = ["make_globe"]

Array = np.ndarray

COLUMNS = ("latitude", "longitude", "area", "rooms", "floors", "age", "plot")
_RURAL = 0.1  # the share of houses that stand in no town
_MINUTE = 1 / 60


def make_globe(
    n_samples: int = 10_000,
    *,
    n_towns: int = 300,
    noise: float = 0.2,
    as_frame: bool = False,
    return_local: bool = False,
    random_state: Any = None,
) -> tuple[Any, ...]:
    """Generate houses all over the globe: price = smooth trend + local effects + what the house is like + noise.

    Towns lie on land (rough outlines of the continents) between 55 degrees south and 66 degrees north; their sizes
    follow Zipf's law. One house in ten stands alone in the country. The local effects are what a smooth function of
    place cannot follow, at two scales: one square degree in five is a dear or a cheap region, and inside towns one cell
    in five of a grid of minutes, about a mile wide, is such a neighbourhood. That grid has 10,800 x 21,600 cells,
    nearly all of them empty.

    Parameters
    ----------
    n_samples : int, default=10_000
        Number of houses.
    n_towns : int, default=300
        Number of towns.
    noise : float, default=0.2
        Standard deviation of what nothing explains. For comparison: local effects have about 0.3.
    as_frame : bool, default=False
        Whether to return a pandas frame and series, with names.
    return_local : bool, default=False
        Whether to return the local effects, too: what a map of the fitted cells should look like.
    random_state : int, RandomState or None, default=None
        For the same houses each time.

    Returns
    -------
    X : ndarray or DataFrame of shape (n_samples, 7)
        latitude and longitude in degrees, area in square metres, rooms, floors, age in years, plot in square metres.
    y : ndarray or Series of shape (n_samples,)
        Logarithm of the price.
    local : ndarray of shape (n_samples,)
        The local effect in each house's price, if `return_local`.

    Examples
    --------
    >>> from sparsereg.datasets import make_globe
    >>> X, y = make_globe(1000, as_frame=True, random_state=0)
    >>> print(*X.columns)
    latitude longitude area rooms floors age plot
    """
    check_number("n_samples", n_samples, Integral, 1)
    check_number("n_towns", n_towns, Integral, 1)
    check_number("noise", noise)
    check_flag("as_frame", as_frame)
    check_flag("return_local", return_local)
    rng = check_random_state(random_state)
    place, town = _places(rng, n_samples, n_towns)
    house = _houses(rng, n_samples)
    local = _local_effects(rng, place, town)
    y = _trend(place) + local + _worth(house) + noise * rng.standard_normal(n_samples)
    X = np.column_stack([place, house])
    if as_frame:
        X, y = _framed(X, y)
    return (X, y, local) if return_local else (X, y)


def _on_sphere(rng: np.random.RandomState, n: int) -> Array:
    """Return n places on land, as (latitude, longitude), equally many to each square mile."""
    kept, missing = np.empty((0, 2)), n
    south, north = np.sin(np.radians([-55.0, 66.0]))
    while missing > 0:
        tried = np.column_stack(
            [np.degrees(np.arcsin(rng.uniform(south, north, 4 * missing))), rng.uniform(-180.0, 180.0, 4 * missing)]
        )
        kept = np.concatenate([kept, tried[on_land(*tried.T)]])
        missing = n - len(kept)
    return kept[:n]


def _places(rng: np.random.RandomState, n: int, n_towns: int) -> tuple[Array, Array]:
    """Return where houses stand, and in which town, -1 in the country."""
    centre = _on_sphere(rng, n_towns)
    share = 1.0 / np.arange(1, n_towns + 1)
    town = rng.choice(n_towns, size=n, p=share / share.sum())
    radius = 0.03 * np.sqrt(n_towns * share / share.sum())  # degrees: houses stand equally close in all towns
    town[rng.uniform(size=n) < _RURAL] = -1
    place = np.empty((n, 2))
    place[town < 0] = _on_sphere(rng, int((town < 0).sum()))
    waiting, shrink = np.flatnonzero(town >= 0), 1.0
    while len(waiting):  # houses that came to stand in the sea move closer to the centre, which is on land
        step = shrink * radius[town[waiting], None] * rng.standard_normal((len(waiting), 2))
        step[:, 1] /= np.cos(np.radians(centre[town[waiting], 0]))
        place[waiting] = centre[town[waiting]] + step
        waiting = waiting[~on_land(*place[waiting].T)]
        shrink *= 0.7
    return place, town


def _houses(rng: np.random.RandomState, n: int) -> Array:
    """Return area, rooms, floors, age and plot."""
    area = np.exp(rng.normal(np.log(110.0), 0.4, n))
    rooms = np.maximum(1.0, np.round(area / 28.0 + rng.normal(0.0, 0.8, n)))
    return np.column_stack(
        [area, rooms, 1.0 + rng.binomial(2, 0.4, n), rng.gamma(2.0, 20.0, n), area * rng.gamma(2.0, 2.0, n)]
    )


def _worth(house: Array) -> Array:
    """Return what the house itself adds."""
    area, rooms, floors, age, plot = house.T
    return 0.004 * (area - 110.0) + 0.03 * (rooms - 4.0) - 0.05 * (floors - 1.8) - 0.002 * age + 0.0001 * plot


def _trend(place: Array) -> Array:
    """Return the smooth part: dear towards 45 degrees on both sides of the equator, and waves around the globe."""
    north, east = np.radians(place).T
    return 12.0 + 0.4 * np.sin(2.0 * np.abs(north)) + 0.2 * np.cos(north) * np.sin(3.0 * east + 1.0)


def _local_effects(rng: np.random.RandomState, place: Array, town: Array) -> Array:
    """Return what the region and, in towns, the neighbourhood add."""
    region, neighbourhood = (_cell_effects(rng, place, width, size) for width, size in ((1.0, 0.4), (_MINUTE, 0.6)))
    return region + np.where(town >= 0, neighbourhood, 0.0)


def _cell_effects(rng: np.random.RandomState, place: Array, width: float, size: float) -> Array:
    """Return an effect per house: none in four cells of five; nothing is made for cells without a house."""
    row, column = np.floor(place / width).astype(np.int64).T
    _, number = np.unique(row * 100_000 + column, return_inverse=True)
    n_cells = number.max() + 1
    return np.where(rng.uniform(size=n_cells) < 0.2, size * rng.standard_normal(n_cells), 0.0)[number]


def _framed(X: Array, y: Array) -> tuple[Any, Any]:
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("as_frame=True needs pandas: pip install pandas, or use as_frame=False") from error
    return pd.DataFrame(X, columns=list(COLUMNS)), pd.Series(y, name="log_price")
