"""What the books of a made-up market do to its price: gamma, hedges that decay, and walls that are defended. Pure.

Strikes are bumps along the log-price, see `core.profile`: each a normal density with a middle and a width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gex_pipeline.core.black76 import INV_SQRT_2PI, Floats
from gex_pipeline.core.units import DAY_US, SECONDS_PER_YEAR
from gex_pipeline.market import surface
from gex_pipeline.market.books import CARRY
from gex_pipeline.market.draws import Ints
from gex_pipeline.market.positions import Day
from gex_pipeline.market.shocks import MINUTES_A_DAY

Reals = NDArray[np.float32] | Floats
_ALL = slice(None)

#: Prices around those at its begin for which gamma is known, in usual standard deviations of a day.
_REACH = 2.5
_PLACES = np.linspace(-_REACH, _REACH, 49)
#: Such deviations of a log-price to expiry above which a strike's gamma is smooth: then every eighth price is enough.
_WIDE, _SPARSE = 2.0, 8
#: Standard deviations from which on a strike's gamma is nothing.
_FAR = 5.0
#: Drift away from a wall at its strike beside a minute's standard deviation, and how far it reaches beside a day's.
_DEFENCE, _BAND = 0.04, 0.2


def profiles(held: Day, shares: Floats, log_spot: float, levels: Floats, usual: float) -> tuple[Floats, Floats, Floats]:
    """The dealers' gamma around a price at some times of a day, and how their hedges decay; strikes keep their smile.

    Parameters
    ----------
    shares, levels
        Shape (times,): the share of the day that is over, and the volatility that options are priced at (a fraction).

    Returns
    -------
    Distances x in log-price, shape (points,), gamma in USD per 1 % at spot exp(x), shape (times, points), and what
    hedges trade because time passes, as gamma times log-return per minute: those of strikes that are near expiry.
    """
    day, ends = usual / np.sqrt(365.0), [0, -1]
    x = day * _PLACES
    middle, width = bumps(held, shares[ends], log_spot, levels[ends], usual)
    is_near = (np.abs(middle) < _REACH * day + _FAR * width).any(axis=0)
    is_wide = (width > _WIDE * day).all(axis=0)
    wide, narrow = np.flatnonzero(is_near & is_wide), np.flatnonzero(is_near & ~is_wide)
    smooth = _smooth(x, middle.take(wide, axis=1), width.take(wide, axis=1), _dealers(held, shares[ends], wide))
    between = smooth[0] + np.linspace(0.0, 1.0, len(shares))[:, None] * (smooth[1] - smooth[0])
    of_narrow = bumps(held, shares, log_spot, levels, usual, narrow)
    rest, decay = _decaying(x, *of_narrow, _dealers(held, shares, narrow), _minutes_left(held, shares, narrow))
    # gamma x coins x S^2 / 100; gamma = phi(d1) / (S s sqrt t)
    scale = 0.01 * np.exp(log_spot + x)
    return x, scale * (rest + between), scale * decay


def _smooth(x: Floats, middle: Floats, width: Floats, net: Floats) -> Floats:
    """Sums of wide bumps at x: straight lines between a few of its points."""
    some = x[::_SPARSE]
    return np.stack([np.interp(x, some, row) for row in densities(*_single(some, middle, width, net))])


def _single(*of: Floats) -> list[NDArray[np.float32]]:
    return [each.astype(np.float32) for each in of]


def _decaying(x: Floats, middle: Floats, width: Floats, net: Floats, minutes: Floats) -> tuple[Floats, Floats]:
    """Sums of bumps at x, and the flow that their narrowing makes: d1 = (x - middle) / width grows as 1 / (2 minutes).

    Delta grows by phi(d1) times that where d1 is above 0 and falls where it is below; whoever holds it sells and buys.
    """
    points, middles, widths, nets, lefts = _single(x, middle, width, net, minutes)
    height = np.float32(INV_SQRT_2PI) * nets / widths
    weights = np.stack([height, height / (2.0 * lefts), middles * height / (2.0 * lefts)], axis=2)
    sums = np.matmul(_shapes(points, middles, widths), weights).astype(np.float64)
    return sums[:, :, 0], sums[:, :, 2] - points * sums[:, :, 1]


def _minutes_left(held: Day, shares: Floats, chosen: Ints) -> Floats:
    """Until the expiries of some strikes, shape (times, strikes)."""
    return (held.ladder.expiry_us[chosen] - held.begin_us - shares[:, None] * DAY_US) / 60e6


def defended(held: Day, spot: float, usual: float) -> Floats:
    """The strike above spot with the most gamma of calls, and that below with the most of puts; NaN for none."""
    density = bell(*bumps(held, np.zeros(1), np.log(spot), np.full(1, usual), usual))
    strikes, place = np.unique(held.ladder.strike, return_inverse=True)
    found = np.full(2, np.nan)
    for side, is_there in enumerate((strikes > spot, strikes < spot)):
        gamma = np.bincount(place, (held.open_interest[side] * density[0]))
        if is_there.any():
            found[side] = strikes[is_there][np.argmax(gamma[is_there])]
    return found


def push(log_price: Floats, walls: Floats, usual: float) -> Floats:
    """Drift per minute where walls are defended: down at that of calls, up at that of puts."""
    distance = (log_price[:, None] - np.log(walls)) / (_BAND * usual / np.sqrt(365.0))
    size = _DEFENCE * usual / np.sqrt(365.0 * MINUTES_A_DAY)
    return np.nan_to_num(size * np.exp(-0.5 * distance**2)) @ np.array([-1.0, 1.0])


def at_spot(held: Sequence[Day], log_spot: Floats, levels: Floats, usual: float) -> Floats:
    """The dealers' gamma in USD per 1 % at the price of each hour."""
    found, hours = [], np.arange(len(levels))
    for number, day in enumerate(held):
        today = hours[max(0, 24 * number - 16) : 24 * number + 8]  # from 08:00 UTC on
        shares = (today - 8) % 24 / 24
        density = _dealers(day, shares) * bell(*bumps(day, shares, log_spot[today, None], levels[today], usual))
        found.append(0.01 * np.exp(log_spot[today]) * density.sum(axis=1))
    return np.concatenate(found)


def _dealers(held: Day, shares: Floats, chosen: Ints | slice = _ALL) -> Floats:
    """Dealers' coins of options, calls and puts, shape (times, strikes)."""
    return held.dealers.sum(axis=0)[chosen] + shares[:, None] * held.bought.sum(axis=0)[chosen]


def bumps(
    held: Day,
    shares: Floats,
    log_spot: Floats | float,
    levels: Floats,
    usual: float,
    chosen: Ints | slice = _ALL,
) -> tuple[Floats, Floats]:
    """Strikes as bumps along the log-price from spot on, see `core.profile`: middle and width, (times, strikes).

    ``shares``, ``levels`` as in :func:`profiles`; ``log_spot`` at all times or of each, shape (times, 1); ``chosen``:
    which strikes.
    """
    listed = held.ladder
    tenor = (listed.ends - held.begin_us - shares[:, None] * DAY_US) / 1e6 / SECONDS_PER_YEAR
    at_the_money = surface.at_the_money(levels[:, None], usual, tenor)
    at_the_money, tenor = (each[:, listed.expiry[chosen]] for each in (at_the_money, tenor))
    moneyness = listed.log_strike[chosen] - log_spot - CARRY * tenor
    iv = surface.smile(at_the_money, tenor, moneyness)
    return moneyness - 0.5 * iv**2 * tenor, iv * np.sqrt(tenor)


def bell(distance: Floats, width: Floats) -> Floats:
    """Normal density at a distance from its middle."""
    return INV_SQRT_2PI * np.exp(-0.5 * (distance / width) ** 2) / width


def densities(x: Reals, middle: Reals, width: Reals, weight: Reals) -> Floats:
    """Sums of normal densities at x, shape (times, points); each has its middle, width and weight, (times, strikes).

    In the precision of its arguments: single takes a third of the time.
    """
    height = width.dtype.type(INV_SQRT_2PI) * weight / width
    return np.matmul(_shapes(x, middle, width), height[:, :, None])[:, :, 0].astype(np.float64)


def _shapes(x: Reals, middle: Reals, width: Reals) -> Reals:
    """Normal densities beside the highest, shape (times, points, strikes)."""
    shape = x[:, None] - middle[:, None, :]
    shape *= shape
    shape *= (-0.5 / width**2)[:, None, :]
    np.maximum(shape, -50.0, out=shape)  # numbers so small that arithmetic on them is slow
    return np.exp(shape, out=shape)
