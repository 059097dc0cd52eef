from __future__ import annotations

import numpy as np
import pytest

from gex_backtest.bars import HOUR_US, Bars
from gex_backtest.errors import BacktestError
from gex_backtest.funding import funding_per_bar, unknown_instants
from tests.price_bars import FIVE_MINUTES_US, START_US, bars, flat


def test_the_bar_that_opens_at_the_instant_or_next_pays() -> None:
    """On a grid of five minutes with bar 2 missing: at an open, inside a bar, inside the gap, at the last close."""
    on = bars(*[(100, 100, 100, 100)] * 4, missing=(2,))
    instants = START_US + (FIVE_MINUTES_US * np.array([0, 1, 1.5, 2.5, 3, 5])).astype(np.int64)
    rates = np.array([0.1, 0.01, 0.002, 0.0003, 0.00004, 0.7])
    assert funding_per_bar(on, instants, rates) == pytest.approx([0, 0.01, 0.00234, 0])


def test_no_instants() -> None:
    assert funding_per_bar(flat(100, 100), np.array([], dtype=np.int64), np.array([])).tolist() == [0, 0]


@pytest.mark.parametrize("rates", [[0.1], [0.1, np.nan]])
def test_a_missing_rate(rates: list[float]) -> None:
    with pytest.raises(BacktestError, match="a funding rate is missing"):
        funding_per_bar(flat(100, 100), np.array([START_US, START_US + 1]), np.array(rates))


@pytest.mark.parametrize(
    ("known", "assumed"),
    [([], [8, 16, 24]), ([8], [16, 24]), ([1, 2, 3, 20], [16]), ([8, 16, 24], []), ([0, 30], [8, 16, 24])],
)
def test_funding_is_assumed_for_periods_without_a_rate(known: list[int], assumed: list[int]) -> None:
    at = HOUR_US * np.arange(30)
    flat = np.ones(30)
    bars = Bars(at, at + HOUR_US, flat, flat, flat, flat)
    found = unknown_instants(bars, HOUR_US * np.array(known, dtype=np.int64))
    assert (found // HOUR_US).tolist() == assumed
