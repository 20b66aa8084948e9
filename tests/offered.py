"""Which loss goes with which penalty, found by fitting one case of each: the tables of docs/losses_and_penalties.md.

``python tests/offered.py`` writes them into the page; `test_offered` compares.
"""

from __future__ import annotations

import re
from pathlib import Path

import helpers
import numpy as np

from sparsereg import SparseClassifier, SparseRegressor, regularization_path
from sparsereg.penalties import Group, Rows, SparseGroup

PAGE = Path(__file__).parent.parent / "docs" / "losses_and_penalties.md"
GROUPS = [[2, 3, 7, 8], [9, 10, 11]]
PENALTIES = {
    "none": None,
    "L1": "l1",
    "L2": "l2",
    "elastic net": "elasticnet",
    "`Group`": Group(GROUPS),
    "`SparseGroup`": SparseGroup(GROUPS),
    "`Rows`": Rows(),
    "MCP": "mcp",
    "SCAD": "scad",
}
REGRESSION = ("squared_error", "huber", "poisson", "gamma", "tweedie")


def problems():
    """Name, estimator, X and target of every kind of problem."""
    X = helpers.features()
    eta = 0.8 * X[:, 2] - 0.6 * X[:, 11]
    kinds = np.argmax(np.stack([eta, -eta, X[:, 7]]) + np.random.default_rng(0).gumbel(size=(3, len(X))), axis=0)
    for loss in REGRESSION:
        y = helpers.target(loss)
        yield f"`{loss}`", SparseRegressor(loss), X, y
        yield f"`{loss}`, several targets", SparseRegressor(loss), X, np.column_stack([y, y[::-1]])
    for loss in ("log_loss", "squared_hinge"):
        yield f"`{loss}`, two classes", SparseClassifier(loss), X, helpers.target(loss)
        yield f"`{loss}`, more classes", SparseClassifier(loss), X, kinds


def fact(estimator, X, y, **params):
    """What a fit leaves: a gap within the tolerance, a stationary point, or the reason why there is none."""
    estimator.set_params(**params)
    try:
        model = estimator.set_params(tol=1e-8, max_iter=1000).fit(X, y)
    except ValueError as error:
        return reason(str(error))
    gap = np.max(model.relative_gap_)
    if np.isnan(gap):
        assert np.max(model.kkt_violation_) < 1e-3
        return "stationary"
    assert gap <= 1e-8
    return "certified"


REASONS = {
    "Only binary classification": "not offered, because this loss knows two classes: use `OneVsRestClassifier`",
    "0 or infinite": "not offered, because the step on a group has no closed form with such bounds",
    "there is no alpha_max": "not offered, because no strength sets all weights to zero: give `alphas`",
}


def reason(message):
    """The line of `REASONS` that an error stands for; an error without one fails."""
    found = [text for key, text in REASONS.items() if key in message]
    assert found, message
    return found[0]


def losses():
    """Loss x penalty."""
    rows = []
    for name, estimator, X, y in problems():
        rows.append([name, *(fact(estimator, X, y, penalty=penalty, alpha=0.05) for penalty in PENALTIES.values())])
    return table(["", *PENALTIES], rows)


def options():
    """Penalty x what can be asked of it, with the squared loss."""
    X, y = helpers.features(), helpers.target("squared_error")
    asked = {
        "`lower=0`": {"lower": 0.0},
        "other bounds": {"lower": -0.1, "upper": 0.2},
        "`standardize`": {"standardize": True},
        "`penalty_factor`": {"penalty_factor": np.full(12, 2.0)},
        "`dropout`": {"dropout": 0.2},
    }
    rows = []
    cases = {name: (penalty, y) for name, penalty in PENALTIES.items()}
    cases["`Rows`, several targets"] = Rows(), np.column_stack([y, y[::-1]])
    for name, (penalty, target) in cases.items():
        cells = [fact(SparseRegressor(penalty=penalty, alpha=0.05), X, target, **params) for params in asked.values()]
        rows.append([name, *cells, largest(penalty, X, target)])
    return table(["", *asked, "path from `alpha_max`"], rows)


def largest(penalty, X, y):
    """Whether a path can begin where all weights are zero."""
    try:
        path = regularization_path(SparseRegressor(penalty=penalty), X, y, alphas=2)
    except ValueError as error:
        return reason(str(error))
    assert path.n_nonzero[0] == 0
    return "offered"


def table(head, rows):
    """Markdown; reasons become numbered notes."""
    notes = []

    def cell(text):
        if not text.startswith("not offered"):
            return text
        if text not in notes:
            notes.append(text)
        return f"not offered ({notes.index(text) + 1})"

    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    lines += ["| " + " | ".join([row[0], *map(cell, row[1:])]) + " |" for row in rows]
    return "\n".join([*lines, "", *(f"{k}. {note}." for k, note in enumerate(notes, 1))]).rstrip()


TABLES = {"losses": losses, "options": options}


def written(page):
    """The tables as they stand between their marks in a page."""
    return {name: re.search(pattern(name), page, re.DOTALL).group(2).strip() for name in TABLES}


def pattern(name):
    return rf"(<!-- {name} -->\n)(.*?)(<!-- end of {name} -->)"


def rewritten(page):
    """The page with its tables made anew."""
    for name, make in TABLES.items():
        page = re.sub(pattern(name), rf"\g<1>\n{make()}\n\n\g<3>", page, flags=re.DOTALL)
    return page


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
