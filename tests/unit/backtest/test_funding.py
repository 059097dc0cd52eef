from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from gex_backtest.bars import HOUR_US, Bars
from gex_backtest.errors import BacktestError
from gex_backtest.funding import Periods, funding_per_bar, periods
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


NONE: list[int] = []
EIGHTS = [8, 16, 24]


@pytest.mark.parametrize(
    ("paid", "lasting", "unknown"),
    [
        (range(1, 30), 1, [0, 0, 0]),  # hourly, complete
        ([h for h in range(1, 30) if h not in (3, 9, 10, 24)], 1, [1, 2, 1]),  # hourly with holes
        (EIGHTS, 1, [7, 7, 7]),  # one hour of eight
        (EIGHTS, 8, [0, 0, 0]),  # 8-hourly, complete
        ([8, 24], 8, [0, 8, 0]),
        ([0, 30], 8, [8, 8, 6]),  # the one before the first bar, and the one after the last: 22:00 to 30:00
        ([24], 24, [0, 0, 0]),
        (NONE, 1, [8, 8, 8]),
        (EIGHTS, np.nan, [0, 0, 0]),  # a venue that does not say: 8 hours, or since the rate before
        (range(4, 30, 4), np.nan, [0, 0, 0]),
        ([8, 24], np.nan, [0, 8, 0]),
        ([12, 16], np.nan, [4, 0, 8]),
        ([12, 13], 4, [8, 3, 8]),  # an hour is known once
    ],
)
def test_what_is_known_of_each_period(paid: Iterable[int], lasting: float, unknown: list[float]) -> None:
    """30 hours from midnight: the time after 24:00 is not due while there are bars."""
    found = known(bars_of(30), list(paid), lasting)
    assert (found.end_at // HOUR_US).tolist() == EIGHTS
    assert found.hours.tolist() == [8, 8, 8]
    assert found.unknown_hours.tolist() == unknown


def test_time_before_the_first_bar_is_not_missing() -> None:
    """From 05:00, with the rates of the hours since."""
    found = known(bars_of(30, first=5), list(range(6, 30)), 1)
    assert found.hours.tolist() == [3, 8, 8] and not found.unknown_hours.any()
    assert known(bars_of(30, first=5), NONE, 1).unknown_hours.tolist() == [3, 8, 8]


def test_milliseconds_of_delay_are_no_time_without_a_rate() -> None:
    at = HOUR_US * np.array(EIGHTS) + 1_000 * np.array([3, 900, 0])
    assert periods(bars_of(30), at, np.full(3, np.nan)).unknown_hours.tolist() == [0, 0, 0]


def bars_of(end: int, first: int = 0) -> Bars:
    """Hourly ones from an hour since 1970 to another."""
    at = HOUR_US * np.arange(first, end)
    ones = np.ones(end - first)
    return Bars(at, at + HOUR_US, ones, ones, ones, ones)


def known(of: Bars, paid: list[int], lasting: float) -> Periods:
    return periods(of, HOUR_US * np.array(paid, dtype=np.int64), np.full(len(paid), lasting))
