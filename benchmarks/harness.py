"""What the programs share: command line, one process per (problem, solver), the climb down the tolerances, records.

A program hands a `Benchmark` to `run`. Its functions live at the top level of a module, for each measurement has a
process of its own, killed when one fit takes longer than the cap. A peer's tolerance is tightened tenfold until the
gap is reached, then half a step back is tried; ours starts at the gap itself, for that is what its `tol` means.
"""

import argparse
import json
import multiprocessing
import os
import platform
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

import report
from solvers import OURS, UnsupportedError

RESULTS = Path(__file__).with_name("results")
PREPARATION = 600  # seconds to load the problem, import and compile the solver
IDLE = 20  # times the cap by the clock, after which a process that uses no processor is killed
REPEATING = 3  # seconds spent on repeats of one fit
PACKAGES = ("sparsereg", "scikit-learn", "celer", "skglm", "adelie", "group-lasso", "skein-glm", "numpy", "scipy")


@dataclass(frozen=True)
class Benchmark:
    """What to measure.

    `load(name)` builds a problem; `prepare(solver, problem)` returns `fit`, and `fit(tol)` an answer and seconds;
    `certify(problem, answer)` returns what the judge found, "gap" among it; `ladder(solver)` the tolerances of a peer.
    After `patience` tolerances in a row that did not halve the gap a peer has given its best. `finish(fit, found)`, if
    any, does what is to be done once, instead of repeats, at the tolerance found, and returns what to record.
    """

    load: Callable
    prepare: Callable
    certify: Callable
    ladder: Callable
    patience: int = 99
    finish: Callable | None = None


def options_of(description, solvers, gap, cap):
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=description)
    several = {"nargs": "*", "default": ["*"], "metavar": "PATTERN"}
    parser.add_argument("--problems", **several, help="such as 'toep-*' 'a9a-logistic-*'")
    parser.add_argument("--solvers", **several, help=", ".join(solvers))
    parser.add_argument("--gap", type=float, default=gap, help=f"relative gap to reach ({gap:g})")
    parser.add_argument("--repeats", type=int, default=300, help="most repeats of one fit (300, in 3 seconds)")
    parser.add_argument("--cap", type=float, default=cap, help=f"seconds after which a fit is killed ({cap:g})")
    parser.add_argument("--threads", type=int, default=1, help="threads of BLAS, OpenMP and numba (1)")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: on a busy machine (wall)")
    return parser.parse_args()


def run(benchmark, problems, solvers, options, reporter=report):
    """Measure the chosen solvers on the chosen problems; print tables and write records on the way."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that `measure` ends its child
    for variable in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ[f"{variable}_NUM_THREADS"] = str(options.threads)  # read when a child loads its libraries
    os.environ["BENCHMARK_CLOCK"] = options.clock
    solvers = [name for name in solvers if matches(name, options.solvers)]
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(timezone.utc):%Y%m%dT%H%M%S}-{os.getpid()}.jsonl"
    done = {}
    with path.open("w") as file:
        write(file, machine() | {"gap": options.gap, "threads": options.threads, "clock": options.clock})
        for name in (name for name in problems if matches(name, options.problems)):
            print(f"\n{name}  (relative gap <= {options.gap:g})", flush=True)
            done[name] = []
            for solver in solvers:
                record = measure(benchmark, name, solver, options)
                if record:
                    write(file, record)
                    done[name].append(record)
            print(*reporter.table(done[name]), sep="\n", flush=True)
    print("\nsummary", *reporter.summary(done), f"records: {path}", sep="\n")


def matches(name, patterns):
    """Tell whether the name fits one of the shell patterns."""
    return any(fnmatch(name, pattern) for pattern in patterns)


def measure(benchmark, problem, solver, options):
    """Return the record of one solver on one problem, or print why there is none and return None."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    arguments = (sender, benchmark, problem, solver, options.gap, options.repeats)
    process = context.Process(target=work, args=arguments)
    process.start()
    sender.close()  # so that the end of the process ends the pipe
    record = {"problem": problem, "solver": solver, "reached": False, "gap": float("inf"), "seconds": [], "over": None}
    limit, record["note"] = PREPARATION, "not prepared in time"
    try:
        while answers(receiver, process.pid, limit, options.clock):
            kind, content = receiver.recv()
            if kind == "refused":
                print(f"  {solver}: {content}", flush=True)
                return None
            if kind == "fit":
                limit = record["over"] = options.cap
                record["note"] = f"not reached: over {limit:g} s at tol={content:.0e}"
            elif kind == "judge":
                limit = PREPARATION  # the judge's time is not the solver's
            elif kind == "finish":
                limit, record["over"] = options.cap, None
                record["note"] = f"over {limit:g} s when all was run at tol={content:.0e}"
            elif kind == "tried" and content["gap"] <= record["gap"]:
                record |= content
            elif kind == "done":
                return record | {"over": None} | content
        if record["gap"] <= options.gap and not benchmark.finish:  # killed on a repeat, or half a step back
            record |= {"reached": True, "over": None, "note": ""}
        return record
    except EOFError:
        return record | {"note": "its process died", "over": None}
    finally:
        if process.is_alive():
            os.killpg(process.pid, signal.SIGKILL)
        process.join()


def answers(receiver, group, limit, clock):
    """Wait for a message for `limit` seconds: of the clock, or of the processors that the process group has used."""
    start, began = spent(group, clock), perf_counter()
    while not receiver.poll(1.0):
        if spent(group, clock) - start > limit or perf_counter() - began > IDLE * limit:
            return False
    return True


def spent(group, clock):
    """Return a time in seconds; the processors' is read from /proc (elsewhere the clock's is taken)."""
    if clock == "wall" or not Path("/proc/self/stat").exists():
        return perf_counter()
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[2]) == group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def work(sender, benchmark, problem_name, solver, goal, most_repeats):
    """Climb down the tolerances in a process group of our own (R is in it too) and send what happens."""
    os.setsid()

    def say(kind, content):
        sender.send((kind, content))

    problem = benchmark.load(problem_name)

    def attempt(tol):
        say("fit", tol)
        answer, seconds = fit(tol)
        say("judge", tol)
        found = benchmark.certify(problem, answer) | {"tol": tol, "seconds": [seconds]}
        say("tried", found)
        return found

    try:
        fit = benchmark.prepare(solver, problem)
        found = first_to_reach(goal, solver, attempt, benchmark)
        if found is None:
            say("done", {"note": "not reached at any tol"})
            return
        if benchmark.finish:
            say("finish", found["tol"])
            found |= benchmark.finish(fit, found)
            most_repeats = 1
        for _ in range(min(most_repeats - 1, extra_repeats(found["seconds"][0]))):
            say("fit", found["tol"])
            found["seconds"].append(fit(found["tol"])[1])
        say("done", found | {"reached": True, "note": ""})
    except UnsupportedError as reason:
        say("refused", str(reason))
    except Exception as error:  # a peer's own failure is a result, not ours to raise
        say("done", {"note": f"failed: {error!r:.100}"})


def first_to_reach(goal, solver, attempt, benchmark):
    """Return the attempt at the loosest tolerance that reaches the goal, None if none does."""
    ladder = [goal / 10**k for k in range(9)] if solver == OURS else benchmark.ladder(solver)
    found = climb_down(goal, attempt, ladder, benchmark.patience)
    if found and found["tol"] < ladder[0] and solver != OURS:
        looser = attempt(found["tol"] * 10**0.5)
        found = looser if looser["gap"] <= goal else found
    return found


def climb_down(goal, attempt, ladder, patience):
    """Return the first attempt that reaches the goal, None where the gap gets stuck before."""
    best, in_vain = float("inf"), 0
    for tol in ladder:
        found = attempt(tol)
        if found["gap"] <= goal:
            return found
        in_vain = 0 if found["gap"] < best / 2 else in_vain + 1
        best = min(best, found["gap"])
        if in_vain >= patience:
            return None
    return None


def extra_repeats(seconds):
    """Return how often a fit of this length is repeated."""
    return max(int(REPEATING / max(seconds, 1e-4)), 2 if seconds < 10 else 0)


def machine():
    """Return what the figures were taken on."""
    date = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M}"
    found = {
        "date": date,
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "cpu": platform.processor(),
    }
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found["cpu"] = cpuinfo.read_text().partition("model name")[2].partition("\n")[0].strip("\t: ")
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def write(file, record):
    """Append one JSON line."""
    print(json.dumps(record), file=file, flush=True)
