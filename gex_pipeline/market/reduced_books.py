"""What a backtest knows of a made-up market beside `reduced.levels`: books, expiries strike by strike, settlements.

Tables are named as those that `gex_backtest` reads of a warehouse; instants are microseconds UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import polars as pl

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.max_pain import lowest, payout_usd
from gex_pipeline.core.units import ONE_PERCENT, SECONDS_PER_YEAR
from gex_pipeline.market import surface
from gex_pipeline.market.books import CARRY, COINS
from gex_pipeline.market.draws import Ints
from gex_pipeline.market.economy import Market
from gex_pipeline.market.hedging import bell, bumps
from gex_pipeline.market.ladder import DAY_US
from gex_pipeline.market.positions import Day
from gex_pipeline.market.reduced import HOUR_US, by_day

_TIME = pl.Datetime("us", "UTC")
#: Hours before an expiry from which on its strikes are told one by one.
_AHEAD = 97
#: Distance from spot of the calls that are near, and tenor of the IV, in years.
_NEAR, _MONTH = 0.05, 30.0 / 365.0
#: Minutes before 08:00 UTC whose mean is the settlement price.
_SETTLING = 30


def books(market: Market) -> pl.DataFrame:
    """Per hour ``snapshot_at``, ``iv30``, ``call_near_share``, volumes of puts and calls (coins) and ``strikes``."""
    days = [_of_day(market, held, hours) for held, hours in _by_day(market)]
    columns = {name: np.concatenate([day[name] for day in days]) for name in days[0] if name != "strikes"}
    strikes = pl.Series("strikes", [each for day in days for each in day["strikes"]], pl.List(pl.Float64))
    return pl.DataFrame(columns).with_columns(strikes, pl.col("snapshot_at").cast(_TIME))


def _by_day(market: Market) -> Iterator[tuple[Day, Ints]]:
    """The hours of a market, numbered from its start, with the positions that are held then."""
    start_us = _start_us(market)
    at = start_us + HOUR_US * np.arange(len(market.gamma_usd))
    yield from ((held, (hours - start_us) // HOUR_US) for held, hours in by_day(market, at))


def _of_day(market: Market, held: Day, hours: Ints) -> dict[str, Any]:
    at, spot, share = _at(market, held, hours)
    calls = held.open_interest[0] + share[:, None] * held.new[0]
    is_near = np.abs(held.ladder.strike / spot[:, None] - 1.0) <= _NEAR
    calls_volume, puts_volume = _volumes(market, held, share)
    usual = COINS[market.coin][1]
    return {
        "snapshot_at": at,
        "spot_usd": spot,
        "iv30": surface.at_the_money(market.volatility[hours], usual, np.full(len(hours), _MONTH)),
        "call_near_share": (calls * is_near).sum(axis=1) / calls.sum(axis=1),
        "put_volume_coin": puts_volume,
        "call_volume_coin": calls_volume,
        "strikes": len(hours) * [np.unique(held.ladder.strike)],
    }


def _volumes(market: Market, held: Day, share: Floats) -> Floats:
    """Coins of calls and of puts that changed hands in 24 hours, of what is still listed, see `quotes`; (2, hours)."""
    before = market.held[max(0, (held.date - market.held[0].date).days - 1)]
    is_listed, _ = held.ladder.places(before.ladder)
    yesterday, today = before.turnover[:, is_listed].sum(axis=1), held.turnover.sum(axis=1)
    return yesterday[:, None] + share * (today - yesterday)[:, None]


def expiring(market: Market, hours_of_day: Iterable[int] = range(24)) -> pl.DataFrame:
    """Per snapshot at some hours and expiry ahead: ``strikes``, ``gross_gex_usd``, ``oi_coin``, ``max_pain_usd``."""
    wanted = sorted(hours_of_day)
    days = ((held, hours[np.isin(hours % 24, wanted)]) for held, hours in _by_day(market))
    rows = [row for held, hours in days for row in _expiries(market, held, hours)]
    names = ("snapshot_at", "expiry_at", "strikes", "gross_gex_usd", "oi_coin", "max_pain_usd")
    frame = pl.DataFrame(rows, schema=names, orient="row").sort("snapshot_at", "expiry_at")
    return frame.with_columns(pl.col("snapshot_at", "expiry_at").cast(_TIME))


def _expiries(market: Market, held: Day, hours: Ints) -> Iterator[tuple[object, ...]]:
    at, _, share = _at(market, held, hours)
    coins = held.open_interest + share[:, None, None] * held.new
    is_ahead = held.ladder.expiry_us <= held.begin_us + DAY_US + _AHEAD * HOUR_US
    gross = _gross(market, held, hours, is_ahead)
    for expiry_us in np.unique(held.ladder.expiry_us[is_ahead]).tolist():
        here = np.flatnonzero(held.ladder.expiry_us == expiry_us)
        strikes, (calls, puts) = held.ladder.strike[here], np.moveaxis(coins[:, :, here], 1, 0)
        payout = payout_usd(np.broadcast_to(strikes, calls.shape), calls, puts)
        pain = strikes[lowest(payout, np.ones_like(payout, dtype=bool))]
        for i in np.flatnonzero(at >= expiry_us - _AHEAD * HOUR_US).tolist():
            yield int(at[i]), expiry_us, strikes, gross[i, here], calls[i] + puts[i], float(pain[i])


def _gross(market: Market, held: Day, hours: Ints, chosen: np.ndarray) -> Floats:
    """Gross gamma of each strike in USD per 1 %, shape (hours, strikes); 0 where a strike is not chosen."""
    at, spot, share = _at(market, held, hours)
    middle, width = bumps(held, share, np.log(spot)[:, None], market.volatility[hours], COINS[market.coin][1])
    forward = np.exp(CARRY * (held.ladder.expiry_us - at[:, None]) / 1e6 / SECONDS_PER_YEAR)
    coins = (held.open_interest + share[:, None, None] * held.new).sum(axis=1)
    return np.where(chosen, ONE_PERCENT * spot[:, None] * forward * bell(middle, width) * coins, 0.0)


def settlements(market: Market) -> pl.DataFrame:
    """Per day ``expiry_at`` and ``price_usd``: the mean of the last half hour."""
    ends = np.arange(8 * 60, len(market.price), 24 * 60)
    total = np.cumsum(market.price)
    at = pl.Series("expiry_at", _start_us(market) + 60_000_000 * ends).cast(_TIME)
    return pl.DataFrame({"expiry_at": at, "price_usd": (total[ends] - total[ends - _SETTLING]) / _SETTLING})


def _at(market: Market, held: Day, hours: Ints) -> tuple[Ints, Floats, Floats]:
    """Instants, spot and the share of the day that is over."""
    at = _start_us(market) + hours * HOUR_US
    return at, market.price[60 * hours], (at - held.begin_us) / DAY_US


def _start_us(market: Market) -> int:
    return round(market.start.timestamp() * 1e6)
