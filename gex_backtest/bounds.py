"""Bounds of parameters, one way to say that one cannot be."""

from __future__ import annotations

from gex_backtest.errors import BacktestError
from gex_pipeline.errors import shown


def require(name: str, value: float, low: float, high: float) -> None:
    """Raise ``BacktestError`` for a value outside bounds that it may be equal to, NaN included."""
    if not low <= value <= high:
        raise BacktestError(f"{name} = {shown(value)} cannot be: from {low:,} to {high:,}")


def require_divisor(name: str, hours: int) -> None:
    """Raise ``BacktestError`` for hours that do not divide the day."""
    if hours < 1 or 24 % hours:
        raise BacktestError(f"{name} = {shown(hours)} cannot be: 1, 2, 3, 4, 6, 8, 12 or 24, which divide the day")
