"""Forecasts by what was over, beside regressions one day after another."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.tsa.stattools import diebold_mariano_test

from gex_backtest.bars import DAY_US, HOUR_US, Ints
from gex_backtest.forecasts import forecasts, out_of_sample, trained
from gex_pipeline.core.black76 import Floats

FOUR_HOURS = 4 * HOUR_US


def decisions(n: int, hours: int = 4) -> Ints:
    return hours * HOUR_US * np.arange(n)


def made(n: int, effect: float, seed: int = 1) -> tuple[Floats, Floats, list[Floats]]:
    """Outcome, a state that lasts for about a day and a half, and two controls."""
    rng = np.random.default_rng(seed)
    state = (np.cumsum(rng.random(n) < 0.1) % 2).astype(float)
    controls = [rng.normal(size=n), np.sin(np.arange(n) / 9.0)]
    return effect * state + controls[0] - controls[1] + rng.normal(size=n), state, controls


def both(n: int, effect: float, seed: int = 1) -> list[Any]:
    return list(out_of_sample("line", "log", *made(n, effect, seed), decisions(n), FOUR_HOURS))


def test_every_forecast_is_that_of_a_regression_on_what_was_over() -> None:
    """One statsmodels fit a day on outcomes that end four hours before its midnight."""
    y, state, controls = made(240, 0.5)
    columns, at = np.column_stack([state, *controls, np.ones(240)]), decisions(240)
    found = forecasts(y, columns, trained(at, FOUR_HOURS))
    n_compared = 0
    for day in range(40):
        past, today = at + FOUR_HOURS <= day * DAY_US - FOUR_HOURS, at // DAY_US == day
        if min(state[past].sum(), (1 - state[past]).sum()) < 8 or past.sum() < 20:
            assert np.isnan(found[today]).all()
            continue
        for model, part in enumerate((columns, columns[:, 1:], columns[:, -1:])):
            fit = sm.OLS(y[past], part[past]).fit()
            assert found[today, model] == pytest.approx(fit.predict(part[today]))
            n_compared += today.sum()
    assert n_compared > 500


def test_the_gains_are_those_of_the_forecasts_errors() -> None:
    y, state, controls = made(600, 0.8)
    columns = np.column_stack([state, *controls, np.ones(600)])
    found = forecasts(y, columns, trained(decisions(600), FOUR_HOURS))
    told = np.isfinite(found[:, 0])
    y, with_state, without, mean = y[told], *found[told].T
    r_squared, loss = both(600, 0.8)
    assert r_squared.n == loss.n == told.sum()
    explained = [1 - np.sum((y - each) ** 2) / np.sum((y - mean) ** 2) for each in (with_state, without)]
    assert r_squared.value == pytest.approx(explained[0] - explained[1])
    test = diebold_mariano_test(y, without, with_state, harvey_adj=True)
    assert (loss.value / loss.standard_error, loss.p_value) == pytest.approx((test.statistic, test.pvalue))
    assert loss.low > 0 and loss.p_value < 0.05
    assert (loss.unit, r_squared.low) == ("log squared", None)


def test_the_interval_excludes_0_where_the_p_value_is_below_5_percent() -> None:
    for seed in range(40):
        _, loss = both(300, 0.02 * seed, seed)
        assert (loss.low > 0 or loss.high < 0) == (loss.p_value < 0.05)
        assert loss.low < loss.value < loss.high and loss.standard_error > 0


def test_a_state_that_means_nothing_gains_nothing() -> None:
    """The gain is positive and told from 0 in a few per cent of samples at most."""
    losses = [both(360, 0.0, seed)[1] for seed in range(300)]
    assert np.mean([each.p_value < 0.05 and each.value > 0 for each in losses]) < 0.04
    assert np.mean([each.value for each in losses]) < 0


def test_neither_later_outcomes_nor_those_within_the_embargo_move_a_forecast() -> None:
    y, state, controls = made(300, 0.5)
    columns, at = np.column_stack([state, *controls, np.ones(300)]), decisions(300)
    whole = forecasts(y, columns, trained(at, FOUR_HOURS))
    day = 30
    late = y.copy()
    late[at + FOUR_HOURS > day * DAY_US - FOUR_HOURS] += 100.0
    moved = forecasts(late, columns, trained(at, FOUR_HOURS))
    until = at < (day + 1) * DAY_US
    np.testing.assert_allclose(moved[until], whole[until], rtol=1e-10)
    assert np.abs(moved[~until] - whole[~until]).max() > 1
    cut = forecasts(y[until], columns[until], trained(at[until], FOUR_HOURS))
    np.testing.assert_allclose(cut, whole[until], rtol=1e-10)


def test_a_last_outcome_that_counts_is_the_one_at_the_embargo() -> None:
    at = decisions(24)  # the outcome that ends at 20:00 is the last that midnight's fit knows
    assert trained(at, FOUR_HOURS)[[0, 5, 6, 11, 12]].tolist() == [0, 0, 5, 5, 11]


@pytest.mark.parametrize(
    "state", [np.ones(300), (np.arange(300) == 7).astype(float), (np.arange(300) > 290).astype(float)]
)
def test_a_state_that_hardly_changes_says_too_little(state: Floats) -> None:
    y, _, controls = made(300, 0.0)
    for found in out_of_sample("a", "log", y, state, controls, decisions(300), FOUR_HOURS):
        assert (found.value, found.p_value, found.status) == (None, None, "too little data")


@pytest.mark.parametrize("n", [0, 1, 30])
def test_too_few_decisions_say_too_little(n: int) -> None:
    for found in both(n, 1.0):
        assert (found.value, found.low, found.status) == (None, None, "too little data")


def test_a_constant_outcome_says_too_little() -> None:
    _, state, controls = made(300, 0.0)
    for found in out_of_sample("a", "log", np.zeros(300), state, controls, decisions(300), FOUR_HOURS):
        assert found.status == "too little data"


def test_hours_that_were_not_seen_yet_are_forecast_without_a_coefficient() -> None:
    """A dummy that is 0 in all that is over is singular there; what is forecast is still a number."""
    y, state, controls = made(300, 0.5)
    new = (np.arange(300) > 200).astype(float)
    found = list(out_of_sample("a", "log", y, state, [*controls, new], decisions(300), FOUR_HOURS))
    assert all(each.value is not None and math.isfinite(each.value) for each in found)


def test_two_thousand_decisions_take_a_tenth_of_a_second() -> None:
    n = 2_000
    y, state, controls = made(n, 0.3)
    calendar = [(np.arange(n) % 6 == hour).astype(float) for hour in range(1, 6)]
    list(out_of_sample("a", "log", y[:300], state[:300], [each[:300] for each in controls], decisions(300), FOUR_HOURS))
    spent = []
    for _ in range(3):
        begin = time.process_time()
        list(out_of_sample("a", "log", y, state, [*controls, *calendar], decisions(n), FOUR_HOURS))
        spent.append(time.process_time() - begin)
    assert min(spent) < 0.1
