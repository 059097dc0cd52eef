"""Touches of a level at 100, above spot, worked out by hand: its barrier has sides at 99 and 101."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gex_backtest.bars import HOUR_US, Bars
from gex_backtest.touches import Touches, Watch, moved_away, touches

Bar = tuple[float, float, float, float]
#: A volatility whose day is 1 % in logarithms, nearly: sides at 100 exp(+-0.01) = 101.005 and 99.005.
SIGMA = 0.01 * math.sqrt(365)
NAN = math.nan


def bars(rows: list[Bar]) -> Bars:
    open_at = HOUR_US * np.arange(len(rows))
    return Bars(open_at, open_at + HOUR_US, *np.array(rows, dtype=float).T)


def watch(hours: int, level: float = 100.0) -> Watch:
    """From the close of the first hour on."""
    return Watch(*(np.array([each]) for each in (level, 98.0, 0, hours * HOUR_US, SIGMA)))


def after(rows: list[Bar], hours: int) -> Touches:
    return touches(bars([(98, 98, 98, 98), *rows]), watch(hours), 1.0)


CASES = {
    "turns back": ([(98, 100, 98, 99.5), (99.5, 99.5, 98.9, 99)], 9, True, 0, 1, 3),
    "goes through": ([(98, 100, 98, 99.5), (99.5, 101.1, 99.5, 101)], 9, True, 0, 0, 3),
    "both in one bar": ([(98, 100, 98, 99.5), (99.5, 101.1, 98.9, 99)], 9, True, 0, 0, 3),
    "its own bar counts by the close alone": ([(98, 101.5, 98, 99.5), (99.5, 99.5, 98.9, 99)], 9, True, 0, 1, 3),
    "a close beyond decides at once": ([(98, 101.5, 98, 101.2), (101, 101, 98, 98)], 9, True, 0, 0, 2),
    "a close before it as well": ([(98, 100, 98, 98.5), (98.5, 102, 98.5, 102)], 9, True, 0, 1, 2),
    "opens beyond": ([(100.5, 100.6, 100.2, 100.3), (100.3, 100.3, 98, 98)], 9, True, 1, 1, 3),
    "opens at it": ([(100, 100.6, 99.8, 100.3), (100.3, 100.3, 98, 98)], 9, True, 0, 1, 3),
    "ends before it": ([(98, 100, 98, 99.5), (99.5, 100.5, 99.2, 99.9)], 3, True, 0, 1, 3),
    "ends beyond it": ([(98, 100, 98, 99.5), (99.5, 100.5, 99.2, 100.1)], 3, True, 0, 0, 3),
    "ends at it": ([(98, 100, 98, 99.5), (99.5, 100.5, 99.2, 100)], 3, True, 0, 0, 3),
    "later bars are another session": (
        [(98, 100, 98, 99.5), (99.5, 100.5, 99.2, 100.1), (98, 98, 98, 98)],
        3,
        True,
        0,
        0,
        3,
    ),
    "not over yet": ([(98, 100, 98, 99.5), (99.5, 100.5, 99.2, 99.9)], 9, True, 0, NAN, 9),
    "never": ([(98, 99.9, 98, 99.5), (99.5, 99.9, 98, 99)], 3, False, NAN, NAN, 3),
    "never so far": ([(98, 99.9, 98, 99.5), (99.5, 99.9, 98, 99)], 9, NAN, NAN, NAN, 9),
}


@pytest.mark.parametrize(
    ("rows", "hours", "touched", "by_gap", "bounced", "resolved"), CASES.values(), ids=CASES.keys()
)
def test_a_touch(rows: list[Bar], hours: int, touched: float, by_gap: float, bounced: float, resolved: int) -> None:
    found = after(rows, hours)
    np.testing.assert_array_equal(found.touched, [touched])
    np.testing.assert_array_equal(found.by_gap, [by_gap])
    np.testing.assert_array_equal(found.bounced, [bounced])
    assert found.resolved_us[0] == resolved * HOUR_US


@pytest.mark.parametrize(("last", "held"), [(99.9, 1), (100.0, 0), (100.1, 0)])
def test_a_level_holds_if_the_last_close_is_before_it(last: float, held: int) -> None:
    assert after([(98, 100, 98, 99), (99, 103, 95, last)], 3).held.tolist() == [held]


def test_moves_away_count_from_the_next_open() -> None:
    rows = [(98, 98, 98, 98), (98, 100, 98, 99), (99.5, 99.5, 96, 97), (97, 97, 95, 96), (96, 96, 96, 96)]
    watched = watch(5)
    found = touches(bars(rows), watched, 1.0)
    away, known_us = moved_away(bars(rows), watched, found, 2)
    assert away[0] == pytest.approx(-math.log(96 / 99.5) / (0.01 * math.sqrt(2 / 24)))
    assert known_us.tolist() == [4 * HOUR_US]
    assert np.isnan(moved_away(bars(rows), watched, found, 4)[0]).all()


def test_below_spot_all_is_the_other_way_round() -> None:
    rows = [(102, 102, 102, 102), (102, 102, 100, 100.5), (100.5, 101.5, 100.5, 101)]
    below = Watch(*(np.array([each]) for each in (100.0, 102.0, 0, 9 * HOUR_US, SIGMA)))
    found = touches(bars(rows), below, 1.0)
    assert found.row.tolist() == [1] and found.bounced.tolist() == [1]
    assert moved_away(bars(rows), below, found, 1)[0][0] == pytest.approx(
        math.log(101 / 100.5) / (0.01 * math.sqrt(1 / 24))
    )
