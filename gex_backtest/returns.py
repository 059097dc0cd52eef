"""Returns and realised volatility of bars over stretches of time. Pure.

All volatilities are annual, as fractions, of 365 days. A stretch of which less than ``COVERED`` has bars gives NaN.
"""

from __future__ import annotations

import numpy as np

from gex_backtest.bars import YEAR_US, Bars, Ints
from gex_pipeline.core.black76 import Bools, Floats

COVERED = 0.8


def log_returns(bars: Bars) -> Floats:
    """Return of each bar from the close before, from its own open after a gap; shape (bars,)."""
    return np.log(bars.close / _before(bars))


def realised(bars: Bars, start_us: Ints, end_us: Ints) -> Floats:
    """Close-to-close volatility of the bars within stretches, by squared returns without their mean."""
    return volatility(bars, log_returns(bars) ** 2, start_us, end_us)


def parkinson(bars: Bars, start_us: Ints, end_us: Ints) -> Floats:
    """Of high and low (Parkinson 1980, doi:10.1086/296071)."""
    return volatility(bars, np.log(bars.high / bars.low) ** 2 / (4.0 * np.log(2.0)), start_us, end_us)


def yang_zhang(bars: Bars, start_us: Ints, end_us: Ints) -> Floats:
    """Of open, high, low and close (Yang and Zhang 2000, doi:10.1086/209650), whose drift is taken out."""
    pairs = ((bars.open, _before(bars)), (bars.high, bars.open), (bars.low, bars.open), (bars.close, bars.open))
    jump, up, down, move = (np.log(a / b) for a, b in pairs)
    rogers_satchell = up * (up - move) + down * (down - move)
    n = counted(bars, start_us, end_us)
    parts = [(_sum(bars, x**2, start_us, end_us), _sum(bars, x, start_us, end_us)) for x in (jump, move)]
    with np.errstate(divide="ignore", invalid="ignore"):
        overnight, open_to_close = ((squares - total**2 / n) / (n - 1) for squares, total in parts)
        k = 0.34 / (1.34 + (n + 1) / (n - 1))
        of_bar = overnight + k * open_to_close + (1 - k) * _sum(bars, rogers_satchell, start_us, end_us) / n
        per_year = YEAR_US / bars.length_us
        return np.where(is_covered(bars, start_us, end_us), np.sqrt(of_bar * per_year), np.nan)


def _before(bars: Bars) -> Floats:
    """The close before each bar; its own open after a gap."""
    follows = np.append(False, bars.open_at[1:] == bars.close_at[:-1])
    return np.where(follows, np.append(bars.open[:1], bars.close[:-1]), bars.open)


def volatility(bars: Bars, variances: Floats, start_us: Ints, end_us: Ints) -> Floats:
    """Annual volatility of the variances (1) of each bar within stretches."""
    years = counted(bars, start_us, end_us) * (bars.length_us / YEAR_US)
    with np.errstate(divide="ignore", invalid="ignore"):
        annual = np.sqrt(_sum(bars, variances, start_us, end_us) / years)
    return np.where(is_covered(bars, start_us, end_us), annual, np.nan)


def counted(bars: Bars, start_us: Ints, end_us: Ints) -> Ints:
    """Bars wholly within stretches."""
    first, last = _rows(bars, start_us, end_us)
    return np.maximum(last - first, 0)


def move(bars: Bars, start_us: Ints, end_us: Ints) -> Floats:
    """Log-return from the first open at or after the start to the last close at or before the end; NaN without bars."""
    first, last = _rows(bars, start_us, end_us)
    n = len(bars)
    moved = np.log(bars.close[np.clip(last - 1, 0, n - 1)] / bars.open[np.clip(first, 0, n - 1)])
    return np.where(is_covered(bars, start_us, end_us), moved, np.nan)


def is_covered(bars: Bars, start_us: Ints, end_us: Ints) -> Bools:
    """Stretches that have enough bars, see ``COVERED``, and are over by the last one."""
    asked = (end_us - start_us) / bars.length_us
    n = counted(bars, start_us, end_us)
    return (n >= COVERED * asked) & (n > 0) & (end_us <= bars.close_at[-1])


def _sum(bars: Bars, values: Floats, start_us: Ints, end_us: Ints) -> Floats:
    first, last = _rows(bars, start_us, end_us)
    total = np.append(0.0, np.cumsum(values))
    return np.asarray(total[np.maximum(last, first)] - total[first])


def _rows(bars: Bars, start_us: Ints, end_us: Ints) -> tuple[Ints, Ints]:
    """First row, and the row after the last, of the bars within each stretch."""
    first = np.searchsorted(bars.open_at, start_us, side="left")
    return first, np.searchsorted(bars.close_at, end_us, side="right")
