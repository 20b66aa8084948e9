"""The docstrings of the installed Python library, numpy, scipy and scikit-learn as a text data set."""

from __future__ import annotations

import ast
import gc
import importlib.util
import os
import sysconfig
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, overload

import numpy as np
from sklearn.utils import Bunch

from sparsereg.datasets._cleaning import REMOVABLE, clean

PACKAGES = ("python", "numpy", "scipy", "sklearn")

# Tests repeat the words of what they test; vendored copies would put one text under two labels.
_SKIPPED_DIRECTORIES = frozenset(
    ("test", "tests", "idle_test", "_testing", "site-packages", "dist-packages", "__pycache__")
    + ("externals", "_external", "_vendor", "array_api_compat", "array_api_extra")
)
_Definition = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class _Entry(NamedTuple):
    """One docstring and where it was found."""

    text: str
    name: str
    module: str
    package: str


@overload
def load_docstrings(
    *,
    positive: str | None = ...,
    packages: Sequence[str] = ...,
    remove: Sequence[str] = ...,
    max_per_package: int | None = ...,
    min_words: int = ...,
    return_X_y: Literal[False] = ...,
) -> Bunch: ...
@overload
def load_docstrings(
    *,
    positive: str | None = ...,
    packages: Sequence[str] = ...,
    remove: Sequence[str] = ...,
    max_per_package: int | None = ...,
    min_words: int = ...,
    return_X_y: Literal[True],
) -> tuple[list[str], np.ndarray]: ...
def load_docstrings(
    *,
    positive: str | None = "scipy",
    packages: Sequence[str] = PACKAGES,
    remove: Sequence[str] = REMOVABLE,
    max_per_package: int | None = 1500,
    min_words: int = 10,
    return_X_y: bool = False,
) -> Bunch | tuple[list[str], np.ndarray]:
    """Load the docstrings of the installed Python library, numpy, scipy and scikit-learn.

    Every installation of sparsereg has these texts, so this is a real classification problem of natural
    language that needs no network: *which package does this description of a function belong to?* The
    texts are read from the packages' source files with :mod:`ast`; nothing is imported or run.

    Parameters
    ----------
    positive : str or None, default="scipy"
        The package whose docstrings are class 1; the others are class 0. With None the target is the
        index into `packages`, one class per package.
    packages : sequence of str, default=("python", "numpy", "scipy", "sklearn")
        The packages to read. "python" is the standard library. Any other name is that of an installed
        package, whose source files are read the same way.
    remove : sequence of str, default=("examples", "names", "references", "types")
        What to take out of the texts because it answers the question without understanding it:

        - "examples": the Examples section and every line of a doctest;
        - "names": the names of the packages, alone or at the start of a dotted name;
        - "references": the References section, version notes and numbers, web addresses, links to the
          user guide and placeholders of templates;
        - "types": section headings and the ``x : array_like, optional`` lines of numpydoc, which show the
          house style of a package and not what the function does.

        An empty sequence leaves the docstrings as they are.
    max_per_package : int or None, default=1500
        Keep at most this many docstrings per package. Whole files are taken, in an order fixed by a hash
        of their paths, so that the sample is spread over the package and the same everywhere. None: all.
    min_words : int, default=10
        Docstrings with fewer words than this, after removal, are left out: "Return the value." belongs to
        every package.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch` or tuple of (list of str, ndarray)
        With the attributes

        - data : list of str, the docstrings, in the order of `packages`, file and line;
        - target : ndarray of shape (n_samples,), class 0 or 1 (or the index into `packages`);
        - target_names : list of str;
        - names : list of str, the qualified names, such as ``scipy.optimize._minimize.minimize``;
        - modules : ndarray of str, the module of each docstring. Texts of one file resemble each other
          (methods of one class, functions of one family), so use them as `groups` when splitting;
        - package : ndarray of str, the package of each docstring;
        - DESCR : str, the description of the data set with the counts found here.

    Raises
    ------
    ValueError
        If an argument is not one of the values above, or a package has no source files to read.

    Notes
    -----
    Identical docstrings are kept once. The numbers depend on the installed versions.

    Examples
    --------
    >>> from sparsereg.datasets import load_docstrings
    >>> docs = load_docstrings(max_per_package=50)
    >>> docs.target_names
    ['rest', 'scipy']
    >>> len(docs.data) == len(docs.target) == len(docs.names)
    True
    """
    _check_arguments(positive, packages, remove, max_per_package)
    roots = {package: _root(package) for package in packages}
    entries: list[_Entry] = []
    seen: set[str] = set()
    for package, root in roots.items():
        fresh = _unseen(_entries(package, root, tuple(packages), frozenset(remove), min_words), seen)
        with _collector_paused():
            found = list(islice(fresh, max_per_package))
        if not found:
            raise ValueError(f"no docstrings found for the package {package!r}: are its source files installed?")
        entries.extend(sorted(found, key=lambda entry: entry.module))
    package_of = np.array([entry.package for entry in entries])
    if positive is None:
        target = np.array([packages.index(entry.package) for entry in entries])
        target_names = list(packages)
    else:
        target = (package_of == positive).astype(np.int64)
        target_names = ["rest", positive]
    data = [entry.text for entry in entries]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        target_names=target_names,
        names=[entry.name for entry in entries],
        modules=np.array([entry.module for entry in entries]),
        package=package_of,
        DESCR=_description(package_of, packages, positive, remove),
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the cyclic garbage collector: syntax trees hold no cycles, and walking them costs a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _check_arguments(
    positive: str | None, packages: Sequence[str], remove: Sequence[str], max_per_package: int | None
) -> None:
    """Name the argument that is wrong, what it was and what is allowed."""
    if isinstance(packages, str) or len(set(packages)) != len(packages) or len(packages) < 2:
        raise ValueError(f"packages must be two or more different names, got {packages!r}")
    if positive is not None and positive not in packages:
        raise ValueError(f"positive must be None or one of packages={tuple(packages)}, got {positive!r}")
    unknown = sorted(set([remove] if isinstance(remove, str) else remove) - set(REMOVABLE))
    if unknown:
        raise ValueError(f"remove must contain only {REMOVABLE}, got {unknown}")
    if max_per_package is not None and max_per_package < 1:
        raise ValueError(f"max_per_package must be None or at least 1, got {max_per_package!r}")


def _unseen(entries: Iterator[_Entry], seen: set[str]) -> Iterator[_Entry]:
    """Drop texts met before, white space aside; `seen` grows as the iterator is consumed."""
    for entry in entries:
        key = " ".join(entry.text.split())
        if key not in seen:
            seen.add(key)
            yield entry


def _entries(
    package: str, root: Path, packages: tuple[str, ...], remove: frozenset[str], min_words: int
) -> Iterator[_Entry]:
    """Yield the cleaned docstrings of a package, file after file in the order of `_source_files`."""
    for path in _source_files(root):
        parts = path.relative_to(root).with_suffix("").parts
        module = ".".join((package, *(parts[:-1] if parts[-1] == "__init__" else parts)))
        for name, docstring in _docstrings(path):
            text = clean(docstring, remove, packages)
            if len(text.split()) >= min_words:
                yield _Entry(text, f"{module}.{name}", module, package)


def _root(package: str) -> Path:
    """Return the directory of a package's sources, found without importing the package."""
    if package == "python":
        return Path(sysconfig.get_paths()["stdlib"])
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"packages names {package!r}, which is not an installed package")
    return Path(next(iter(spec.submodule_search_locations)))


def _source_files(root: Path) -> list[Path]:
    """List the source files below `root` in an order that is arbitrary but the same on every machine."""
    found = []
    for directory, subdirectories, files in os.walk(root):
        subdirectories[:] = [name for name in subdirectories if name not in _SKIPPED_DIRECTORIES]
        found += [
            Path(directory, name)
            for name in files
            if name.endswith(".py") and not name.startswith(("test_", "conftest"))
        ]
    relative = {path: path.relative_to(root).as_posix() for path in found}
    return sorted(found, key=lambda path: (zlib.crc32(relative[path].encode()), relative[path]))


def _docstrings(path: Path) -> list[tuple[str, str]]:
    """Return (qualified name, docstring) of every class, function and method of a file.

    A file that cannot be read or parsed has none: libraries ship templates and sources for other Pythons.
    """
    try:
        source = path.read_bytes()
        if b'"""' not in source and b"'''" not in source:  # tables of data: slow to parse, nothing in them
            return []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SyntaxWarning for other people's backslashes
            tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return list(_walk(tree.body, ""))


def _walk(body: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[str, str]]:
    """Visit the definitions that a user can reach: not those inside functions."""
    for node in body:
        if isinstance(node, _Definition):
            docstring = ast.get_docstring(node)
            if docstring:
                yield prefix + node.name, docstring
            if isinstance(node, ast.ClassDef):
                yield from _walk(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, (ast.If, ast.Try)):
            yield from _walk(node.body, prefix)


def _description(package: np.ndarray, packages: Sequence[str], positive: str | None, remove: Sequence[str]) -> str:
    """Describe the data set as it was found on this machine."""
    counts = "\n".join(f"    {name:<10}{np.sum(package == name):>8,}" for name in packages)
    question = "Which package is it from?" if positive is None else f"Is it from {positive} or from the rest?"
    removed = ", ".join(remove) if len(remove) else "nothing"
    return (
        "Docstrings of installed packages\n"
        "--------------------------------\n"
        "Each text is the docstring of one function, class or method, read from the source files of the\n"
        f"installed packages (python is the standard library). The question: {question}\n"
        f"Removed from the texts: {removed}. Identical texts are kept once.\n\n"
        f"Docstrings per package:\n{counts}\n"
    )
