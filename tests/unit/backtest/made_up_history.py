"""A made-up market as a history, as if its chain had been stored every hour."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from gex_backtest.bars import DAY_US, HOUR_US, Bars
from gex_backtest.history import History
from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.max_pain import lowest, payout_usd
from gex_pipeline.core.units import ONE_PERCENT, SECONDS_PER_YEAR
from gex_pipeline.market import reduced, surface
from gex_pipeline.market.books import CARRY, COINS
from gex_pipeline.market.economy import Market
from gex_pipeline.market.hedging import bell, bumps
from gex_pipeline.market.positions import Day

START = datetime(2026, 1, 5, tzinfo=UTC)
HOURS_AHEAD = 97
#: Of each snapshot, after the instant it describes.
KNOWN_AFTER = timedelta(seconds=30)
_TIME = pl.Datetime("us", "UTC")


def history(market: Market, seed: int, minutes: int = 5, every: str = "1h") -> History:
    """With candles of so many minutes and a snapshot ``every`` so often; without funding and DVOL."""
    found = [frame.with_columns(scope=pl.lit(scope)) for scope, frame in reduced.levels(market).items()]
    levels = pl.concat(found).sort("snapshot_at", maintain_order=True).with_columns(pl.col(pl.Float64).fill_nan(None))
    tables = (_known(table, every) for table in (levels, _books(market, levels), _expiring(market)))
    return bare(market.coin, _bars(market, seed, minutes), *tables, settlements=_settlements(market))


def bare(
    coin: str,
    bars: Bars,
    levels: pl.DataFrame,
    books: pl.DataFrame,
    expiring: pl.DataFrame | None = None,
    settlements: pl.DataFrame | None = None,
) -> History:
    """The other tables have no rows."""
    expiring = pl.DataFrame(schema={"snapshot_at": _TIME, "knowledge_time": _TIME}) if expiring is None else expiring
    nothing = pl.DataFrame(schema={"expiry_at": _TIME, "knowledge_time": _TIME})
    funding = pl.DataFrame(schema={"funding_at": _TIME, "funding_rate": pl.Float64})
    dvol = pl.DataFrame(schema={"close_at": _TIME, "close": pl.Float64})
    return History(coin, bars, levels, books, expiring, nothing if settlements is None else settlements, funding, dvol)


def _bars(market: Market, seed: int, minutes: int) -> Bars:
    made = reduced.candles(market, seed, minutes)
    open_at = _start_us(market) + minutes * 60_000_000 * np.arange(len(made.open))
    return Bars(open_at, open_at + minutes * 60_000_000, made.open, made.high, made.low, made.close)


def _books(market: Market, levels: pl.DataFrame) -> pl.DataFrame:
    hourly = levels.filter(pl.col("scope") == "all_expiry").select("snapshot_at", "spot_usd")
    at = hourly["snapshot_at"].to_physical().to_numpy()
    days = [market.day(instant) for instant in at.tolist()]
    month = np.full((len(at), 1), 30 / 365)
    return hourly.drop("spot_usd").with_columns(
        iv30=surface.at_the_money(market.volatility[:, None], COINS[market.coin][1], month)[:, 0],
        call_near_share=np.array([_near_share(*day, spot) for day, spot in zip(days, hourly["spot_usd"], strict=True)]),
        put_volume_coin=np.array([np.abs(held.bought[1]).sum() for held, _ in days]),
        call_volume_coin=np.array([np.abs(held.bought[0]).sum() for held, _ in days]),
        strikes=pl.Series([np.unique(held.ladder.strike).tolist() for held, _ in days]),
    )


def _near_share(held: Day, share: float, spot: float) -> float:
    calls = held.open_interest[0] + share * held.new[0]
    return float(calls[np.abs(held.ladder.strike / spot - 1) <= 0.05].sum() / calls.sum())


def _known(table: pl.DataFrame, every: str) -> pl.DataFrame:
    chosen = table.filter(pl.col("snapshot_at") == pl.col("snapshot_at").dt.truncate(every))
    return chosen.with_columns(knowledge_time=pl.col("snapshot_at") + KNOWN_AFTER)


def _start_us(market: Market) -> int:
    return round(market.start.timestamp() * 1e6)


def _expiring(market: Market) -> pl.DataFrame:
    hours = np.arange(len(market.volatility))
    day = (_start_us(market) + hours * HOUR_US - market.held[0].begin_us) // DAY_US
    rows = [row for i, held in enumerate(market.held) for row in _of_day(market, held, hours[day == i])]
    columns = ("snapshot_at", "expiry_at", "strikes", "gross_gex_usd", "oi_coin", "max_pain_usd")
    frame = pl.DataFrame(rows, schema=columns, orient="row").sort("snapshot_at", "expiry_at")
    return frame.with_columns(pl.col("snapshot_at", "expiry_at").cast(_TIME))


def _of_day(market: Market, held: Day, hours: np.ndarray) -> Iterator[tuple[object, ...]]:
    """Rows of the hours of a day, from 08:00 UTC on."""
    at = _start_us(market) + hours * HOUR_US
    shares = (at - held.begin_us) / DAY_US
    coins = held.open_interest + shares[:, None, None] * held.new
    gross = _gamma(market, held, shares, hours, at) * coins.sum(axis=1)
    for expiry_us in np.unique(held.ladder.expiry_us).tolist():
        here = held.ladder.expiry_us == expiry_us
        strikes, (calls, puts) = held.ladder.strike[here], np.moveaxis(coins[:, :, here], 1, 0)
        payout = payout_usd(np.broadcast_to(strikes, calls.shape), calls, puts)
        pain = strikes[lowest(payout, np.ones_like(payout, dtype=bool))]
        near = at >= expiry_us - HOURS_AHEAD * HOUR_US
        for i in np.flatnonzero(near).tolist():
            lists = (strikes.tolist(), gross[i, here].tolist(), (calls + puts)[i].tolist())
            yield (int(at[i]), expiry_us, *lists, float(pain[i]))


def _gamma(market: Market, held: Day, shares: Floats, hours: np.ndarray, at: np.ndarray) -> Floats:
    """USD per 1 % of a coin of each strike, shape (hours, strikes)."""
    spot = market.price[60 * hours][:, None]
    middle, width = bumps(held, shares, np.log(spot), market.volatility[hours], COINS[market.coin][1])
    tenor = (held.ladder.expiry_us - at[:, None]) / 1e6 / SECONDS_PER_YEAR
    return ONE_PERCENT * spot * np.exp(CARRY * tenor) * bell(middle, width)


def _settlements(market: Market) -> pl.DataFrame:
    """The mean of the last half hour, known a minute later."""
    ends = np.arange(8 * 60, len(market.price), 24 * 60)
    prices = [float(market.price[end - 29 : end + 1].mean()) for end in ends.tolist()]
    at = pl.Series("expiry_at", _start_us(market) + 60_000_000 * ends).cast(_TIME)
    known = (at + timedelta(minutes=1)).alias("knowledge_time")
    return pl.DataFrame([at, known, pl.Series("price_usd", prices)]).with_columns(origin=pl.lit("venue"))
