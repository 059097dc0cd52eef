"""A made-up market by the minute: shocks become returns that feel the dealers' hedging.

A shock e becomes a return e m with m = 1 / (1 + kappa G / L): G the dealers' gamma in USD per 1 % at the present price,
L the USD that move the price by 1 %. Dealers who are long gamma dampen, those who are short amplify, and a large
position at a strike near its expiry pins. Pure and seeded: the same seed gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from gex_pipeline.core.black76 import INV_SQRT_2PI, Floats
from gex_pipeline.core.units import SECONDS_PER_YEAR
from gex_pipeline.market import surface
from gex_pipeline.market.books import CARRY, COINS
from gex_pipeline.market.draws import generator
from gex_pipeline.market.ladder import DAY_US
from gex_pipeline.market.positions import SIZES, Day, Habits
from gex_pipeline.market.shocks import MINUTES_A_DAY, shocks
from gex_pipeline.market.switches import Switches

Reals = NDArray[np.float32] | Floats

#: USD that move the largest coin by 1 %, in the proportions of the coins' options.
_DEPTH_USD = 500e6
LEAST, MOST = 0.3, 3.0
#: Hours that are made at once: what options are priced at is known that long before.
_STRETCH = 8
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
    log_price, multiplier = np.empty(days * MINUTES_A_DAY + 1), np.ones(days * MINUTES_A_DAY)
    log_price[0], variance, level, levels = np.log(spot), usual**2, _PREMIUM * usual, np.empty(days * 24)
    for begin in range(0, days * 24, _STRETCH):
        if begin % 24 == _EIGHT:
            mornings.append(float(np.exp(log_price[begin * _HOUR])))
            held.append(habits.next(held[-1], mornings[-1]))
        before, level = level, _level(variance, usual)
        hours = begin + np.arange(_STRETCH)
        levels[hours] = before + (level - before) * np.arange(_STRETCH) / _STRETCH
        span = slice(begin * _HOUR, (begin + _STRETCH) * _HOUR)
        origin, moves = log_price[span.start], shaken.returns[span]
        if feel:
            x, profiles = gamma_profiles(held[-1], (hours - _EIGHT) % 24 / 24, origin, levels[hours], usual)
            log_price[span.start + 1 : span.stop + 1], multiplier[span] = _felt(origin, x, moves, feel * profiles)
        else:  # the null market, which a thousand are drawn of
            log_price[span.start + 1 : span.stop + 1] = origin + np.cumsum(moves)
        realised = float(np.sum(np.diff(log_price[span.start : span.stop + 1]) ** 2)) * 24.0 * 365.0 / _STRETCH
        variance += (realised - variance) * _STRETCH / _MEMORY
    gammas = _at_spot(held, log_price[:-1:_HOUR], levels, usual)
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
    middle, width = bumps(held, shares, log_spot, levels, usual)
    net = _dealers(held, shares)
    is_near = (np.abs(middle) < _REACH * day + _FAR * width).any(axis=0)
    middle, width, net = middle[:, is_near], width[:, is_near], net[:, is_near]
    is_wide = (width > _WIDE * day).all(axis=0)
    x = day * np.linspace(-_REACH, _REACH, _POINTS)
    ends = [0, -1]
    wide = densities(x[::_SPARSE], *(each[np.ix_(ends, is_wide)] for each in (middle, width, net)))
    narrow = densities(x, middle[:, ~is_wide], width[:, ~is_wide], net[:, ~is_wide])
    first, last = (np.interp(x, x[::_SPARSE], row) for row in wide)
    between = first + np.linspace(0.0, 1.0, len(shares))[:, None] * (last - first)
    # gamma x coins x S^2 / 100; gamma = phi(d1) / (S s sqrt t)
    return x, 0.01 * np.exp(log_spot + x) * (narrow + between)


def _at_spot(held: Sequence[Day], log_spot: Floats, levels: Floats, usual: float) -> Floats:
    """The dealers' gamma in USD per 1 % at the price of each hour."""
    found, hours = [], np.arange(len(levels))
    for number, day in enumerate(held):
        today = hours[max(0, 24 * number - 24 + _EIGHT) : 24 * number + _EIGHT]
        shares = (today - _EIGHT) % 24 / 24
        density = _dealers(day, shares) * bell(*bumps(day, shares, log_spot[today, None], levels[today], usual))
        found.append(0.01 * np.exp(log_spot[today]) * density.sum(axis=1))
    return np.concatenate(found)


def _dealers(held: Day, shares: Floats) -> Floats:
    """Dealers' coins of options, calls and puts, shape (times, strikes)."""
    return held.dealers.sum(axis=0) + shares[:, None] * held.bought.sum(axis=0)


def bumps(held: Day, shares: Floats, log_spot: Floats | float, levels: Floats, usual: float) -> tuple[Floats, Floats]:
    """Strikes as bumps along the log-price from spot on, see `core.profile`: middle and width, (times, strikes).

    ``shares``, ``levels`` as in :func:`gamma_profiles`; ``log_spot`` at all times or of each, shape (times, 1).
    """
    tenor = (held.ladder.expiry_us - held.begin_us - shares[:, None] * DAY_US) / 1e6 / SECONDS_PER_YEAR
    moneyness = np.log(held.ladder.strike) - log_spot - CARRY * tenor
    iv = surface.smile(surface.at_the_money(levels[:, None], usual, tenor), tenor, moneyness)
    return moneyness - 0.5 * iv**2 * tenor, iv * np.sqrt(tenor)


def bell(distance: Floats, width: Floats) -> Floats:
    """Normal density at a distance from its middle."""
    return INV_SQRT_2PI * np.exp(-0.5 * (distance / width) ** 2) / width


def densities(x: Reals, middle: Reals, width: Reals, weight: Reals) -> Floats:
    """Sums of normal densities at x, shape (times, points); each has its middle, width and weight, (times, strikes).

    In the precision of its arguments: single takes a third of the time.
    """
    density = x[:, None] - middle[:, None, :]
    density *= density
    density *= (-0.5 / width**2)[:, None, :]
    np.maximum(density, -50.0, out=density)  # numbers so small that arithmetic on them is slow
    np.exp(density, out=density)
    height = width.dtype.type(INV_SQRT_2PI) * weight / width
    return np.matmul(density, height[:, :, None])[:, :, 0].astype(np.float64)


def _felt(start: float, x: Floats, moves: Floats, feel: Floats) -> tuple[list[float], list[float]]:
    """As :func:`_walk`, hour by hour: ``feel`` of each, shape (hours, points), at distances x from the start."""
    prices, multipliers = [start], []
    for hour, along in zip(moves.reshape(len(feel), -1), feel, strict=True):
        more = _walk(prices[-1], start + x[0], x[1] - x[0], hour, along)
        prices += more[0]
        multipliers += more[1]
    return prices[1:], multipliers


def _walk(price: float, origin: float, step: float, moves: Floats, feel: Floats) -> tuple[list[float], list[float]]:
    """Prices (log) and multipliers, minute by minute; ``feel``: kappa G / L at prices from an origin on, by steps.

    Multipliers between two of these prices lie on a straight line.
    """
    values = np.clip(1.0 / np.maximum(1.0 + feel, 1.0 / MOST), LEAST, MOST)
    table, rises, last = values.tolist(), np.diff(values).tolist(), len(values) - 2
    prices, multipliers = [], []
    for move in moves.tolist():
        place = (price - origin) / step
        below = int(place)
        if not 0 <= below <= last:
            place = below = 0 if below < 0 else last
        m = table[below] + (place - below) * rises[below]
        price += move * m
        prices.append(price)
        multipliers.append(m)
    return prices, multipliers
