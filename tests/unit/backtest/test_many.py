"""Many variants at once: the same numbers as one by one, whatever the threads do."""

from __future__ import annotations

from itertools import product

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gex_backtest.bars import Bars
from gex_backtest.costs import Costs
from gex_backtest.errors import BacktestError
from gex_backtest.holdings import Orders
from gex_backtest.many import simulate_many
from gex_backtest.simulate import simulate
from tests.price_bars import drawn

BARS = drawn(np.random.default_rng(3), 3_000, vol=2e-3)
FUNDING = np.where(np.arange(3_000) % 96 == 0, 1e-4, 0.0)
VARIANTS = list(product((1, -1), (5, 20), (0.5, 1.5)))


def follow(bars: Bars, variant: tuple[int, int, float]) -> Orders:
    sign, back, threshold = variant
    moved = np.zeros(len(bars))
    moved[back:] = np.log(bars.close[back:] / bars.close[:-back])
    targets = np.where(np.abs(moved) > threshold * 0.005, sign * np.sign(moved), np.nan)
    return Orders(targets, bars.close * (1 - 0.02 * targets), bars.close * (1 + 0.03 * targets))


def test_each_row_is_its_variant_alone() -> None:
    found = simulate_many(BARS, follow, VARIANTS, Costs(), funding=FUNDING)
    assert found.height == len(VARIANTS)
    for row, variant in zip(found.rows(named=True), VARIANTS, strict=True):
        orders = follow(BARS, variant)
        alone = simulate(BARS, orders.targets, Costs(), funding=FUNDING, stops=orders.stops, takes=orders.takes)
        assert row["total_return"] == alone.equity[-1, 0] - 1
        assert row["n_trades"] == alone.trades().height > 10
        assert row["hit_rate"] == pytest.approx((alone.trades()["pnl"] > 0).mean())
        assert [row["turnover"], row["funding"]] == [alone.ledgers[0].turnover, alone.ledgers[0].funding_usd]
        assert row["break_even_bps"] == alone.ledgers[0].break_even_bps


def test_threads_do_not_change_a_bit() -> None:
    one, four = (simulate_many(BARS, follow, VARIANTS, Costs(), workers=workers) for workers in (1, 4))
    assert_frame_equal(one, four, check_exact=True)


def test_a_missing_number_is_null() -> None:
    found = simulate_many(BARS, lambda on, _: Orders(np.zeros(len(on))), [0], Costs())
    assert found.select("sharpe", "hit_rate", "break_even_bps", "note").row(0) == (None, None, None, "no trades")


def test_no_variants_have_the_columns_of_some() -> None:
    none, some = (simulate_many(BARS, follow, variants, Costs()) for variants in ([], VARIANTS[:1]))
    assert none.columns == some.columns
    assert none.schema["sharpe"] == pl.Float64


def test_an_error_of_a_variant_is_raised() -> None:
    with pytest.raises(BacktestError, match="a target is infinite"):
        simulate_many(BARS, lambda on, _: Orders(np.full(len(on), np.inf)), [0], Costs())
