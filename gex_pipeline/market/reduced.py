"""A made-up market as a backtest sees it: hourly levels over candles, without quotes, venues or files.

In about a second for 90 days, so that a thousand markets can be drawn. Levels are those of the whole open interest by
the naive sign convention; their walls and flips are found by `core`, the re-priced net on a grid that is coarser where
strikes are wide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
from scipy.interpolate import CubicSpline

from gex_pipeline.core import flips, strike_levels
from gex_pipeline.core.black76 import INV_SQRT_2PI, Floats
from gex_pipeline.core.profile import SEARCH_STEP, search_grid
from gex_pipeline.core.strike_levels import StrikeBooks
from gex_pipeline.core.units import ONE_PERCENT, SECONDS_PER_YEAR
from gex_pipeline.market import surface
from gex_pipeline.market.books import CARRY, COINS
from gex_pipeline.market.draws import Ints
from gex_pipeline.market.economy import Market, densities
from gex_pipeline.market.ladder import DAY_US
from gex_pipeline.market.minutes import Bars, longer, minute_bars
from gex_pipeline.market.positions import Day

_HOUR_US = 3_600_000_000
#: Every so many points of the search grid, every so many hours are enough for strikes wider than so many steps between
#: two such points.
_STRIDES, _STEPS_PER_WIDTH = {1: 1, 2: 2, 4: 4, 8: 4}, 5
#: The uniform part of the search grid; widths beyond which a strike is left out.
_GRID, _FAR = search_grid()[1:-1], 5.5
_WALLS = {
    "call": ("call_resistance", "call_wall_2", "call_wall_3"),
    "put": ("put_support", "put_wall_2", "put_wall_3"),
    "call_net": ("call_resistance_net", "call_resistance_net_2", "call_resistance_net_3"),
    "put_net": ("put_support_net", "put_support_net_2", "put_support_net_3"),
}
_EXTREMES = ("max_positive_gamma", "max_negative_gamma", "absolute_gamma")

Columns = dict[str, Floats]


def candles(market: Market, seed: int, minutes: int) -> Bars:
    """Candles of so many minutes."""
    return longer(minute_bars(market, seed), minutes)


def levels(market: Market) -> dict[str, pl.DataFrame]:
    """Scope -> levels of every hour, named as in `levels_wide`; NaN where there is none."""
    start_us = round(market.start.timestamp() * 1e6)
    hours = start_us + _HOUR_US * np.arange(len(market.gamma_usd))
    days = [_Strikes.of(market, held, at) for held, at in _by_day(market, hours)]
    times = pl.Series("snapshot_at", hours).cast(pl.Datetime("us", "UTC"))
    books = {"all_expiry": days, "odte": [day.expiring() for day in days]}
    return {scope: pl.DataFrame({"snapshot_at": times, **_columns(parts)}) for scope, parts in books.items()}


def _by_day(market: Market, hours: Ints) -> Iterator[tuple[Day, Ints]]:
    for held in market.held:
        is_in = (hours >= held.begin_us) & (hours < held.begin_us + DAY_US)
        if is_in.any():
            yield held, hours[is_in]


@dataclass(frozen=True, eq=False)
class _Strikes:
    """The strikes of all expiries at some hours of a day, arrays (hours, strikes) but for ``expiry_us`` and ``strike``.

    As bumps in x = ln(price / that of the first hour), see `core.profile`: ``middle``, ``width``, and per side ``call``
    and ``put``, the coins of open interest, times forward beside spot. Per hour ``spot`` (USD) and its place ``x``.
    """

    spot: Floats
    x: Floats
    expiry_us: Ints
    strike: Floats
    middle: Floats
    width: Floats
    call: Floats
    put: Floats

    @staticmethod
    def of(market: Market, held: Day, hours: Ints) -> _Strikes:
        """All that is held at some hours of a day."""
        share = (hours - held.begin_us)[:, None] / DAY_US
        hour = (hours - round(market.start.timestamp() * 1e6)) // _HOUR_US
        spot, level = market.price[60 * hour], market.volatility[hour]
        x = np.log(spot / spot[0])
        tenor = (held.ladder.expiry_us - hours[:, None]) / 1e6 / SECONDS_PER_YEAR
        away = np.log(held.ladder.strike / spot[0]) - CARRY * tenor
        atm = surface.at_the_money(level[:, None], COINS[market.coin][1], tenor)
        width = surface.smile(atm, tenor, away - x[:, None]) * np.sqrt(tenor)
        call, put = np.exp(CARRY * tenor) * (held.open_interest[:, None] + share * held.new[:, None])
        middle = away - 0.5 * width**2
        return _Strikes(spot, x, held.ladder.expiry_us, held.ladder.strike, middle, width, call, put)

    def expiring(self) -> _Strikes:
        """Those of the next 08:00 UTC."""
        is_next = self.expiry_us == self.expiry_us.min()
        rows = (each[:, is_next] for each in (self.middle, self.width, self.call, self.put))
        return _Strikes(self.spot, self.x, self.expiry_us[is_next], self.strike[is_next], *rows)

    def books(self) -> StrikeBooks:
        """Gamma at spot per strike, all expiries together."""
        order = np.argsort(self.strike, kind="stable")
        strikes, starts = np.unique(self.strike[order], return_index=True)
        height = ONE_PERCENT * self.spot[:, None] * INV_SQRT_2PI / self.width
        density = height * np.exp(-0.5 * ((self.x[:, None] - self.middle) / self.width) ** 2)
        call, put = (np.add.reduceat((side * density)[:, order], starts, axis=1) for side in (self.call, self.put))
        return StrikeBooks(strikes, self.spot, call, -put, call + put, np.ones_like(call, dtype=bool))

    def profile(self, stride: int) -> Floats:
        """Net gamma, but for factors that all strikes share, of those that every so many points are enough for.

        Shape (hours, points). Where they are wide it is worked out every few hours and is straight between.
        """
        least = self.width.min(axis=0) / (_STEPS_PER_WIDTH * SEARCH_STEP)
        wider = [each for each in _STRIDES if each > stride]
        is_mine = (least >= stride * (stride > 1)) & (least < min(wider, default=np.inf))
        n = len(self.spot)
        hours, between = _hours(n, _STRIDES[stride])
        middle, width, net = (each[hours][:, is_mine] for each in (self.middle, self.width, self.call - self.put))
        points = _GRID[::stride]
        out = np.zeros((len(hours), len(points)))
        if is_mine.any():
            reach = (middle - _FAR * width).min(), (middle + _FAR * width).max()
            near = slice(*np.searchsorted(points, reach).tolist())
            single = (np.asarray(each, dtype=np.float32) for each in (points[near], middle, width, net))
            out[:, near] = densities(*single)  # seven digits are more than a level needs
        return between @ out


@lru_cache
def _hours(n: int, every: int) -> tuple[Ints, Floats]:
    """Every so many of n hours and the last, and what turns values at them into those at all n: straight lines."""
    hours = np.unique([*range(0, n, every), n - 1])
    return hours, np.stack([np.interp(np.arange(n), hours, each) for each in np.eye(len(hours))], axis=1)


@lru_cache
def _between(stride: int) -> Floats:
    """What turns values at every so many points of the grid into those at all of them: a cubic spline."""
    some = _GRID[::stride]
    return np.asarray(CubicSpline(some, np.eye(len(some)))(_GRID)).T


def _columns(days: Sequence[_Strikes]) -> Columns:
    found = [_at_strikes(day.books()) for day in days]
    columns = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
    net, x = sum(_net(days, stride) for stride in _STRIDES), np.concatenate([day.x for day in days])
    return columns | {"zero_gamma": columns["spot_usd"] * np.exp(_crossing(net * np.exp(_GRID), x))}


def _net(days: Sequence[_Strikes], stride: int) -> Floats:
    some = np.concatenate([day.profile(stride) for day in days])
    return some @ _between(stride) if stride > 1 else some


def _crossing(net: Floats, x: Floats) -> Floats:
    """Where the headline crossing is, ln(price / spot) per hour. The floor is that of net: gross is not at hand.

    ``x``: where spot is on the grid.
    """
    found = flips.Brackets.from_grid(_GRID, net, np.abs(net))
    away = found.guess - x[found.group]
    crossings = flips.Crossings(found.group, away, found.is_up, np.full_like(away, np.nan))
    return flips.headline(crossings, len(net))[0]


def _at_strikes(books: StrikeBooks) -> Columns:
    walls, hvl = strike_levels.walls(books), strike_levels.hvl(books)[0]
    chosen = {name: walls[kind][:, i] for kind, names in _WALLS.items() for i, name in enumerate(names)}
    chosen |= dict(zip(_EXTREMES, strike_levels.extremes(books), strict=True))
    chosen["hvl_slope"] = strike_levels.hvl_slope(books)[0]
    levels = {name: np.where(at >= 0, books.strikes[at], np.nan) for name, at in chosen.items()}
    return {"spot_usd": books.spot, "net_gex_usd": books.net.sum(axis=1), "hvl": hvl, **levels}
