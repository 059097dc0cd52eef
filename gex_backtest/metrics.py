"""Equity -> the numbers of a tear sheet. Belongs here: statistics of one equity curve. Not: inference, many trials.

Equity has shape (bars,) and starts at 1; returns are simple, from close to close, one fewer than bars. Ratios take a
riskless rate of 0 and are annualised with the bars that there are in a year of that data, missing ones left out. What
cannot be told is NaN, and `Metrics.note` says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gex_backtest.bars import YEAR_US, Bars
from gex_backtest.ledger import Ledger
from gex_backtest.trades import is_trade, pnl
from gex_pipeline.core.black76 import Floats


@dataclass(frozen=True)
class Metrics:
    """One variant's row; fractions, not per cent.

    ``turnover`` in units of equity; ``fees``, ``spread_and_slippage``, ``funding`` in USD per 1 USD of starting equity;
    ``exposure`` the share of closes with a position; ``hit_rate`` the share of trades that won, all costs paid.
    ``note``: why something is NaN, None where nothing is.
    """

    total_return: float
    annual_return: float
    annual_vol: float
    sharpe: float
    sortino: float
    max_drawdown: float
    n_trades: int
    hit_rate: float
    exposure: float
    turnover: float
    fees: float
    spread_and_slippage: float
    funding: float
    break_even_bps: float
    is_ruined: bool
    note: str | None


def metrics(bars: Bars, equity: Floats, ledger: Ledger) -> Metrics:
    """The numbers of one variant; ``equity`` (bars,)."""
    r, held = returns(equity), _held(bars, ledger)
    note = _note(r, held["n_trades"], ledger.is_ruined)
    return Metrics(**_curve(equity, r, years(bars)), **held, **_paid(ledger), is_ruined=ledger.is_ruined, note=note)


def _curve(equity: Floats, r: Floats, n_years: float) -> dict[str, Any]:
    """What the equity says alone."""
    per_year = len(r) / n_years if n_years > 0 else np.nan
    vol = annual_vol(r, per_year)
    return {
        "total_return": float(equity[-1] - 1.0),
        "annual_return": annual_return(equity, n_years),
        "annual_vol": vol,
        "sharpe": sharpe(r, per_year, vol),
        "sortino": sortino(r, per_year),
        "max_drawdown": max_drawdown(equity),
    }


def _held(bars: Bars, ledger: Ledger) -> dict[str, Any]:
    """How often and how long there was a position, and whether it won."""
    held = is_trade(ledger)
    won = pnl(ledger)[held] > 0
    return {
        "n_trades": len(won),
        "hit_rate": float(won.mean()) if len(won) else np.nan,
        "exposure": float((ledger.held.exit - ledger.held.fill)[held].sum() / len(bars)),
    }


def _paid(ledger: Ledger) -> dict[str, Any]:
    """What was traded, what that cost, and what it could have cost."""
    return {
        "turnover": ledger.turnover,
        "fees": ledger.traded_usd * ledger.costs.fee_fraction,
        "spread_and_slippage": ledger.traded_usd * ledger.costs.spread_fraction,
        "funding": ledger.funding_usd,
        "break_even_bps": ledger.break_even_bps,
    }


def _note(r: Floats, n_trades: int, is_ruined: bool) -> str | None:
    if len(r) < 2:
        return "fewer than two returns"
    if not n_trades:
        return "no trades"
    if not r.any():
        return "equity never changed"
    if is_ruined:
        return "ruined"
    return None if r.min() < 0 else "no losing bar"


def returns(equity: Floats) -> Floats:
    """Simple returns, (bars - 1,); 0 once equity is 0."""
    found, n_alive = np.zeros(len(equity) - 1), np.count_nonzero(equity)
    found[:n_alive] = equity[1:][:n_alive] / equity[:-1][:n_alive] - 1.0
    return found


def daily(bars: Bars, equity: Floats) -> Floats:
    """Simple returns of each day, UTC, that has bars, the first from the start; ``equity`` (bars,)."""
    return returns(np.append(1.0, equity[bars.day_ends]))


def years(bars: Bars) -> float:
    """Time from the first close to the last, years of 365 days."""
    return float(bars.close_at[-1] - bars.close_at[0]) / YEAR_US


def annual_return(equity: Floats, n_years: float) -> float:
    """Compounded return a year, a fraction; infinite where that is too large for a number."""
    with np.errstate(over="ignore"):
        return float(equity[-1] ** np.float64(1.0 / n_years) - 1.0) if n_years > 0 else np.nan


def annual_vol(r: Floats, per_year: float) -> float:
    """Standard deviation of returns (n - 1) times the root of the returns in a year, a fraction."""
    return float(np.std(r, ddof=1) * np.sqrt(per_year)) if len(r) > 1 else np.nan


def sharpe(r: Floats, per_year: float, vol: float) -> float:
    """Mean of returns a year over their annual volatility ``vol``. NaN where that is 0 or NaN."""
    return float(r.mean() * per_year / vol) if vol > 0 else np.nan


def sortino(r: Floats, per_year: float) -> float:
    """Mean over the root mean square of the negative returns, annualised. NaN without a loss."""
    downside = float(np.sqrt(np.mean(np.minimum(r, 0.0) ** 2))) if len(r) > 1 else np.nan
    return float(r.mean() / downside * np.sqrt(per_year)) if downside > 0 else np.nan


def max_drawdown(equity: Floats) -> float:
    """The deepest fall from a peak, as a negative fraction of the peak; at closes, not inside bars."""
    return float((equity / np.maximum.accumulate(equity)).min() - 1.0)
