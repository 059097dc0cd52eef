"""Realised volatility over stretches of time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gex_backtest import returns
from gex_backtest.bars import HOUR_US, Bars

YEAR_H = 365 * 24


def hourly(closes: list[float], hours: list[int] | None = None, spread: float = 0.0) -> Bars:
    """Bars that open at the close before, the first at its own close."""
    close = np.array(closes)
    open_ = np.append(close[:1], close[:-1])
    at = np.array(hours if hours is not None else range(len(closes))) * HOUR_US
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    return Bars(at, at + HOUR_US, open_, top * math.exp(spread), bottom * math.exp(-spread), close)


def stretch(*hours: int) -> list[np.ndarray]:
    return [np.array([hour]) * HOUR_US for hour in hours]


def test_returns_go_from_close_to_close_and_from_the_open_after_a_gap() -> None:
    bars = hourly([100, 110, 99, 99], [0, 1, 2, 5])
    assert returns.log_returns(bars) == pytest.approx([0, math.log(1.1), math.log(0.9), 0])


def test_realised_volatility_by_hand() -> None:
    bars = hourly([100, 110, 99, 108.9])
    squares = 2 * math.log(1.1) ** 2 + math.log(0.9) ** 2
    assert returns.realised(bars, *stretch(1, 4)) == pytest.approx([math.sqrt(squares / 3 * YEAR_H)])


def test_a_bar_that_reaches_over_the_end_does_not_count() -> None:
    bars = hourly([100, 110, 99, 108.9])
    end = np.array([3 * HOUR_US + HOUR_US // 2])
    assert returns.counted(bars, np.array([HOUR_US]), end).tolist() == [2]


def test_a_stretch_with_too_few_bars_has_no_volatility() -> None:
    bars = hourly([100.0] * 7 + [101.0], [0, 1, 2, 3, 4, 5, 6, 9])
    assert np.isnan(returns.realised(bars, *stretch(0, 10))).tolist() == [False]  # 8 of 10
    assert np.isnan(returns.realised(bars, *stretch(0, 11))).tolist() == [True]
    assert np.isnan(returns.realised(bars, *stretch(20, 30))).tolist() == [True]


def test_parkinson_is_the_range() -> None:
    bars = hourly([100.0, 100.0, 100.0], spread=0.01)
    expected = math.sqrt(0.02**2 / (4 * math.log(2)) * YEAR_H)
    assert returns.parkinson(bars, *stretch(0, 3)) == pytest.approx([expected])


def test_yang_zhang_by_its_formula() -> None:
    rng = np.random.default_rng(3)
    n = 50
    open_ = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    close = open_ * np.exp(rng.normal(0, 0.02, n))
    high, low = np.maximum(open_, close) * 1.01, np.minimum(open_, close) * 0.99
    at = np.arange(n) * HOUR_US
    bars = Bars(at, at + HOUR_US, open_, high, low, close)
    jumps = [math.log(open_[i] / close[i - 1]) for i in range(1, n)]
    moves = [math.log(close[i] / open_[i]) for i in range(1, n)]
    inner = [
        math.log(high[i] / close[i]) * math.log(high[i] / open_[i])
        + math.log(low[i] / close[i]) * math.log(low[i] / open_[i])
        for i in range(1, n)
    ]
    k = 0.34 / (1.34 + n / (n - 2))  # n - 1 bars
    variance = np.var(jumps, ddof=1) + k * np.var(moves, ddof=1) + (1 - k) * np.mean(inner)
    assert returns.yang_zhang(bars, *stretch(1, n)) == pytest.approx([math.sqrt(variance * YEAR_H)])


def test_all_estimators_agree_on_a_random_walk() -> None:
    rng = np.random.default_rng(4)
    steps = rng.normal(0, 0.5 / math.sqrt(YEAR_H * 360), (4000, 360))  # 10 seconds each, annual volatility 0.5
    path = 100 * np.exp(np.cumsum(steps.ravel())).reshape(4000, 360)
    close = path[:, -1]
    open_ = np.append(100.0, close[:-1])
    high, low = np.maximum(path.max(axis=1), open_), np.minimum(path.min(axis=1), open_)
    at = np.arange(4000) * HOUR_US
    bars = Bars(at, at + HOUR_US, open_, high, low, close)
    for estimator in (returns.realised, returns.parkinson, returns.yang_zhang):
        assert estimator(bars, *stretch(0, 4000)) == pytest.approx([0.5], rel=0.05)


def test_a_move_goes_from_the_next_open_to_the_last_close() -> None:
    bars = hourly([100, 110, 99, 108.9])
    assert returns.move(bars, *stretch(1, 3)) == pytest.approx([math.log(99 / 100)])


def test_what_is_not_over_by_the_last_bar_is_not_known() -> None:
    bars = hourly([100.0, 101.0] * 10)
    assert np.isnan(returns.realised(bars, *stretch(1, 21))).tolist() == [True]
    assert np.isnan(returns.realised(bars, *stretch(1, 20))).tolist() == [False]
