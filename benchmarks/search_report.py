"""Tables from the records of search.py."""

from report import seconds
from search_solvers import MULTIPLES
from solvers import OURS

AT_MOST, AT_LEAST = 1.5, {"grid": 20, "cv": 5}  # what we ask of ourselves


def time_of(record):
    """Return the seconds of a search, and ">" where they are only a lower bound: it was killed or reached less."""
    if record["over"]:
        return record["over"] * MULTIPLES[record["solver"]], ">"
    return (seconds(record), "" if record["reached"] else ">") if record["seconds"] else (None, "")


def table(records):
    """Return the lines of one problem's table."""
    mine = next((seconds(record) for record in records if record["solver"] == OURS and record["seconds"]), None)
    heads = ("solver", "seconds", "gap", "nonzeros", "tol", "x ours")
    lines = ["  {:13}{:>11}{:>10}{:>10}{:>9}{:>10}   timed".format(*heads)]
    for record in records:
        spent, sign = time_of(record)
        row = f"  {record['solver']:13}" + (f"{sign + format(spent, '.4f'):>11}" if spent else " " * 11)
        row += f"{record['gap']:10.1e}{record['n_nonzero']:10}{record['tol']:9.0e}" if record["seconds"] else " " * 29
        row += f"{sign + format(spent / mine, '.1f'):>10}" if spent and mine else " " * 10
        lines.append(row + f"   {record['note'] or record['how']}")
    return lines + [line for record in records if record["solver"] == OURS for line in parts(record)]


def parts(record):
    """Return the line that sets our search against what no search can do without."""
    if not record.get("parts"):
        return []
    times = ", ".join(f"{name} {spent:.3f}" for name, spent in record["parts"].items())
    return [f"  alone: {times}; search / (paths + scoring) {overhead(record):.2f}"]


def overhead(record):
    """Return how much longer a search takes than its fold paths and scorer calls."""
    return seconds(record) / (record["parts"]["paths"] + record["parts"]["scoring"])


def summary(problems):
    """Return a line for each problem: the overhead of ours, and how many times as long the fastest peers take."""
    heading = f"  {'problem':36}{OURS:>10}{f'x parts <= {AT_MOST}':>16}"
    lines = [heading + "".join(f"{f'{kind}-* >= {least}':>26}" for kind, least in AT_LEAST.items())]
    for name, records in problems.items():
        mine = next((record for record in records if record["solver"] == OURS and record["reached"]), None)
        if mine is None:
            continue
        row = f"  {name:36}{seconds(mine):10.4f}{overhead(mine):16.2f}"
        for kind in AT_LEAST:
            row += f"{fastest(records, kind, seconds(mine)):>26}"
        lines.append(row)
    return lines


def fastest(records, kind, mine):
    """Return the fastest peer of a kind and its time in units of ours."""
    peers = [(*time_of(record), record["solver"]) for record in records if record["solver"].startswith(kind)]
    spent, sign, solver = min((peer for peer in peers if peer[0]), default=(None, "", ""))
    return f"{solver} {sign}{spent / mine:.1f}" if spent else "-"
