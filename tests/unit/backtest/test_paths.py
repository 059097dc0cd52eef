"""Paths around events, and what placebos of the same hours do."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gex_backtest.bars import DAY_US, HOUR_US, YEAR_HOURS, Bars, Ints
from gex_backtest.decisions import LINES
from gex_backtest.panel import Panel
from gex_backtest.paths import PATH, event_path, price_path
from gex_backtest.returns import realised
from gex_backtest.rules import RULES
from gex_pipeline.core.black76 import Floats
from tests.unit.backtest.hand_made import market

DAYS = 90


def walk(seed: int, days: int = DAYS) -> Bars:
    """Hourly bars of a random walk from a midnight on."""
    prices = 100.0 * np.exp(np.cumsum(0.005 * np.random.default_rng(seed).standard_normal(24 * days + 1)))
    open_at = 20_000 * DAY_US + HOUR_US * np.arange(24 * days)
    a, b = prices[:-1], prices[1:]
    return Bars(open_at, open_at + HOUR_US, a, np.maximum(a, b), np.minimum(a, b), b)


def drawn(bars: Bars, seed: int, n: int = 30) -> Ints:
    """Closes on some of the days."""
    rng = np.random.default_rng(seed)
    days = rng.choice(np.arange(10, DAYS - 2), n, replace=False)
    return np.sort(bars.open_at[0] + days * DAY_US + rng.integers(24, size=n) * HOUR_US)


def test_the_mean_path_is_that_of_the_prices() -> None:
    bars = walk(1)
    at, sign = drawn(bars, 2), np.where(np.arange(30) % 2, 1.0, -1.0)
    found = event_path(bars, *price_path(bars, 4), at, sign)
    price = dict(zip(bars.close_at.tolist(), bars.close.tolist(), strict=True))
    sigma = realised(bars, at - 7 * DAY_US, at) * np.sqrt(4 / YEAR_HOURS)
    for row in found.rows(named=True):
        moved = [np.log(price[t + row["hour"] * HOUR_US] / price[t]) for t in at.tolist()]
        assert row["mean"] == pytest.approx(np.mean(sign * moved / sigma))
    assert found["hour"].to_list() == list(range(-4, 5))
    assert found["n"].unique().to_list() == [30]
    assert found.filter(pl.col("hour") == 0).row(0) == (0, 0.0, 0.0, 0.0, 30)


def test_events_that_mean_nothing_are_within_the_band_as_often_as_it_says() -> None:
    """Two hundred sets of 30 events on walks: about 5 % of the means four hours on are outside."""
    outside = []
    for seed in range(200):
        bars = walk(seed)
        last = event_path(bars, *price_path(bars, 4), drawn(bars, seed + 1)).row(-1, named=True)
        outside.append(not last["low"] <= last["mean"] <= last["high"])
    assert 0.01 < np.mean(outside) < 0.11


def test_events_after_which_price_rises_leave_the_band() -> None:
    bars = walk(3)
    at = drawn(bars, 4)
    lift = np.cumsum(np.isin(bars.close_at - HOUR_US, at) * 0.006)
    lifted = Bars(
        bars.open_at, bars.close_at, *(np.exp(lift) * each for each in (bars.open, bars.high, bars.low, bars.close))
    )
    found = event_path(lifted, *price_path(lifted, 4), at)
    after = found.filter(pl.col("hour") >= 1)
    assert (after["mean"] > after["high"]).all()


def test_placebos_are_of_the_same_hours_on_days_without_events() -> None:
    """What happens is the day and the hour: events of two hours of even days meet only odd days at these hours."""
    bars = walk(5)

    def told(at: Ints) -> Floats:
        asked.append(at)
        return np.stack([at // DAY_US % 2, at % DAY_US / HOUR_US], axis=1).astype(float)

    asked: list[Ints] = []
    at = bars.open_at[0] + DAY_US * np.arange(0, 80, 2) + HOUR_US * np.where(np.arange(40) < 10, 5, 17)
    found = event_path(bars, np.arange(2), told, at + HOUR_US // 4)
    placebos = asked[1]
    assert not np.isin(placebos // DAY_US, at // DAY_US).any()
    assert np.unique(placebos % DAY_US).tolist() == [5 * HOUR_US, 17 * HOUR_US]
    assert found["low"].to_list()[1] == found["high"].to_list()[1] == (10 * 5 + 30 * 17) / 40


def test_the_same_events_give_the_same_band() -> None:
    bars = walk(6)
    one, two = (event_path(bars, *price_path(bars, 3), drawn(bars, 7)) for _ in range(2))
    assert one.equals(two)


def test_events_next_to_a_gap_or_the_ends_are_left_out() -> None:
    bars = walk(8)
    kept = np.r_[0 : 40 * 24, 40 * 24 + 3 : len(bars)]
    holed = Bars(*(getattr(bars, name)[kept] for name in ("open_at", "close_at", "open", "high", "low", "close")))
    hours = np.array([2, 20 * 24, 40 * 24 + 1, 40 * 24 + 7, 60 * 24, len(bars) - 1])
    found = event_path(holed, *price_path(holed, 4), bars.open_at[0] + hours * HOUR_US)
    assert found["n"].unique().to_list() == [2]


def test_where_every_day_has_an_event_there_is_no_band() -> None:
    bars = walk(9)
    at = bars.open_at[0] + DAY_US * np.arange(8, 89)
    found = event_path(bars, *price_path(bars, 4), at)
    assert found["n"][0] == 81
    assert (found["low"].null_count(), found["high"].null_count(), found["mean"].null_count()) == (9, 9, 0)


def test_prices_that_stand_still_and_no_events_have_no_path() -> None:
    bars = walk(10)
    still = Bars(bars.open_at, bars.close_at, *(np.full(len(bars), 100.0) for _ in range(4)))
    for on, at in ((still, drawn(bars, 11)), (bars, np.zeros(0, dtype=np.int64))):
        found = event_path(on, *price_path(on, 4), at)
        assert (found.height, dict(found.schema)) == (0, PATH)


@pytest.mark.parametrize("name", ["squeeze", "put_acceleration"])
def test_a_path_ends_where_the_outcome_of_its_events_does(name: str) -> None:
    """Beside the mean of the rule's own table of events."""
    rule = RULES[name]
    found = rule.study(Panel(market()), rule.parameters())
    chosen = found.events.filter(pl.col("kind") == "condition", pl.col("value").is_not_null())
    last = found.paths["condition"].row(-1, named=True)
    assert (last["hour"], last["n"]) == (4, chosen.height)
    assert last["mean"] == pytest.approx(chosen["value"].mean())


def test_before_its_touch_of_a_wall_price_was_away_from_it() -> None:
    rule = RULES["wall_bounce"]
    path = rule.study(Panel(market()), rule.parameters()).paths["call_resistance, put_support"]
    before = path.filter(pl.col("hour") < 0)
    assert before.height == 4 and (before["mean"] > 0).all()


def test_volatility_around_crossings_has_a_path_of_each_line() -> None:
    rule = RULES["regime_cross"]
    paths = rule.study(Panel(market()), rule.parameters()).paths
    assert set(paths) == set(LINES)
    assert all(path["hour"].to_list() == list(range(-6, 6)) for path in paths.values())
