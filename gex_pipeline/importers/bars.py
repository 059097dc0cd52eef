"""Price and volatility bars -> `candles` and `dvol`, through a mapping.

Belongs here: what a usable bar is, for every importer of bars. A bar is stored under the instant it opens, and its
close is known at ``close_at``, the first instant after it; vendors' "close times" one millisecond earlier are not used.
There is no table of rejected bars: those that cannot be used are counted in ``Imported.dropped``.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers.base import Imported, Options, Reader, check_options, parse_duration
from gex_pipeline.importers.columns import mapped, only_underlying
from gex_pipeline.importers.mapping import Mapping
from gex_pipeline.importers.read import Raw, read
from gex_pipeline.schema import TABLES
from gex_pipeline.schema.types import polars_schema

_PRICES = ("open", "high", "low", "close")
#: No price of a coin in USD, nor a volatility in points, is below or above; squares of such numbers are none.
_LEAST, _MOST = 1e-12, 1e12
_ENOUGH_ROWS = 3  # fewer spacings say nothing about the length of a bar


def bar_reader(target: str) -> Reader:
    """The reader of `candles` or `dvol`: needs ``options.mapping`` with that section."""

    def read_bars(path: Path, options: Options) -> Imported:
        check_options(target, options)
        mapping = options.mapping
        assert mapping is not None
        return import_bars(read(path, mapping.file_format), mapping, options)

    return read_bars


def import_bars(raw: Raw, mapping: Mapping, options: Options) -> Imported:
    """Raw rows -> bars of ``mapping.target``, unusable ones counted by reason.

    Raises ``ImportFileError`` where two different bars open at one instant, where the spacing contradicts the interval,
    or where no bar is usable.
    """
    frame = mapped(raw, mapping, options)
    kept = only_underlying(raw, frame, options.underlying)
    _check_known(raw, kept)
    timed = _timed(raw, kept)
    distinct = _distinct(raw, timed)
    _check_spacing(raw, distinct)
    judged = distinct.with_columns(_fault())
    good = judged.filter(pl.col("fault").is_null())
    dropped = {"other underlying": frame.height - kept.height, "identical": timed.height - distinct.height}
    dropped |= dict(judged["fault"].drop_nulls().value_counts().sort("fault").iter_rows())
    if good.is_empty():
        faults = ", ".join(f"{n} x {reason}" for reason, n in dropped.items() if n)
        raise ImportFileError(f"{raw.path} has no usable bar: {faults}")
    return Imported({mapping.target: _table(mapping, good)}, raw.frame.height, {k: n for k, n in dropped.items() if n})


def _check_known(raw: Raw, frame: pl.DataFrame) -> None:
    for name in ("underlying", "symbol"):
        unknown = frame.filter(pl.col(name).is_null()) if name in frame.columns else frame.clear()
        if not unknown.is_empty():
            raise ImportFileError(f"{raw.where(unknown['row'][0])}: no {name} for {unknown['underlying'][0]}")


def _timed(raw: Raw, frame: pl.DataFrame) -> pl.DataFrame:
    """Both ends of the bar, from the one that is given and the interval."""
    length = parse_duration(frame["interval"][0])
    opened = pl.coalesce("open_at", pl.col("close_at") - length)
    timed = frame.with_columns(open_at=opened, close_at=opened + length)
    untimed = timed.filter(pl.col("open_at").is_null())["row"]
    if not untimed.is_empty():
        raise ImportFileError(f"{raw.where(untimed[0])}: the bar has no time")
    misplaced = timed.filter(pl.col("open_at").dt.epoch("us") % (length // timedelta(microseconds=1)) != 0)
    if not misplaced.is_empty():
        at, interval = misplaced["open_at"][0], misplaced["interval"][0]
        place = raw.where(misplaced["row"][0])
        raise ImportFileError(f"{place}: the bar opens at {at:%Y-%m-%dT%H:%M:%S.%fZ}, not a multiple of {interval}")
    return timed


def _key(frame: pl.DataFrame) -> list[str]:
    return [k for k in ("symbol", "underlying", "open_at") if k in frame.columns]


def _distinct(raw: Raw, frame: pl.DataFrame) -> pl.DataFrame:
    """One of each set of equal bars. Two different bars of one instant: nobody knows which is right."""
    columns = [c for c in frame.columns if c != "row"]
    distinct = frame.unique(columns, keep="first", maintain_order=True)
    twice = distinct.filter(~pl.struct(_key(distinct)).is_first_distinct())
    if not twice.is_empty():
        at = twice["open_at"][0]
        raise ImportFileError(f"{raw.where(twice['row'][0])}: a second, different bar opens at {at:%Y-%m-%dT%H:%M:%SZ}")
    return distinct


def _check_spacing(raw: Raw, frame: pl.DataFrame) -> None:
    """Bars closer than the interval overlap; bars that never touch are of a longer interval."""
    interval = frame["interval"][0]
    length = parse_duration(interval)
    for _, bars in frame.sort(_key(frame)).group_by(_key(frame)[:-1], maintain_order=True):
        spacing = bars["open_at"].diff().drop_nulls()
        if spacing.len() < _ENOUGH_ROWS - 1:
            continue
        median, closest = spacing.median(), spacing.min()
        assert isinstance(median, timedelta)
        assert isinstance(closest, timedelta)
        if median < length or closest > length:
            raise ImportFileError(f"{raw.path}: its bars are {median} apart (median), which is not {interval}")


def _fault() -> pl.Expr:
    """Why a bar cannot be used: the first reason that applies."""
    is_missing = pl.any_horizontal(pl.col(*_PRICES).is_null())
    is_not_positive = pl.any_horizontal(pl.col(*_PRICES) <= 0)
    is_absurd = pl.any_horizontal(~pl.col(*_PRICES).is_between(_LEAST, _MOST))
    is_inverted = pl.col("low") > pl.col("high")
    return pl.coalesce(
        pl.when(is_missing).then(pl.lit("price missing")),
        pl.when(is_not_positive).then(pl.lit("price not positive")),
        pl.when(is_absurd).then(pl.lit("price out of range")),
        pl.when(is_inverted).then(pl.lit("low above high")),
    ).alias("fault")


def _table(mapping: Mapping, frame: pl.DataFrame) -> pl.DataFrame:
    table = TABLES[mapping.target]
    named = frame.with_columns(venue=pl.lit(mapping.venue), source=pl.lit(mapping.name))
    if "volume_coin" in named.columns:
        named = named.with_columns(pl.when(pl.col("volume_coin") >= 0).then(pl.col("volume_coin")).alias("volume_coin"))
    schema = polars_schema(table)
    return named.sort(table.sort).select(pl.col(name).cast(dtype) for name, dtype in schema.items())
