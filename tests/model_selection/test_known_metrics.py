"""Formulas in the place of scorers: the same numbers to the last bit, and scorers wherever they have a say."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import get_scorer

from sparsereg import Lasso, PathSearchCV, SparseClassifier, SparseRegressor, regularization_path
from sparsereg.model_selection.scoring import Examination, Scorers

NUMBERS = ["r2", "neg_mean_squared_error", "neg_root_mean_squared_error", "neg_mean_absolute_error"]
CLASSES = ["accuracy", "neg_log_loss"]
rng = np.random.default_rng(0)
X = rng.standard_normal((60, 30)) * (rng.random((60, 30)) < 0.5)
ETA = X[:, :4] @ np.array([1.0, -2.0, 0.5, 1.0]) + 0.5 * rng.standard_normal(60)
TRAIN, TEST = slice(0, 40), slice(40, None)
TARGETS = {
    "numbers": (SparseRegressor(), ETA, NUMBERS),
    "integers": (SparseRegressor(), np.round(ETA).astype(int), NUMBERS),
    "far": (Lasso(), ETA + 1e6, NUMBERS),
    "counts": (SparseRegressor("poisson"), np.floor(np.exp(ETA)), NUMBERS),
    "signs": (SparseClassifier(), np.sign(ETA), CLASSES),
    "words": (SparseClassifier(), np.where(ETA > 0, "yes", "no"), CLASSES),
    "hinge": (SparseClassifier("squared_hinge"), ETA > 0, ["accuracy"]),
}
FORMS = {"dense": np.asarray, "csr": sparse.csr_array, "csc": sparse.csc_array}


def examined(model, y, scoring, form="dense", weights=None, offset=None):
    """Return the scores of all models of a path by formula (or whatever is chosen), and by the scorers."""
    part = FORMS[form](X)
    w, o = (None if values is None else values[TRAIN] for values in (weights, offset))
    path = regularization_path(model, part[TRAIN], y[TRAIN], alphas=8, sample_weight=w, offset=o)
    scorers = Scorers(model, scoring, "raise")
    params = scorers.metadata({"sample_weight": None if weights is None else weights[TEST]})
    examination = Examination(
        scorers, model, part[TEST], y[TEST], params, None if offset is None else np.asarray(offset)[TEST]
    )
    chosen = examination.of_path(path)
    return [chosen(k) for k in range(8)], [examination(path._estimator_at(k)) for k in range(8)]


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_numbers_are_those_of_the_scorers(kind, form, weighted):
    model, y, names = TARGETS[kind]
    weights = rng.random(60) if weighted else None
    for name in names:
        quick, asked = examined(model, y, name, form, weights, offset=0.1 * X[:, 0] if weighted else None)
        assert quick == asked
        assert len(set(quick)) > 1
    quick, asked = examined(model, y, names, form, weights)
    assert quick == asked
    assert list(quick[0]) == names


@pytest.mark.parametrize("kind", TARGETS)
def test_no_scorer_is_called(kind, monkeypatch):
    model, y, names = TARGETS[kind]

    def call(self, model):
        raise AssertionError("a scorer was called")

    monkeypatch.setattr(Examination, "__call__", call)
    for scoring in (*names, names):
        PathSearchCV(model, alphas=4, scoring=scoring, cv=3, refit=False).fit(X, y)


class Doubtful(Lasso):
    """Predicts in its own way."""

    def predict(self, X, offset=None):
        return 2.0 * super().predict(X, offset)


@pytest.mark.parametrize(
    ("model", "y", "scoring"),
    [
        (Doubtful(), ETA, "r2"),
        (Lasso(), np.column_stack([ETA, -ETA]), "r2"),
        (Lasso(), ETA, "neg_median_absolute_error"),
        (Lasso(), ETA, get_scorer("r2")),
        (Lasso(), ETA, None),
        (SparseClassifier(), ETA > 0, ["accuracy", "roc_auc"]),
    ],
)
def test_otherwise_scorers_are_asked(model, y, scoring):
    quick, asked = examined(model, y, scoring)
    assert quick == asked


def test_float32_is_left_to_the_scorer():
    path = regularization_path(Lasso(), X[TRAIN].astype(np.float32), ETA[TRAIN], alphas=3)
    examination = Examination(
        Scorers(Lasso(), "r2", "raise"), Lasso(), X[TEST].astype(np.float32), ETA[TEST], {"score": {}}
    )
    chosen = examination.of_path(path)
    assert [chosen(k) for k in range(3)] == [
        get_scorer("r2")(path._estimator_at(k), examination.X, ETA[TEST]) for k in range(3)
    ]


def test_a_missing_class_is_for_the_scorer_to_refuse():
    y = np.r_[np.arange(40) % 2, np.zeros(20)]
    folds = [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]
    search = PathSearchCV(SparseClassifier(), alphas=[0.1, 0.01], scoring="neg_log_loss", cv=folds, refit=False)
    with pytest.warns(UserWarning, match="y_true contains only one label"), pytest.warns(match="non-finite"):
        search.fit(X, y)
    assert np.isnan(search.cv_results_["split0_test_score"]).all()
    assert np.isfinite(search.cv_results_["split1_test_score"]).all()


def test_a_constant_target_has_the_scorers_r2():
    for y in (np.r_[ETA[TRAIN], np.full(20, 3.0)], np.full(60, 2.0)):
        quick, asked = examined(Lasso(), y, "r2")
        assert quick == asked
