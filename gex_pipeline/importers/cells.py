"""Cells of a raw column -> floats and text. Belongs here: what a number is and what counts as missing.

Missing is null: an empty cell, and NaN or an infinity however spelt. A cell that is neither missing nor a number means
that the file is not what the mapping says it is, so the file is refused with the place.
"""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time
from typing import Any

import polars as pl

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers.read import Raw

_LONGEST_VALUE = 60


def numbers(raw: Raw, column: str) -> pl.Series:
    """A raw column as Float64; an empty cell is null, NaN and infinite stay (see :func:`finite`).

    Raises ``ImportFileError`` for text that is no number.
    """
    series = raw.frame[column]
    if series.dtype.is_numeric() or series.dtype == pl.Null:
        return series.cast(pl.Float64)
    return _parsed(raw, column, text(raw, column))


def finite(name: str) -> pl.Expr:
    """A Float64 column with null for NaN and the infinities."""
    return pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name)


def text(raw: Raw, column: str) -> pl.Series:
    """A raw column as String; an empty cell is null. Raises ``ImportFileError`` for nested or binary columns."""
    series = raw.frame[column]
    if series.dtype.is_nested() or series.dtype == pl.Binary:
        raise ImportFileError(f"{raw.path}: column {column!r} is {series.dtype}, neither a number nor text")
    stripped = series.cast(pl.String).str.strip_chars()
    return stripped.set(stripped == "", None)


def _parsed(raw: Raw, column: str, cells: pl.Series) -> pl.Series:
    values = cells.cast(pl.Float64, strict=False)
    refuse_unread(raw, column, cells, values, "a number")
    return values


def refuse_unread(raw: Raw, column: str, cells: pl.Series, values: pl.Series, wanted: str) -> None:
    """Refuse the file where a cell is present but its value is null, naming the first such cell."""
    unread = cells.is_not_null() & values.is_null()
    if unread.any():
        row = unread.arg_max()
        assert row is not None
        raise ImportFileError(f"{raw.where(row)}: {column} = {shown(cells[row])} is not {wanted}")


def shown(value: Any) -> str:
    """A value for a one-line message."""
    written = repr(value)
    return written if len(written) <= _LONGEST_VALUE else written[: _LONGEST_VALUE - 3] + "..."


def row_json(raw: Raw, rows: list[int]) -> list[str]:
    """The source rows as JSON objects, columns in the file's order."""
    picked = raw.frame.select(raw.columns)[rows]
    return [json.dumps(record, default=_plain) for record in (_finite(r) for r in picked.iter_rows(named=True))]


def _finite(record: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN and no infinity: written as text."""
    return {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (datetime, date, time)) else str(value)
