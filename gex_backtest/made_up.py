"""A made-up market as a history: what calibration draws in place of a warehouse. Rules never see the truth in it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from gex_backtest.bars import Bars
from gex_backtest.history import History
from gex_pipeline.market import reduced, reduced_books
from gex_pipeline.market.books import COINS
from gex_pipeline.market.economy import Market, simulate, unhedged
from gex_pipeline.market.surface import at_the_money
from gex_pipeline.market.switches import Switches

_MINUTE_US = 60_000_000
#: Tenor of DVOL, in years.
_MONTH = 30.0 / 365.0
#: Volatility lies below the root of the mean variance, which options of the null market are priced at (Jensen): mean of
#: what was realised in 30 days, 43.62 vol points, beside that root, 44.72, in 400 markets of 1,080 days (seeds 30,000
#: to 30,399).
_FAIR = 0.9754
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


def drawn(coin: str, start: datetime, days: int, seed: int, effect: float, hours_of_day: Iterable[int]) -> History:
    """That of a market whose prices feel a multiple of the usual one's hedging, with candles of five minutes.

    Open interest gathers at strikes as it usually does, so that walls and pins grow with what is felt of them.
    """
    return history(simulate(coin, start, days, seed, Switches(feedback=effect, premium=effect)), seed, 5, hours_of_day)


def priced(coin: str, start: datetime, days: int, seed: int, premium: float) -> History:
    """Hourly bars of a price that feels no hedging, closes alone, and a DVOL with some premium; without a chain.

    Without a premium DVOL is what is realised over 30 days, in the mean and in vol points.
    """
    log_price, levels = unhedged(coin, start, days, seed, premium)
    close = np.exp(log_price[::60])
    at = round(start.timestamp() * 1e6) + 60 * _MINUTE_US * np.arange(len(close))
    opens, closes = close[:-1], close[1:]
    hourly = Bars(at[:-1], at[1:], opens, np.maximum(opens, closes), np.minimum(opens, closes), closes)
    iv = 100.0 * _FAIR * at_the_money(levels, COINS[coin][1], np.full(len(levels), _MONTH))
    dvol = pl.DataFrame({"close_at": pl.Series(at[:-1]).cast(_TIME), "close": iv})
    nothing = pl.DataFrame(
        schema={"snapshot_at": _TIME, "scope": pl.String, "knowledge_time": _TIME, "iv30": pl.Float64}
    )
    return bare(coin, hourly, nothing, nothing, dvol=dvol)


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
        pl.DataFrame(schema={"funding_at": _TIME, "funding_rate": pl.Float64, "period_hours": pl.Float64}),
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
