"""Negative gamma, many calls near spot, and a rising price: dealers who are short calls buy what rises.

Headline: after a rise, the next hours' return (in sigmas) with net GEX negative and calls heavy near spot, minus that
after rises without; the claim is that it is positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gex_backtest import follow
from gex_backtest.bounds import require, require_divisor
from gex_backtest.decisions import is_known
from gex_backtest.holdings import Orders
from gex_backtest.panel import Panel
from gex_backtest.study import Rule, Study
from gex_pipeline.core.black76 import Floats


@dataclass(frozen=True)
class Parameters:
    """What is tested.

    Attributes
    ----------
    horizon_hours
        Hours of the rise, and of what follows; a divisor of 24.
    least_sigmas
        Standard deviations of such hours from which on a move is a rise.
    heavy_share
        Share of the calls' open interest within 5 % of spot from which on it is heavy.
    """

    horizon_hours: int = 4
    least_sigmas: float = 0.5
    heavy_share: float = 0.25

    def __post_init__(self) -> None:
        """Raise ``BacktestError`` for what cannot be."""
        require_divisor("horizon_hours", self.horizon_hours)
        require("least_sigmas", self.least_sigmas, 0, 10)
        require("heavy_share", self.heavy_share, 0, 1)


def _condition(panel: Panel, p: Parameters) -> Floats:
    net, share = panel.level("net_gex_usd"), panel.book("call_near_share")
    return np.where(is_known(net, share), (net < 0) & (share >= p.heavy_share), np.nan)


def study(panel: Panel, p: Parameters) -> Study:
    """Rises with and without the condition."""
    return follow.study(panel, _condition(panel, p), 1.0, p.horizon_hours, p.least_sigmas)


def orders(panel: Panel, p: Parameters) -> Orders:
    """Long for the next hours."""
    return follow.orders(panel, _condition(panel, p), 1.0, p.horizon_hours, p.least_sigmas)


RULE = Rule(
    "squeeze",
    "In negative gamma with heavy call open interest near spot, a rise goes on more than other rises do.",
    Parameters,
    study,
    needs=("levels", "books"),
    orders=orders,
)
