"""Time every solver on every problem at the tolerance where the judge finds the same relative gap."""

from dataclasses import asdict

import harness
import problems
from judge import judge
from solvers import SOLVERS, prepare


def certify(problem, w):
    """Return what the judge says of coefficients."""
    return asdict(judge(problem, w))


def ladder(_):
    """Return the tolerances of a peer."""
    return [10.0**-k for k in range(3, 17)]


def main():
    """Run what the command line asks for."""
    options = harness.options_of(__doc__, SOLVERS, gap=1e-6, cap=120)
    names, missing = problems.names()
    print(*missing, sep="\n", end="\n" * bool(missing))
    harness.run(harness.Benchmark(problems.load, prepare, certify, ladder), names, SOLVERS, options)


if __name__ == "__main__":
    main()
