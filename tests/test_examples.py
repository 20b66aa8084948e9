"""The scripts of docs/examples run from start to end, on little data, and draw what they say."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sparsereg.datasets import make_globe

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


def run(script, *arguments):
    """What a script prints."""
    command = [
        sys.executable,
        "-W",
        "error::DeprecationWarning:sparsereg",
        str(EXAMPLES / script),
        *map(str, arguments),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "MPLBACKEND": "Agg"})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    """Tables of the two real ones' form, around one town."""
    folder = tmp_path_factory.mktemp("houses")
    X, y = make_globe(300, n_towns=1, as_frame=True, random_state=0)
    X = X.rename(
        columns={"rooms": "total_rooms", "floors": "total_bedrooms", "area": "population", "plot": "households"}
    )
    X.loc[3, "total_bedrooms"] = np.nan
    california = X.assign(median_house_value=np.exp(y), ocean_proximity="INLAND")
    california.to_csv(folder / "california.csv", index=False)
    county = X.drop(columns="total_bedrooms").rename(columns={"latitude": "lat", "longitude": "long"})
    county.assign(price=np.exp(y), zipcode=98000).to_csv(folder / "county.csv.gz", index=False)
    assert pd.read_csv(folder / "county.csv.gz").shape == (300, 8)
    return folder


def test_globe(tmp_path):
    said = run("globe.py", "--samples", 600, "--pictures", tmp_path)
    assert "450 houses to learn from" in said
    assert "235,677,632 columns" in said
    assert said.count("R2") == 3
    assert {file.name for file in tmp_path.iterdir()} == {"globe.png", "town.png"}


def test_houses(tmp_path, houses):
    said = run("houses.py", "--california", houses / "california.csv", "--pictures", tmp_path)
    assert said.count("RMSE") == 8
    assert [file.name for file in tmp_path.iterdir()] == ["california.png"]


def test_both_tables_are_read_alike(monkeypatch, houses):
    monkeypatch.syspath_prepend(EXAMPLES)
    module = importlib.import_module("houses")
    for read, name in ((module.california, "california.csv"), (module.king_county, "county.csv.gz")):
        X, y = read(houses / name)
        assert {"latitude", "longitude"} < set(X)
        assert {"price", "median_house_value", "zipcode", "ocean_proximity"}.isdisjoint(X)
        np.testing.assert_allclose(
            np.exp(y).mean(), pd.read_csv(houses / name).filter(regex="price|value").mean().item()
        )


def test_classes(tmp_path):
    said = run("classes.py", "--samples", 1200, "--picture", tmp_path / "classes.png")
    assert "pixels" in said
    assert "words" in said
    assert (tmp_path / "classes.png").stat().st_size > 5000
