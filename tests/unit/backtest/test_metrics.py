"""Metrics beside empyrical, and what is told where there is too little to tell."""

from __future__ import annotations

import math

import empyrical
import numpy as np
import pandas as pd
import pytest

from gex_backtest import metrics
from gex_backtest.account import Run, account, marks
from gex_backtest.bars import Bars
from gex_backtest.costs import Costs
from gex_backtest.holdings import Orders
from gex_backtest.metrics import Metrics
from tests.price_bars import bars, drawn, flat

NAN = np.nan
FREE = Costs(0, 0, 0)
PER_YEAR = 365 * 288


def run(on: Bars, *targets: float, costs: Costs = FREE) -> Run:
    return account(on, Orders(np.array(targets, dtype=float)), costs, marks(on, None))


def measured(on: Bars, *targets: float, costs: Costs = FREE) -> Metrics:
    found = run(on, *targets, costs=costs)
    return metrics.metrics(on, found.equity, found.ledger)


@pytest.mark.parametrize("seed", range(5))
def test_they_are_those_of_empyrical(seed: int) -> None:
    rng = np.random.default_rng(seed)
    on = drawn(rng, 20_000, vol=1e-3, missing=0.0)
    found = run(on, *rng.choice([np.nan, -1, 0, 1], len(on), p=[0.9, 0.03, 0.04, 0.03]), costs=Costs())
    got, r = metrics.metrics(on, found.equity, found.ledger), pd.Series(found.equity).pct_change().iloc[1:]
    assert got.total_return == pytest.approx(empyrical.cum_returns_final(r))
    assert got.annual_return == pytest.approx(empyrical.annual_return(r, annualization=PER_YEAR))
    assert got.annual_vol == pytest.approx(empyrical.annual_volatility(r, annualization=PER_YEAR))
    assert got.sharpe == pytest.approx(empyrical.sharpe_ratio(r, annualization=PER_YEAR))
    assert got.sortino == pytest.approx(empyrical.sortino_ratio(r, annualization=PER_YEAR))
    assert got.max_drawdown == pytest.approx(empyrical.max_drawdown(r))


def test_counts_of_written_out_trades() -> None:
    """Long from 100 to 110, then short from 110 to 121: one won, one lost, held at three of six closes."""
    found = measured(flat(100, 100, 105, 110, 121, 121), 1, NAN, -1, 0, NAN, NAN)
    assert (found.n_trades, found.hit_rate, found.exposure) == (2, 0.5, 0.5)
    assert found.total_return == pytest.approx(1.1 * 0.9 - 1)
    assert found.max_drawdown == pytest.approx(-0.1)
    assert found.turnover == pytest.approx(1 + 2 + 121 / 110 / 0.9)
    assert found.note is None


def test_a_trade_that_costs_more_than_it_wins_is_no_hit() -> None:
    on = flat(100, 100, 100.1, 100.1)
    assert (measured(on, 1, 0, NAN, NAN).hit_rate, measured(on, 1, 0, NAN, NAN, costs=Costs()).hit_rate) == (1, 0)


@pytest.mark.parametrize(
    ("on", "targets", "note", "missing"),
    [
        (flat(100), [1], "fewer than two returns", {"annual_return", "annual_vol", "sharpe", "sortino"}),
        (flat(100, 101), [1, NAN], "fewer than two returns", {"annual_vol", "sharpe", "sortino"}),
        (flat(100, 101, 99), [NAN, 0, NAN], "no trades", {"sharpe", "sortino"}),
        (flat(100, 100, 100), [1, NAN, NAN], "equity never changed", {"sharpe", "sortino"}),
        (flat(100, 100, 101), [1, NAN, NAN], "no losing bar", {"sortino"}),
        (flat(100, 100, 250), [-1, NAN, NAN], "ruined", {"break_even_bps"}),
    ],
)
def test_what_cannot_be_told_is_missing_with_its_reason(
    on: Bars, targets: list[float], note: str, missing: set[str]
) -> None:
    found = measured(on, *targets)
    assert found.note == note
    ratios = ("total_return", "annual_return", "annual_vol", "sharpe", "sortino", "max_drawdown")
    absent = {name for name in ratios if math.isnan(getattr(found, name))}
    assert absent == missing - {"break_even_bps"}
    assert math.isnan(found.break_even_bps) or "break_even_bps" not in missing


def test_a_year_is_the_time_between_closes_however_many_bars_are_missing() -> None:
    prices = [(p, p, p, p) for p in (100, 100, 101, 99)]
    dense, sparse = bars(*prices), bars(*prices, missing=(1, 2, 3))
    assert metrics.years(sparse) == pytest.approx(2 * metrics.years(dense))
    ratio = measured(dense, 1, NAN, NAN, NAN).annual_vol / measured(sparse, 1, NAN, NAN, NAN).annual_vol
    assert ratio == pytest.approx(math.sqrt(2))


def test_a_return_too_large_for_a_year_is_infinite() -> None:
    assert measured(flat(1, 1, 1e6), 1, NAN, NAN).annual_return == math.inf
