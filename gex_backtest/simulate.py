"""Targets -> equity, on bars of one linear perpetual. Belongs here: the simulator's contract. Not: rules, statistics.

A target is decided at the close of a bar and filled at the open of the next bar that exists: never at a price of the
bar that produced it. The fill fixes coins = target x equity / open (equity at that open, before the fill's costs), and
they are kept until the target changes, so that there is no hidden rebalancing. Fee, half-spread and slippage are paid
on |change of coins| x price. Equity starts at 1.

A stop or take is a price decided together with a target, and it watches from the fill on, in the bar of the fill too.
A stop fills at the worse of its price and the bar's open, a take at its price or, where the whole bar is beyond it, at
the bar's nearest; when a bar reaches both, the stop counts. After it the variant is flat until the target changes to
another value.

Equity that reaches 0, at a fill or anywhere inside a bar, stays 0: ruin. A position that is open at the end is worth
the last close, without the cost of closing it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from gex_backtest.account import account, marks
from gex_backtest.bars import Bars
from gex_backtest.costs import Costs
from gex_backtest.errors import BacktestError
from gex_backtest.holdings import Orders
from gex_backtest.ledger import Ledger
from gex_backtest.trades import trades
from gex_pipeline.core.black76 import Floats


@dataclass(frozen=True, eq=False)
class Simulation:
    """What became of every variant.

    ``equity`` and ``coins`` (signed, per 1 USD of starting equity) have shape (bars, variants): at each bar's close.
    ``ledgers``: of each variant, what it traded and paid.
    """

    bars: Bars
    equity: Floats
    coins: Floats
    ledgers: tuple[Ledger, ...]

    def trades(self, variant: int = 0) -> pl.DataFrame:
        """One row per position between two changes of the target, in the order of time.

        ``entered_at``, ``exited_at`` (UTC; a stop or take, whose instant inside the bar is unknown: the bar's close),
        ``side`` (long, short), ``weight`` (the target), ``coins`` (signed, per 1 USD of starting equity),
        ``entry_usd``, ``exit_usd`` (before half-spread and slippage), ``pnl`` (net, over the equity before the trade;
        the product of 1 + pnl is the final equity), ``costs`` and ``funding`` (over the same), ``exit_reason`` (target,
        stop, take, end, ruin). A reversal is a cost of both trades, a change of size of the later one.
        """
        return trades(self.ledgers[variant], self.bars)


def simulate(
    bars: Bars,
    targets: Floats,
    costs: Costs,
    *,
    funding: Floats | None = None,
    stops: Floats | None = None,
    takes: Floats | None = None,
) -> Simulation:
    """Simulate every column of ``targets``.

    Parameters
    ----------
    targets
        Shape (bars, variants) or (bars,): the position wanted as a multiple of equity (1 long, -1 short), decided at
        the bar's close; NaN keeps the one before, and before the first one it is flat.
    funding
        Shape (bars,), see `funding.funding_per_bar`: the share of notional that longs pay at the bar's open, before
        anything is filled there.
    stops, takes
        Shaped like ``targets``, in USD, NaN for none; read where a target changes.

    Raises
    ------
    BacktestError
        When shapes differ, a target is infinite, or a stop or take is no price.
    """
    mark, wanted = marks(bars, funding), _variants(bars, targets)
    stopped, taken = (_variants(bars, p) if p is not None else [None] * len(wanted) for p in (stops, takes))
    if not len(wanted) == len(stopped) == len(taken):
        raise BacktestError("stops and takes must have as many variants as targets")
    orders = (Orders(*each) for each in zip(wanted, stopped, taken, strict=True))
    runs = [account(bars, each, costs, mark) for each in orders]
    equity, coins = (np.array([getattr(run, name) for run in runs]).T for name in ("equity", "coins"))
    return Simulation(bars, equity, coins, tuple(run.ledger for run in runs))


def _variants(bars: Bars, given: Floats) -> list[Floats]:
    """The columns, each contiguous."""
    found = np.asarray(given, dtype=np.float64)
    columns = [np.ascontiguousarray(column) for column in (found.T if found.ndim == 2 else [found])]
    if not columns or columns[0].shape != (len(bars),):
        raise BacktestError(f"targets, stops and takes must have the shape (bars, variants), here {len(bars):,} bars")
    return columns
