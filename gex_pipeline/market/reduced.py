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
from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.profile import SEARCH_STEP, search_grid
from gex_pipeline.core.strike_levels import StrikeBooks
from gex_pipeline.core.units import DAY_US, HOUR_US, ONE_PERCENT, SECONDS_PER_YEAR
from gex_pipeline.market.books import CARRY, COINS
from gex_pipeline.market.draws import Ints
from gex_pipeline.market.economy import Market
from gex_pipeline.market.hedging import bell, bumps, densities
from gex_pipeline.market.minutes import Bars, longer, minute_bars
from gex_pipeline.market.positions import Day
from gex_pipeline.schema.derived import EXTREMES, WALLS

#: Every other point of the search grid: enough to find a crossing, which is then refined.
_STEP, _GRID = 2 * SEARCH_STEP, search_grid()[1:-1:2]
#: Every so many points, and hours, are enough for strikes wider than so many steps between two such points.
_STRIDES, _STEPS_PER_WIDTH = (1, 2, 4), 3
#: Widths beyond which a strike is left out.
_FAR = 5.5
#: Days whose strikes are looked at together.
_TOGETHER = 8
#: Most steps of Newton's method, and the step (squared by the next) that is the last.
_REFINEMENTS, _CLOSE = 8, 1e-5

Columns = dict[str, Floats]


def candles(market: Market, seed: int, minutes: int) -> Bars:
    """Candles of so many minutes."""
    return longer(minute_bars(market, seed), minutes)


def levels(market: Market) -> dict[str, pl.DataFrame]:
    """Scope -> levels of every hour, named as in `levels_wide`; NaN where there is none."""
    start_us = round(market.start.timestamp() * 1e6)
    hours = start_us + HOUR_US * np.arange(len(market.volatility))
    days = [_Strikes.of(market, held, at) for held, at in by_day(market, hours)]
    times = pl.Series("snapshot_at", hours).cast(pl.Datetime("us", "UTC"))
    first, later = ([day.where(day.is_next == is_next) for day in days] for is_next in (True, False))
    net = [np.concatenate([day.net() for day in part]) for part in (first, later)]
    found = {"all_expiry": _columns(days, net[0] + net[1]), "odte": _columns(first, net[0])}
    return {scope: pl.DataFrame({"snapshot_at": times, **columns}) for scope, columns in found.items()}


def by_day(market: Market, hours: Ints) -> Iterator[tuple[Day, Ints]]:
    """Hours (microseconds since 1970), with the positions that are held then."""
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
        shares, hour = (hours - held.begin_us) / DAY_US, (hours - round(market.start.timestamp() * 1e6)) // HOUR_US
        spot = market.price[60 * hour]
        x = np.log(spot / spot[0])
        middle, width = bumps(held, shares, np.log(spot)[:, None], market.volatility[hour], COINS[market.coin][1])
        forward = np.exp(CARRY * (held.ladder.expiry_us - hours[:, None]) / 1e6 / SECONDS_PER_YEAR)
        call, put = forward * (held.open_interest[:, None] + shares[:, None] * held.new[:, None])
        return _Strikes(spot, x, held.ladder.expiry_us, held.ladder.strike, middle + x[:, None], width, call, put)

    @property
    def is_next(self) -> Bools:
        """Which of them expire at the next 08:00 UTC."""
        return self.expiry_us == self.expiry_us.min()

    def where(self, is_kept: Bools) -> _Strikes:
        """Some of them."""
        rows = (each[:, is_kept] for each in (self.middle, self.width, self.call, self.put))
        return _Strikes(self.spot, self.x, self.expiry_us[is_kept], self.strike[is_kept], *rows)

    def books(self) -> StrikeBooks:
        """Gamma at spot per strike, all expiries together."""
        order = np.argsort(self.strike, kind="stable")
        strikes, starts = np.unique(self.strike[order], return_index=True)
        density = ONE_PERCENT * self.spot[:, None] * bell(self.x[:, None] - self.middle, self.width)
        call, put = (np.add.reduceat((side * density)[:, order], starts, axis=1) for side in (self.call, self.put))
        return StrikeBooks(strikes, self.spot, call, -put, call + put, np.ones_like(call, dtype=bool))

    def nearer(self, x: Floats) -> Floats:
        """A step of Newton's method towards where net is 0, from x per hour on; NaN stays."""
        away = x[:, None] - self.middle
        density = (self.call - self.put) * bell(away, self.width)
        slope = -(density * away / self.width**2).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return x - np.clip(density.sum(axis=1) / slope, -_STEP, _STEP)

    def net(self) -> Floats:
        """Net gamma, but for factors that all strikes share, shape (hours, points of the grid)."""
        least = self.width.min(axis=0) / (_STEPS_PER_WIDTH * _STEP)
        parts = zip(_STRIDES, (0, *_STRIDES[1:]), (*_STRIDES[1:], np.inf), strict=True)
        strikes = ((stride, np.flatnonzero((low <= least) & (least < high))) for stride, low, high in parts)
        some = (self._net(stride, mine) for stride, mine in strikes if len(mine))
        return sum(some, np.zeros((len(self.spot), len(_GRID))))

    def _net(self, stride: int, mine: Ints) -> Floats:
        """That of some strikes; worked out every so many hours and points, between them a line and a spline."""
        hours = np.unique([*range(0, len(self.spot), stride), len(self.spot) - 1])
        here = np.ix_(hours, mine)
        middle, width, net = self.middle[here], self.width[here], self.call[here] - self.put[here]
        points = _GRID[::stride]
        out = np.zeros((len(hours), len(points)))
        reach = (middle - _FAR * width).min(), (middle + _FAR * width).max()
        near = slice(*np.searchsorted(points, reach).tolist())
        single = (each.astype(np.float32) for each in (points[near], middle, width, net))
        out[:, near] = densities(*single)  # seven digits are enough to find a crossing
        return out if stride == 1 else _lines(len(self.spot), tuple(hours)) @ out @ _spline(stride)


@lru_cache
def _lines(n: int, hours: tuple[int, ...]) -> Floats:
    """What turns values at some of n hours into those at all of them: straight lines."""
    return np.stack([np.interp(np.arange(n), hours, each) for each in np.eye(len(hours))], axis=1)


@lru_cache
def _spline(stride: int) -> Floats:
    """What turns values at every so many points of the grid into those at all of them."""
    some = _GRID[::stride]
    return np.asarray(CubicSpline(some, np.eye(len(some)))(_GRID)).T


def _columns(days: Sequence[_Strikes], net: Floats) -> Columns:
    """Levels of some days one after the other; ``net`` as of :meth:`_Strikes.net`."""
    some = (days[i : i + _TOGETHER] for i in range(0, len(days), _TOGETHER))
    found = [_at_strikes(_together([day.books() for day in each])) for each in some]
    columns = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
    spot_x = np.concatenate([day.x for day in days])
    gross = columns.pop("gross_gex_usd") / (ONE_PERCENT * columns["spot_usd"]) * np.exp(spot_x)
    x = _crossing(net * np.exp(_GRID), gross, spot_x)
    parts = np.split(x, np.cumsum([len(day.x) for day in days])[:-1])
    exact = np.concatenate([_refined(day, part) for day, part in zip(days, parts, strict=True)])
    return columns | {"zero_gamma": columns["spot_usd"] * np.exp(exact - spot_x)}


def _refined(day: _Strikes, x: Floats) -> Floats:
    for _ in range(_REFINEMENTS):
        before, x = x, day.nearer(x)
        if not (np.abs(x - before) > _CLOSE).any():
            break
    return x


def _crossing(net: Floats, gross: Floats, x: Floats) -> Floats:
    """Where the headline crossing is on the grid, per hour. The floor is that of gross at spot, or of net.

    ``x``: where spot is on the grid.
    """
    largest = np.maximum(np.abs(net).max(axis=1), gross)[:, None]
    found = flips.Brackets.from_grid(_GRID, net, flips.is_above_floor(net, largest))
    away = found.guess - x[found.group]
    crossings = flips.Crossings(found.group, away, found.is_up, np.full_like(away, np.nan))
    return flips.headline(crossings, len(net))[0] + x


def _together(parts: Sequence[StrikeBooks]) -> StrikeBooks:
    """Books of several days, over the strikes of any of them: one call of `core` for all."""
    strikes = np.unique(np.concatenate([part.strikes for part in parts]))
    n = [len(part.spot) for part in parts]
    call, put = (np.zeros((sum(n), len(strikes))) for _ in range(2))
    is_listed = np.zeros(call.shape, dtype=bool)
    for part, end in zip(parts, np.cumsum(n).tolist(), strict=True):
        here = slice(end - len(part.spot), end), np.searchsorted(strikes, part.strikes)
        call[here], put[here], is_listed[here] = part.call, part.put, True
    return StrikeBooks(strikes, np.concatenate([part.spot for part in parts]), call, put, call - put, is_listed)


def _at_strikes(books: StrikeBooks) -> Columns:
    walls, hvl = strike_levels.walls(books), strike_levels.hvl(books)[0]
    chosen = {name: walls[kind][:, i] for kind, names in WALLS.items() for i, name in enumerate(names)}
    chosen |= dict(zip(EXTREMES, strike_levels.extremes(books), strict=True))
    chosen["hvl_slope"] = strike_levels.hvl_slope(books)[0]
    levels = {name: np.where(at >= 0, books.strikes[at], np.nan) for name, at in chosen.items()}
    sums = {"net_gex_usd": books.net.sum(axis=1), "gross_gex_usd": books.total_gross}
    return {"spot_usd": books.spot, **sums, "hvl": hvl, **levels}
