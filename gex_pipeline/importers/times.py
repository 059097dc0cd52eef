"""Cells of a raw column -> instants. Belongs here: the time formats of vendors; not: which column is which.

Every result is UTC in microseconds. A cell that is present and does not read as a time refuses the file, and so does a
time outside 2000 .. 2100: seconds read as milliseconds land in 1970, and nobody would notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers.cells import refuse_unread, shown, text
from gex_pipeline.importers.read import Raw

#: Microseconds of one unit; nanoseconds divide instead.
_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
#: `unix`: below the bound the number counts in this unit. 1e11 s is the year 5138, 1e11 ms is March 1973.
_MAGNITUDES = ((1e11, "s"), (1e14, "ms"), (1e17, "us"))
FORMATS = ("iso", "s", "ms", "us", "ns", "unix", "native")
_TYPE = pl.Datetime("us", "UTC")
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TimeFormat:
    """How a column writes time.

    ``name``: one of ``FORMATS`` or a strptime pattern (it contains ``%``); empty = native where the column is a
    timestamp, else iso. ``zone``: of values that carry no zone. ``at``: time of day (UTC) put onto a date.
    """

    name: str = ""
    zone: str = "UTC"
    at: timedelta | None = None


def instants(raw: Raw, column: str, fmt: TimeFormat) -> pl.Series:
    """A raw column as instants, Datetime("us", "UTC"); an empty cell is null.

    Raises ``ImportFileError`` for a cell that is no such time, for a local time that the zone has twice or never, and
    for a time outside 2000 .. 2100.
    """
    series = raw.frame[column]
    if series.dtype.is_temporal():
        values = _native(raw, column, fmt)
    elif fmt.name in ("s", "ms", "us", "ns", "unix"):
        values = _from_epoch(raw, column, fmt.name)
    elif fmt.name == "native":
        raise ImportFileError(f"{raw.path}: column {column!r} is {series.dtype}, not a native timestamp")
    else:
        values = _from_text(raw, column, fmt)
    _refuse_implausible(raw, column, values)
    return values if fmt.at is None else values.dt.truncate("1d") + fmt.at


def _native(raw: Raw, column: str, fmt: TimeFormat) -> pl.Series:
    series = raw.frame[column]
    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone is not None:
        return series.dt.convert_time_zone("UTC").cast(_TYPE)
    if not isinstance(series.dtype, pl.Datetime | pl.Date):
        raise ImportFileError(f"{raw.path}: column {column!r} is {series.dtype}, not a timestamp")
    return _in_zone(raw, column, series.cast(pl.Datetime("us")), fmt.zone)


def _in_zone(raw: Raw, column: str, naive: pl.Series, zone: str) -> pl.Series:
    """Local times of a zone as UTC; a time that the zone has twice or never is refused, as its instant is unknown."""
    if zone == "UTC":
        return naive.dt.replace_time_zone("UTC")
    local = naive.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
    refuse_unread(raw, column, naive, local, f"one instant in {zone} (clocks change there)")
    return local.dt.convert_time_zone("UTC")


def _from_epoch(raw: Raw, column: str, unit: str) -> pl.Series:
    series = raw.frame[column]
    cells = series if series.dtype.is_numeric() else text(raw, column)
    # integers stay integers: nanoseconds do not fit into a float
    whole = cells.cast(pl.Int64, strict=False) if series.dtype.is_integer() or cells.dtype == pl.String else None
    value = cells.cast(pl.Float64, strict=False)
    value = value.set(~value.is_finite(), None)
    refuse_unread(raw, column, cells, value, "a time in " + ("unix seconds" if unit == "unix" else unit))
    columns = pl.DataFrame(
        {"value": value, "whole": whole if whole is not None else value.cast(pl.Int64, strict=False)}
    )
    is_whole = pl.col("whole").is_not_null() & (pl.col("whole").cast(pl.Float64) == pl.col("value"))
    return columns.select(_epoch_microseconds(unit, is_whole).cast(_TYPE)).to_series()


def _epoch_microseconds(unit: str, is_whole: pl.Expr) -> pl.Expr:
    if unit != "unix":
        return _scaled(unit, is_whole)
    chain = _scaled("ns", is_whole)
    for bound, name in reversed(_MAGNITUDES):
        chain = pl.when(pl.col("value").abs() < bound).then(_scaled(name, is_whole)).otherwise(chain)
    return chain


def _scaled(unit: str, is_whole: pl.Expr) -> pl.Expr:
    whole, value = pl.col("whole"), pl.col("value")
    if unit == "ns":
        return pl.when(is_whole).then(whole // 1_000).otherwise((value / 1_000).round().cast(pl.Int64, strict=False))
    factor = _MICROSECONDS[unit]
    # an overflow wraps around; the plausibility of the year is judged on the float
    fits = value.abs() < 2**62 / factor
    rounded = (value * factor).round().cast(pl.Int64, strict=False)
    return pl.when(~fits).then(pl.lit(-(2**62))).when(is_whole).then(whole * factor).otherwise(rounded)


def _from_text(raw: Raw, column: str, fmt: TimeFormat) -> pl.Series:
    cells = text(raw, column)
    parse = _iso if fmt.name in ("", "iso") else lambda value: datetime.strptime(value, fmt.name)  # noqa: DTZ007 (its zone comes later)
    distinct = cells.drop_nulls().unique().sort()
    found = {value: _attempt(parse, value) for value in distinct.to_list()}
    aware = {v: t.astimezone(UTC) for v, t in found.items() if t is not None and t.tzinfo is not None}
    naive = {v: t for v, t in found.items() if t is not None and t.tzinfo is None}
    _refuse_unparsed(raw, column, cells, {v for v, t in found.items() if t is None}, fmt)
    values = _looked_up(cells, aware, _TYPE)
    if not naive:
        return values
    local = _in_zone(raw, column, _looked_up(cells, naive, pl.Datetime("us")), fmt.zone)
    return values.zip_with(values.is_not_null(), local)


def _iso(value: str) -> datetime:
    if value.isdigit():  # fromisoformat would take 20240101 for a date and 1718 ... for nothing
        raise ValueError(value)
    return datetime.fromisoformat(value)


def _attempt(parse: Callable[[str], datetime], value: str) -> datetime | None:
    try:
        return parse(value)
    except (ValueError, OverflowError):
        return None


def _refuse_unparsed(raw: Raw, column: str, cells: pl.Series, bad: set[str], fmt: TimeFormat) -> None:
    if not bad:
        return
    row = next(i for i, value in enumerate(cells.to_list()) if value in bad)
    wanted = "iso" if fmt.name in ("", "iso") else repr(fmt.name)
    raise ImportFileError(f"{raw.where(row)}: {column} = {shown(cells[row])} is not a time of format {wanted}")


def _looked_up(cells: pl.Series, values: dict[str, datetime], dtype: pl.Datetime) -> pl.Series:
    keys = pl.Series(list(values), dtype=pl.String)
    return cells.replace_strict(keys, pl.Series(list(values.values()), dtype=dtype), default=None, return_dtype=dtype)


def _refuse_implausible(raw: Raw, column: str, values: pl.Series) -> None:
    is_odd = (values < _EARLIEST) | (values >= _LATEST)
    if is_odd.any():
        row = is_odd.arg_max()
        assert row is not None
        cell = shown(raw.frame[column][row])
        raise ImportFileError(f"{raw.where(row)}: {column} = {cell} is not between 2000 and 2100; wrong time format?")
