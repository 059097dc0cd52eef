"""A made-up market as a history, as if its levels and books had been stored every hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from gex_backtest.bars import Bars
from gex_backtest.history import History
from gex_pipeline.market import reduced
from gex_pipeline.market.economy import Market

START = datetime(2026, 1, 5, tzinfo=UTC)
#: Of each snapshot, after the instant it describes.
KNOWN_AFTER = timedelta(seconds=30)
_TIME = pl.Datetime("us", "UTC")


def history(market: Market, seed: int, minutes: int = 5, every: str = "1h") -> History:
    """With candles of so many minutes; of the tables ``levels`` and ``books`` alone, a snapshot ``every`` so often."""
    found = [frame.with_columns(scope=pl.lit(scope)) for scope, frame in reduced.levels(market).items()]
    levels = pl.concat(found).sort("snapshot_at", maintain_order=True).with_columns(pl.col(pl.Float64).fill_nan(None))
    return bare(
        market.coin, _bars(market, seed, minutes), *(_known(t, every) for t in (levels, _books(market, levels)))
    )


def bare(coin: str, bars: Bars, levels: pl.DataFrame, books: pl.DataFrame) -> History:
    """The other tables have no rows."""
    expiring = pl.DataFrame(schema={"snapshot_at": _TIME, "knowledge_time": _TIME})
    settlements = pl.DataFrame(schema={"expiry_at": _TIME, "knowledge_time": _TIME})
    funding = pl.DataFrame(schema={"funding_at": _TIME, "funding_rate": pl.Float64})
    dvol = pl.DataFrame(schema={"close_at": _TIME, "close": pl.Float64})
    return History(coin, bars, levels, books, expiring, settlements, funding, dvol)


def _bars(market: Market, seed: int, minutes: int) -> Bars:
    made = reduced.candles(market, seed, minutes)
    open_at = round(market.start.timestamp() * 1e6) + minutes * 60_000_000 * np.arange(len(made.open))
    return Bars(open_at, open_at + minutes * 60_000_000, made.open, made.high, made.low, made.close)


def _books(market: Market, levels: pl.DataFrame) -> pl.DataFrame:
    hourly = levels.filter(pl.col("scope") == "all_expiry").select("snapshot_at", "spot_usd")
    held = [market.day(round(at.timestamp() * 1e6))[0] for at in hourly["snapshot_at"]]
    strikes = {day.date: np.unique(day.ladder.strike).tolist() for day in market.held}
    return hourly.with_columns(strikes=pl.Series([strikes[day.date] for day in held]))


def _known(table: pl.DataFrame, every: str) -> pl.DataFrame:
    chosen = table.filter(pl.col("snapshot_at") == pl.col("snapshot_at").dt.truncate(every))
    return chosen.with_columns(knowledge_time=pl.col("snapshot_at") + KNOWN_AFTER)
