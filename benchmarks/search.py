"""Time whole searches over alpha, 5 folds x 100 alphas, at the tolerance where the worst gap of a fold is the same."""

import harness
import search_problems
import search_report
from paths import certify_at
from search_solvers import SOLVERS, prepare


def certify(search, answer):
    """Return what the judge says of the worst alpha of the first fold."""
    return certify_at(search.first, *answer)


def ladder(_):
    """Return the tolerances of a peer."""
    return [10.0**-k for k in range(4, 17)]


def finish(searcher, found):
    """Run the search itself at the tolerance found."""
    return searcher.whole(found)


BENCHMARK = harness.Benchmark(search_problems.load, prepare, certify, ladder, patience=3, finish=finish)


def main():
    """Run what the command line asks for."""
    options = harness.options_of(__doc__, SOLVERS, gap=1e-5, cap=200)
    names, missing = search_problems.names()
    print(*missing, sep="\n", end="\n" * bool(missing))
    harness.run(BENCHMARK, names, SOLVERS, options, search_report)


if __name__ == "__main__":
    main()
