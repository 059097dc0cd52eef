"""A made-up market by the minute: shocks become returns that feel the dealers' hedging.

A shock e becomes a return e m with m = 1 / (1 + kappa G / L): G the dealers' gamma in USD per 1 % at the present price,
L the USD that move the price by 1 %. Dealers who are long gamma dampen, those who are short amplify, and a large
position at a strike near its expiry pins. Pure and seeded: the same seed gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.units import SECONDS_PER_YEAR
from gex_pipeline.market import surface
from gex_pipeline.market.books import CARRY, COINS
from gex_pipeline.market.draws import generator
from gex_pipeline.market.ladder import DAY_US
from gex_pipeline.market.positions import SIZES, Day, Habits
from gex_pipeline.market.shocks import MINUTES_A_DAY, shocks
from gex_pipeline.market.switches import Switches

#: USD that move the largest coin by 1 %, in the proportions of the coins' options.
_DEPTH_USD = 500e6
LEAST, MOST = 0.3, 3.0
#: Prices around the hour's first for which its gamma is known: within 6 %, every 0.25 %.
_REACH, _POINTS = 0.06, 49
_GRID = np.linspace(-_REACH, _REACH, _POINTS)
#: Deviations of a log-price to expiry above which a strike's gamma is smooth: then every eighth price is enough.
_WIDE, _SPARSE = 0.05, 8
#: Standard deviations from which on a strike's gamma is nothing.
_FAR = 5.0
#: Hours in which realised variance is forgotten to 1/e, its weight beside the usual, and what sellers ask on top.
_MEMORY, _WEIGHT, _PREMIUM = 60.0, 0.7, 1.06
_HOUR, _EIGHT = 60, 8
#: Days before the first one, in which positions grow.
WARM_UP = 30


@dataclass(frozen=True, eq=False)
class Market:
    """One coin over some days from 00:00 UTC on.

    By the minute, the last of each: ``price`` in USD (one more at the front: the price at the start), ``multiplier`` m
    and ``minute_volatility``, annual (a fraction), hedging included. By the hour, its beginning: ``gamma_usd`` the
    dealers' true gamma in USD per 1 %, ``volatility`` the level that options are priced at (a fraction).
    ``held``: the positions of each day from 08:00 UTC on, the first of the day before ``start``; ``mornings``: spot at
    08:00 UTC, with ``WARM_UP`` days more at the front, in which positions have grown.
    """

    coin: str
    start: datetime
    price: Floats
    multiplier: Floats
    minute_volatility: Floats
    gamma_usd: Floats
    volatility: Floats
    held: tuple[Day, ...]
    mornings: Floats

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
    feel = switches.feedback / (_DEPTH_USD * SIZES[coin])
    log_price, multiplier = np.empty(days * MINUTES_A_DAY + 1), np.empty(days * MINUTES_A_DAY)
    gammas, levels = np.empty(days * 24), np.empty(days * 24)
    log_price[0], variance = np.log(spot), usual**2
    for hour in range(days * 24):
        first = hour * _HOUR
        if hour % 24 == _EIGHT:
            mornings.append(float(np.exp(log_price[first])))
            held.append(habits.next(held[-1], mornings[-1]))
        level = _PREMIUM * float(np.sqrt(_WEIGHT * variance + (1.0 - _WEIGHT) * usual**2))
        share = (hour - _EIGHT) % 24 / 24
        profile = gamma_profile(held[-1], share, log_price[first], level, usual)
        gammas[hour], levels[hour] = profile[_POINTS // 2], level
        place = slice(first, first + _HOUR)
        log_price[first + 1 : first + _HOUR + 1], multiplier[place] = _walk(
            log_price[first], shaken.returns[place], feel * profile
        )
        realised = float(np.sum(np.diff(log_price[first : first + _HOUR + 1]) ** 2)) * 24.0 * 365.0
        variance += (realised - variance) / _MEMORY
    felt = shaken.volatility * multiplier
    return Market(coin, start, np.exp(log_price), multiplier, felt, gammas, levels, tuple(held), np.array(mornings))


def mornings_before(seed: int, coin: str) -> Floats:
    """Spot of the mornings before the first day: a walk that ends near the start. Nobody feels hedging yet."""
    spot, usual = COINS[coin]
    steps = generator(seed, coin, "before").standard_normal(WARM_UP + 1) * usual / np.sqrt(365.0)
    return spot * np.exp(np.cumsum(steps)[::-1])


def gamma_profile(held: Day, share: float, log_spot: float, level: float, usual: float) -> Floats:
    """The dealers' gamma in USD per 1 % at prices around spot, after a share of a day; the strikes keep their smile."""
    tenor = (held.ladder.expiry_us - held.begin_us - share * DAY_US) / 1e6 / SECONDS_PER_YEAR
    moneyness = np.log(held.ladder.strike) - log_spot - CARRY * tenor
    atm = surface.at_the_money(level, usual, tenor)
    is_near = np.abs(moneyness) < _REACH + _FAR * atm * np.sqrt(tenor)
    net = held.dealers_at(share).sum(axis=0)[is_near]
    tenor, moneyness, atm = tenor[is_near], moneyness[is_near], atm[is_near]
    iv = surface.smile(atm, tenor, moneyness)
    width, middle = iv * np.sqrt(tenor), moneyness - 0.5 * iv**2 * tenor
    x, some, is_wide = _GRID, _GRID[::_SPARSE], width > _WIDE
    wide = _densities(some, middle[is_wide], width[is_wide], net[is_wide])
    narrow = _densities(x, middle[~is_wide], width[~is_wide], net[~is_wide])
    # gamma x coins x S^2 / 100; gamma = phi(d1) / (S s sqrt t)
    return 0.01 * np.exp(log_spot + x) * (narrow + np.interp(x, some, wide))


def _densities(x: Floats, middle: Floats, width: Floats, weight: Floats) -> Floats:
    """Sum of normal densities at x, each with its middle, width and weight."""
    density = np.subtract.outer(x, middle)
    density /= width
    density *= density
    density *= -0.5
    np.maximum(density, -50.0, out=density)  # numbers so small that arithmetic on them is slow
    np.exp(density, out=density)
    return density @ (weight / (width * np.sqrt(2.0 * np.pi)))


def _walk(start: float, moves: Floats, feel: Floats) -> tuple[list[float], list[float]]:
    """An hour's prices (log) and multipliers, minute by minute; ``feel``: kappa G / L along the profile.

    Multipliers between two points of the profile lie on a straight line.
    """
    table = np.clip(1.0 / np.maximum(1.0 + feel, 1.0 / MOST), LEAST, MOST).tolist()
    price = start
    per, last = (_POINTS - 1) / (2.0 * _REACH), _POINTS - 2
    prices, multipliers = [], []
    for move in moves.tolist():
        place = (price - start + _REACH) * per
        below = int(place)
        if not 0 <= below <= last:
            place = below = 0 if below < 0 else last
        m = table[below] + (place - below) * (table[below + 1] - table[below])
        price += move * m
        prices.append(price)
        multipliers.append(m)
    return prices, multipliers
