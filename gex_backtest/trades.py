"""The trades of one variant: a ledger's positions one by one. Not: how they came about (see `holdings`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gex_backtest.bars import Bars
from gex_backtest.holdings import REASONS, TARGET, Holdings
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
    reason = {"exit_reason": np.array(REASONS)[ledger.held.reason]}
    columns = _times(ledger.held, bars) | _position(ledger) | _money(ledger) | reason
    return pl.DataFrame(columns).filter(is_trade(ledger))


def _times(held: Holdings, bars: Bars) -> dict[str, pl.Series]:
    last = np.minimum(held.exit, len(bars) - 1)
    exited = np.where(held.reason == TARGET, bars.open_at[last], bars.close_at[last])
    return {"entered_at": pl.Series(bars.open_at[held.fill]).cast(_TIME), "exited_at": pl.Series(exited).cast(_TIME)}


def _position(ledger: Ledger) -> dict[str, NDArray[Any]]:
    held = ledger.held
    return {
        "side": np.where(held.weight > 0, "long", "short"),
        "weight": held.weight,
        "coins": ledger.coins,
        "entry_usd": held.entry_usd,
        "exit_usd": held.exit_usd,
    }


def _money(ledger: Ledger) -> dict[str, Floats]:
    """Profit and what was paid, over the equity before each position."""
    before = ledger.before
    return {
        "pnl": pnl(ledger),
        "costs": _costs(ledger) / before,
        "funding": ledger.equity * ledger.funding / before,
    }


def _costs(ledger: Ledger) -> Floats:
    """Fee, half-spread and slippage of each position's own trading, USD."""
    closing = ledger.equity * ledger.closing
    own = ledger.equity * ledger.traded - closing + np.append(closing[1:], 0.0)
    return ledger.costs.fraction * own
