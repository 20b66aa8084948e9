"""``python -m sparsereg``: small files go through the whole of it, and bad input gets one clear line."""

import gzip
import io
import re
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import dump_svmlight_file

from sparsereg import datasets
from sparsereg._demo import cli, docstrings
from sparsereg._demo.cli import main
from sparsereg._demo.columns import Buckets, understand
from sparsereg._demo.console import Console, human_bytes, human_number, table
from sparsereg._demo.table import read_table
from sparsereg._demo.task import InputError, TaskOptions, encode_target


def write_table(path, n=160, seed=0, zipped=False):
    """Write a table whose price is the size plus what the quarter costs; and some columns of other kinds."""
    rng = np.random.default_rng(seed)
    lines = ["id,size,noise,quarter,words,price,sold,floor"]
    for k in range(n):
        size, quarter = rng.uniform(20, 120), rng.choice(["north", "south", "west"])
        words = " ".join(rng.choice([f"word{j}" for j in range(300)], 6))
        price = 10 * size + 400 * (quarter == "north") + rng.normal(0, 20)
        shown = "" if k % 11 == 0 else f"{size:.1f}"
        sold = "yes" if price > 900 else "no"
        floor = rng.choice(["low", "middle", "high"])
        lines.append(f"{k},{shown},{rng.normal():.3f},{quarter},{words},{price:.1f},{sold},{floor}")
    raw = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(raw) if zipped else raw)
    return path


def rows_of(output):
    """Return the rows of the comparison as {name: cells}."""
    names = ("no model", "none", "L2", "L1")
    found = {}
    for line in output.splitlines():
        cells = re.split(r"  +", line.strip())
        if cells[0] in names and cells[0] not in found and len(cells) >= 4:
            found[cells[0]] = cells[1:]
    return found


@pytest.fixture
def no_picture(monkeypatch):
    monkeypatch.setattr(cli, "can_draw", lambda: False)


def test_regression_on_a_table(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    path = write_table(tmp_path / "houses.csv.gz", zipped=True)
    picture = tmp_path / "weights.png"
    assert main(["--data", str(path), "--target", "price", "--plot", str(picture)]) == 0
    output = capsys.readouterr().out
    rows = rows_of(output)
    assert list(rows) == ["no model", "none", "L2", "L1"]
    r2 = {name: float(cells[0]) for name, cells in rows.items()}
    assert abs(r2["no model"]) < 0.1
    assert r2["L1"] > 0.5
    nonzero = {name: int(rows[name][3].replace(",", "")) for name in ("none", "L2", "L1")}
    assert 0 < nonzero["L1"] < nonzero["L2"] / 2
    assert "number    size (15 missing), noise" in output
    assert "category  quarter (3 values), sold (2 values), floor (3 values)" in output
    assert "text      words (6 words on average)" in output
    assert "unused    id (row numbers)" in output
    assert "raises the prediction" in output
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert str(picture) in output


def test_two_classes_on_a_table(tmp_path, capsys, no_picture):
    path = write_table(tmp_path / "houses.csv")
    assert main(["--data", str(path), "--target", "sold"]) == 0
    output = capsys.readouterr().out
    assert "Is sold yes or no?" in output
    assert "speaks for yes" in output
    assert "matplotlib is not installed" in output
    rows = rows_of(output)
    assert float(rows["L1"][0]) > float(rows["no model"][0])


def test_separable_training_rows_are_explained(tmp_path, capsys):
    path = write_table(tmp_path / "houses.csv")
    assert main(["--data", str(path), "--target", "sold", "--no-plot"]) == 0
    captured = capsys.readouterr()
    assert "no finite minimum" in captured.out
    assert captured.err == ""


def test_svmlight_file(tmp_path, capsys):
    rng = np.random.default_rng(1)
    X = sparse.random(150, 300, density=0.1, random_state=1, format="csr")
    y = np.where(X @ rng.normal(size=300) + 0.05 * rng.normal(size=150) > 0, 1, -1)
    path = tmp_path / "small.txt"
    dump_svmlight_file(X, y, str(path), zero_based=False)
    assert main(["--data", str(path), "--no-plot"]) == 0
    output = capsys.readouterr().out
    assert "Is the target 1 or -1?" in output
    assert "150 rows, 300 columns in use" in output
    assert re.search(r"feature \d+", output)
    assert set(rows_of(output)) == {"no model", "none", "L2", "L1"}


def test_docstrings(monkeypatch, capsys):
    few = datasets.load_docstrings(max_per_package=100)
    monkeypatch.setattr(docstrings, "load_docstrings", lambda: few)
    assert main(["--no-plot"]) == 0
    output = capsys.readouterr().out
    assert "400 (python 100, numpy 100, scipy 100, sklearn 100)" in output
    for heading in ("Side by side", "How the weights move", "words and word pairs that decide", "In short"):
        assert heading in output
    assert max(map(len, output.splitlines())) <= 130


def test_seed_decides_all(tmp_path, capsys):
    path = write_table(tmp_path / "houses.csv", n=120)
    outputs = []
    for seed in ("3", "3", "4"):
        main(["--data", str(path), "--target", "price", "--no-plot", "--seed", seed])
        output = capsys.readouterr().out
        scores = {name: cells[:3] for name, cells in rows_of(output).items()}
        outputs.append((scores, output[output.index("How the weights move") : output.index("In short")]))
    assert outputs[0] == outputs[1]
    assert outputs[0] != outputs[2]


def test_positive_label(tmp_path, capsys):
    path = write_table(tmp_path / "houses.csv")
    arguments = ["--data", str(path), "--target", "quarter", "--no-plot"]
    assert main(arguments) == 2
    assert "3 classes ('north', 'south', 'west')" in capsys.readouterr().err
    assert main([*arguments, "--positive", "north"]) == 0
    assert "Is quarter north or rest?" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "{}/absent.csv", "--target", "y"], "there is no file"),
        (["--data", "{}/a.csv", "--target", "why"], "no column 'why'. Its columns: x, y, constant"),
        (["--data", "{}/a.csv"], "--target is needed: which column is to be predicted? Its columns: x, y"),
        (["--data", "{}/a.csv", "--target", "constant"], "is constant (always 7)"),
        (["--data", "{}/short.csv", "--target", "y"], "has 5 rows with a target; at least"),
        (["--data", "{}/ragged.csv", "--target", "y"], "line 3: 1 fields where the header has 2"),
        (["--data", "{}/twice.csv", "--target", "y"], "more than one column called 'y'"),
        (["--data", "{}/empty.csv", "--target", "y"], "is empty"),
        (["--data", "{}/rare.csv", "--target", "y"], "3 of the other; at least"),
        (["--data", "{}/words.csv", "--target", "y", "--task", "regression"], "is not a number"),
        (["--data", "{}/a.csv", "--target", "y", "--positive", "5"], "--positive '5' is not a value of"),
        (["--data", "{}/alone.csv", "--target", "y"], "no column to learn 'y' from"),
        (["--data", "{}/bad.svm"], "not a good svmlight file"),
        (["--data", "{}/a.csv", "--target", "y", "--max-rows", "3"], "--max-rows must be at least"),
        (["--target", "y"], "add --data FILE"),
        (["--plot", "{}/nowhere/p.png"], "there is no folder"),
    ],
)
def test_bad_input_gets_one_clear_line(tmp_path, capsys, arguments, message):
    files = {
        "a.csv": "x,y,constant\n" + "".join(f"{k % 7},{k % 2},7\n" for k in range(60)),
        "short.csv": "x,y\n" + "1,2\n3,4\n" * 2 + "5,6\n",
        "ragged.csv": "x,y\n1,2\n3\n",
        "twice.csv": "y,y\n1,2\n",
        "empty.csv": "",
        "rare.csv": "x,y\n" + "".join(f"{k % 7},{int(k < 3)}\n" for k in range(60)),
        "words.csv": "x,y\n" + "".join(f"{k % 7},{'ab'[k % 2]}\n" for k in range(60)),
        "alone.csv": "x,y\n" + "".join(f"7,{k % 2}\n" for k in range(60)),
        "bad.svm": "1 1:2 3:4\n1 1:x\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    no_plot = [] if "--plot" in arguments else ["--no-plot"]
    assert main([part.format(tmp_path) for part in arguments] + no_plot) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") <= 2


def test_interrupt_is_quiet(monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", stop)
    assert main([]) == 130
    assert "stopped" in capsys.readouterr().err


def test_help_from_the_shell():
    done = subprocess.run([sys.executable, "-m", "sparsereg", "--help"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    for option in ("--data", "--target", "--task", "--positive", "--seed", "--plot", "--no-plot"):
        assert option in done.stdout


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", "", "NA"] * 20, "number"),
        (["3", "3", "", "3"] * 20, "unused"),
        ([str(k) for k in range(5, 85)], "unused"),
        ([str(k) for k in range(80, 0, -1)], "number"),
        (["red", "blue", "", "red"] * 20, "category"),
        (["less than high school", "some college"] * 40, "category"),
        ([f"the {k} th sentence of {k * k}" for k in range(80)], "text"),
        ([f"X{k:05d}" for k in range(80)], "unused"),
        (["1_000", "2_000"] * 40, "category"),
    ],
)
def test_kinds_of_columns(cells, kind):
    assert understand("column", cells).kind == kind


def test_buckets_mark_one_bucket_per_column_and_pair():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=50), rng.integers(0, 2, 50), rng.normal(size=50)])
    X[::5, 0] = np.nan
    buckets = Buckets(4).fit(X)
    Z = buckets.transform(X)
    names = buckets.get_feature_names_out(["a", "b", "c"])
    assert Z.shape == (50, len(names))
    np.testing.assert_array_equal(Z.sum(axis=1), np.full(50, 6.0))
    np.testing.assert_array_equal(Z[:, [list(names).index("a missing")]].toarray().ravel(), np.isnan(X[:, 0]))
    np.testing.assert_array_equal(Z[:, [list(names).index("b above 0.5")]].toarray().ravel(), X[:, 1])
    assert "b up to 0.5 & c missing" not in names
    # Rows never seen: beyond the edges, and missing where nothing was missing before.
    far = buckets.transform([[1e9, -5.0, np.nan]])
    np.testing.assert_array_equal(far.sum(axis=1), [6.0])


def test_large_tables_are_sampled(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("x\n" + "".join(f"{k}\n" for k in range(1000)))
    header, rows, count = read_table(path, 100, seed=0)
    numbers = [int(row[0]) for row in rows]
    assert (header, len(rows), count) == (["x"], 100, 1000)
    assert numbers == sorted(set(numbers))
    assert 350 < np.mean(numbers) < 650
    assert read_table(path, 100, seed=0)[1] == rows


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_quotes_and_byte_order_marks(tmp_path, separator):
    path = tmp_path / "t.csv"
    path.write_bytes(f'\ufeffa{separator}b\n"x{separator}y"{separator}Zürich\n\n'.encode())
    assert read_table(path, 100, 0) == (["a", "b"], [[f"x{separator}y", "Zürich"]], 1)


@pytest.mark.parametrize(
    ("values", "labels", "expected"),
    [
        ([0.0, 1.0, 1.0], ("0", "1"), [0, 1, 1]),
        ([-1.0, 1.0, -1.0], ("-1", "1"), [0, 1, 0]),
        (["no", "yes", "no"], ("no", "yes"), [0, 1, 0]),
        ([1.5, 2.5, 3.5], None, [1.5, 2.5, 3.5]),
    ],
)
def test_targets(values, labels, expected):
    y, found = encode_target(np.array(values), TaskOptions(), "y")
    assert found == labels
    np.testing.assert_array_equal(y, expected)


def test_task_overrides_the_guess():
    values = np.array([0.0, 1.0, 1.0])
    y, labels = encode_target(values, TaskOptions(task="regression"), "y")
    assert labels is None
    np.testing.assert_array_equal(y, values)
    with pytest.raises(InputError, match="3 classes"):
        encode_target(np.array([1.0, 2.0, 3.0]), TaskOptions(task="classification"), "y")
    with pytest.raises(InputError, match="names a class"):
        encode_target(values, TaskOptions(task="regression", positive="1"), "y")


def test_sparks_are_blank_only_at_zero():
    console = Console(io.StringIO())
    assert console.spark([1.0, 0.5, 1e-9, 0.0], 4, 1.0) == "█▄▁ "
    assert console.spark([0.0, 0.0], 3, 0.0) == "   "


def test_terminals_without_blocks_get_letters():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    console = Console(stream)
    with console.step("Zürich") as result:
        result.append(console.spark([1.0, 0.0], 2, 1.0))
    assert re.fullmatch(rb"\[ +[\d.]+ s\] Z\?rich \.\.\. @ \n", raw.getvalue())


def test_a_step_that_fails_says_so():
    stream = io.StringIO()
    with pytest.raises(ZeroDivisionError), Console(stream).step("dividing"):
        1 / 0  # noqa: B018
    assert stream.getvalue().endswith("dividing ... failed\n")


def test_tables_line_up():
    lines = table(["name", "two\nlines"], [["a", "1"], ["long text over both columns"], ["b", "22"]])
    assert lines == [
        "        two",
        "name  lines",
        "----  -----",
        "a         1",
        "long text over both columns",
        "b        22",
    ]


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (4200, "4.2 kB"), (126_000, "126 kB"), (2.5e9, "2.5 GB")]
)
def test_bytes_for_people(count, text):
    assert human_bytes(count) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (12345.6, "12,346"), (0.0517, "0.0517"), (2.34e-6, "2.3e-06"), (-4.0, "-4")]
)
def test_numbers_for_people(value, text):
    assert human_number(value) == text
