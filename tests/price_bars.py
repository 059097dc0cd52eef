"""Bars for tests of backtests: written out, or drawn."""

from __future__ import annotations

import numpy as np

from gex_backtest.bars import Bars

FIVE_MINUTES_US = 300_000_000
START_US = 1_767_571_200_000_000  # 2026-01-05T00:00Z


def bars(*rows: tuple[float, float, float, float], missing: tuple[int, ...] = ()) -> Bars:
    """Five-minute bars from (open, high, low, close); ``missing`` are places on the grid that have none."""
    places = [place for place in range(len(rows) + len(missing)) if place not in missing]
    opens = START_US + FIVE_MINUTES_US * np.array(places, dtype=np.int64)
    open_, high, low, close = np.array(rows, dtype=float).reshape(-1, 4).T
    return Bars(opens, opens + FIVE_MINUTES_US, open_, high, low, close)


def flat(*prices: float) -> Bars:
    """Bars that stand still, one at each price."""
    return bars(*((p, p, p, p) for p in prices))


def drawn(rng: np.random.Generator, n: int, vol: float = 0.01, missing: float = 0.1) -> Bars:
    """A random walk with jumps between bars, wicks, and a share of bars missing."""
    open_ = 100.0 * np.exp(np.cumsum(vol * rng.standard_normal(n)))
    close = open_ * np.exp(vol * rng.standard_normal(n))
    high = np.maximum(open_, close) * np.exp(vol * rng.exponential(0.5, n))
    low = np.minimum(open_, close) * np.exp(-vol * rng.exponential(0.5, n))
    opens = START_US + FIVE_MINUTES_US * np.cumsum(1 + (rng.random(n) < missing))
    return Bars(opens, opens + FIVE_MINUTES_US, open_, high, low, close)
