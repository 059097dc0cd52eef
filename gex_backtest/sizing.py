"""How large a position is. Belongs here: scaling of targets by what is known when they are decided."""

from __future__ import annotations

import numpy as np

from gex_backtest.bars import YEAR_US, Bars
from gex_backtest.errors import BacktestError
from gex_backtest.holdings import changes
from gex_pipeline.core.black76 import Floats


def vol_target(bars: Bars, targets: Floats, annual_vol: float, window: int, cap: float = 1.0) -> Floats:
    """Targets (bars,) times annual_vol / realised volatility, at most ``cap`` times, where they change; NaN elsewhere.

    A position is sized once, when it is decided, from the ``window`` bars up to and including that one, and not touched
    until the next change: sizing it anew at each bar would trade at each bar. Without so many bars the target is 0.
    """
    if not (annual_vol > 0 and window > 0 and cap > 0):
        raise BacktestError(f"annual_vol {annual_vol:g}, window {window} and cap {cap:g} must be positive")
    scaled, decided = np.full(len(bars), np.nan), changes(targets)
    realised = realised_vol(bars, window)[decided]
    with np.errstate(divide="ignore"):  # a price that stood still takes the cap
        scale = np.minimum(annual_vol / realised, cap)
    scaled[decided] = targets[decided] * np.where(np.isnan(realised), 0.0, scale)
    return scaled


def realised_vol(bars: Bars, window: int) -> Floats:
    """Annualised volatility of the last ``window`` log returns from close to close, (bars,); NaN for the first bars.

    The root of the sum of squares over the time they took, so that a missing bar does not count as a quiet one.
    """
    vol = np.full(len(bars), np.nan)
    squares = np.append(0.0, np.cumsum(np.diff(np.log(bars.close)) ** 2))
    years = (bars.close_at[window:] - bars.close_at[:-window]) / YEAR_US
    vol[window:] = np.sqrt((squares[window:] - squares[:-window]) / years)
    return vol
