from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from gex_backtest.bars import Bars
from gex_backtest.config import Choice, Configuration
from gex_backtest.errors import BacktestError
from gex_backtest.sizing import Sizing
from gex_backtest.suite import run
from tests.price_bars import bars, drawn, flat
from tests.unit.backtest.drifts import DRIFTS, START, Parameters, history

BARS_PER_YEAR = 365 * 288
PLAIN = Configuration((Choice(DRIFTS, (Parameters(),)),))
DAY = Sizing(annual_vol=0.1, window_hours=24)


def seesaw() -> Bars:
    """Nine bars that go up and down by 1 % in turns, without gaps between them."""
    return bars(*((a, max(a, b), min(a, b), b) for a, b in pairwise([100, 101] * 5)))


def over(n_bars: int, annual_vol: float, cap: float = 1.0) -> Sizing:
    return Sizing(annual_vol, n_bars / 12, cap)


def test_targets_are_scaled_where_they_change_and_nowhere_else() -> None:
    vol = math.log(1.01) * math.sqrt(BARS_PER_YEAR)
    targets = np.array([1, 0, np.nan, np.nan, np.nan, -1, -1, np.nan, 0.5])
    scaled = over(5, vol / 4).scaled(seesaw(), targets)
    assert np.isnan(scaled[[2, 3, 4, 6, 7]]).all()
    # The first change is decided before there are enough bars, so it is not taken.
    assert scaled[[0, 1, 5, 8]] == pytest.approx([0, 0, -0.25, 0.125])


def test_the_cap_holds_also_where_the_price_stood_still() -> None:
    targets = np.array([np.nan] * 5 + [1, -1, np.nan])
    assert over(5, 0.5, cap=3).scaled(flat(*[100] * 8), targets)[5:7].tolist() == [3, -3]


def test_the_future_does_not_change_a_size() -> None:
    on = drawn(np.random.default_rng(1), 200)
    targets = np.random.default_rng(2).choice([-1.0, 0.0, 1.0], 200)
    whole, part = (over(20, 0.5).scaled(on[:n], targets[:n]) for n in (200, 150))
    np.testing.assert_array_equal(whole[:150], part)
    assert len(np.unique(np.abs(part[np.isfinite(part)]))) > 20


def test_bars_too_long_for_the_window() -> None:
    with pytest.raises(BacktestError, match=r"^\[sizing\] window_hours = 0.25 is too short: from 0.416667 on here$"):
        over(3, 0.5).scaled(flat(100, 101), np.array([1.0, 0.0]))


def trades(asked: Configuration, hours: int = 96) -> pl.DataFrame:
    whole = history()
    (outcome,) = run(whole.until(START + timedelta(hours=hours)), asked).outcomes
    return outcome.trading.trades


def test_positions_of_a_run_have_the_volatility_that_is_asked_for() -> None:
    """By the closes of the day before each decision, an hour apart."""
    plain, sized = trades(PLAIN), trades(replace(PLAIN, sizing=DAY))
    late = sized.filter(pl.col("entered_at") > START + timedelta(hours=24))
    assert late.height > 15
    close = history().bars.close
    for row in late.iter_rows(named=True):
        hour = (row["entered_at"] - START) // timedelta(hours=1)  # decided at the close of the bar before
        squares = np.diff(np.log(close[hour - 25 : hour])) ** 2
        assert abs(row["weight"]) == pytest.approx(0.1 / math.sqrt(squares.sum() * 365))
    whole = plain.filter(pl.col("entered_at").is_in(late["entered_at"].to_list()))
    assert whole["weight"].abs().to_list() == [1.0] * late.height
    assert whole["side"].to_list() == late["side"].to_list()
    assert sized["entered_at"].min() > START + timedelta(hours=19)  # 80 % of a day


def test_what_comes_later_changes_no_position_of_a_run() -> None:
    asked = replace(PLAIN, sizing=DAY)
    cut = trades(asked, 60).filter(pl.col("exit_reason") != "end").select("entered_at", "side", "weight")
    assert cut.height > 5
    assert trades(asked).select(cut.columns).head(cut.height).equals(cut)


def test_a_run_whose_bars_are_too_long_says_so_in_place_of_trading() -> None:
    (outcome,) = run(history(), replace(PLAIN, sizing=Sizing(window_hours=4))).outcomes
    assert (outcome.status, outcome.trading) == ("ok", None)
    assert outcome.trading_status == "[sizing] window_hours = 4 is too short: from 5 on here"
