"""The searches: raw data, preprocessing that belongs inside the folds, five folds, one grid of 100 alphas for all.

The grid goes from alpha_max of the preprocessed whole data to a hundredth of it. Names as in problems.py: data-loss,
then `-nointercept` where a peer has no unpenalised intercept, then `-search`.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import scipy.sparse as sp
from judge import alpha_max
from problems import LOSSES, LOWEST, N_ALPHAS, SHARED, Problem
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OneHotEncoder, StandardScaler

SCORING = {"squared_error": "neg_mean_squared_error", "log_loss": "neg_log_loss"}
N_FOLDS, N_BINS = 5, 30


@dataclass(frozen=True)
class Search:
    """A search over alpha; `before` is the preprocessing, None where there is none."""

    name: str
    X: object
    y: np.ndarray
    before: object
    loss: str
    fit_intercept: bool

    def pipeline(self, estimator):
        """Return the estimator behind the preprocessing."""
        return make_pipeline(clone(self.before), estimator) if self.before is not None else estimator

    @property
    def scoring(self):
        """The name of the scorer."""
        return SCORING[self.loss]

    @cached_property
    def folds(self):
        """Pairs of training and test rows; some data come sorted."""
        kind = StratifiedKFold if self.loss == "log_loss" else KFold
        return list(kind(N_FOLDS, shuffle=True, random_state=0).split(self.X, self.y))

    @cached_property
    def whole(self):
        """The preprocessed X of all rows."""
        return self.preprocessed(slice(None), slice(None))[0]

    @cached_property
    def alphas(self):
        """The grid, descending."""
        top = alpha_max(self.loss, self.whole, self.y, self.fit_intercept)
        return np.geomspace(top, top / LOWEST, N_ALPHAS)

    def preprocessed(self, train, test):
        """Return X of the training and of the test rows, both preprocessed by what was fitted on the former."""
        X = self.X.iloc if isinstance(self.X, pd.DataFrame) else self.X
        if self.before is None:
            return X[train], X[test]
        before = clone(self.before)
        return before.fit_transform(X[train]), before.transform(X[test])

    @cached_property
    def first(self):
        """The training data of the first fold, as a problem whose path has our grid."""
        train, test = self.folds[0]
        X = self.preprocessed(train, test)[0]
        X = X.tocsc() if sp.issparse(X) else np.asfortranarray(X)
        return Problem(self.name, X, self.y[train], self.loss, self.alphas[-1], self.fit_intercept)


def names():
    """Return the names of the searches that can be had here, and a message for each data set that cannot."""
    missing = [
        f"{data}: skipped, no {SHARED / path}" for data, (*_, path) in DATA.items() if not (SHARED / path).exists()
    ]
    found = [data for data, (*_, path) in DATA.items() if (SHARED / path).exists()]
    both = [(data, end) for data in found for end in ("", "-nointercept")[: 1 + (DATA[data][0] == "logistic")]]
    return [f"{data}-{DATA[data][0]}{end}-search" for data, end in both], missing


def load(name):
    """Build the search of this name."""
    data, loss, *rest = name.split("-")
    _, make, path = DATA[data]
    return Search(name, *make(SHARED / path), loss=LOSSES[loss], fit_intercept="nointercept" not in rest)


def news20(path, topic=14):
    """Return word counts of the newsgroups; topic 14, sci.space, against the rest; tf-idf weights inside."""
    X = sp.load_npz(path).astype(np.float64).tocsr()
    return X, np.where(np.load(path.with_suffix(".y.npy")) == topic, 1.0, -1.0), TfidfTransformer()


def california(path):
    """Return the districts of California: a one-hot cell of 30 x 30 quantiles of place, and numbers; all have sd 1."""
    data = pd.read_csv(path)
    y = data.pop("median_house_value").to_numpy() / 100_000
    place = ["latitude", "longitude"]
    numbers = list(data.columns.drop([*place, "ocean_proximity"]))
    bins = KBinsDiscretizer(N_BINS, encode="ordinal", quantile_method="averaged_inverted_cdf")
    cells = make_pipeline(bins, FunctionTransformer(cell), one_hot())
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    before = make_column_transformer(
        (cells, place), (scaled, numbers), (one_hot(), ["ocean_proximity"]), sparse_threshold=1.0
    )
    return data, y, before


def one_hot():
    """Return indicators of sd 1, still sparse: else median income would hide them all down to alpha_max / 100."""
    return make_pipeline(OneHotEncoder(handle_unknown="ignore"), StandardScaler(with_mean=False))


def cell(bins):
    """Return the number of the cell where two bins cross."""
    return bins[:, [0]] * N_BINS + bins[:, [1]]


def riboflavin(path):
    """Return expression levels as they are."""
    with np.load(path) as file:
        return np.ascontiguousarray(file["X"], dtype=np.float64), file["y"].astype(np.float64), None


def golub(path):
    """Return gene expressions, AML against ALL, standardised inside."""
    with np.load(path) as file:
        X, y = file["X"].astype(np.float64), file["y"]
    return np.ascontiguousarray(X), np.where(y == "AML", 1.0, -1.0), StandardScaler()


DATA = {  # name: loss, maker of X, y and preprocessing, file
    "riboflavin": ("squared", riboflavin, "riboflavin.dense.npz"),
    "golub": ("logistic", golub, "gene_golub.dense.npz"),
    "california": ("squared", california, "california_housing.csv.gz"),
    "news20": ("logistic", news20, "news20_counts.npz"),
}
