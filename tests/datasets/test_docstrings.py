"""The docstring data set: deterministic, clean, without duplicates, and made without importing anything."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

from sparsereg.datasets import _docstrings, load_docstrings
from sparsereg.datasets._cleaning import REMOVABLE, clean
from sparsereg.datasets._docstrings import PACKAGES

ALL = frozenset(REMOVABLE)

NUMPYDOC = """Find a root of scipy's function.

Like `scipy.optimize.brentq`, see https://example.org/roots, new since 1.4.0.

.. versionadded:: 1.2.0

Parameters
----------
f : callable
    The function, as for numpy.vectorize.

Examples
--------
>>> import scipy
>>> scipy.find(lambda x: x)
0.0

References
----------
.. [1] Brent, R. P. Algorithms.

See Also
--------
bisect : slower but sure

Notes
-----
Converges fast.
"""


@pytest.fixture(scope="module")
def docs():
    return load_docstrings(max_per_package=120)


def make_package(root, files):
    for name, source in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.encode() if isinstance(source, str) else source)
    return root


def documented(name, text):
    return f'def {name}():\n    """{text}"""\n'


def test_bunch_is_consistent(docs):
    n = len(docs.data)
    assert len(docs.target) == len(docs.names) == len(docs.modules) == len(docs.package) == n
    assert docs.target_names == ["rest", "scipy"]
    np.testing.assert_array_equal(docs.target, docs.package == "scipy")
    for name, module, package in zip(docs.names, docs.modules, docs.package, strict=True):
        assert name.startswith(module + ".")
        assert module.split(".")[0] == package
    assert "scipy" in docs.DESCR
    assert all(isinstance(text, str) and len(text.split()) >= 10 for text in docs.data)


def test_classes_are_balanced_enough_and_the_cap_holds(docs):
    counts = {package: int(np.sum(docs.package == package)) for package in PACKAGES}
    assert set(counts.values()) == {120}
    assert docs.target.mean() == 0.25


def test_sample_is_spread_over_the_package(docs):
    subpackages = {module.split(".")[1] for module in docs.modules if module.startswith("scipy.")}
    assert len(subpackages) >= 3


def test_two_calls_give_the_same(docs):
    again = load_docstrings(max_per_package=120)
    assert again.data == docs.data
    assert again.names == docs.names


def test_no_text_twice(docs):
    assert len({" ".join(text.split()) for text in docs.data}) == len(docs.data)


def test_nothing_gives_the_package_away(docs):
    for text in docs.data:
        assert ">>>" not in text
        words = text.lower().replace(".", " ").split()
        assert not {"scipy", "numpy", "sklearn", "scikit-learn", "python"} & set(words)


def test_x_y_and_one_class_per_package(docs):
    data, target = load_docstrings(max_per_package=120, return_X_y=True)
    assert data == docs.data
    np.testing.assert_array_equal(target, docs.target)
    four = load_docstrings(max_per_package=30, positive=None)
    assert four.target_names == list(PACKAGES)
    np.testing.assert_array_equal(np.bincount(four.target), [30] * 4)


def test_nothing_is_imported():
    program = (
        "import sys, sparsereg.datasets as d\n"
        "before = set(sys.modules)\n"
        "d.load_docstrings(max_per_package=20)\n"
        "new = {m for m in set(sys.modules) - before if m.split('.')[0] in ('scipy', 'numpy', 'sklearn')}\n"
        "assert not new, new\n"
        "assert 'this' not in sys.modules  # prints when imported\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=120)


def test_numpydoc_is_cleaned():
    text = clean(NUMPYDOC, ALL, PACKAGES)
    for gone in ("scipy", "numpy", ">>>", "0.0", "https", "1.2.0", "1.4", "callable", "Brent", "----"):
        assert gone not in text, gone
    for kept in ("Find a root", "The function, as for", "Converges fast."):
        assert kept in text, kept


def test_removing_nothing_keeps_the_docstring():
    assert clean(NUMPYDOC, frozenset(), PACKAGES) == NUMPYDOC.strip()


def test_only_what_is_named_is_removed():
    text = clean(NUMPYDOC, frozenset(["examples"]), PACKAGES)
    assert ">>>" not in text
    assert "scipy.optimize.brentq" in text
    assert "f : callable" in text


def test_names_inside_words_stay():
    assert clean("a numpyish input np.array", ALL, PACKAGES) == "a numpyish input"


def test_source_files_skip_tests_and_vendored_code(tmp_path):
    files = [
        "a.py",
        "sub/b.py",
        "tests/c.py",
        "sub/test_d.py",
        "externals/e.py",
        "site-packages/f.py",
        "g.txt",
    ]
    root = make_package(tmp_path, {name: "" for name in files})
    found = [path.relative_to(root).as_posix() for path in _docstrings._source_files(root)]
    assert sorted(found) == ["a.py", "sub/b.py"]


def test_definitions_are_found_wherever_a_user_reaches_them(tmp_path):
    source = '''
"""The module."""
class A:
    """The class."""
    def method(self):
        """The method."""
        def inner():
            """Nobody sees this."""
    def silent(self):
        return 1
if True:
    async def chosen():
        """The coroutine."""
'''
    (tmp_path / "m.py").write_text(source)
    assert _docstrings._docstrings(tmp_path / "m.py") == [
        ("A", "The class."),
        ("A.method", "The method."),
        ("chosen", "The coroutine."),
    ]


def test_bad_files_are_skipped_in_silence(tmp_path):
    broken = {
        "syntax.py": 'def f(:\n    """x"""\n',
        "null.py": b'"""x"""\x00',
        "bytes.py": b'"""\xff\xfe"""\n',
        "escape.py": 'def f():\n    """A \\d escape."""\n',
    }
    make_package(tmp_path, broken)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = {name: _docstrings._docstrings(tmp_path / name) for name in broken}
    assert found == {"syntax.py": [], "null.py": [], "bytes.py": [], "escape.py": [("f", "A \\d escape.")]}
    assert _docstrings._docstrings(tmp_path / "absent.py") == []


def test_any_installed_package_may_be_read(tmp_path, monkeypatch):
    words = "one two three four five six seven eight nine ten"
    for package in ("toys_a", "toys_b"):
        files = {f"{package}/__init__.py": documented("f", f"{package[-1]} {words}")}
        files[f"{package}/m.py"] = documented("g", "shared " + words) + documented("h", "too short")
        make_package(tmp_path, files)
    monkeypatch.syspath_prepend(tmp_path)
    docs = load_docstrings(packages=("toys_a", "toys_b"), positive="toys_b")
    # The shared text is kept once, for the package that is read first.
    assert docs.names == ["toys_a.f", "toys_a.m.g", "toys_b.f"]
    assert docs.target.tolist() == [0, 0, 1]
    assert "toys_a" not in sys.modules


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"positive": "pandas"}, "positive must be None or one of"),
        ({"packages": "scipy"}, "packages must be two or more"),
        ({"packages": ("scipy", "scipy")}, "packages must be two or more"),
        ({"packages": ("scipy", "not_there")}, "not an installed package"),
        ({"remove": ("jokes",)}, "remove must contain only"),
        ({"remove": "jokes"}, "remove must contain only"),
        ({"max_per_package": 0}, "max_per_package must be"),
        ({"min_words": 10**6}, "no docstrings found for the package 'python'"),
    ],
)
def test_bad_arguments_are_named(arguments, message, monkeypatch):
    monkeypatch.setattr(_docstrings, "_source_files", lambda root: [])
    with pytest.raises(ValueError, match=message):
        load_docstrings(**arguments)
