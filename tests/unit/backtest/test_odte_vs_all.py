"""The rule that compares 0DTE levels with those of all expiries."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gex_backtest.panel import Panel
from gex_backtest.rules.odte_vs_all import study
from gex_backtest.study import EVENTS, TOO_LITTLE
from gex_backtest.touches import TouchParameters
from tests.unit.backtest.hand_made import at, bars, books, daily, estimate, known, levels, market
from tests.unit.backtest.made_up_history import START, bare

DEFAULTS = TouchParameters()
PAIR = "call_resistance, put_support"
#: Up to 101, where it turns, down through 99, and back; by the next 08:00 it is above 99 again.
TURNS = [*np.linspace(100, 101, 6), *np.linspace(100.5, 98.2, 9), *np.linspace(98.5, 100, 9)]


def test_levels_that_bounce_and_levels_that_break_are_told_apart() -> None:
    walls = {"odte": {"call_resistance": 101.0}, "all_expiry": {"put_support": 99.0}}
    found = study(Panel(daily(TURNS, 40, walls)), DEFAULTS)
    for when, n in (("until settlement", 34), ("session after", 33)):
        headline = estimate(found, "bounced_odte_less_all", f"{PAIR}: {when}")
        assert (headline.value, headline.n) == (1.0, n)
    assert found.estimates[0].group == "walls 1 to 3: until settlement" and found.estimates[0].value == 1.0


def test_a_level_holds_by_the_close_of_its_session() -> None:
    ends_below = [*np.linspace(100, 101, 6), *np.linspace(100.8, 98.4, 18)]
    walls = {"odte": {"call_resistance": 100.9}, "all_expiry": {"call_resistance": 100.2}}
    found = study(Panel(daily(ends_below, 40, walls)), DEFAULTS)
    held = found.events.filter(pl.col("outcome") == "held", pl.col("value").is_not_null())
    assert held["value"].unique().to_list() == [1.0] and held["ends_at"].dt.hour().unique().to_list() == [8]


def test_a_strike_of_both_scopes_is_left_out_and_counted() -> None:
    walls = {
        "odte": {"call_resistance": 101.0, "put_support": 99.0},
        "all_expiry": {"call_wall_2": 101.0, "put_support": 99.0},
    }
    found = study(Panel(daily(TURNS, 40, walls)), DEFAULTS)
    first, three = (f"{group}: until settlement" for group in (PAIR, "walls 1 to 3"))
    assert estimate(found, "touched_strike_of_both", first).value == 34  # the put support
    assert estimate(found, "bounced", f"{first}, odte").n == 34  # the call resistance is a second wall there
    assert estimate(found, "touched_strike_of_both", three).value == 68
    assert estimate(found, "bounced", f"{three}, odte").n == 0


def test_levels_that_price_has_passed_by_the_settlement_are_not_carried_over() -> None:
    # from 100.75 at the first 08:00 to 101.5 at the next
    found = levels({at(24): {"odte": {"call_resistance": 101.2, "call_wall_2": 102.0, "put_support": 100.5}}})
    made = bare("BTC", bars(np.linspace(100, 103, 97).tolist()), found, books([], []))
    events = study(Panel(made), TouchParameters(volatility_days=0.5)).events.filter(pl.col("outcome") == "touched")
    touched = {(row["kind"], row["subject"]): row["value"] for row in events.iter_rows(named=True)}
    assert touched == {
        ("odte: until settlement", "call_resistance"): 1,
        ("odte: until settlement", "call_wall_2"): 0,
        ("odte: until settlement", "put_support"): 0,
        ("odte: session after", "call_wall_2"): 1,
        ("odte: session after", "put_support"): 0,
    }


@pytest.mark.parametrize("days", [9.1, 12.7, 20.35])
def test_the_future_changes_nothing(days: float) -> None:
    cut = START + timedelta(days=days)
    now, later = (study(Panel(each), DEFAULTS).events for each in (market().until(cut), market()))
    assert now.schema == pl.Schema(EVENTS) and 0 < now.height < later.height
    assert_frame_equal(known(now, cut), known(later, cut), check_row_order=False)


def test_too_little_data_has_no_numbers() -> None:
    walls = {"odte": {"call_resistance": 101.0}}
    for few in (daily([100.0] * 24, 40, walls), daily(TURNS, 9, walls)):
        found = study(Panel(few), DEFAULTS)
        assert {each.status for each in found.estimates if each.method != "count"} == {TOO_LITTLE}
