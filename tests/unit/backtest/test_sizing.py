from __future__ import annotations

import math

import numpy as np
import pytest

from gex_backtest.errors import BacktestError
from gex_backtest.sizing import realised_vol, vol_target
from tests.price_bars import bars, drawn, flat

BARS_PER_YEAR = 365 * 288


def test_realised_volatility_of_written_out_closes() -> None:
    up, down = math.log(1.01), math.log(0.98)
    found = realised_vol(flat(100, 101, 98.98), 2)
    assert np.isnan(found[:2]).all()
    assert found[2] == pytest.approx(math.sqrt((up**2 + down**2) / 2 * BARS_PER_YEAR))


def test_a_missing_bar_counts_its_time() -> None:
    gap = bars(*[(p, p, p, p) for p in (100, 101, 98.98)], missing=(1,))
    assert realised_vol(gap, 2)[2] == pytest.approx(realised_vol(flat(100, 101, 98.98), 2)[2] * math.sqrt(2 / 3))


def test_targets_are_scaled_where_they_change_and_nowhere_else() -> None:
    on = flat(100, 101, 100, 101, 100, 101)
    vol = math.log(1.01) * math.sqrt(BARS_PER_YEAR)
    scaled = vol_target(on, np.array([1, 0, -1, -1, np.nan, 0.5]), vol / 4, window=2)
    assert np.isnan(scaled[3:5]).all()
    # The first change is decided before there are two returns, so it is not taken.
    assert scaled[[0, 1, 2, 5]] == pytest.approx([0, 0, -0.25, 0.125])


def test_the_cap_holds_also_where_the_price_stood_still() -> None:
    scaled = vol_target(flat(100, 100, 100, 101), np.array([np.nan, 1, -1, np.nan]), 0.5, window=1, cap=3)
    assert scaled[1:3].tolist() == [3, -3]


def test_more_bars_than_there_are() -> None:
    assert np.isnan(realised_vol(flat(100, 101), 5)).all()


def test_the_future_does_not_change_a_size() -> None:
    on = drawn(np.random.default_rng(1), 200)
    targets = np.random.default_rng(2).choice([-1.0, 0.0, 1.0], 200)
    whole, part = vol_target(on, targets, 0.5, 20), vol_target(on[:150], targets[:150], 0.5, 20)
    np.testing.assert_array_equal(whole[:150], part)


@pytest.mark.parametrize(("vol", "window", "cap"), [(0, 5, 1), (0.5, 0, 1), (0.5, 5, -1)])
def test_what_must_be_positive(vol: float, window: int, cap: float) -> None:
    with pytest.raises(BacktestError, match="must be positive"):
        vol_target(flat(100, 101), np.array([1.0, 0.0]), vol, window, cap)
