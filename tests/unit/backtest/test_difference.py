"""Intervals of a difference: as wide as those of an established bootstrap, and reproducible."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from gex_backtest.estimates import difference
from gex_backtest.study import OK

DAYS, EACH = 400, 4


def drawn(persistence: float) -> np.ndarray:
    """Values of some days, a few each, whose daily level remembers the day before."""
    random = np.random.default_rng(7)
    level = np.zeros(DAYS)
    for i in range(1, DAYS):
        level[i] = persistence * level[i - 1] + random.standard_normal()
    return (level[:, None] * np.array([1, 0, 0, 0]) + random.standard_normal((DAYS, EACH))).ravel()


@pytest.mark.parametrize("persistence", [0.0, 0.8])
def test_errors_are_those_of_arch(persistence: float) -> None:
    values, day = drawn(persistence), np.repeat(np.arange(DAYS), EACH)
    is_first = np.tile([True, False, False, False], DAYS)
    found = difference("difference", "", "1", values, is_first, day)
    by_day = values.reshape(DAYS, EACH)
    gaps = by_day[:, 0] - by_day[:, 1:].mean(axis=1)
    length = {0.0: 1, 0.8: 12}[persistence]
    draws = StationaryBootstrap(length, gaps, seed=3).apply(lambda x: np.array([x.mean()]), 2_000)
    assert found.status == OK and found.value == pytest.approx(gaps.mean())
    assert found.standard_error == pytest.approx(draws.std(), rel=0.2)
    assert found.value is not None and found.standard_error is not None
    assert found.low == pytest.approx(found.value - 1.96 * found.standard_error, abs=0.3 * found.standard_error)
    assert found == difference("difference", "", "1", values, is_first, day)


def test_what_depends_on_itself_has_wider_errors() -> None:
    day, is_first = np.repeat(np.arange(DAYS), EACH), np.tile([True, False, False, False], DAYS)
    ordered = drawn(0.8).reshape(DAYS, EACH)
    shuffled = np.random.default_rng(1).permutation(ordered)
    wide, narrow = (difference("", "", "1", each.ravel(), is_first, day) for each in (ordered, shuffled))
    assert wide.standard_error is not None and narrow.standard_error is not None
    assert wide.standard_error > 1.5 * narrow.standard_error and wide.value == pytest.approx(narrow.value)


def test_shares_of_all_and_none_have_newcombes_interval() -> None:
    """30 of 30 against 0 of 30: Wilson's intervals end at 0.8865 and 0.1135, and the two gaps add as sides do."""
    day, is_first = np.repeat(np.arange(30), 2), np.tile([True, False], 30)
    found = difference("", "", "1", is_first.astype(float), is_first, day)
    wilson = [proportion_confint(k, 30, method="wilson") for k in (30, 0)]
    below = math.hypot(1 - wilson[0][0], wilson[1][1])
    assert (found.value, found.standard_error) == (1.0, None)
    assert (found.low, found.high) == pytest.approx((1.0 - below, 1.0))


@pytest.mark.parametrize(("first", "rest"), [((28, 30), (25, 40)), ((2, 50), (10, 60))])
def test_rare_outcomes_have_newcombes_interval(first: tuple[int, int], rest: tuple[int, int]) -> None:
    values = np.concatenate([np.arange(n) < k for k, n in (first, rest)]).astype(float)
    is_first = np.arange(len(values)) < first[1]
    found = difference("", "", "1", values, is_first, np.arange(len(values)))
    expected = confint_proportions_2indep(*first, *rest, method="newcomb")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)
