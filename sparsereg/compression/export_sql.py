r"""A compact model as SQL: tables of weights and intercepts, and views that join them with data in long form.

The data are a table with a row per nonzero value: (sample, feature, value). Then the linear predictor is a join and a
sum, ``eta = intercept + sum value * weight``, and features without a weight fall out of the join by themselves.

Standard SQL, with EXP, LN and window functions; checked in sqlite (from 3.35, with its mathematical functions). Numbers
are written with as many digits as give back the same double.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from sparsereg.compression.links import PROBABILITIES
from sparsereg.compression.metadata import describe_classes

__all__ = ["sql_text"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}")
_ROWS = 500  # of one INSERT
_LABELS = {"int": "BIGINT", "float": "DOUBLE PRECISION", "bool": "BOOLEAN", "str": "TEXT", "object": "TEXT"}

# EXP is of numbers <= 0 only, in whatever branch is taken.
_EXPIT = "CASE WHEN score >= 0 THEN 1.0 / (1.0 + EXP(-score)) ELSE EXP(score) / (1.0 + EXP(score)) END"
_EXPIT_OF_MINUS = "CASE WHEN score >= 0 THEN EXP(-score) / (1.0 + EXP(-score)) ELSE 1.0 / (1.0 + EXP(score)) END"
_LOG_EXPIT = "CASE WHEN score >= 0 THEN -LN(1.0 + EXP(-score)) ELSE score - LN(1.0 + EXP(score)) END"


def sql_text(model: Any, prefix: str, data: str, samples: str | None) -> str:
    """Return the script; the parameters are those of `CompactModel.to_sql`."""
    for argument, name in (("prefix", prefix), ("data", data), ("samples", samples)):
        if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise ValueError(f"{argument} must be a plain SQL name, of letters, digits and _; got {name!r}")
    if model.needs_offset and samples is None:
        raise ValueError(
            "this model was fitted with an offset: name a table of samples, with the columns sample and sample_offset"
        )
    classes = describe_classes(model.classes_)
    statements = [*_tables(model, prefix), _scores(prefix, data, samples, model.needs_offset)]
    if classes is None:
        mean = "EXP(score)" if model.inverse_link == "exp" else "score"
        statements.append(
            f"CREATE VIEW {prefix}_predictions AS\n SELECT sample, output, {mean} AS prediction FROM {prefix}_scores;"
        )
    elif len(classes["values"]) == 2:
        statements += _two_classes(prefix, [_literal(label) for label in classes["values"]], model.inverse_link)
    else:
        statements += _labels(prefix, classes)
        statements += _many_classes(prefix, model.inverse_link)
    return "\n".join([*statements, ""])


def _tables(model: Any, prefix: str) -> Iterator[str]:
    """Yield tables of outputs and weights, and what they hold."""
    weights, keys = model.weights_, model.needed_feature_names_ or model.needed_features_.tolist()
    feature = "TEXT" if model.needed_feature_names_ else "BIGINT"
    yield f"CREATE TABLE {prefix}_outputs (output INTEGER PRIMARY KEY, intercept DOUBLE PRECISION NOT NULL);"
    yield from _inserts(f"{prefix}_outputs", enumerate(model.intercept_.tolist()))
    yield (
        f"CREATE TABLE {prefix}_weights (feature {feature} NOT NULL, output INTEGER NOT NULL, "
        "weight DOUBLE PRECISION NOT NULL, PRIMARY KEY (feature, output));"
    )
    names = (keys[place] for place in weights.place.tolist())
    rows = zip(names, weights.output.tolist(), weights.values.tolist(), strict=True)
    yield from _inserts(f"{prefix}_weights", rows)


def _scores(prefix: str, data: str, samples: str | None, needs_offset: bool) -> str:
    """Return the view of the linear predictor of every sample and output."""
    offset = " + s.sample_offset" if needs_offset else ""
    return (
        f"CREATE VIEW {prefix}_scores AS\n"
        " SELECT s.sample AS sample, o.output AS output,\n"
        f"  o.intercept{offset} + COALESCE(t.total, 0.0) AS score\n"
        f" FROM {samples or f'(SELECT DISTINCT sample FROM {data})'} s\n"
        f" CROSS JOIN {prefix}_outputs o\n"
        " LEFT JOIN (\n"
        "  SELECT d.sample AS sample, w.output AS output, SUM(d.value * w.weight) AS total\n"
        f"  FROM {data} d JOIN {prefix}_weights w ON w.feature = d.feature GROUP BY d.sample, w.output\n"
        " ) t ON t.sample = s.sample AND t.output = o.output;"
    )


def _two_classes(prefix: str, labels: list[str], inverse_link: str) -> Iterator[str]:
    yield (
        f"CREATE VIEW {prefix}_predictions AS\n"
        f" SELECT sample, CASE WHEN score > 0 THEN {labels[1]} ELSE {labels[0]} END AS prediction\n"
        f" FROM {prefix}_scores;"
    )
    if inverse_link in PROBABILITIES:
        yield (
            f"CREATE VIEW {prefix}_probabilities AS\n"
            f" SELECT sample, {labels[0]} AS label, {_EXPIT_OF_MINUS} AS probability FROM {prefix}_scores\n"
            f" UNION ALL SELECT sample, {labels[1]}, {_EXPIT} FROM {prefix}_scores;"
        )


def _labels(prefix: str, classes: dict[str, Any]) -> Iterator[str]:
    yield f"CREATE TABLE {prefix}_labels (output INTEGER PRIMARY KEY, label {_LABELS[classes['kind']]} NOT NULL);"
    yield from _inserts(f"{prefix}_labels", enumerate(classes["values"]))


def _many_classes(prefix: str, inverse_link: str) -> Iterator[str]:
    """Yield views of the class of the largest score (of equal ones the first), and softmax probabilities."""
    yield (
        f"CREATE VIEW {prefix}_predictions AS\n"
        " SELECT r.sample AS sample, l.label AS prediction FROM (\n"
        "  SELECT sample, output, ROW_NUMBER() OVER (PARTITION BY sample ORDER BY score DESC, output) AS place\n"
        f"  FROM {prefix}_scores) r JOIN {prefix}_labels l ON l.output = r.output WHERE r.place = 1;"
    )
    if inverse_link in PROBABILITIES:
        z = _LOG_EXPIT if inverse_link == "normalised_expit" else "score"
        yield (
            f"CREATE VIEW {prefix}_probabilities AS\n"
            f" WITH a AS (SELECT sample, output, {z} AS z FROM {prefix}_scores),\n"
            "  b AS (SELECT sample, output, EXP(z - MAX(z) OVER (PARTITION BY sample)) AS e FROM a)\n"
            " SELECT b.sample AS sample, l.label AS label,\n"
            "  b.e / SUM(b.e) OVER (PARTITION BY b.sample) AS probability\n"
            f" FROM b JOIN {prefix}_labels l ON l.output = b.output;"
        )


def _inserts(table: str, rows: Iterable[tuple]) -> Iterator[str]:
    lines = [f"({', '.join(map(_literal, row))})" for row in rows]
    for start in range(0, len(lines), _ROWS):
        yield f"INSERT INTO {table} VALUES\n" + ",\n".join(lines[start : start + _ROWS]) + ";"


def _literal(value: Any) -> str:
    """Write a value as SQL does: strings quoted, quotes doubled."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError(f"SQL has no strings with the character 0; got {value!r}")
        return "'" + value.replace("'", "''") + "'"
    return repr(value)
