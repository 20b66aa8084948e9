"""The command line of ``python -m sparsereg``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

from sparsereg import __version__
from sparsereg._demo.compare import Matrices, compare, make_matrices
from sparsereg._demo.console import Console
from sparsereg._demo.docstrings import docstring_task
from sparsereg._demo.movement import Movement, record_movement
from sparsereg._demo.picture import can_draw, save_picture
from sparsereg._demo.report import show_comparison, show_deciding, show_movement, show_summary
from sparsereg._demo.svmlight import is_svmlight, svmlight_task
from sparsereg._demo.table import table_task
from sparsereg._demo.task import FEWEST_ROWS, InputError, Task, TaskOptions

_EPILOG = """\
examples:
  python -m sparsereg                                      docstrings: is this function scipy's?
  python -m sparsereg --data houses.csv --target price     a table of your own (gzipped or not)
  python -m sparsereg --data cars.csv --target origin --positive Japan
  python -m sparsereg --data a9a.svm                       an svmlight file; its first field is the target
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo.

    Parameters
    ----------
    argv : sequence of str or None
        The command line without the program's name; None reads ``sys.argv``.

    Returns
    -------
    status : int
        0 for success, 1 if nobody reads the output, 2 for input that the user can mend, 130 after Ctrl-C.
    """
    arguments = _parser().parse_args(argv)
    console = Console(sys.stdout)
    try:
        # Products of a few 1e5 numbers are too short for the threads of BLAS: on two cores shared with other work
        # they waited for each other, and the demo took 181 s instead of 68.
        with threadpool_limits(1, user_api="blas"):
            _run(arguments, console)
    except InputError as error:
        sys.stderr.write(f"\nsparsereg: {error}\n")
        return 2
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where the last flush may go
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nsparsereg: stopped\n")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sparsereg",
        description="Fit the same linear model without a penalty, with L2 and with L1, and see what differs:\n"
        "how well it predicts, how many weights it needs, what it costs, and how its weights move.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="a CSV or svmlight file (default: docstrings of this Python)",
    )
    parser.add_argument("--target", metavar="COLUMN", help="the column of the CSV file to predict")
    parser.add_argument(
        "--task",
        choices=("auto", "regression", "classification"),
        default="auto",
        help="what to make of the target (default: decided by its values)",
    )
    parser.add_argument("--positive", metavar="LABEL", help="the class to tell from all others")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default: 0)")
    parser.add_argument(
        "--max-rows",
        type=int,
        default=TaskOptions.max_rows,
        metavar="N",
        help="larger files are sampled (default: %(default)s)",
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        default=Path("sparsereg_demo.png"),
        help="where to save the picture (default: %(default)s; needs matplotlib)",
    )
    parser.add_argument("--no-plot", action="store_true", help="save no picture")
    parser.add_argument("--version", action="version", version=f"sparsereg {__version__}")
    return parser


def _run(arguments: argparse.Namespace, console: Console) -> None:
    console.line("sparsereg: one linear model, three penalties")
    console.line()
    task = _task(arguments, console)
    console.detail("question", task.question)
    matrices = make_matrices(task, console)
    results = compare(task, matrices, console)
    movement = record_movement(task, matrices, results, console)
    saved = _picture(arguments, console, task, matrices, movement)
    show_comparison(console, task, results)
    show_movement(console, task, matrices, movement, results["L1"])
    show_deciding(console, task, matrices, results["L1"])
    show_summary(console, task, results)
    console.line()
    console.line(saved)
    console.line(f"All of it took {console.elapsed:.0f} s.")


def _task(arguments: argparse.Namespace, console: Console) -> Task:
    """Read the input that the command line names."""
    path: Path | None = arguments.data
    if not arguments.no_plot and not arguments.plot.absolute().parent.is_dir():
        raise InputError(f"--plot: there is no folder {arguments.plot.parent}")
    if path is None:
        for option in ("target", "positive"):
            if getattr(arguments, option) is not None:
                raise InputError(f"--{option} says something about a file: add --data FILE")
        return docstring_task(console, arguments.seed)
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    if arguments.max_rows < FEWEST_ROWS:
        raise InputError(f"--max-rows must be at least {FEWEST_ROWS}, got {arguments.max_rows}")
    options = TaskOptions(arguments.task, arguments.positive, arguments.max_rows, arguments.seed)
    if is_svmlight(path):
        return svmlight_task(console, path, options)
    return table_task(console, path, arguments.target, options)


def _picture(
    arguments: argparse.Namespace, console: Console, task: Task, matrices: Matrices, movement: Movement
) -> str:
    """Save the picture if that is wanted and possible; return the line that says so."""
    if arguments.no_plot:
        return "No picture, as asked for."
    if not can_draw():
        return "No picture: matplotlib is not installed (pip install matplotlib)."
    with console.step(f"drawing {arguments.plot.name}"):
        save_picture(arguments.plot, task, matrices, movement)
    return f"The picture of the weights: {arguments.plot}"
