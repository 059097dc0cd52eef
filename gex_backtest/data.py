"""Reads a warehouse into a history: the one reader of the backtests. The queries are in ``sql/``."""

from __future__ import annotations

from contextlib import closing
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gex_backtest.bars import Bars, Ints
from gex_backtest.config import Candles
from gex_backtest.errors import BacktestError, BarError
from gex_backtest.history import CANDLE_CLOSE, CANDLES, History
from gex_backtest.panel import micros
from gex_pipeline.core.groups import Floats
from gex_pipeline.store.session import Session

_ANY = Candles()
#: All of time, as far as the files go.
FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
#: Where no venue's settlement price is stored: the mean of the closes of this long before (Deribit's window).
_WINDOW = timedelta(minutes=30)
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Instrument:
    """Whose bars: a symbol of a venue's market, and the interval of the bars, such as 5m."""

    venue: str
    market: str
    symbol: str
    interval: str


def load(
    root: Path,
    underlying: str,
    start: datetime = FIRST,
    end: datetime = LAST,
    wanted: Candles = _ANY,
) -> tuple[History, dict[Instrument, int]]:
    """The history of an underlying between two instants, and how many bars it has of which instrument.

    The bars are those that cover most days of the levels; among equals perpetuals before spot, then what covers most
    days, then the finest. Raises ``BacktestError`` where there are none.
    """
    with closing(Session(root)) as session:

        def ask(name: str, *more: Any) -> pl.DataFrame:
            sql = files("gex_backtest").joinpath(f"sql/{name}.sql").read_text()
            return session.query(sql, [underlying, start, end, *more])

        chosen = _chosen(ask("instruments"), underlying, wanted)
        bars, counts = _stitched({each: ask("bars", *astuple(each)) for each in chosen})
        expiring = ask("expiring")
        settlements = _with_candles(ask("settlements"), expiring, bars)
        funding = ask("funding", chosen[0].venue, chosen[0].symbol)
        tables = (ask("levels"), ask("books"), expiring, settlements, funding, ask("dvol"))
        return History(underlying, bars, *tables), counts


def _chosen(found: pl.DataFrame, underlying: str, wanted: Candles) -> list[Instrument]:
    if found.is_empty():
        raise BacktestError(f"no candles of {underlying} in this span: `gex candles` or `gex import` brings some")
    asked = {name: value for name in ("venue", "market", "interval") if (value := getattr(wanted, name)) is not None}
    left = found.filter(pl.lit(True), *(pl.col(name) == value for name, value in asked.items()))
    if left.is_empty():
        rows = found.select("venue", "market", "interval").unique().sort(pl.all()).rows()
        there = "; ".join(map(" ".join, rows))
        raise BacktestError(f"no candles of {underlying} are {' '.join(asked.values())}: there are {there}")
    rows = pl.concat([left, found]) if wanted.is_stitched else left.head(1)
    same = rows.filter(pl.col("interval") == left["interval"][0]).select(field.name for field in fields(Instrument))
    return [Instrument(*row) for row in same.unique(maintain_order=True).iter_rows()]


def _stitched(parts: dict[Instrument, pl.DataFrame]) -> tuple[Bars, dict[Instrument, int]]:
    """The bars of the first instrument, and of each next one those that are missing so far."""
    numbered = [frame.with_columns(part=pl.lit(i)) for i, frame in enumerate(parts.values())]
    rows = pl.concat(numbered).unique("open_at", keep="first", maintain_order=True).sort("open_at")
    counts = {each: rows.filter(pl.col("part") == i).height for i, each in enumerate(parts)}
    return _bars(rows, list(parts)), {each: n for each, n in counts.items() if n}


def _bars(rows: pl.DataFrame, parts: list[Instrument]) -> Bars:
    try:
        return Bars(micros(rows["open_at"]), micros(rows["close_at"]), *(rows[name].to_numpy() for name in _PRICES))
    except BarError as error:
        whose = " ".join(astuple(parts[rows["part"][error.row]]))
        way = "run `gex verify`; what it does not name, delete, and bring it again by `gex candles` or `gex import`"
        raise BacktestError(f"{error}, in the candles of {whose}: {way}") from None


def _with_candles(settlements: pl.DataFrame, expiring: pl.DataFrame, bars: Bars) -> pl.DataFrame:
    """Settlements of the venues, and for expiries without one those of candles, where a bar closes with the window."""
    known = expiring["expiry_at"].unique().sort()
    missing = known.filter(~known.is_in(settlements["expiry_at"].implode())) if len(settlements) else known
    mean, n = _mean_closes(bars, micros(missing))
    columns = {
        "expiry_at": missing,
        "knowledge_time": missing,
        "price_usd": mean,
        "origin": np.where(n > 1, CANDLES, CANDLE_CLOSE),
    }
    made = pl.DataFrame(columns, schema=settlements.schema).filter(pl.Series(n > 0))
    return pl.concat([settlements, made]).sort("expiry_at")


def _mean_closes(bars: Bars, end: Ints) -> tuple[Floats, Ints]:
    """The mean of the closes in the window that ends at each instant, and of how many: none unless a bar ends then.

    Of hourly bars it is one, which is no average: it moves as the price does at that instant.
    """
    last = np.searchsorted(bars.close_at, end, side="right")
    first = np.searchsorted(bars.close_at, end - round(_WINDOW.total_seconds() * 1e6), side="right")
    n = np.where(bars.close_at[np.maximum(last, 1) - 1] == end, last - first, 0)
    total = np.append(0.0, np.cumsum(bars.close))
    return (total[last] - total[first]) / np.maximum(n, 1), n
