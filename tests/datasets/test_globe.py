"""make_globe: houses stand on land, prices are what the docstring says they are made of."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import PolynomialFeatures

from sparsereg.datasets import make_globe
from sparsereg.datasets._land import OUTLINES, on_land

INLAND = {"Paris": (48.9, 2.4), "Moscow": (55.8, 37.6), "Delhi": (28.6, 77.2), "Nairobi": (-1.3, 36.8)}
INLAND |= {"Brasilia": (-15.8, -47.9), "Denver": (39.7, -105), "Alice Springs": (-23.7, 133.9), "Kyoto": (35.1, 135.8)}
AT_SEA = {"Atlantic": (30, -40), "Pacific": (0, -140), "Mediterranean": (35, 18), "Black Sea": (43, 34)}
AT_SEA |= {"North Sea": (56, 3), "Bay of Bengal": (15, 88), "Gulf of Mexico": (25, -90), "Tasman Sea": (-38, 160)}


def test_outlines():
    assert on_land(*np.array(list(INLAND.values())).T).all()
    assert not on_land(*np.array(list(AT_SEA.values())).T).any()
    rng = np.random.default_rng(0)
    share = on_land(np.degrees(np.arcsin(rng.uniform(-1, 1, 50_000))), rng.uniform(-180, 180, 50_000)).mean()
    assert 0.24 < share < 0.28  # 0.29 with Antarctica, Greenland and the Arctic islands, which are not there


def test_inside_is_as_matplotlib_has_it():
    from matplotlib.path import Path

    rng = np.random.default_rng(1)
    latitude, longitude = rng.uniform(-60, 80, 5000), rng.uniform(-180, 180, 5000)
    points = np.column_stack([longitude, latitude])
    expected = np.sum([Path(outline).contains_points(points) for outline in OUTLINES], axis=0)
    np.testing.assert_array_equal(on_land(latitude, longitude), expected % 2 == 1)


def test_houses_stand_on_land():
    X, y = make_globe(3000, random_state=0)
    assert X.shape == (3000, 7)
    assert y.shape == (3000,)
    assert on_land(X[:, 0], X[:, 1]).all()
    assert (X[:, 2:] > 0).all()
    assert np.isfinite(y).all()
    one, _ = make_globe(1, n_towns=1, random_state=3)
    assert on_land(*one[:, :2].T).all()


def test_the_same_each_time():
    for name, (a, b) in enumerate(zip(make_globe(500, random_state=7), make_globe(500, random_state=7), strict=True)):
        np.testing.assert_array_equal(a, b, err_msg=str(name))
    assert (make_globe(500, random_state=8)[0] != make_globe(500, random_state=7)[0]).any()


def test_frames():
    X, y, local = make_globe(200, as_frame=True, return_local=True, random_state=0)
    assert isinstance(X, pd.DataFrame)
    assert X.columns.tolist() == ["latitude", "longitude", "area", "rooms", "floors", "age", "plot"]
    assert isinstance(y, pd.Series)
    plain = make_globe(200, random_state=0)
    np.testing.assert_array_equal(X, plain[0])
    np.testing.assert_array_equal(y, plain[1])
    assert local.shape == (200,)


def test_prices_are_smooth_but_for_local_effects_and_noise():
    X, y, local = make_globe(8000, noise=0.0, return_local=True, random_state=0)
    smooth = PolynomialFeatures(9).fit_transform(X[:, :2] / [90, 180])
    Z = np.column_stack([smooth, X[:, 2:]])
    assert LinearRegression().fit(Z, y - local).score(Z, y - local) > 0.97
    assert LinearRegression().fit(Z, y).score(Z, y) < 0.7
    noisy = make_globe(8000, noise=0.5, random_state=0)[1]
    assert abs((noisy - y).std() - 0.5) < 0.02


def test_local_effects_are_those_of_cells():
    """In a minute there are at most two: that of the region alone in the country, with the neighbourhood's in town."""
    X, _, local = make_globe(8000, return_local=True, random_state=0)
    minutes = pd.Series(local).groupby([np.floor(X[:, 0] * 60), np.floor(X[:, 1] * 60)]).nunique()
    assert minutes.max() <= 2
    assert (minutes == 1).mean() > 0.95
    assert 0.2 < local.std() < 0.4
    assert 0.4 < (local == 0).mean() < 0.8


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_samples": 0}, ValueError, "n_samples must be >= 1"),
        ({"n_towns": 2.5}, TypeError, "n_towns must be an integer"),
        ({"noise": -1.0}, ValueError, "noise must be >= 0"),
        ({"as_frame": "pandas"}, TypeError, "as_frame must be True or False"),
    ],
)
def test_bad_settings(options, error, message):
    with pytest.raises(error, match=message):
        make_globe(**options)


def test_without_pandas(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match="as_frame=True needs pandas: pip install pandas"):
        make_globe(10, as_frame=True)
