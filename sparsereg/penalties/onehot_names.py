"""Which columns came from one categorical feature, as far as their names tell.

``OneHotEncoder`` writes ``feature_category`` (and ``feature_infrequent_sklearn``) for the categories of a feature, side
by side; ``ColumnTransformer`` puts ``transformer__`` in front, unless ``verbose_feature_names_out=False``. Both
``feature`` and ``category`` may hold underscores, so names alone do not always tell where one ends. The rule:

1. *Transformers.* If every name holds ``__``, what stands before the first is the transformer. Those with "onehot" in
   their name (``onehot``, ``OneHotEncoder-1``, ``one_hot``) are read by the rules below. If all columns of a
   transformer ``T`` are called ``T__T_...``, they are one feature: this is exact. All other columns stand alone.
2. *Runs.* Without transformers in the names all columns are read. Neighbours whose names agree up to their first ``_``
   form a run; a name without ``_`` stands alone.
3. *Dividing.* Take the longest prefix ending in ``_`` that all names of a run share, and what follows it up to the next
   ``_``. If each of these continuations has two columns or more, each is a run of its own: ``Lot_Shape_a``,
   ``Lot_Shape_b``, ``Lot_Config_a``, ``Lot_Config_b`` are two features. Else the run is one feature: ``Zone_A_1``,
   ``Zone_A_2``, ``Zone_C`` are ``Zone``, as ``Zone_C`` can only be cut there.
4. *Order.* ``OneHotEncoder`` sorts the categories of a feature, with None, nan and the infrequent ones last. So a run
   also ends after ``_infrequent_sklearn``, and where the names descend next to a continuation of two columns or more:
   ``Heating_Gas``, ``Heating_Wall``, ``Heating_QC_Fair``, ``Heating_QC_Good`` are ``Heating`` and ``Heating_QC``.

What cannot be told: ``colour_dark_blue``, ``colour_dark_red``, ``colour_light_blue``, ``colour_light_red`` look like
two features; ``roof_old_yes``, ``roof_new_yes``, each what is left of a binary feature, and numeric columns
``year_built``, ``year_sold`` without a transformer's name look like one. Where that happens, give each feature a
transformer of its name, ``ColumnTransformer([(f, OneHotEncoder(), [f]) for f in features])``, or give labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from os.path import commonprefix

__all__ = ["features_of_names"]

_LAST = ("nan", "None", "infrequent_sklearn")


def features_of_names(names: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return how many columns each feature has, from left to right, and the names of the features.

    Parameters
    ----------
    names : sequence of str
        Names of all columns, as ``get_feature_names_out`` gives them.

    Returns
    -------
    sizes, features : list of int, list of str

    Raises
    ------
    ValueError
        If no name can be that of a one-hot column.

    Examples
    --------
    >>> from sparsereg.penalties.onehot_names import features_of_names
    >>> features_of_names(["sex_f", "sex_m", "age", "home_town_Bath", "home_town_York"])
    ([2, 1, 2], ['sex', 'age', 'home_town'])
    """
    names = [str(name) for name in names]
    runs = _by_transformer(names) if all("__" in name[1:] for name in names) else _features(names, 0)
    return [len(run) for run in runs], [_feature(run) for run in runs]


def _feature(run: list[str]) -> str:
    """Return what the names share up to an underscore; a column that stands alone keeps its name."""
    return run[0] if len(run) == 1 else run[0][: _shared(run)].rstrip("_")


def _by_transformer(names: list[str]) -> list[list[str]]:
    runs: list[list[str]] = []
    transformers = []
    found = False
    for transformer, block in groupby(names, key=_transformer):
        columns, start = list(block), len(transformer) + 2
        transformers.append(transformer)
        if all(name.startswith(transformer + "_", start) for name in columns):
            runs.append(columns)
        elif "onehot" in transformer.lower().replace("_", "").replace("-", ""):
            runs += _features(columns, start)
        else:
            runs += [[name] for name in columns]
            continue
        found = True
    if not found:
        raise ValueError(
            f'groups="onehot" reads the columns of transformers with "onehot" in their name; got {transformers[:5]}: '
            'call it so, as in ColumnTransformer([("onehot", OneHotEncoder(), ...)]), or give labels'
        )
    return runs


def _transformer(name: str) -> str:
    return name[: name.index("__", 1)]


def _features(names: list[str], start: int) -> list[list[str]]:
    """Divide names that all share their first `start` characters into features (rules 2 to 4)."""
    if not any("_" in name[start + 1 :] for name in names):
        raise ValueError(f'groups="onehot" found no name of the form feature_category; got {names[:5]}: give labels')
    features = []
    stack = _continuations(names, start)[::-1]  # not recursion: names may be of any shape
    while stack:
        run = stack.pop()
        parts = _divide(run)
        if len(parts) == 1:
            features.append(run)
        else:
            stack += parts[::-1]
    return features


def _divide(run: list[str]) -> list[list[str]]:
    """Return the parts of a run that are not one feature, or the run."""
    start = _shared(run)
    parts = _continuations(run, start)
    if all(len(part) > 1 for part in parts):
        return parts
    pieces = [list(parts[0])]
    for left, right in zip(parts[:-1], parts[1:], strict=True):
        several = len(left) > 1 or len(right) > 1
        descends = left[-1][start:] > right[0][start:] and right[0][start:] not in _LAST
        if left[-1].endswith("_infrequent_sklearn") or (several and descends):
            pieces.append([])
        pieces[-1] += right
    return pieces


def _shared(run: list[str]) -> int:
    """Return the length of the longest prefix, ending in an underscore, that all names share."""
    return commonprefix(run).rfind("_") + 1


def _continuations(names: list[str], start: int) -> list[list[str]]:
    """Return the neighbours that agree up to the next underscore after `start`; without one, names are alone."""
    return [list(part) for _, part in groupby(names, key=lambda name: name[: name.find("_", start) + 1] or name)]
