"""The simulator beside `bt`: the same targets, fills at the next open, commissions as a share of notional.

What bt cannot do is left to the plain loop (tests/slow/simulate.py): stops and takes inside bars, funding, ruin. bt's
own `Rebalance` fits the fee into the amount it allocates, so with costs it buys a little less; without, it is the same.
"""

from __future__ import annotations

import numpy as np
import pytest

from gex_backtest.costs import Costs
from gex_backtest.simulate import simulate
from gex_pipeline.core.black76 import Floats
from tests import through_bt
from tests.price_bars import drawn

FREE = Costs(0, 0, 0)


def targets(rng: np.random.Generator, n: int) -> Floats:
    return rng.choice([np.nan, -1.0, -0.3, 0.0, 0.5, 1.0, 1.7], n, p=[0.7, *[0.05] * 6])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("costs", [FREE, Costs(), Costs(50, 20, 10)])
def test_equity_is_that_of_bt(seed: int, costs: Costs) -> None:
    rng = np.random.default_rng(seed)
    bars = drawn(rng, 400, vol=4e-3)
    wanted = targets(rng, len(bars))
    found = simulate(bars, wanted, costs)
    assert found.ledgers[0].turnover > 50
    theirs = through_bt.equity(bars, through_bt.hold(bars, wanted), costs.fraction)
    np.testing.assert_allclose(found.equity[:, 0], theirs, rtol=1e-9)


def test_sizes_are_those_of_rebalance() -> None:
    rng = np.random.default_rng(5)
    bars = drawn(rng, 400, vol=4e-3)
    wanted = targets(rng, len(bars))
    theirs = through_bt.equity(bars, through_bt.rebalance(bars, wanted), 0.0)
    np.testing.assert_allclose(simulate(bars, wanted, FREE).equity[:, 0], theirs, rtol=1e-9)
