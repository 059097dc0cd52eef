"""Negative gamma, many calls near spot, and a rising price: dealers who are short calls buy what rises.

Headline: after a rise, the next hours' return (in sigmas) with net GEX negative and calls heavy near spot, minus that
after rises without; the claim is that it is positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gex_backtest import follow
from gex_backtest.bounds import require
from gex_backtest.decisions import is_known
from gex_backtest.holdings import Orders
from gex_backtest.panel import Panel
from gex_backtest.study import Estimate, Rule, Study
from gex_pipeline.core.black76 import Floats


@dataclass(frozen=True)
class Parameters(follow.Parameters):
    """What is tested, beside the rise itself (`follow.Parameters`).

    Attributes
    ----------
    heavy_share
        Share of the calls' open interest within 5 % of spot from which on it is heavy.
    """

    heavy_share: float = 0.25

    def __post_init__(self) -> None:
        """Raise ``BacktestError`` for what cannot be."""
        super().__post_init__()
        require("heavy_share", self.heavy_share, 0, 1)


def _condition(panel: Panel, p: Parameters) -> Floats:
    net, share = panel.level("net_gex_usd"), panel.book("call_near_share")
    return np.where(is_known(net, share), (net < 0) & (share >= p.heavy_share), np.nan)


def headline(panel: Panel, p: Parameters) -> Estimate:
    """How much further a rise goes with the condition than without."""
    return follow.headline(panel, p, 1.0, _condition(panel, p))


def study(panel: Panel, p: Parameters) -> Study:
    """Rises with and without the condition."""
    return follow.study(panel, p, 1.0, _condition(panel, p))


def orders(panel: Panel, p: Parameters) -> Orders:
    """Long for the next hours."""
    return follow.orders(panel, p, 1.0, _condition(panel, p))


RULE = Rule(
    "squeeze",
    "In negative gamma with heavy call open interest near spot, a rise goes on more than other rises do.",
    Parameters,
    study,
    headline,
    claimed=0.25,
    needs=("levels", "books"),
    orders=orders,
)
