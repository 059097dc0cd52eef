"""A made-up market by the minute: shocks become returns that feel the dealers' hedging.

A shock e becomes a return (e + kappa C / L) m with m = 1 / (1 + kappa G / L): G the dealers' gamma in USD per 1 % at
the present price, L the USD that move the price by 1 %, and C what their hedges must trade because time passes
(Avellaneda and Lipkin 2003, doi:10.1088/1469-7688/3/6/301). Dealers who are long gamma dampen, those who are short
amplify, and a large position at a strike near its expiry pins: deltas fall below it and rise above it, so that hedgers
push the price towards it. Whoever sold the strike with the most gamma of calls above a morning's spot, or of puts
below, defends it for that day. Pure and seeded: the same seed gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import accumulate

import numpy as np

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.units import DAY_US
from gex_pipeline.market.books import COINS
from gex_pipeline.market.draws import generator
from gex_pipeline.market.hedging import at_spot, defended, profiles, push
from gex_pipeline.market.positions import SIZES, Day, Habits
from gex_pipeline.market.shocks import MINUTES_A_DAY, shocks
from gex_pipeline.market.switches import Switches

#: USD that move the largest coin by 1 %, in the proportions of the coins' options.
_DEPTH_USD = 500e6
LEAST, MOST = 0.3, 3.0
#: Hours that are made at once: what options are priced at is known that long before.
_STRETCH = 8
#: Hours in which realised variance is forgotten to 1/e, its weight beside the usual, and what sellers ask on top.
_MEMORY, _WEIGHT, _PREMIUM = 60.0, 0.7, 0.12
_HOUR, _EIGHT = 60, 8
#: Days before the first one, in which positions grow.
WARM_UP = 30


@dataclass(frozen=True, eq=False)
class Market:
    """One coin over some days from 00:00 UTC on.

    By the minute, the last of each: ``price`` in USD (one more at the front: the price at the start), ``multiplier`` m,
    ``pull`` (log-return by hedges that decay and by walls that are defended) and ``minute_volatility``, annual (a
    fraction), hedging included. By the hour, its beginning: ``volatility`` the level that options are priced at (a
    fraction).
    ``held``: the positions of each day from 08:00 UTC on, the first of the day before ``start``; ``mornings``: spot at
    08:00 UTC, with ``WARM_UP`` days more at the front, in which positions have grown. ``defended``: of each day of
    ``held`` the strikes that are defended, of calls and of puts (USD, NaN for none), shape (days, 2).
    """

    coin: str
    start: datetime
    price: Floats
    multiplier: Floats
    pull: Floats
    minute_volatility: Floats
    volatility: Floats
    held: tuple[Day, ...]
    mornings: Floats
    defended: Floats

    @cached_property
    def gamma_usd(self) -> Floats:
        """The dealers' true gamma at the begin of each hour in USD per 1 %."""
        return at_spot(self.held, np.log(self.price[:-1:_HOUR]), self.volatility, COINS[self.coin][1])

    def day(self, instant_us: int) -> tuple[Day, float]:
        """The positions at an instant (microseconds since 1970): their day, and the share of it that is over."""
        number, rest = divmod(instant_us - self.held[0].begin_us, DAY_US)
        return self.held[number], rest / DAY_US


def simulate(coin: str, start: datetime, days: int, seed: int, switches: Switches) -> Market:
    """A market of some days; ``start`` at 00:00 UTC. A longer one begins as a shorter one does."""
    spot, usual = COINS[coin]
    shaken = shocks(seed, coin, usual, start, days)
    habits, mornings = Habits(seed, coin, switches), mornings_before(seed, coin).tolist()
    held = [habits.first(start.date() - timedelta(days=1), np.array(mornings))]
    defence = switches.feedback * switches.walls
    walls = [_walls(defence, held[0], mornings[-1], usual)]
    feel = switches.feedback / (_DEPTH_USD * SIZES[coin])
    log_price = np.empty(days * MINUTES_A_DAY + 1)
    multiplier, pull = np.ones(days * MINUTES_A_DAY), np.zeros(days * MINUTES_A_DAY)
    asked = 1.0 + _PREMIUM * switches.premium
    log_price[0], variance, level, levels = np.log(spot), usual**2, asked * usual, np.empty(days * 24)
    for begin in range(0, days * 24, _STRETCH):
        if begin % 24 == _EIGHT:
            mornings.append(float(np.exp(log_price[begin * _HOUR])))
            held.append(habits.next(held[-1], mornings[-1]))
            walls.append(_walls(defence, held[-1], mornings[-1], usual))
        before, level = level, asked * _level(variance, usual)
        hours = begin + np.arange(_STRETCH)
        levels[hours] = before + (level - before) * np.arange(_STRETCH) / _STRETCH
        span = slice(begin * _HOUR, (begin + _STRETCH) * _HOUR)
        origin, moves = float(log_price[span.start]), shaken.returns[span]
        if feel:
            x, gamma, decay = profiles(held[-1], (hours - _EIGHT) % 24 / 24, origin, levels[hours], usual)
            drift = feel * decay + defence * push(origin + x, walls[-1], usual)
            felt = _felt(origin, x, moves, feel * gamma, drift)
            log_price[span.start + 1 : span.stop + 1], multiplier[span], pull[span] = felt
        else:  # the null market, which a thousand are drawn of
            log_price[span.start + 1 : span.stop + 1] = origin + np.cumsum(moves)
        realised = float(np.sum(np.diff(log_price[span.start : span.stop + 1]) ** 2)) * 24.0 * 365.0 / _STRETCH
        variance += (realised - variance) * _STRETCH / _MEMORY
    volatility = shaken.volatility * multiplier
    minutes = (np.exp(log_price), multiplier, pull, volatility)
    return Market(coin, start, *minutes, levels, tuple(held), np.array(mornings), np.array(walls))


def _walls(defence: float, held: Day, spot: float, usual: float) -> Floats:
    """What is defended; nothing where there is no defence."""
    return defended(held, spot, usual) if defence else np.full(2, np.nan)


def unhedged(coin: str, start: datetime, days: int, seed: int, premium: float) -> tuple[Floats, Floats]:
    """Log-price by the minute and level of volatility by the hour of a market that feels no hedging, as `simulate`."""
    spot, usual = COINS[coin]
    log_price = np.log(spot) + np.append(0.0, np.cumsum(shocks(seed, coin, usual, start, days).returns))
    squares = np.diff(log_price).reshape(-1, _STRETCH * _HOUR) ** 2
    realised = squares.sum(axis=1) * 24.0 * 365.0 / _STRETCH
    keep = 1.0 - _STRETCH / _MEMORY
    variances = np.array(list(accumulate(realised, lambda v, r: keep * v + (1 - keep) * r, initial=usual**2)))
    ends = (1.0 + _PREMIUM * premium) * np.array([usual, *(_level(v, usual) for v in variances[:-1])])
    at = np.arange(24 * days)
    return log_price, np.interp(at, _STRETCH * np.arange(len(ends)), ends)


def _level(variance: float, usual: float) -> float:
    """The volatility that is to be expected after so much realised variance (annual)."""
    return float(np.sqrt(_WEIGHT * variance + (1.0 - _WEIGHT) * usual**2))


def mornings_before(seed: int, coin: str) -> Floats:
    """Spot of the mornings before the first day: a walk that ends near the start. Nobody feels hedging yet."""
    spot, usual = COINS[coin]
    steps = generator(seed, coin, "before").standard_normal(WARM_UP + 1) * usual / np.sqrt(365.0)
    return spot * np.exp(np.cumsum(steps)[::-1])


Walked = tuple[list[float], list[float], list[float]]
#: Multiplier at a point and its rise to the next, and the same of the pull.
_Row = list[float]


def _felt(start: float, x: Floats, moves: Floats, feel: Floats, drift: Floats) -> Walked:
    """Prices (log), multipliers and pulls, minute by minute, from a start on.

    ``feel``: kappa G / L, ``drift``: kappa C / L and the defence of walls, of each hour at distances x from the start,
    shape (hours, points); between points straight lines.
    """
    m = np.clip(1.0 / np.maximum(1.0 + feel, 1.0 / MOST), LEAST, MOST)
    rows = [each for at in (m, m * drift) for each in (at[:, :-1], np.diff(at))]
    walked: Walked = [start], [], []
    hours = zip(np.stack(rows, axis=2).tolist(), moves.reshape(len(feel), -1).tolist(), strict=True)
    for table, hour in hours:
        _walk(walked, float(start + x[0]), float(x[1] - x[0]), hour, table)
    return walked[0][1:], *walked[1:]


def _walk(walked: Walked, origin: float, step: float, moves: list[float], table: list[_Row]) -> None:
    """Walk on through an hour whose table begins at a price: plain numbers, those of numpy take twice the time."""
    prices, multipliers, pulls = walked
    price, last = prices[-1], len(table) - 1
    for move in moves:
        place = (price - origin) / step
        below = int(place)
        if not 0 <= below <= last:
            place = below = 0 if below < 0 else last
        m, rise, pull, climb = table[below]
        rest = place - below
        m, pull = m + rest * rise, pull + rest * climb
        price += move * m + pull
        prices.append(price)
        multipliers.append(m)
        pulls.append(pull)
