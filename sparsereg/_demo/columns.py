"""Tell numbers, categories and text apart, and turn a table of them into one wide sparse matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

MISSING = frozenset(["", "?", "na", "n/a", "#n/a", "nan", "null"])
MISSING_NUMBERS = MISSING | {"none", "-", "."}  # among words they may be words
MOST_CROSSED_NUMBERS = 12  # 66 pairs; beyond, the crosses would outgrow a demo


@dataclass(frozen=True)
class Column:
    """A column of a table and what is to be made of it.

    Attributes
    ----------
    name : str
        As in the header.
    kind : {"number", "category", "text", "unused"}
        How it becomes columns of the matrix.
    values : ndarray of object
        Floats with nan for a missing number, strings otherwise.
    note : str
        One phrase about it for the report.
    """

    name: str
    kind: str
    values: np.ndarray
    note: str


def is_missing(cell: str) -> bool:
    """Whether a cell says that its value is not known."""
    return cell.strip().lower() in MISSING


def as_number(cell: str) -> float:
    """Return the number in a cell, nan if it is missing; ValueError if it is something else."""
    if cell.strip().lower() in MISSING_NUMBERS:
        return np.nan
    if "_" in cell:  # Python reads 1_000 as a number, people mean a code
        raise ValueError(cell)
    number = float(cell)
    return number if np.isfinite(number) else np.nan


def as_numbers(cells: Sequence[str]) -> np.ndarray | None:
    """Return the cells as floats, None if one of them is neither a number nor missing."""
    try:
        return np.array([as_number(cell) for cell in cells], dtype=float)
    except ValueError:
        return None


def understand(name: str, cells: Sequence[str]) -> Column:
    """Decide what a column is from its cells.

    Numbers if every known cell is one. Text if the cells are several words long and differ widely. Otherwise
    a category; unused when it says nothing (constant, row numbers) or nothing that repeats (identifiers).
    """
    numbers = as_numbers(cells)
    if numbers is not None:
        known = numbers[~np.isnan(numbers)]
        values = numbers.astype(object)
        if len(known) == 0 or np.all(known == known[0]):
            return Column(name, "unused", values, "constant")
        if len(known) == len(cells) and np.all(np.diff(numbers) == 1):
            return Column(name, "unused", values, "row numbers")
        missing = len(cells) - len(known)
        return Column(name, "number", values, f"{missing:,} missing" if missing else "")
    values = np.array(["(missing)" if is_missing(cell) else cell.strip() for cell in cells], dtype=object)
    distinct = len(set(values))
    words = np.mean([len(cell.split()) for cell in values])
    if distinct == 1:
        return Column(name, "unused", values, "constant")
    if words >= 2 and distinct > max(50, 0.05 * len(cells)):
        return Column(name, "text", values, f"{words:.0f} words on average")
    if distinct > max(20, 0.5 * len(cells)):
        return Column(name, "unused", values, f"an identifier: {distinct:,} different values")
    return Column(name, "category", values, f"{distinct:,} values")


def table_features(columns: Sequence[Column], n_train: int) -> ColumnTransformer:
    """Make the transformer that turns the columns, in their order, into a sparse matrix.

    Numbers enter as they are and cut into buckets, alone and in pairs, so that a linear model can bend and
    knows that latitude means something else at another longitude. Categories are one-hot, text is tf-idf.
    """
    of_kind = {kind: [k for k, column in enumerate(columns) if column.kind == kind] for kind in ("number", "category")}
    blocks: list[tuple[str, Any, Any]] = []
    if of_kind["number"]:
        linear = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
        pairs = len(of_kind["number"]) <= MOST_CROSSED_NUMBERS
        n_buckets = int(np.clip(round(0.6 * n_train ** (1 / 3)), 3, 20))
        blocks.append(("number", linear, of_kind["number"]))
        blocks.append(("buckets", Buckets(n_buckets, pairs=pairs), of_kind["number"]))
    if of_kind["category"]:
        one_hot = OneHotEncoder(handle_unknown="ignore", feature_name_combiner=_equals)
        blocks.append(("category", one_hot, of_kind["category"]))
    for k, column in enumerate(columns):
        if column.kind == "text":
            words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
            blocks.append((f"text {k}", words, k))  # an int, not a list: the vectorizer wants one dimension
    return ColumnTransformer(blocks, sparse_threshold=1.0, verbose_feature_names_out=False)


def table_feature_names(columns: Sequence[Column], fitted: ColumnTransformer, wanted: np.ndarray) -> list[str]:
    """Name the columns of the matrix in words of the table: ``age 20..30``, ``region = north``."""
    names: list[str] = []
    for block, transformer, chosen in fitted.transformers_:
        if block == "remainder":
            continue
        if isinstance(chosen, int):
            names += [f'{columns[chosen].name}: "{word}"' for word in transformer.get_feature_names_out()]
        else:
            names += list(transformer.get_feature_names_out([columns[k].name for k in chosen]))
    return [names[k] for k in wanted]


def _equals(column: str, category: Any) -> str:
    return f"{column} = {category}"


class Buckets(TransformerMixin, BaseEstimator):
    """Cut numbers into buckets of about equally many rows; one-hot, alone and for all pairs of columns.

    scikit-learn's `KBinsDiscretizer` knows no missing values, and products of its columns with each other
    include those of one number with itself, which are never filled.

    Parameters
    ----------
    n_buckets : int
        Buckets per column. Columns with fewer distinct values get a bucket for each.
    pairs : bool
        Whether to cross the buckets of every two columns, too.
    """

    def __init__(self, n_buckets: int = 10, *, pairs: bool = True) -> None:
        self.n_buckets = n_buckets
        self.pairs = pairs

    def fit(self, X: Any, y: Any = None) -> Buckets:
        """Find the edges of the buckets."""
        X = np.asarray(X, dtype=float)
        self.edges_ = [self._edges(column[~np.isnan(column)]) for column in X.T]
        self.missing_ = np.isnan(X).any(axis=0)
        p = len(self.edges_)
        self.pairs_ = [(i, j) for i in range(p) for j in range(i + 1, p)] if self.pairs else []
        return self

    def transform(self, X: Any) -> sparse.csr_array:
        """Return a row of ones and zeros for every row: one 1 for each column and each pair."""
        X = np.asarray(X, dtype=float)
        blocks = []
        for column, edges, missing in zip(X.T, self.edges_, self.missing_, strict=True):
            block = np.searchsorted(edges, column)
            # Missing values have the last bucket; if there were none to learn from, they count as middling.
            block[np.isnan(column)] = len(edges) + 1 if missing else len(edges) // 2
            blocks.append(block)
        sizes = self._sizes()
        ids = [*blocks, *(blocks[i] * sizes[j] + blocks[j] for i, j in self.pairs_)]
        widths = [*sizes, *(sizes[i] * sizes[j] for i, j in self.pairs_)]
        starts = np.concatenate([[0], np.cumsum(widths)])
        indices = (np.column_stack(ids) + starts[:-1]).ravel()
        indptr = np.arange(0, indices.size + 1, len(ids))
        return sparse.csr_array((np.ones(indices.size), indices, indptr), shape=(len(X), int(starts[-1])))

    def get_feature_names_out(self, input_features: Sequence[str]) -> np.ndarray:
        """Return names such as ``age 20..30`` and ``age 20..30 & height above 1.8``."""
        names = [
            [f"{name} {span}" for span in _spans(edges, missing)]
            for name, edges, missing in zip(input_features, self.edges_, self.missing_, strict=True)
        ]
        crossed = [f"{a} & {b}" for i, j in self.pairs_ for a in names[i] for b in names[j]]
        return np.array([name for column in names for name in column] + crossed, dtype=object)

    def _sizes(self) -> list[int]:
        return [len(edges) + 1 + int(m) for edges, m in zip(self.edges_, self.missing_, strict=True)]

    def _edges(self, known: np.ndarray) -> np.ndarray:
        distinct = np.unique(known)
        if len(distinct) <= self.n_buckets:
            return (distinct[1:] + distinct[:-1]) / 2
        return np.unique(np.quantile(known, np.linspace(0, 1, self.n_buckets + 1)[1:-1]))


def _spans(edges: np.ndarray, missing: bool) -> list[str]:
    """Describe the buckets between edges."""
    shown = [f"{edge:.5g}" for edge in edges]
    inner = [f"{a}..{b}" for a, b in zip(shown[:-1], shown[1:], strict=True)]
    spans = [f"up to {shown[0]}", *inner, f"above {shown[-1]}"] if shown else ["known"]
    return [*spans, "missing"] if missing else spans
