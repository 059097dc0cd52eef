"""The trades of one variant: a ledger's positions one by one. Not: how they came about (see `holdings`)."""

from __future__ import annotations

import numpy as np
import polars as pl

from gex_backtest.bars import Bars
from gex_backtest.holdings import REASONS, TARGET
from gex_backtest.ledger import Ledger
from gex_pipeline.core.black76 import Bools, Floats

_TIME = pl.Datetime("us", "UTC")


def is_trade(ledger: Ledger) -> Bools:
    """The positions that are not flat, (positions,)."""
    return ledger.held.weight != 0


def pnl(ledger: Ledger) -> Floats:
    """Profit of each position after all costs, over the equity before it, (positions,).

    The product of 1 + pnl is the final equity. Reversing a position is a cost of both, as if it were closed and the
    new one opened; changing its size is a cost of the new one.
    """
    before = ledger.before
    after = np.append(before[1:], ledger.final)
    return np.divide(after, before, out=np.zeros_like(after), where=before > 0) - 1.0


def trades(ledger: Ledger, bars: Bars) -> pl.DataFrame:
    """One row a position; the columns are told at `simulate.Simulation.trades`."""
    held, before = ledger.held, ledger.before
    last = len(bars) - 1
    at_open = held.reason == TARGET
    exited = np.where(at_open, bars.open_at[np.minimum(held.exit, last)], bars.close_at[np.minimum(held.exit, last)])
    frame = pl.DataFrame(
        {
            "entered_at": pl.Series(bars.open_at[held.fill]).cast(_TIME),
            "exited_at": pl.Series(exited).cast(_TIME),
            "side": np.where(held.weight > 0, "long", "short"),
            "weight": held.weight,
            "coins": ledger.equity * held.weight / held.entry_usd,
            "entry_usd": held.entry_usd,
            "exit_usd": held.exit_usd,
            "pnl": pnl(ledger),
            "costs": _costs(ledger) / before,
            "funding": ledger.equity * ledger.funding / before,
            "exit_reason": pl.Series(np.array(REASONS)[held.reason]),
        }
    )
    return frame.filter(is_trade(ledger))


def _costs(ledger: Ledger) -> Floats:
    """Fee, half-spread and slippage of each position's own trading, USD."""
    closing = ledger.equity * ledger.closing
    own = ledger.equity * ledger.traded - closing + np.append(closing[1:], 0.0)
    return ledger.costs.fraction * own
