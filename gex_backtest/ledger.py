"""The money of one variant's positions. Belongs here: equity, costs, break-even. Not: when positions begin and end.

Everything is per 1 USD of starting equity, so the coins of a BTC perpetual are small numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gex_backtest.costs import BPS, Costs
from gex_backtest.holdings import RUIN, Holdings
from gex_pipeline.core.black76 import Floats

Number = TypeVar("Number", np.float64, np.intp)

#: The last step towards the break-even cost, a share of notional (the error after it is about its square), and how many
#: there may be.
_CLOSE, _MOST_STEPS = 1e-9, 200


@dataclass(frozen=True, eq=False)
class Ledger:
    """What each position began with, paid and became; arrays of shape (positions,).

    ``equity``: at its fill, before the costs of that. ``drift``: the position before it, at the same instant, as a
    multiple of equity. ``funding``: paid while it was held, over ``equity``. ``coin_funding``: what a coin
    held since the first bar had paid at its fill, USD. ``growth``: equity when it ended, over
    ``equity``; what is open at the end is worth the last close, without the cost of closing it.
    """

    held: Holdings
    costs: Costs
    coin_funding: Floats
    equity: Floats
    drift: Floats
    funding: Floats
    growth: Floats

    @staticmethod
    def of(held: Holdings, costs: Costs, coin_funding: Floats) -> Ledger:
        """The ledger of some positions; ``coin_funding`` (bars,): USD that a coin held since the first bar has paid."""
        last_paid = np.minimum(held.exit, len(coin_funding) - 1)
        funding = held.weight * (coin_funding[last_paid] - coin_funding[held.fill]) / held.entry_usd
        drift, growth = _grow(held, funding, costs.fraction)
        equity: Floats = np.cumprod(np.append(1.0, growth[:-1]), dtype=np.float64)
        return Ledger(held, costs, coin_funding[held.fill], equity, drift, funding, growth)

    @property
    def final(self) -> float:
        """Equity at the end."""
        return float(self.equity[-1] * self.growth[-1])

    @property
    def is_ruined(self) -> bool:
        """Equity has reached 0."""
        return bool(self.held.reason[-1] == RUIN)

    @property
    def closing(self) -> Floats:
        """The part of each fill that closes the position before, over ``equity``: none where only its size changes."""
        return np.where(self.held.weight * self.drift > 0, 0.0, np.abs(self.drift))

    @property
    def before(self) -> Floats:
        """Equity before each position, with the one before closed and paid for."""
        return np.maximum(self.equity * (1.0 - self.costs.fraction * self.closing), 0.0)

    @property
    def traded(self) -> Floats:
        """Notional of each fill and of the stop or take that ended it, over ``equity``."""
        return np.abs(self.held.weight - self.drift) + _closed_early(self.held)

    @property
    def traded_usd(self) -> float:
        """Sum of all notional traded."""
        return float((self.traded * self.equity).sum())

    @property
    def funding_usd(self) -> float:
        """Sum of all funding; negative where more was received than paid."""
        return float((self.funding * self.equity).sum())

    @property
    def turnover(self) -> float:
        """Sum of all notional traded, each in units of the equity just before it."""
        closed = _closed_early(self.held)
        before = np.where(closed > 0, self.growth + self.costs.fraction * closed, 1.0)
        return float((np.abs(self.held.weight - self.drift) + closed / before).sum())

    @property
    def break_even_bps(self) -> float:
        """The cost c a side, in basis points, at which final equity is 1. NaN without trades or when ruined.

        The root of sum_k ln g_k(c) = 0 with g_k the growth of position k, by Newton's method; every position is
        accounted anew at each c. Negative where the rule loses before any cost.
        """
        cost, held, drift, growth = self.costs.fraction, self.held, self.drift, self.growth
        if self.is_ruined or not self.traded.any():
            return np.nan
        for _ in range(_MOST_STEPS):
            paid = (np.abs(held.weight - drift) + _closed_early(held)) / growth
            # No further than half-way to the cost that ruins a position: beyond that there is no logarithm.
            step = min(float(np.log(growth).sum() / paid.sum()), 0.5 / float(paid.max()))
            cost += step
            if abs(step) < _CLOSE:
                break
            drift, growth = _grow(held, self.funding, cost)
        return cost / BPS

    @property
    def coins(self) -> Floats:
        """Coins of each position."""
        return self.equity * self.held.weight / self.held.entry_usd

    @property
    def cash(self) -> Floats:
        """Cash beside the coins: equity while it is held is cash + coins x (price - funding of a coin so far)."""
        cost = self.costs.fraction * np.abs(self.held.weight - self.drift)
        return self.equity * (1.0 - cost - self.held.weight) + self.coins * self.coin_funding

    def per_bar(self) -> tuple[Floats, Floats]:
        """Coins and cash at each close, (bars,)."""
        held, nothing, after = self.held, np.zeros_like(self.equity), self.equity * self.growth
        n_bars = _by_turns(held.exit - held.fill, held.until - held.exit)
        return np.repeat(_by_turns(self.coins, nothing), n_bars), np.repeat(_by_turns(self.cash, after), n_bars)


def _by_turns(first: NDArray[Number], second: NDArray[Number]) -> NDArray[Number]:
    """first[0], second[0], first[1], second[1], ..."""
    return np.column_stack([first, second]).ravel()


def _worth(held: Holdings) -> Floats:
    """What each position is worth when it ends, over the equity it began with."""
    return held.weight * held.exit_usd / held.entry_usd


def _closed_early(held: Holdings) -> Floats:
    """Notional of the stop or take that ended a position, over the equity it began with."""
    return np.where(held.is_closed_early, np.abs(_worth(held)), 0.0)


def _grow(held: Holdings, funding: Floats, cost: float) -> tuple[Floats, Floats]:
    """Drift and growth of each position at a cost per unit of notional.

    A position's growth depends, through the notional of its fill, on the growth of the one before. Repeating this for
    all positions at once ends in exactly what a loop over them gives, since each pass settles at least one more; as
    costs are small, a handful of passes does.
    """
    worth = _worth(held)
    gain = 1.0 + worth - held.weight - funding - cost * _closed_early(held)
    gain[held.reason == RUIN] = 0.0
    left = np.where(held.exit < held.until, 0.0, worth)[:-1]
    drift = np.zeros_like(gain)
    while True:
        growth = np.maximum(gain - cost * np.abs(held.weight - drift), 0.0)
        settled = np.zeros_like(gain)
        np.divide(left, growth[:-1], out=settled[1:], where=growth[:-1] > 0)
        if np.array_equal(settled, drift):
            return drift, growth
        drift = settled
