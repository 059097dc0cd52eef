"""What a backtest knows of a made-up market beside `reduced.levels`: books, expiries strike by strike, settlements.

Tables are named as those that `gex_backtest` reads of a warehouse; instants are microseconds UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.max_pain import lowest, payout_usd
from gex_pipeline.core.units import DAY_US, HOUR_US, ONE_PERCENT, SECONDS_PER_YEAR
from gex_pipeline.market import surface
from gex_pipeline.market.books import CARRY, COINS
from gex_pipeline.market.draws import Ints
from gex_pipeline.market.economy import Market
from gex_pipeline.market.hedging import bell, bumps
from gex_pipeline.market.positions import Day
from gex_pipeline.market.reduced import by_day

Columns = dict[str, Floats | Ints]
_TIME = pl.Datetime("us", "UTC")
#: Hours before an expiry from which on its strikes are told one by one.
_AHEAD = 97
#: Distance from spot of the calls that are near, and tenor of the IV, in years.
_NEAR, _MONTH = 0.05, 30.0 / 365.0
#: Minutes before 08:00 UTC whose mean is the settlement price.
_SETTLING = 30


def books(market: Market) -> pl.DataFrame:
    """Per hour ``snapshot_at``, ``iv30``, ``call_near_share``, volumes of puts and calls (coins) and ``strikes``."""
    parts = list(_by_day(market))
    days = [_of_day(market, held, hours) for held, hours in parts]
    columns = {name: np.concatenate([day[name] for day in days]) for name in days[0]}
    listed = pl.Series("strikes", [np.unique(held.ladder.strike) for held, _ in parts], pl.List(pl.Float64))
    strikes = listed.gather(np.repeat(np.arange(len(parts)), [len(hours) for _, hours in parts]))
    return pl.DataFrame(columns).with_columns(strikes, pl.col("snapshot_at").cast(_TIME))


def _by_day(market: Market) -> Iterator[tuple[Day, Ints]]:
    """The hours of a market, numbered from its start, with the positions that are held then."""
    start_us = _start_us(market)
    at = start_us + HOUR_US * np.arange(len(market.volatility))
    yield from ((held, (hours - start_us) // HOUR_US) for held, hours in by_day(market, at))


def _of_day(market: Market, held: Day, hours: Ints) -> Columns:
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
    parts = [part for held, hours in days for part in _expiries(market, held, hours)]
    flat = pl.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
    keys = ["snapshot_at", "expiry_at"]
    rows = flat.group_by(keys, maintain_order=True).agg(pl.exclude("max_pain_usd"), pl.col("max_pain_usd").first())
    return rows.sort(keys).with_columns(pl.col(keys).cast(_TIME))


def _expiries(market: Market, held: Day, hours: Ints) -> Iterator[Columns]:
    """Expiry by expiry, a row for each strike and hour."""
    ahead = np.flatnonzero(held.ladder.expiry_us <= held.begin_us + DAY_US + _AHEAD * HOUR_US)
    at, _, share = _at(market, held, hours)
    coins = held.open_interest[:, ahead] + share[:, None, None] * held.new[:, ahead]
    gross = _gross(market, held, hours, ahead) * coins.sum(axis=1)
    strike, expiry_us = held.ladder.strike[ahead], held.ladder.expiry_us[ahead]
    for us in np.unique(expiry_us).tolist():
        is_told, is_here = at >= us - _AHEAD * HOUR_US, expiry_us == us
        strikes, (calls, puts) = strike[is_here], np.moveaxis(coins[is_told][:, :, is_here], 1, 0)
        yield {
            "snapshot_at": np.repeat(at[is_told], len(strikes)),
            "expiry_at": np.full(calls.size, us),
            "strikes": np.tile(strikes, len(calls)),
            "gross_gex_usd": gross[is_told][:, is_here].ravel(),
            "oi_coin": (calls + puts).ravel(),
            "max_pain_usd": np.repeat(_pain(strikes, calls, puts), len(strikes)),
        }


def _pain(strikes: Floats, calls: Floats, puts: Floats) -> Floats:
    """Max pain of each hour; coins of shape (hours, strikes)."""
    payout = payout_usd(np.broadcast_to(strikes, calls.shape), calls, puts)
    return strikes[lowest(payout, np.ones_like(payout, dtype=bool))]


def _gross(market: Market, held: Day, hours: Ints, chosen: Ints) -> Floats:
    """Gross gamma of a coin at each of some strikes in USD per 1 %, shape (hours, strikes)."""
    at, spot, share = _at(market, held, hours)
    usual, log_spot = COINS[market.coin][1], np.log(spot)[:, None]
    middle, width = bumps(held, share, log_spot, market.volatility[hours], usual, chosen)
    forward = np.exp(CARRY * (held.ladder.expiry_us[chosen] - at[:, None]) / 1e6 / SECONDS_PER_YEAR)
    return ONE_PERCENT * spot[:, None] * forward * bell(middle, width)


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
