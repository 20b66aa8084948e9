"""The package as a whole: who imports whom, what is public, what importing does, what docstrings say."""

import ast
import importlib
import importlib.metadata
import importlib.resources
import inspect
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_diabetes

import sparsereg
from sparsereg import (
    AdaptiveLasso,
    AdaptiveLassoClassifier,
    ElasticNet,
    FeatureCross,
    Lasso,
    SelectNonzero,
    SparseClassifier,
    SparseRegressor,
)

ROOT = Path(__file__).parents[1]
MODELS = [Lasso, ElasticNet, SparseRegressor, SparseClassifier]
SOURCES = sorted((ROOT / "sparsereg").rglob("*.py"))

# architecture.md: a module imports only from lower ranks, or from its own part of the package.
RANKS = {
    "solvers._kernels": 0,
    "losses": 1,
    "penalties": 1,
    "solvers": 2,
    "linear_model": 3,
    "model_selection": 4,
    "feature_selection": 4,
    "preprocessing": 4,  # with the checks of linear_model
    "compression": 4.2,  # reaches through pipelines as model_selection does
    "": 4.5,  # `sparsereg` itself gathers the public names
    "inspection": 3,  # displays read paths and estimators by their attributes, and Path.plot() calls them
    "distributed": 5,
    "datasets": 5,
    "_demo": 5.5,  # what `python -m sparsereg` is made of
    "__main__": 6,
    "_build_ext": -1,  # setuptools runs it: it can import nothing of ours
}

PUBLIC = {
    "sparsereg": {
        *("CompactModel", "compact", "prune"),
        *(
            "AdaptiveLasso",
            "AdaptiveLassoClassifier",
            "ElasticNet",
            "Lasso",
            "SelectNonzero",
            "SparseClassifier",
            "SparseRegressor",
        ),
        *("ElasticNetCV", "LassoCV", "PathSearchCV", "alpha_max", "information_criterion", "one_standard_error"),
        *("FeatureCross", "regularization_path", "relax"),
    },
    "sparsereg.preprocessing": {"FeatureCross"},
    "sparsereg.linear_model": {
        "AdaptiveLasso",
        "AdaptiveLassoClassifier",
        "ElasticNet",
        "Lasso",
        "SparseClassifier",
        "SparseRegressor",
    },
    "sparsereg.compression": {"CompactModel", "CompactReport", "compact", "prune"},
    "sparsereg.feature_selection": {"SelectNonzero"},
    "sparsereg.model_selection": {
        *("ElasticNetCV", "LassoCV", "Path", "PathSearchCV", "alpha_max", "information_criterion"),
        *("one_standard_error", "regularization_path", "relax"),
    },
    "sparsereg.inspection": {"CVPathDisplay", "ConvergenceDisplay", "PathDisplay"},
    "sparsereg.losses": {
        *("Loss", "SquaredError", "LogLoss", "Poisson", "Gamma", "Tweedie", "Huber", "SquaredHinge", "get_loss"),
    },
    "sparsereg.penalties": {
        "Penalty",
        "BoundPenalty",
        "L1",
        "L2",
        "ElasticNet",
        "NoPenalty",
        "MCP",
        "SCAD",
        "get_penalty",
    },
    "sparsereg.solvers": {"Problem", "Solution", "Design", "as_design", "certificate", "fista", "prox_newton", "solve"},
    "sparsereg.datasets": {"load_docstrings", "make_globe"},
}


# --- Imports


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part(module):
    """The entry of RANKS that a module of ours belongs to."""
    inside = module.removeprefix("sparsereg").removeprefix(".")
    return next(
        name for name in sorted(RANKS, key=len, reverse=True) if f"{inside}.".startswith(f"{name}.") or not name
    )


def imports(source, name, is_package):
    """Every import: (module, imported name, whether inside a function)."""
    tree = ast.parse(source)
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, "", id(node) in inner
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                base = name.split(".")[: None if is_package and node.level == 1 else is_package - node.level]
                module = ".".join([*base, module]).rstrip(".")
            for alias in node.names:
                yield module, alias.name, id(node) in inner


def every_import():
    for path in SOURCES:
        name = module_name(path)
        for module, imported, inside in imports(path.read_text(), name, path.name == "__init__.py"):
            yield name, module, imported, inside


def wrong_way(importer, module, imported=""):
    """Whether an import goes against the ranks."""
    if module.split(".")[0] != "sparsereg":
        return False
    target = f"{module}.{imported}" if module == "sparsereg" and (ROOT / "sparsereg" / imported).exists() else module
    mine, other = part(importer), part(target)
    return mine != other and RANKS[other] >= RANKS[mine]


def test_modules_import_from_lower_ranks():
    assert len(SOURCES) > 20
    assert [line for line in every_import() if wrong_way(*line[:3])] == []


@pytest.mark.parametrize(
    ("importer", "module", "wrong"),
    [
        ("sparsereg.losses", "sparsereg.penalties", True),
        ("sparsereg.losses", "sparsereg.solvers.design", True),
        ("sparsereg.solvers.solve", "sparsereg.linear_model", True),
        ("sparsereg.solvers.solve", "sparsereg", True),
        ("sparsereg.solvers._kernels", "sparsereg.solvers", True),
        ("sparsereg.linear_model.base", "sparsereg.feature_selection", True),
        ("sparsereg._build_ext", "sparsereg.losses", True),
        ("sparsereg.solvers.solve", "sparsereg.solvers.fista", False),
        ("sparsereg.solvers.design", "sparsereg.solvers._kernels.layout", False),
        ("sparsereg.linear_model.base", "sparsereg.losses", False),
        ("sparsereg._demo.cli", "sparsereg", False),
        ("sparsereg", "sparsereg.feature_selection", False),
        ("sparsereg.losses", "numpy", False),
    ],
)
def test_the_rule_itself(importer, module, wrong):
    assert wrong_way(importer, module) == wrong


def test_imports_are_found_wherever_they_are():
    source = "import a.b\nfrom . import c\nfrom ..d import e\ndef f():\n    from sparsereg.g import h\n"
    found = list(imports(source, "sparsereg.x.y", False))
    assert found == [
        ("a.b", "", False),
        ("sparsereg.x", "c", False),
        ("sparsereg.d", "e", False),
        ("sparsereg.g", "h", True),
    ]
    assert next(imports("from .d import e", "sparsereg.x", True))[0] == "sparsereg.x.d"


def test_kernels_import_nothing_but_kernels():
    kernels = sorted((ROOT / "sparsereg" / "solvers" / "_kernels").glob("*.p[yx][xd]"))
    assert len(kernels) >= 4
    for path in kernels:
        for module in re.findall(r"^\s*(?:from|c?import)\s+([\w.]+)", path.read_text(), re.MULTILINE):
            assert module.split(".")[0] in {"cython", "libc", "scipy", "sparsereg"}, path.name
            assert not module.startswith("sparsereg") or module.startswith("sparsereg.solvers._kernels"), path.name


def test_only_public_names_of_others():
    """Private names of scikit-learn move: celer's LassoCV died of one."""
    private = [
        line
        for line in every_import()
        if not line[1].startswith(("sparsereg", "__future__"))
        and any(name.startswith("_") for name in (*line[1].split("."), line[2]))
    ]
    assert private == []


def test_only_declared_dependencies():
    """numpy, scipy, scikit-learn and what that requires. Extras are imported where they are used."""
    standard = {*sys.stdlib_module_names, "numpy", "scipy", "sklearn", "joblib", "threadpoolctl", "sparsereg"}
    for importer, module, _, inside in every_import():
        allowed = standard | ({"matplotlib", "onnx", "pandas"} if inside else set())
        allowed |= {"setuptools", "Cython"} if importer == "sparsereg._build_ext" else set()
        assert module.split(".")[0] in allowed, (importer, module)


# --- What importing does


def test_importing_has_no_side_effects():
    script = """
        import json, locale, logging, os, random, signal, sys, threading, warnings
        import numpy as np, scipy.sparse, scipy.special, sklearn, sklearn.pipeline, sklearn.utils.estimator_checks

        def state():
            return {
                "handlers": [repr(h) for h in logging.getLogger().handlers],
                "level": logging.getLogger().level,
                "filters": [repr(f) for f in warnings.filters],
                "numpy errors": np.geterr(),
                "print options": repr(np.get_printoptions()),
                "numpy random": repr(np.random.get_state()),
                "random": hash(random.getstate()),
                "environment": dict(os.environ),
                "signals": [repr(signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)],
                "path": sys.path,
                "hooks": [repr(sys.excepthook), repr(sys.displayhook)],
                "threads": threading.active_count(),
                "locale": locale.setlocale(locale.LC_ALL),
                "sklearn": sklearn.get_config(),
                "recursion": sys.getrecursionlimit(),
                "directory": os.getcwd(),
                "subnormal": float(np.array([5e-324])[0] * np.ones(1)[0]),
            }

        before, modules = state(), set(sys.modules)
        import sparsereg
        after, new = state(), sorted(set(sys.modules) - modules)
        sparsereg.Lasso().fit([[1.0], [2.0]], [1.0, 2.0])
        subnormal = float(np.array([5e-324])[0] * np.ones(1)[0])
        sys.stdout.write(json.dumps([before, after, new, subnormal]))
    """
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:sparsereg", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=True,
    )
    before, after, new, subnormal = json.loads(done.stdout)
    assert done.stderr == ""
    assert after == before
    assert before["subnormal"] == subnormal == 5e-324  # -ffast-math would flush it to zero for the whole process
    heavy = {"matplotlib", "onnx", "pandas", "polars", "pytest", "setuptools", "Cython", "IPython"}
    assert heavy.isdisjoint(name.split(".")[0] for name in new)
    assert not [name for name in new if name.startswith(("sparsereg._demo", "sparsereg.datasets"))]


def test_matplotlib_and_frames_are_not_needed():
    """Neither to import nor to fit: they are made impossible to import."""
    script = """
        import sys
        for name in ("matplotlib", "onnx", "pandas", "polars", "pytest", "hypothesis"):
            sys.modules[name] = None
        from sparsereg import SelectNonzero, SparseClassifier
        import sparsereg.datasets, sparsereg.inspection, sparsereg.__main__
        select = SelectNonzero(SparseClassifier(alpha=0.01)).fit([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0]], [0, 1, 1])
        select.transform([[1.0, 1.0]])
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)


# --- What is public


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names(name):
    module = importlib.import_module(name)
    assert set(module.__all__) >= PUBLIC[name]
    assert len(set(module.__all__)) == len(module.__all__)
    for public in module.__all__:
        assert hasattr(module, public)
        assert not public.startswith("_")
    assert module.__doc__


def test_one_object_under_all_its_names():
    for public in sparsereg.__all__:
        home = getattr(sparsereg, public).__module__.rsplit(".", 1)[0]
        assert getattr(importlib.import_module(home), public) is getattr(sparsereg, public)


def test_version():
    assert sparsereg.__version__ == importlib.metadata.version("sparsereg")


def test_typed_marker_is_shipped():
    assert (importlib.resources.files("sparsereg") / "py.typed").is_file()
    settings = (ROOT / "pyproject.toml").read_text()
    assert re.search(r'^package-data = .*\bsparsereg = \[.*"py\.typed"', settings, re.MULTILINE)
    assert '"Typing :: Typed"' in settings


# --- What docstrings say


def section(text, title):
    """Entries of a numpydoc section: name -> what follows the colon (None without colon)."""
    text = inspect.cleandoc(text or "")
    match = re.search(rf"^{title}\n-+\n(.*?)(?=\n\n?\S[^\n]*\n-+\n|\Z)", text, re.DOTALL | re.MULTILINE)
    entries = {}
    for line in (match[1] if match else "").splitlines():
        if line and not line.startswith(" "):
            names, colon, kind = line.partition(" : ")
            entries.update({name.strip().lstrip("*"): kind if colon else None for name in names.split(",")})
    return entries


def documented():
    """Every public class and function, and their public methods: (label, object, whether parameters must be said)."""
    seen = set()
    for name in PUBLIC:
        module = importlib.import_module(name)
        for public in module.__all__:
            thing = getattr(module, public)
            if id(thing) in seen:
                continue
            seen.add(id(thing))
            required = inspect.isfunction(thing) or issubclass(thing, BaseEstimator)
            yield pytest.param(thing, required, id=f"{name}.{public}")
            if inspect.isclass(thing):
                for key, member in inspect.getmembers(thing):
                    member = inspect.unwrap(getattr(member, "__func__", member))
                    ours = str(getattr(member, "__module__", "")).startswith("sparsereg")
                    if inspect.isfunction(member) and ours and not key.startswith("_") and id(member) not in seen:
                        seen.add(id(member))
                        yield pytest.param(member, False, id=f"{name}.{public}.{key}")


@pytest.mark.parametrize(("thing", "required"), list(documented()))
def test_docstrings_say_what_signatures_say(thing, required):
    assert thing.__doc__
    parameters = dict(inspect.signature(thing).parameters)
    parameters = {name: p for name, p in parameters.items() if name not in ("self", "cls")}
    said = section(thing.__doc__, "Parameters")
    elsewhere = re.search(r"(?i)parameters and result\s+are\s+those of\s+`([\w.]+)`", thing.__doc__)
    if elsewhere:
        module, name = elsewhere[1].rsplit(".", 1)
        other = getattr(importlib.import_module(module), name)
        assert inspect.signature(other).parameters.keys() == parameters.keys()
        return
    if not said and (not required or not parameters):
        return
    grouped = None in said.values()  # several under one "As in ...": in an order of their own
    assert sorted(said) == sorted(parameters) if grouped else list(said) == list(parameters)
    for name, kind in said.items():
        default = parameters[name].default
        written = re.search(r"default=(.+)$", kind or "")
        if written:
            assert default is not inspect.Parameter.empty
            assert repr(default) == "nan" if written[1] == "nan" else ast.literal_eval(written[1]) == default
        elif kind is not None and parameters[name].kind is not inspect.Parameter.VAR_KEYWORD:
            assert default is inspect.Parameter.empty, f"{name} has a default that is not said"


def test_the_reader_of_docstrings():
    text = """Title.

    Parameters
    ----------
    a : int, default=3
        Text: with a colon.
    b, c
        As there.

    Returns
    -------
    d : float
    """
    assert section(text, "Parameters") == {"a": "int, default=3", "b": None, "c": None}
    assert section(text, "Returns") == {"d": "float"}
    assert section(text, "Notes") == {}


@pytest.mark.parametrize("kind", [*MODELS, AdaptiveLasso, AdaptiveLassoClassifier, SelectNonzero, FeatureCross])
def test_attributes_are_those_documented(kind):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    assert isinstance(X, pd.DataFrame)
    made = {
        SelectNonzero: lambda: SelectNonzero(Lasso()),
        FeatureCross: lambda: FeatureCross([("age", "sex")]),
        AdaptiveLasso: lambda: AdaptiveLasso(Lasso()),
        AdaptiveLassoClassifier: lambda: AdaptiveLassoClassifier(SparseClassifier()),
    }
    estimator = made.get(kind, lambda: kind(alpha=0.1))()
    estimator.fit(X, y > y.mean() if issubclass(kind, SparseClassifier) else y)
    said = set(section(kind.__doc__, "Attributes"))
    assert all(hasattr(estimator, name) for name in said)
    fitted = {name for name in dir(estimator) if name.endswith("_") and not name.startswith("_")}
    assert fitted == said


@pytest.mark.parametrize("kind", [*MODELS, AdaptiveLasso, AdaptiveLassoClassifier])
def test_signatures_follow_scikit_learn(kind):
    """alpha may be positional, what follows is by keyword; parameters are stored as they come."""
    parameters = inspect.signature(kind).parameters.values()
    positional = [p.name for p in parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    household, adaptive = kind in (Lasso, ElasticNet), kind in (AdaptiveLasso, AdaptiveLassoClassifier)
    first = [] if household else ["estimator"] if adaptive else ["loss", "penalty"]
    assert positional == [*first, "alpha"]
    for method in ("fit", "predict", "score"):
        names = list(inspect.signature(getattr(kind, method)).parameters)
        expected = {"fit": ["X", "y", "sample_weight", "offset"], "predict": ["X", "offset"]}
        assert names[1:] == expected.get(method, ["X", "y", "sample_weight", "offset"])


def test_a_missing_compiler_is_named_with_what_to_install(monkeypatch):
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext
    from setuptools.errors import CompileError

    from sparsereg._build_ext import BuildExt

    def fail(self, extension):
        raise CompileError("command 'cc' failed: No such file or directory")

    monkeypatch.setattr(build_ext, "build_extension", fail)
    with pytest.raises(SystemExit, match=r"(?s)no working C compiler.*apt-get install gcc python3-dev.*'cc' failed"):
        BuildExt(Distribution()).build_extension(None)
