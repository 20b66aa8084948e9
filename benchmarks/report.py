"""Tables of records; `python benchmarks/report.py FILE...` prints those of earlier runs, merged."""

import argparse
import json
import sys
from fnmatch import fnmatch
from statistics import geometric_mean, median

from solvers import OURS


def seconds(record):
    """Return one figure for all the repeats: the best, or the median below 10 ms."""
    best = min(record["seconds"])
    return best if best >= 0.01 else median(record["seconds"])


def fastest_peer(records):
    """Return the record of the fastest peer that reached the gap, or None."""
    peers = [record for record in records if record["reached"] and record["solver"] != OURS]
    return min(peers, key=seconds, default=None)


def fastest_unreached(records):
    """Return the record of the fastest peer that came close but did not reach the gap, at its best; or None."""
    peers = [record for record in records if not record["reached"] and record["seconds"] and record["solver"] != OURS]
    return min(peers, key=seconds, default=None)


def table(records):
    """Return the lines of one problem's table."""
    peer = fastest_peer(records)
    heads = ("solver", "seconds", "repeats", "gap", "nonzeros", "tol", "x best peer")
    lines = ["  {:13}{:>10}{:>9}{:>10}{:>10}{:>9}{:>13}".format(*heads)]
    for record in records:
        row = f"  {record['solver']:13}"
        if record["seconds"]:
            row += f"{seconds(record):10.4f}{len(record['seconds']):9}{record['gap']:10.1e}"
            row += f"{record['n_nonzero']:10}{record['tol']:9.0e}"
        if record["reached"]:
            row += f"{seconds(record) / seconds(peer):13.2f}" if peer else ""
        else:
            row += f"   {record['note']}"
        lines.append(row)
    return lines


def summary(problems):
    """Return the lines that set ours against the fastest peer of each problem (a dict: name, records)."""
    lines, ratios, unreached = [], [], []
    for name, records in problems.items():
        ours = next((record for record in records if record["solver"] == OURS), None)
        peer = fastest_peer(records)
        if ours is None or (peer is None and not ours["reached"]):
            continue
        if not ours["reached"]:
            unreached.append(name)
        elif peer is None:
            lines.append(f"  {name:36}{seconds(ours):10.4f}   no peer that reached the gap")
        else:
            ratios.append(seconds(ours) / seconds(peer))
            lines.append(f"  {name:36}{seconds(ours):10.4f}{seconds(peer):10.4f} {peer['solver']:13}{ratios[-1]:6.2f}")
        also = fastest_unreached(records)
        if ours["reached"] and also:
            at_best = f"({also['solver']} {seconds(also):.4f} at gap {also['gap']:.0e}: "
            lines[-1] += f"   {at_best}{seconds(ours) / seconds(also):.2f})"
    if not lines and not unreached:
        return []
    heading = [f"  {'problem':36}{OURS:>10}{'peer':>10} {'':13}{'ratio':>6}"]
    footing = [f"  not reached by {OURS}: {name}" for name in unreached]
    if ratios:
        mean = geometric_mean(ratios)
        footing.append(
            f"  {len(ratios)} ratios to the fastest peer: worst {max(ratios):.2f}, geometric mean {mean:.2f}"
        )
    return heading + lines + footing + to_each_peer(problems)


def to_each_peer(problems):
    """Return the lines that set ours against one peer at a time, where both reached the gap."""
    ratios = {}
    for records in problems.values():
        reached = {record["solver"]: seconds(record) for record in records if record["reached"]}
        for solver in sorted(set(reached) - {OURS}) if OURS in reached else ():
            ratios.setdefault(solver, []).append(reached[OURS] / reached[solver])
    row = "  to {:13}{:3} ratios: worst {:6.2f}, geometric mean {:.2f}"
    return [row.format(solver, len(found), max(found), geometric_mean(found)) for solver, found in ratios.items()]


def read(paths):
    """Return a dict, problem to records, of JSON-lines files; the last of a solver's counts."""
    found = {}
    for path in paths:
        with open(path) as file:
            for record in map(json.loads, file):
                if "problem" in record:
                    found.setdefault(record["problem"], {})[record["solver"]] = record
    return {name: list(records.values()) for name, records in found.items()}


def main():
    """Print the tables and the summary of the files named on the command line."""
    import search_report  # imports this module

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", help="the last record of a problem and solver counts")
    parser.add_argument("--problems", nargs="*", default=["*"], metavar="PATTERN", help="such as '*-path*'")
    options = parser.parse_args()
    found = read(sorted(options.files))
    found = {name: found[name] for name in found if any(fnmatch(name, pattern) for pattern in options.problems)}
    searches = {name: found.pop(name) for name in list(found) if name.endswith("-search")}
    for reporter, part in ((sys.modules[__name__], found), (search_report, searches)):
        for name, records in part.items():
            print(name, *reporter.table(records), sep="\n")
        if part:
            print("summary", *reporter.summary(part), "", sep="\n")


if __name__ == "__main__":
    main()
