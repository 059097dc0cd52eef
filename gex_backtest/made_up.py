"""A made-up market as a history: what calibration draws in place of a warehouse. Rules never see the truth in it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import polars as pl

from gex_backtest.bars import Bars
from gex_backtest.history import History
from gex_pipeline.market import reduced, reduced_books
from gex_pipeline.market.economy import Market

_MINUTE_US = 60_000_000
_TIME = pl.Datetime("us", "UTC")
#: Of each snapshot and settlement, after the instant that it describes.
_KNOWN_AFTER, _SETTLED_AFTER = timedelta(seconds=30), timedelta(minutes=1)


def history(market: Market, seed: int, minutes: int = 5, hours_of_day: Iterable[int] = range(24)) -> History:
    """With candles of so many minutes and a snapshot an hour; without funding and DVOL.

    ``hours_of_day``: of the snapshots that expiries are told strike by strike of.
    """
    found = [frame.with_columns(scope=pl.lit(scope)) for scope, frame in reduced.levels(market).items()]
    levels = pl.concat(found).sort("snapshot_at", maintain_order=True).with_columns(pl.col(pl.Float64).fill_nan(None))
    books = reduced_books.books(market).drop("spot_usd")
    tables = (_known(each) for each in (levels, books, reduced_books.expiring(market, hours_of_day)))
    return bare(market.coin, bars(market, seed, minutes), *tables, settlements=_settled(market))


def bare(
    coin: str,
    of: Bars,
    levels: pl.DataFrame,
    books: pl.DataFrame,
    expiring: pl.DataFrame | None = None,
    settlements: pl.DataFrame | None = None,
    dvol: pl.DataFrame | None = None,
) -> History:
    """The other tables have no rows."""
    nothing = {"knowledge_time": _TIME}
    return History(
        coin,
        of,
        levels,
        books,
        pl.DataFrame(schema={"snapshot_at": _TIME, **nothing}) if expiring is None else expiring,
        pl.DataFrame(schema={"expiry_at": _TIME, **nothing}) if settlements is None else settlements,
        pl.DataFrame(schema={"funding_at": _TIME, "funding_rate": pl.Float64}),
        pl.DataFrame(schema={"close_at": _TIME, "close": pl.Float64}) if dvol is None else dvol,
    )


def bars(market: Market, seed: int, minutes: int) -> Bars:
    """Bars of so many minutes."""
    made = reduced.candles(market, seed, minutes)
    length = minutes * _MINUTE_US
    open_at = round(market.start.timestamp() * 1e6) + length * np.arange(len(made.open))
    return Bars(open_at, open_at + length, made.open, made.high, made.low, made.close)


def _known(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(knowledge_time=pl.col("snapshot_at") + _KNOWN_AFTER)


def _settled(market: Market) -> pl.DataFrame:
    known = pl.col("expiry_at") + _SETTLED_AFTER
    return reduced_books.settlements(market).with_columns(knowledge_time=known, origin=pl.lit("venue"))
