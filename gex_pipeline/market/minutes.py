"""Bars of a made-up price, by the minute and longer.

Between two prices of the walk lies a Brownian bridge, whose highest and lowest prices are drawn from their laws
(Karatzas and Shreve, Brownian Motion and Stochastic Calculus, 2.8); the two of one minute are drawn apart from each
other, so that ranges have the right size and only their scatter is a little off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gex_pipeline.core.black76 import Floats
from gex_pipeline.market.draws import generator
from gex_pipeline.market.economy import Market
from gex_pipeline.market.positions import SIZES
from gex_pipeline.market.shocks import MINUTES_A_YEAR

#: USD that are traded in a usual minute of the largest coin, and the scatter of their logarithm.
_TURNOVER_USD, _SCATTER = 8e6, 0.8


@dataclass(frozen=True)
class Bars:
    """Prices in USD and volume in coins, one bar after the other; a bar opens where the one before closed."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume_coin: Floats


def straight(values: Floats) -> Bars:
    """Bars of a quantity that is straight between two minutes and of which nothing is traded."""
    a, b = values[:-1], values[1:]
    return Bars(a, np.maximum(a, b), np.minimum(a, b), b, np.zeros(len(a)))


def minute_bars(market: Market, seed: int) -> Bars:
    """Every minute of a market; the same seed gives the same bars."""
    log = np.log(market.price)
    a, b = log[:-1], log[1:]
    sd = market.minute_volatility / np.sqrt(MINUTES_A_YEAR)
    luck = (generator(seed, market.coin, which).random(len(a)) for which in ("highs", "lows"))
    ups, downs = (np.sqrt((b - a) ** 2 - 2.0 * sd**2 * np.log(1.0 - each)) for each in luck)
    busy = np.abs(b - a) / sd
    scatter = np.exp(_SCATTER * generator(seed, market.coin, "turnover").standard_normal(len(a)))
    usd = _TURNOVER_USD * SIZES[market.coin] * (0.5 + 0.5 * busy) * scatter
    close = market.price[1:]
    return Bars(market.price[:-1], np.exp(0.5 * (a + b + ups)), np.exp(0.5 * (a + b - downs)), close, usd / close)


def longer(bars: Bars, minutes: int) -> Bars:
    """Bars of so many minutes; a rest at the end that is no whole bar is left out."""
    n = len(bars.open) // minutes * minutes
    first, high, low, last, volume = (
        each[:n].reshape(-1, minutes) for each in (bars.open, bars.high, bars.low, bars.close, bars.volume_coin)
    )
    return Bars(first[:, 0], high.max(axis=1), low.min(axis=1), last[:, -1], volume.sum(axis=1))
