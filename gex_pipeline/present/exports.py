"""A frame of a query -> bytes of a file or a pipe: csv, json, parquet; and a table for a terminal.

Belongs here: formats. Instants are ISO 8601 with Z in text formats; a missing value is an empty csv cell or null.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
from polars import selectors as cs
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table

from gex_pipeline.errors import UsageError
from gex_pipeline.present.documents import number, time_text

#: Rows and letters of a cell that a table shows; the other formats have no limit.
TABLE_ROWS = 200
CELL_WIDTH = 200


def csv(frame: pl.DataFrame) -> bytes:
    """Comma-separated with a header. Raises ``UsageError`` for a column of lists or structs, which csv cannot hold."""
    nested = frame.select(cs.nested()).columns
    if nested:
        raise UsageError(f"column {nested[0]} holds lists or structs, which csv cannot; use --format json or parquet")
    buffer = io.BytesIO()
    _with_text_instants(frame).write_csv(buffer)
    return buffer.getvalue()


def json_rows(frame: pl.DataFrame) -> bytes:
    """An array with one object per row."""
    rows = [json.dumps(plain(row), allow_nan=False) for row in frame.iter_rows(named=True)]
    return ("[" + ",\n ".join(rows) + "]\n").encode()


def parquet(frame: pl.DataFrame) -> bytes:
    """One Parquet file."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def table(frame: pl.DataFrame) -> Table:
    """For a terminal: the first rows, and the first letters of what is long, such as a JSON document."""
    return _table(frame.head(TABLE_ROWS), CELL_WIDTH)


def _table(frame: pl.DataFrame, width: int | None = None) -> Table:
    """Numbers to the right, null as an empty cell, what is too long with an ellipsis."""
    result = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name, dtype in frame.schema.items():
        justify = "right" if dtype.is_numeric() else "left"
        result.add_column(name, justify=justify, no_wrap=True, max_width=width)
    for row in frame.iter_rows():
        result.add_row(*(_cell(value) for value in row))
    return result


def table_text(frame: pl.DataFrame) -> bytes:
    """The table as plain text, all rows."""
    drawn = _table(frame)
    console = Console(file=io.StringIO(), highlight=False, markup=False, color_system=None)
    console.width = natural_width(console, drawn)
    with console.capture() as captured:
        console.print(drawn)
    return captured.get().encode()


def natural_width(console: Console, renderable: RenderableType) -> int:
    """Columns the renderable takes uncut, at least those of the console."""
    unlimited = console.options.update(width=1_000_000)
    return max(console.width, console.measure(renderable, options=unlimited).maximum)


#: Format -> bytes of a frame in it.
ENCODERS: dict[str, Callable[[pl.DataFrame], bytes]] = {
    "table": table_text,
    "csv": csv,
    "json": json_rows,
    "parquet": parquet,
}
FORMATS = tuple(ENCODERS)


def _with_text_instants(frame: pl.DataFrame) -> pl.DataFrame:
    """Instants as text with Z; without sub-seconds where the whole column has none."""
    instants = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime) and dtype.time_zone]
    return frame.with_columns(
        frame[name].dt.convert_time_zone("UTC").dt.strftime(f"%Y-%m-%dT%H:%M:%S{_fraction(frame[name])}Z")
        for name in instants
    )


def _fraction(instants: pl.Series) -> str:
    return "%.6f" if (instants.dt.microsecond() != 0).any() else ""


def plain(value: Any) -> Any:
    """JSON's own types: a number that is not finite is null."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    convert = next((convert for kind, convert in _CONVERSIONS if isinstance(value, kind)), None)
    return convert(value) if convert else value


def _datetime_text(value: datetime) -> str | None:
    return time_text(value) if value.tzinfo else value.isoformat()


#: Type -> its JSON form; a datetime is a date too, so it comes first.
_CONVERSIONS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (float, number),
    (Decimal, float),
    (datetime, _datetime_text),
    (date, date.isoformat),
    (time, time.isoformat),
    (timedelta, timedelta.total_seconds),
    (bytes, bytes.hex),
)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    shown = plain(value)
    return "" if shown is None else str(shown)
