"""What is known of an expiry before it settles, and the prices it may be drawn to: numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from gex_backtest import pins
from gex_backtest.history import History
from gex_backtest.panel import Panel
from gex_pipeline.market.economy import simulate
from gex_pipeline.market.switches import Switches
from tests.unit.backtest.made_up_history import history

NAN = float("nan")
EXPIRY = datetime(2026, 1, 15, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def made_up() -> History:
    return history(simulate("BTC", datetime(2026, 1, 5, tzinfo=UTC), 12, 4, Switches()), 4, 60)


def known(strikes: list[float], gross: list[float], coins: list[float], spot: float = 100.0) -> pl.DataFrame:
    """One row as of `decisions`."""
    columns = {"strikes": [strikes], "gross_gex_usd": [gross], "oi_coin": [coins], "max_pain_usd": [None]}
    return pl.DataFrame({"expiry_at": [EXPIRY], "spot_usd": [spot], **columns})


def test_a_price_is_measured_by_the_two_strikes_around_it() -> None:
    strikes = np.array([[90.0, 100.0, 120.0, NAN]] * 6)
    strike, distance = pins.nearest(strikes, np.array([91.0, 100.0, 112.0, 110.0, 80.0, NAN]))
    assert strike.tolist() == pytest.approx([90.0, 100.0, 120.0, 100.0, NAN, NAN], nan_ok=True)
    assert distance.tolist() == pytest.approx([0.1, 0.0, 0.4, 0.5, NAN, NAN], nan_ok=True)


@pytest.mark.parametrize(("price", "step"), [(90_000, 5_000), (110_000, 5_000), (3_000, 50), (140, 5), (35, 0.5)])
def test_round_numbers_are_five_times_a_power_of_ten(price: float, step: float) -> None:
    prices = np.array([float(price)])
    assert pins.round_step(prices)[0] == pytest.approx(step)
    assert pins.is_round(np.array([20.0 * step, 20.2 * step])).tolist() == [True, False]


def test_candidates_are_ranked_and_those_without_gamma_are_none() -> None:
    book = known([90.0, 95.0, 101.0, 110.0], [1.0, 5.0, 3.0, 1e-6], [30.0, 10.0, 10.0, 50.0])
    found = {name: float(each[0]) for name, each in pins.candidates(book, 10.0, 7).items()}
    assert [found[name] for name in ("max_gamma", "gamma_2", "gamma_3")] == [95.0, 101.0, 90.0]
    assert found["oi_centroid"] == pytest.approx((90 * 30 + 95 * 10 + 101 * 10 + 110 * 50) / 100)
    assert np.isnan(found["max_pain"]) and found["placebo: nearest"] == 101.0
    nothing = pins.candidates(known([90.0, 110.0], [0.0, 0.0], [0.0, 0.0]), 10.0, 7)
    assert np.isnan([nothing[name][0] for name in ("max_gamma", "oi_centroid", "placebo: permuted")]).all()


def test_the_placebo_moves_open_interest_near_spot_and_keeps_the_gamma_of_a_coin() -> None:
    strikes, coins = [80.0, 95.0, 100.0, 105.0, 120.0], [1e6, 900.0, 1.0, 1.0, 1e6]
    flat = known(strikes, coins, coins)
    picks = [float(pins.candidates(flat, 10.0, seed)["placebo: permuted"][0]) for seed in range(60)]
    assert set(picks) == {95.0, 100.0, 105.0}
    peaked = known(strikes, [c * g for c, g in zip(coins, [1.0, 1.0, 1e6, 1.0, 1.0], strict=True)], coins)
    assert {float(pins.candidates(peaked, 10.0, seed)["placebo: permuted"][0]) for seed in range(20)} == {100.0}


def test_the_placebo_of_an_expiry_is_the_same_whatever_else_there_is(made_up: History) -> None:
    found = pins.decisions(Panel(made_up), (8, 24), 3)
    every = pins.candidates(found, 10.0, 7)["placebo: permuted"]
    one_by_one = [pins.candidates(found[i], 10.0, 7)["placebo: permuted"][0] for i in range(len(found))]
    assert every.tolist() == pytest.approx(one_by_one, nan_ok=True)
    assert every.tolist() != pytest.approx(pins.candidates(found, 10.0, 8)["placebo: permuted"].tolist(), nan_ok=True)


def test_a_decision_uses_the_last_snapshot_that_was_known(made_up: History) -> None:
    def snapshot(history: History, latency_us: int = 60_000_000) -> list[datetime]:
        found = pins.decisions(Panel(history, latency_us), (8,), 3)
        return found.filter(pl.col("expiry_at") == EXPIRY)["snapshot_at"].to_list()

    hour, midnight = 3_600_000_000, EXPIRY - timedelta(hours=8)
    assert snapshot(made_up) == [midnight - timedelta(hours=1)]
    assert snapshot(made_up, latency_us=-30_000_000) == [midnight]
    assert snapshot(made_up.delayed(hour)) == [midnight - timedelta(hours=2)]
    assert snapshot(made_up.delayed(2 * hour)) == []  # three hours old, of hourly snapshots


def test_one_snapshot_a_day_is_enough(made_up: History) -> None:
    daily = replace(made_up, expiring=made_up.expiring.filter(pl.col("snapshot_at").dt.hour() == 0))
    found = pins.decisions(Panel(daily), (1, 8, 72), 3).filter(pl.col("expiry_at") == EXPIRY)
    midnight = EXPIRY - timedelta(hours=8)
    days = {1: 0, 8: 1, 72: 3}  # at midnight that day's is not known yet
    expected = {lead: midnight - timedelta(days=n) for lead, n in days.items()}
    assert dict(found.select("lead_hours", "snapshot_at").iter_rows()) == expected


def test_snapshots_of_five_minutes_are_stale_after_ten(made_up: History) -> None:
    five = timedelta(minutes=5)
    times = ("snapshot_at", "knowledge_time")
    parts = [made_up.expiring.with_columns(pl.col(*times) + i * five) for i in range(12)]
    often = replace(made_up, expiring=pl.concat(parts).sort("snapshot_at", "expiry_at"))
    found = [
        pins.decisions(Panel(often.delayed(minutes * 60_000_000)), (8,), 3).filter(pl.col("expiry_at") == EXPIRY)
        for minutes in (0, 5, 10)
    ]
    midnight = EXPIRY - timedelta(hours=8)
    assert [each["snapshot_at"].to_list() for each in found] == [[midnight - five], [midnight - 2 * five], []]


def test_without_a_bar_that_ends_there_nothing_is_decided(made_up: History) -> None:
    at = round((EXPIRY - timedelta(hours=8)).timestamp() * 1e6)
    kept = made_up.bars.close_at != at
    bars = replace(made_up.bars, **{name: value[kept] for name, value in vars(made_up.bars).items()})
    found = pins.decisions(Panel(replace(made_up, bars=bars)), (4, 8), 3)
    assert found.filter(pl.col("expiry_at") == EXPIRY)["lead_hours"].to_list() == [4]


def test_what_has_not_settled_has_no_price(made_up: History) -> None:
    cut = made_up.until(EXPIRY - timedelta(hours=3))
    row = pins.decisions(Panel(cut), (8,), 3).row(by_predicate=pl.col("expiry_at") == EXPIRY, named=True)
    assert row["price_usd"] is None and row["settled_at"] is None and row["expiry_type"] == "daily"
