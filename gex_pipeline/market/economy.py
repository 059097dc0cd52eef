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
#: Hours that are made at once: what options are priced at is known that long before.
_STRETCH = 4
#: Prices around those at its begin for which gamma is known, in usual standard deviations of a day.
_REACH, _POINTS = 2.5, 49
#: Such deviations of a log-price to expiry above which a strike's gamma is smooth: then every eighth price is enough.
_WIDE, _SPARSE = 2.0, 8
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
    log_price[0], variance, level = np.log(spot), usual**2, _PREMIUM * usual
    for begin in range(0, days * 24, _STRETCH):
        if begin % 24 == _EIGHT:
            mornings.append(float(np.exp(log_price[begin * _HOUR])))
            held.append(habits.next(held[-1], mornings[-1]))
        before, level = level, _level(variance, usual)
        hours = begin + np.arange(_STRETCH)
        levels[hours] = before + (level - before) * np.arange(_STRETCH) / _STRETCH
        origin, shares = log_price[begin * _HOUR], (hours - _EIGHT) % 24 / 24
        x, profiles = gamma_profiles(held[-1], shares, origin, levels[hours], usual)
        for hour, profile in zip(hours.tolist(), profiles, strict=True):
            first = hour * _HOUR
            minutes, steps = slice(first, first + _HOUR), slice(first + 1, first + _HOUR + 1)
            gammas[hour] = np.interp(log_price[first] - origin, x, profile)
            way = _walk(log_price[first], origin + x[0], x[1] - x[0], shaken.returns[minutes], feel * profile)
            log_price[steps], multiplier[minutes] = way
        moves = np.diff(log_price[begin * _HOUR : (begin + _STRETCH) * _HOUR + 1])
        realised = float(moves @ moves) * 24.0 * 365.0 / _STRETCH
        variance += (realised - variance) * _STRETCH / _MEMORY
    felt = shaken.volatility * multiplier
    return Market(coin, start, np.exp(log_price), multiplier, felt, gammas, levels, tuple(held), np.array(mornings))


def _level(variance: float, usual: float) -> float:
    """The volatility that options are priced at after so much realised variance (annual)."""
    return _PREMIUM * float(np.sqrt(_WEIGHT * variance + (1.0 - _WEIGHT) * usual**2))


def mornings_before(seed: int, coin: str) -> Floats:
    """Spot of the mornings before the first day: a walk that ends near the start. Nobody feels hedging yet."""
    spot, usual = COINS[coin]
    steps = generator(seed, coin, "before").standard_normal(WARM_UP + 1) * usual / np.sqrt(365.0)
    return spot * np.exp(np.cumsum(steps)[::-1])


def gamma_profiles(held: Day, shares: Floats, log_spot: float, levels: Floats, usual: float) -> tuple[Floats, Floats]:
    """The dealers' gamma around a price at some times of a day; the strikes keep their smile.

    Parameters
    ----------
    shares, levels
        Shape (times,): the share of the day that is over, and the volatility that options are priced at (a fraction).

    Returns
    -------
    Distances x in log-price, shape (points,), and gamma in USD per 1 % at spot exp(x), shape (times, points).
    """
    day = usual / np.sqrt(365.0)
    tenor = (held.ladder.expiry_us - held.begin_us - shares[:, None] * DAY_US) / 1e6 / SECONDS_PER_YEAR
    moneyness = np.log(held.ladder.strike) - log_spot - CARRY * tenor
    atm = surface.at_the_money(levels[:, None], usual, tenor)
    is_near = (np.abs(moneyness) < _REACH * day + _FAR * atm * np.sqrt(tenor)).any(axis=0)
    net = (held.dealers.sum(axis=0) + shares[:, None] * held.bought.sum(axis=0))[:, is_near]
    tenor, moneyness = tenor[:, is_near], moneyness[:, is_near]
    iv = surface.smile(atm[:, is_near], tenor, moneyness)
    width, middle = iv * np.sqrt(tenor), moneyness - 0.5 * iv**2 * tenor
    is_wide = (width > _WIDE * day).all(axis=0)
    x = day * np.linspace(-_REACH, _REACH, _POINTS)
    wide = densities(x[::_SPARSE], middle[:, is_wide], width[:, is_wide], net[:, is_wide])
    narrow = densities(x, middle[:, ~is_wide], width[:, ~is_wide], net[:, ~is_wide])
    between = np.array([np.interp(x, x[::_SPARSE], row) for row in wide])
    # gamma x coins x S^2 / 100; gamma = phi(d1) / (S s sqrt t)
    return x, 0.01 * np.exp(log_spot + x) * (narrow + between)


def densities(x: Floats, middle: Floats, width: Floats, weight: Floats) -> Floats:
    """Sums of normal densities at x, shape (times, points); each has its middle, width and weight, (times, strikes).

    In single precision: seven digits are more than a price feels.
    """
    at, m, w, share = (each.astype(np.float32) for each in (x, middle, width, weight))
    density = at[:, None] - m[:, None, :]
    density /= w[:, None, :]
    density *= density
    density *= -0.5
    np.maximum(density, -50.0, out=density)  # numbers so small that arithmetic on them is slow
    np.exp(density, out=density)
    share /= w * np.float32(np.sqrt(2.0 * np.pi))
    return np.matmul(density, share[:, :, None])[:, :, 0].astype(np.float64)


def _walk(price: float, origin: float, step: float, moves: Floats, feel: Floats) -> tuple[list[float], list[float]]:
    """Prices (log) and multipliers, minute by minute; ``feel``: kappa G / L at prices from an origin on, by steps.

    Multipliers between two of these prices lie on a straight line.
    """
    table = np.clip(1.0 / np.maximum(1.0 + feel, 1.0 / MOST), LEAST, MOST).tolist()
    last, prices, multipliers = len(table) - 2, [], []
    for move in moves.tolist():
        place = (price - origin) / step
        below = int(place)
        if not 0 <= below <= last:
            place = below = 0 if below < 0 else last
        m = table[below] + (place - below) * (table[below + 1] - table[below])
        price += move * m
        prices.append(price)
        multipliers.append(m)
    return prices, multipliers
