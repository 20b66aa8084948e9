"""Problem in, certified solution out: usable on its own, without an estimator.

>>> import numpy as np
>>> from sparsereg.solvers import Problem, solve
>>> rng = np.random.default_rng(0)
>>> X = rng.standard_normal((50, 20))
>>> y = 3.0 * X[:, 4] - 2.0 * X[:, 7]
>>> solution = solve(Problem.from_data(X, y, alpha=0.1))
>>> solution.coef_index
array([4, 7])
"""

from sparsereg.solvers.certificate import Certificate as Certificate
from sparsereg.solvers.certificate import certificate as certificate
from sparsereg.solvers.design import Design as Design
from sparsereg.solvers.fista import fista as fista
from sparsereg.solvers.joint_problem import joint_problem as joint_problem
from sparsereg.solvers.layout import as_design as as_design
from sparsereg.solvers.path import follow_path as follow_path
from sparsereg.solvers.problem import Problem as Problem
from sparsereg.solvers.problem import Progress as Progress
from sparsereg.solvers.problem import Record as Record
from sparsereg.solvers.problem import Solution as Solution
from sparsereg.solvers.prox_newton import prox_newton as prox_newton
from sparsereg.solvers.solve import solve as solve

__all__ = [
    "Certificate",
    "Design",
    "Problem",
    "Progress",
    "Record",
    "Solution",
    "as_design",
    "certificate",
    "fista",
    "follow_path",
    "joint_problem",
    "prox_newton",
    "solve",
]
