"""Estimates and their errors, against formulas written out and against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gex_backtest import estimates
from gex_backtest.study import OK, TOO_LITTLE, Estimate

RNG = np.random.default_rng(7)


def newey_west(y: np.ndarray, x: np.ndarray, lags: int) -> float:
    """Error of the first coefficient, by the sums of Newey and West (1987), for n - k observations."""
    beta = np.linalg.solve(x.T @ x, x.T @ y)
    scores = x * (y - x @ beta)[:, None]
    middle = scores.T @ scores
    for lag in range(1, lags + 1):
        cross = scores[lag:].T @ scores[:-lag]
        middle = middle + (1 - lag / (lags + 1)) * (cross + cross.T)
    bread = np.linalg.inv(x.T @ x)
    return math.sqrt((bread @ middle @ bread)[0, 0] * len(y) / (len(y) - x.shape[1]))


def autocorrelated(n: int, rho: float) -> np.ndarray:
    out = np.zeros(n)
    for i, shock in enumerate(RNG.normal(size=n)):
        out[i] = rho * (out[i - 1] if i else 0.0) + shock
    return out


def test_the_error_of_a_mean_is_newey_wests() -> None:
    values = autocorrelated(300, 0.5)
    found = estimates.mean("a", "b", "1", values, overlap=10)
    assert found.value == pytest.approx(values.mean()) and found.method == "HAC, 150 lags"
    error = newey_west(values, np.ones((300, 1)), 150)
    assert found.standard_error == pytest.approx(error)
    b = 151 / 300  # by Kiefer and Vogelsang's table: 1.9600 + 2.9694 b + 0.4160 b^2 - 0.5324 b^3
    assert found.value is not None
    assert found.high == pytest.approx(
        found.value + (1.9600 + 2.9694 * b + 0.4160 * b**2 - 0.5324 * b**3) * error, rel=1e-4
    )


def test_a_coefficient_beside_controls() -> None:
    control, x = RNG.normal(size=200), RNG.normal(size=200)
    y = 2.0 * x - control + autocorrelated(200, 0.3)
    found = estimates.coefficient("a", "b", "1", y, x, [control], overlap=4)
    columns = np.column_stack([x, control, np.ones(200)])
    assert found.value == pytest.approx(np.linalg.solve(columns.T @ columns, columns.T @ y)[0])
    assert found.standard_error == pytest.approx(newey_west(y, columns, 100))


def test_the_error_of_overlapping_means_covers() -> None:
    """Sums of ten shocks, of which the next shares nine: an interval of 95 % holds 0 in about 95 %."""
    shocks = RNG.normal(size=(400, 309))
    sums = np.stack([np.convolve(row, np.ones(10), "valid") for row in shocks])
    found = [estimates.mean("a", "b", "1", row, overlap=10) for row in sums]
    inside = np.mean([each.low is not None and each.high is not None and each.low <= 0 <= each.high for each in found])
    assert 0.90 < inside < 0.99


def test_the_gain_is_the_difference_of_two_r_squared() -> None:
    control, x = RNG.normal(size=200), RNG.normal(size=200)
    y = x + control + RNG.normal(size=200)
    alone = stats.linregress(control, y).rvalue ** 2
    both = (
        np.corrcoef(
            np.column_stack([np.ones(200), x, control])
            @ np.linalg.lstsq(np.column_stack([np.ones(200), x, control]), y, rcond=None)[0],
            y,
        )[0, 1]
        ** 2
    )
    assert estimates.gain("a", "b", y, x, [control]).value == pytest.approx(both - alone)


def test_independent_observations_have_students_t() -> None:
    values = RNG.normal(1, 2, 12)
    found = estimates.independent("a", "b", "1", values)
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_the_interval_of_a_difference_is_about_welchs_for_independent_days() -> None:
    values, is_first = RNG.normal(size=2000), RNG.random(2000) < 0.4
    values[is_first] += 0.5
    found = estimates.difference("a", "b", "1", values, is_first, np.arange(2000))
    expected = stats.ttest_ind(values[is_first], values[~is_first], equal_var=False).confidence_interval()
    assert found.value == pytest.approx(values[is_first].mean() - values[~is_first].mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.03)
    assert found.n == int(is_first.sum())


def test_days_that_are_alike_widen_the_interval() -> None:
    """Twenty observations a day that share their shock are as good as one."""
    shock, is_first = RNG.normal(size=200), np.tile([True, False], 2000)
    values = np.repeat(shock, 20) + 0.01 * RNG.normal(size=4000)
    whole = np.repeat(np.arange(200) % 2 == 0, 20)
    narrow = estimates.difference("a", "b", "1", values, is_first, np.repeat(np.arange(200), 20))
    wide = estimates.difference("a", "b", "1", values, whole, np.repeat(np.arange(200), 20))
    assert narrow.standard_error is not None and narrow.standard_error < 0.01
    assert wide.standard_error is not None and wide.standard_error > 0.1


def test_the_same_data_give_the_same_interval() -> None:
    values, is_first, day = RNG.normal(size=300), RNG.random(300) < 0.5, np.arange(300) // 2
    assert estimates.difference("a", "b", "1", values, is_first, day) == estimates.difference(
        "a", "b", "1", values, is_first, day
    )


FEW, FLAT = np.arange(5.0), np.ones(100)


@pytest.mark.parametrize(
    "found",
    [
        estimates.mean("a", "b", "1", FEW),
        estimates.mean("a", "b", "1", FLAT),
        estimates.mean("a", "b", "1", np.array([])),
        estimates.mean("a", "b", "1", np.full(100, np.nan)),
        estimates.mean("a", "b", "1", RNG.normal(size=100), overlap=30),
        estimates.independent("a", "b", "1", FEW),
        estimates.independent("a", "b", "1", FLAT),
        estimates.coefficient("a", "b", "1", FEW, FEW, []),
        estimates.coefficient("a", "b", "1", FLAT, RNG.normal(size=100), []),
        estimates.coefficient("a", "b", "1", RNG.normal(size=100), FLAT, []),
        estimates.coefficient("a", "b", "1", RNG.normal(size=100), (np.arange(100) < 5).astype(float), []),
        estimates.coefficient("a", "b", "1", np.array([]), np.array([]), [np.array([])]),
        estimates.gain("a", "b", FEW, FEW, []),
        estimates.share("a", "b", FEW),
        estimates.difference("a", "b", "1", RNG.normal(size=100), np.arange(100) < 5, np.arange(100)),
        estimates.difference("a", "b", "1", FLAT, np.arange(100) < 50, np.arange(100)),
        estimates.difference("a", "b", "1", RNG.normal(size=100), np.arange(100) < 50, np.zeros(100, dtype=int)),
        estimates.difference("a", "b", "1", np.array([]), np.array([], dtype=bool), np.array([], dtype=int)),
    ],
)
def test_too_little_data_is_said_and_gives_no_number(found: Estimate) -> None:
    assert found.status == TOO_LITTLE != OK
    assert (found.value, found.standard_error, found.low, found.high) == (None, None, None, None)


@pytest.mark.parametrize("kind", ["mean", "independent", "coefficient", "difference"])
def test_a_number_and_its_rounding_is_too_little_data(kind: str) -> None:
    values = -37.8 + 1e-12 * np.random.default_rng(1).standard_normal(400)
    is_first, day = np.arange(400) % 2 == 0, np.arange(400) // 4
    found = {
        "mean": lambda: estimates.mean("x", "", "1", values),
        "independent": lambda: estimates.independent("x", "", "1", values),
        "coefficient": lambda: estimates.coefficient("x", "", "1", values, np.arange(400.0), []),
        "difference": lambda: estimates.difference("x", "", "1", values, is_first, day),
    }[kind]()
    assert (found.value, found.p_value, found.status) == (None, None, TOO_LITTLE)
