"""How large a position is. Belongs here: scaling of targets by what is known when they are decided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gex_backtest import returns
from gex_backtest.bars import HOUR_US, Bars
from gex_backtest.bounds import require
from gex_backtest.errors import BacktestError
from gex_backtest.holdings import changes
from gex_pipeline.core.black76 import Floats

#: Fewer bars than this do not tell a volatility.
_LEAST_BARS = 5


@dataclass(frozen=True)
class Sizing:
    """The volatility that positions are scaled to. Raises ``BacktestError`` for a value out of bounds.

    Attributes
    ----------
    annual_vol
        Volatility of a position of target 1 when it is decided, a fraction of equity a year.
    window_hours
        Hours before the decision over which the volatility of the price is measured.
    cap
        Most that a target is multiplied by.
    """

    annual_vol: float = 0.2
    window_hours: float = 168.0
    cap: float = 1.0

    def __post_init__(self) -> None:
        require("annual_vol", self.annual_vol, 0.01, 5)
        require("window_hours", self.window_hours, 0.1, 8_760)
        require("cap", self.cap, 0.01, 100)

    def require_window(self, length_us: int) -> int:
        """Microseconds of the window. Raises ``BacktestError`` for bars that are too long for it."""
        window_us = round(self.window_hours * HOUR_US)
        if window_us < _LEAST_BARS * length_us:
            least = _LEAST_BARS * length_us / HOUR_US
            raise BacktestError(f"[sizing] window_hours = {self.window_hours:g} is too short: from {least:g} on here")
        return window_us

    def scaled(self, bars: Bars, targets: Floats) -> Floats:
        """Targets (bars,) times annual_vol / realised volatility, at most ``cap`` times, where they change; else NaN.

        A position is sized once, when it is decided, and not touched until the next change: sizing it anew at each bar
        would trade at each bar. Where the window lacks bars (`returns.COVERED`) the target is 0. Raises
        ``BacktestError`` for bars that are too long for the window.
        """
        window_us = self.require_window(bars.length_us)
        scaled, decided = np.full(len(bars), np.nan), changes(targets)
        at = bars.close_at[decided]
        realised = returns.realised(bars, at - window_us, at)
        with np.errstate(divide="ignore"):  # a price that stood still takes the cap
            scale = np.minimum(self.annual_vol / realised, self.cap)
        scaled[decided] = targets[decided] * np.where(np.isnan(realised), 0.0, scale)
        return scaled
