"""One variant from orders to equity. Belongs here: equity at each bar, and ruin. Not: many variants."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gex_backtest.bars import Bars
from gex_backtest.costs import Costs
from gex_backtest.errors import BacktestError
from gex_backtest.holdings import Holdings, Orders, holdings
from gex_backtest.ledger import Ledger
from gex_pipeline.core.black76 import Floats


class Marks(NamedTuple):
    """What one coin held since the first bar is worth, less the funding it has ``paid``; USD, of shape (bars,)."""

    paid: Floats
    low: Floats
    high: Floats
    close: Floats


class Run(NamedTuple):
    """What became of one variant; ``equity`` and ``coins`` of shape (bars,)."""

    ledger: Ledger
    equity: Floats
    coins: Floats


def marks(bars: Bars, funding: Floats | None) -> Marks:
    """The marks of some bars; ``funding`` as for `simulate.simulate`."""
    if not len(bars):
        raise BacktestError("no bars to simulate on: choose a span that has candles")
    rate = np.zeros(len(bars)) if funding is None else np.asarray(funding, dtype=np.float64)
    if rate.shape != (len(bars),) or not np.isfinite(rate).all():
        raise BacktestError(f"funding must be one number for each of the {len(bars):,} bars, 0 where none is paid")
    paid = np.cumsum(rate * bars.open)
    return Marks(paid, bars.low - paid, bars.high - paid, bars.close - paid)


def account(bars: Bars, orders: Orders, costs: Costs, mark: Marks) -> Run:
    """Simulate one variant, see `simulate.simulate`."""
    ledger = Ledger.of(holdings(bars, orders), costs, mark.paid)
    if not _is_safe(ledger, mark):
        ledger = _until_ruin(bars, ledger, mark)
    coins, cash = ledger.per_bar()
    return Run(ledger, cash + coins * mark.close, coins)


def _is_safe(ledger: Ledger, mark: Marks) -> bool:
    """No position loses everything, not even at the worst price until the next one: a quick look without bars."""
    held, coins = ledger.held, ledger.coins
    worst_mark = np.where(
        coins > 0, np.minimum.reduceat(mark.low, held.fill), np.maximum.reduceat(mark.high, held.fill)
    )
    return bool((ledger.cash + coins * worst_mark).min() > 0 and ledger.growth.min() > 0)


def _until_ruin(bars: Bars, ledger: Ledger, mark: Marks) -> Ledger:
    """The ledger up to the bar in which everything is lost; the same where none is."""
    coins, cash = ledger.per_bar()
    is_lost = cash + coins * np.where(coins > 0, mark.low, mark.high) <= 0
    if not is_lost.any():
        return ledger
    bar = int(np.argmax(is_lost))
    nothing_left = float(mark.paid[bar] - cash[bar] / coins[bar]) if coins[bar] else np.nan
    return Ledger.of(_ruined(ledger, bar, float(bars.open[bar]), nothing_left), ledger.costs, mark.paid)


def _ruined(ledger: Ledger, bar: int, open_usd: float, nothing_left_usd: float) -> Holdings:
    """The positions up to the one that lost everything in a bar, with the price at which it had."""
    held = ledger.held
    position = int(np.searchsorted(held.fill, bar, side="right")) - 1
    if ledger.before[position] <= 0:  # the one before it: between two bars, or by the cost of closing
        return held.ruined(position - 1, bar, open_usd)
    if held.exit[position] == bar:  # by a stop or take
        return held.ruined(position, bar, float(held.exit_usd[position]))
    worse = min if held.weight[position] > 0 else max
    return held.ruined(position, bar, worse(open_usd, nothing_left_usd))
