"""Calibration: headlines alone, tables of counts, careless twins, and that the stored numbers are still those."""

from __future__ import annotations

from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from statsmodels.stats.proportion import proportion_confint

from gex_backtest import made_up
from gex_backtest.calibration import careless, judge, plan, stored, tables, told
from gex_backtest.history import History
from gex_backtest.panel import Panel
from gex_backtest.rules import RULES
from gex_pipeline.market.economy import simulate, unhedged
from gex_pipeline.market.switches import NULL, Switches
from tests.unit.backtest.made_up_history import START

#: Stored with seven digits.
CLOSE = partial(pytest.approx, rel=1e-5, abs=1e-9)


@pytest.fixture(scope="module")
def market() -> History:
    return made_up.drawn("BTC", START, 90, 5, 1.0, range(24))


@pytest.mark.parametrize("name", RULES)
def test_a_headline_alone_is_the_first_estimate_of_the_study(name: str, market: History) -> None:
    history = made_up.priced("BTC", START, 720, 5, 1.0) if name == judge.PREMIUM else market
    alone = RULES[name].headline(Panel(history), RULES[name].parameters())
    assert alone == RULES[name].study(Panel(history), RULES[name].parameters()).estimates[0]


def test_a_price_without_books_is_that_of_the_null_market() -> None:
    whole = simulate("ETH", START, 12, 3, NULL)
    log_price, levels = unhedged("ETH", START, 12, 3, 0.0)
    assert np.exp(log_price) == pytest.approx(whole.price, rel=1e-12)
    assert levels == pytest.approx(whole.volatility, rel=1e-12)
    dear = simulate("ETH", START, 12, 3, Switches(feedback=0.0, premium=2.0))
    assert unhedged("ETH", START, 12, 3, 2.0)[1] == pytest.approx(dear.volatility, rel=1e-12)


def rows(*told_of: tuple[float, int, float | None, float | None, float | None]) -> pl.DataFrame:
    """Rows of `regime` (claim: below 0): effect, days, value, p-value, careless p-value."""
    found = [
        (seed, effect, days, "regime", 9, value, p, other)
        for seed, (effect, days, value, p, other) in enumerate(told_of)
    ]
    return pl.DataFrame(found, schema=judge.ROWS, orient="row")


def test_size_is_of_those_with_enough_data_and_power_of_all_with_the_claimed_sign() -> None:
    found = [
        (0.0, 90, -1.0, 0.01, 0.001),
        (0.0, 90, 1.0, 0.04, 0.2),
        (0.0, 90, 1.0, 0.05, 0.04),
        (0.0, 90, None, None, None),
    ]
    there = [
        (1.0, 90, -1.0, 0.01, 0.6),
        (1.0, 90, 1.0, 0.01, 0.01),
        (1.0, 90, None, None, None),
        (1.0, 180, -1.0, 0.2, 0.2),
    ]
    size, power = tables.size(rows(*found, *there)), tables.power(rows(*found, *there))
    low, high = proportion_confint(2, 3, method="wilson")
    counted = size.select("markets", "told", "size", "low", "high", "careless").row(0)
    assert counted == (4, 3, CLOSE(2 / 3), CLOSE(low), CLOSE(high), CLOSE(2 / 3))
    assert power.select("effect", "days", "power").rows() == [(1.0, 90, CLOSE(1 / 3)), (1.0, 180, 0.0)]
    assert not tables.is_sound(size)


def test_a_size_without_data_is_nothing_and_not_0() -> None:
    size = tables.size(rows((0.0, 90, None, None, None)))
    assert size.select("told", "size", "low", "high").row(0) == (0, None, None, None)
    assert next(told.size_rows(rows((0.0, 90, None, None, None)))) == ["regime", "90", "1", "0", "", "", ""]


def test_a_careless_test_finds_what_a_careful_one_does_not() -> None:
    """Trending prices of a null market: neighbours that share their outcome count as news."""
    p_values = [
        (careless.CARELESS["regime"](panel), RULES["regime"].headline(panel, RULES["regime"].parameters()).p_value)
        for panel in (Panel(made_up.drawn("BTC", START, 60, seed, 0.0, ())) for seed in range(40_000, 40_006))
    ]
    assert sum(p is not None and p < 0.05 for p, _ in p_values) >= 3
    assert sum(p is not None and p < 0.05 for _, p in p_values) <= 1


def test_every_rule_has_a_careless_twin() -> None:
    assert set(careless.CARELESS) == set(RULES)


def test_rows_are_written_and_read_again(tmp_path: Path) -> None:
    found = stored.of_now(judge.judged(plan.Draw(50_000, 0.5, (20,), (40,))))
    stored.write(tmp_path / "rows.parquet", found)
    assert stored.read(tmp_path / "rows.parquet").equals(found.sort("effect", "seed", "days", "rule"))
    assert stored.read(tmp_path / "none.parquet").is_empty()


def test_what_was_measured_is_whole_and_sound() -> None:
    measured = stored.measured()
    size = tables.size(measured)
    assert set(size["rule"]) == set(RULES) and set(size["markets"]) == {len(plan.NULL_SEEDS)}
    assert tables.is_sound(size)
    power = tables.power(measured)
    assert set(power["effect"]) == set(plan.EFFECTS) and set(power["markets"]) == {len(plan.POWER_SEEDS)}
    assert power.height == len(RULES) * len(plan.EFFECTS) * len(plan.DAYS)


@pytest.mark.parametrize("first", range(0, 100, 10))
def test_the_first_hundred_markets_say_the_same_again(first: int) -> None:
    """With whatever code and versions are here now: what was measured is what a run would be judged by."""
    again = pl.concat([judge.judged(draw) for draw in islice(plan.null(), first, first + 10)])
    before = stored.measured().filter(pl.col("effect") == 0.0, pl.col("seed").is_between(first, first + 9))
    pairs = again.join(before, on=["seed", "effect", "days", "rule"], suffix="_before", validate="1:1")
    assert pairs.height == again.height == before.height == 10 * len(RULES)
    for name in ("n", "value", "p_value", "careless_p_value"):
        assert pairs[name].is_null().equals(pairs[f"{name}_before"].is_null()), name
        assert pairs[name].drop_nulls().to_numpy() == CLOSE(pairs[f"{name}_before"].drop_nulls().to_numpy()), name
