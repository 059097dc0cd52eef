"""Negative gamma, puts traded more than calls, and a falling price: dealers who are short puts sell what falls.

Volume is that of the last 24 hours as venues state it; whether puts were bought or sold it does not say.

Headline: after a fall, the next hours' fall (in sigmas) with net GEX negative and many puts traded, minus that after
falls without; the claim is that it is positive.
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
    """What is tested, beside the fall itself (`follow.Parameters`).

    Attributes
    ----------
    put_share
        Share of puts in the volume of the last 24 hours from which on many are traded.
    """

    put_share: float = 0.5

    def __post_init__(self) -> None:
        """Raise ``BacktestError`` for what cannot be."""
        super().__post_init__()
        require("put_share", self.put_share, 0, 1)


def _condition(panel: Panel, p: Parameters) -> Floats:
    net, puts, calls = panel.level("net_gex_usd"), panel.book("put_volume_coin"), panel.book("call_volume_coin")
    is_told = is_known(net, puts, calls) & (puts + calls > 0)  # where nothing was traded there is no share
    return np.where(is_told, (net < 0) & (puts >= p.put_share * (puts + calls)), np.nan)


def headline(panel: Panel, p: Parameters) -> Estimate:
    """How much further a fall goes with the condition than without."""
    return follow.headline(panel, p, -1.0, _condition(panel, p))


def study(panel: Panel, p: Parameters) -> Study:
    """Falls with and without the condition."""
    return follow.study(panel, p, -1.0, _condition(panel, p))


def orders(panel: Panel, p: Parameters) -> Orders:
    """Short for the next hours."""
    return follow.orders(panel, p, -1.0, _condition(panel, p))


RULE = Rule(
    "put_acceleration",
    "In negative gamma with more puts than calls traded, a fall goes on more than other falls do.",
    Parameters,
    study,
    headline,
    claimed=0.25,
    needs=("levels", "books"),
    orders=orders,
)
