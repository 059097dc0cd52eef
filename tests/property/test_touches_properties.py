"""Touches of drawn levels by drawn bars, with gaps, ties and missing bars: as a loop over the bars finds them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gex_backtest.bars import Bars
from gex_backtest.touches import Watch, barrier, touches
from tests.slow.touches import DAYS_PER_YEAR, Fate, fate

pytestmark = pytest.mark.filterwarnings("error")
MINUTES = 60_000_000
#: Few prices, so that levels are often just reached.
prices = st.integers(95, 105)


@st.composite
def drawn_bars(draw: st.DrawFn) -> Bars:
    n = draw(st.integers(3, 70))
    four = np.sort(draw(st.lists(st.tuples(*[prices] * 4), min_size=n, max_size=n)), axis=1).astype(float)
    is_up = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    steps = np.array(draw(st.lists(st.sampled_from([1, 1, 1, 2, 9]), min_size=n, max_size=n)))
    open_at = 5 * MINUTES * np.cumsum(steps)
    first, last = np.where(is_up, four[:, 1], four[:, 2]), np.where(is_up, four[:, 2], four[:, 1])
    return Bars(open_at, open_at + 5 * MINUTES, first, four[:, 3], four[:, 0], last)


@st.composite
def drawn_watch(draw: st.DrawFn) -> tuple[Bars, Watch]:
    bars = draw(drawn_bars())
    count = draw(st.integers(1, 6))
    row = np.array(draw(st.lists(st.integers(0, len(bars) - 1), min_size=count, max_size=count)))
    minutes = np.array(draw(st.lists(st.integers(1, 500), min_size=count, max_size=count)))
    spot = bars.close[row]
    level = np.array(draw(st.lists(prices, min_size=count, max_size=count))).astype(float)
    level = np.where(level == spot, np.nan, level)
    return bars, Watch(level, spot, row, bars.close_at[row] + minutes * MINUTES, np.full(count, 0.5))


def wanted(bars: Bars, watch: Watch, sigmas: float) -> list[Fate]:
    rows = list(
        zip(*(getattr(bars, name).tolist() for name in ("close_at", "open", "high", "low", "close")), strict=True)
    )
    distance = sigmas * 0.5 / DAYS_PER_YEAR**0.5
    each = zip(watch.level_usd, watch.spot_usd, watch.row.tolist(), watch.end_us.tolist(), strict=True)
    return [fate(rows, level, spot, row, end, distance, bars.length_us) for level, spot, row, end in each]


def plain(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


@given(drawn_watch(), st.sampled_from([0.1, 0.4, 1.0]))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_fates_are_those_of_the_loop(drawn: tuple[Bars, Watch], sigmas: float) -> None:
    bars, watch = drawn
    is_level = np.isfinite(watch.level_usd)
    watch = Watch(*(getattr(watch, name)[is_level] for name in Watch.__dataclass_fields__))
    found, fates = touches(bars, watch, sigmas), wanted(bars, watch, sigmas)
    assert [None if row < 0 else row for row in found.row.tolist()] == [each.row for each in fates]
    for name in ("touched", "by_gap", "bounced", "held"):
        assert plain(getattr(found, name)) == [getattr(each, name) for each in fates], name
    assert found.known_us.tolist() == [each.known_us for each in fates]
    assert found.resolved_us.tolist() == [each.resolved_us for each in fates]


@given(drawn_watch())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_what_is_known_by_a_bar_does_not_change_afterwards(drawn: tuple[Bars, Watch]) -> None:
    bars, watch = drawn
    later = touches(bars, watch, 0.4)
    n = int(watch.row.max()) + 1
    now = touches(bars[:n], watch, 0.4)
    last = bars.close_at[n - 1]
    for name, until in (("touched", "known_us"), ("by_gap", "known_us"), ("bounced", "resolved_us")):
        is_known = getattr(later, until) <= last
        np.testing.assert_array_equal(getattr(now, name)[is_known], getattr(later, name)[is_known])
    assert np.isnan(now.touched[later.known_us > last]).all()
    assert np.isnan(now.bounced[later.resolved_us > last]).all()


@given(drawn_watch())
@settings(max_examples=50, deadline=None, derandomize=True)
def test_no_level_is_not_touched(drawn: tuple[Bars, Watch]) -> None:
    bars, watch = drawn
    nothing = Watch(np.full(len(watch.row), np.nan), watch.spot_usd, watch.row, watch.end_us, watch.sigma)
    found = touches(bars, nothing, 0.4)
    assert (found.row == -1).all()
    assert all(np.isnan(getattr(found, name)).all() for name in ("touched", "by_gap", "bounced", "held"))


def test_the_barrier_is_in_standard_deviations_of_a_day() -> None:
    assert barrier(np.array([0.5]), 2.0)[0] == pytest.approx(2.0 * 0.5 / DAYS_PER_YEAR**0.5)
