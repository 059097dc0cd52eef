"""One variant through `bt` (MIT), an engine of its own that books every trade of an account: the second opinion.

bt trades at the prices it is shown. It is shown each bar's open, then its close, and told to trade at opens alone, so
that its fills are the simulator's. It has neither stops inside bars nor the funding of a perpetual; a commission is
any function of quantity and price.
"""

from __future__ import annotations

from typing import Any

import bt
import numpy as np
import pandas as pd

from gex_backtest.bars import Bars
from gex_pipeline.core.black76 import Floats

#: Large enough that bt's absolute tolerances do not matter.
CAPITAL = 1e6
_COIN, _LAST_US = "coin", 1


class Hold(bt.Algo):
    """At the instants of some weights: trade to weight x value / price coins, and leave them alone."""

    def __init__(self, weights: dict[pd.Timestamp, float]) -> None:
        super().__init__()
        self.weights = weights

    def __call__(self, target: Any) -> bool:
        weight = self.weights.get(target.now)
        if weight is not None:
            coin = target.children[_COIN]
            coin.transact(weight * target.value / coin.price - coin.position)
        return True


def hold(bars: Bars, targets: Floats) -> list[bt.Algo]:
    """What trades to the coins of the simulator."""
    return [Hold(_weights(bars, targets))]


def rebalance(bars: Bars, targets: Floats) -> list[bt.Algo]:
    """The same by bt's own algorithms, which size a position themselves."""
    weights = pd.Series(_weights(bars, targets)).to_frame(_COIN)
    return [bt.algos.WeighTarget(weights), bt.algos.Rebalance()]


def equity(bars: Bars, algos: list[bt.Algo], cost: float) -> Floats:
    """Equity at each close, (bars,), per 1 USD of capital; ``cost`` per unit of notional."""
    closes = pd.to_datetime(bars.close_at - _LAST_US, unit="us")
    prices = pd.concat([pd.Series(bars.open, pd.to_datetime(bars.open_at, unit="us")), pd.Series(bars.close, closes)])
    strategy = bt.Strategy("one", algos, children=[bt.Security(_COIN)])
    test = bt.Backtest(
        strategy,
        prices.sort_index().to_frame(_COIN),
        initial_capital=CAPITAL,
        commissions=lambda quantity, price: cost * abs(quantity) * price,
        integer_positions=False,
        progress_bar=False,
    )
    test.run()
    return test.strategy.values.loc[closes].to_numpy() / CAPITAL


def _weights(bars: Bars, targets: Floats) -> dict[pd.Timestamp, float]:
    """The weight to trade to, by the open of the bar after the one that decides it: only where it changes."""
    wanted = pd.Series(targets).ffill().fillna(0.0)
    decided = np.flatnonzero(wanted.diff().fillna(wanted) != 0)
    decided = decided[decided + 1 < len(bars)]
    fills = pd.to_datetime(bars.open_at[decided + 1], unit="us")
    return dict(zip(fills, wanted.to_numpy()[decided].tolist(), strict=True))
