"""The rule about walls: planted bounces are found, nothing is where there is none, and nothing looks ahead."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gex_backtest.errors import BacktestError
from gex_backtest.panel import Panel
from gex_backtest.placebo import KINDS
from gex_backtest.rules.wall_bounce import RULE, Parameters, orders, placebo_orders, study
from gex_backtest.study import EVENTS, OK, TOO_LITTLE
from gex_pipeline.market.economy import simulate
from gex_pipeline.market.switches import Switches
from tests.unit.backtest.hand_made import at, daily, estimate, known, market
from tests.unit.backtest.made_up_history import START, history

DEFAULTS = Parameters()
FIRST = {"all_expiry": {"call_resistance": 101.0, "put_support": 90.0}}
#: From 100 at 08:00 up to the wall at 101, where it turns, down through its mirror image near 99, and back.
TURNS = [*np.linspace(100, 101, 6), *np.linspace(100.5, 98.2, 9), *np.linspace(98.5, 100, 9)]
#: As far, but through the wall, and turning at its mirror image.
BREAKS = [*np.linspace(100, 101.8, 9), *np.linspace(101.5, 99.0, 9), *np.linspace(99.5, 100, 6)]


@pytest.mark.parametrize(("path", "bounced", "against_mirror"), [(TURNS, 1.0, 1.0), (BREAKS, 0.0, -1.0)])
def test_what_a_planted_wall_does_is_the_headline(path: list[float], bounced: float, against_mirror: float) -> None:
    found = study(Panel(daily(path, 40, FIRST)), DEFAULTS)
    walls = found.events.filter(pl.col("kind") == "wall", pl.col("outcome") == "bounced")
    assert walls.height == 34 and set(walls["subject"]) == {"all_expiry/call_resistance"}
    assert walls["value"].unique().to_list() == [bounced]
    mirror = estimate(found, "bounced_less_placebos", "call_resistance, put_support: mirror")
    assert (mirror.value, mirror.n, mirror.status) == (against_mirror, 34, OK)
    headline = found.estimates[0]
    assert (headline.name, headline.group) == ("moved_away_less_placebos", "call_resistance, put_support")
    assert headline.value is not None and headline.value * against_mirror > 0


def test_events_say_when_they_were_decided_and_known() -> None:
    events = study(Panel(daily(TURNS, 40, FIRST)), DEFAULTS).events
    assert events.schema == pl.Schema(EVENTS)
    of_wall = events.filter(pl.col("subject") == "all_expiry/call_resistance", pl.col("kind") == "wall")
    day = of_wall.filter(pl.col("decided_at").is_between(at(24 * 20), at(24 * 21)))
    rows = {row["outcome"]: row for row in day.iter_rows(named=True)}
    assert rows["touched"]["decided_at"] == at(24 * 20 + 1) and rows["touched"]["ends_at"] == at(24 * 20 + 6)
    assert rows["bounced"]["decided_at"] == at(24 * 20 + 6) and rows["bounced"]["ends_at"] == at(24 * 20 + 7)
    assert rows["moved_away"]["ends_at"] == at(24 * 20 + 10) and rows["moved_away"]["value"] > 0
    assert rows["by_gap"]["value"] == 0 and rows["bounced"]["level_usd"] == 101
    assert rows["touched"]["spot_usd"] == 100 and rows["bounced"]["spot_usd"] == pytest.approx(101)


def test_a_fade_enters_at_the_touch_and_is_flat_when_it_is_over() -> None:
    made = orders(Panel(daily(TURNS, 20, FIRST)), DEFAULTS)
    assert made.stops is not None and made.takes is not None
    changes = {row: made.targets[row] for row in np.flatnonzero(np.isfinite(made.targets)).tolist()}
    assert changes == {24 * day + hour: value for day in range(6, 20) for hour, value in ((5, -1.0), (6, 0.0))}
    touch = np.flatnonzero(made.targets == -1.0)
    assert (made.stops[touch] > 101).all() and (made.takes[touch] < 101).all()
    np.testing.assert_allclose(made.stops[touch] * made.takes[touch], 101.0**2)
    assert np.isnan(np.delete(made.stops, touch)).all()


def test_a_fade_of_a_placebo_is_the_same_at_its_level() -> None:
    """At the mirror image: a fall to it is bought, with the barriers around it."""
    panel = Panel(daily(TURNS, 20, FIRST))
    made = placebo_orders(panel, DEFAULTS)
    assert tuple(made) == KINDS
    mirror = made["mirror"]
    assert mirror.stops is not None and mirror.takes is not None
    touch = np.flatnonzero(mirror.targets == 1.0)
    assert touch.tolist() == [24 * day + 12 for day in range(6, 20)] and not (mirror.targets == -1.0).any()
    np.testing.assert_allclose(mirror.stops[touch] * mirror.takes[touch], (100.0**2 / 101.0) ** 2)
    assert (mirror.stops[touch] < mirror.takes[touch]).all()


def test_a_fade_that_is_not_resolved_ends_with_its_session() -> None:
    late = [*np.full(21, 100.0), 100.5, 101.0, 100.9]
    made = orders(Panel(daily(late, 20, FIRST)), Parameters(barrier_sigmas=0.5))
    assert np.flatnonzero(made.targets == -1.0).tolist() == [24 * day + 22 for day in range(6, 20)]
    assert np.flatnonzero(made.targets == 0.0).tolist() == [24 * day + 23 for day in range(6, 20)]


@pytest.mark.parametrize("days", [9.1, 12.7, 20.35])
def test_the_future_changes_nothing(days: float) -> None:
    cut = START + timedelta(days=days)
    now, later = (study(Panel(each), DEFAULTS).events for each in (market().until(cut), market()))
    assert 0 < now.height < later.height
    assert_frame_equal(known(now, cut), known(later, cut), check_row_order=False)
    before, after = (orders(Panel(each), DEFAULTS) for each in (market().until(cut), market()))
    for name in ("targets", "stops", "takes"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name)[: len(before.targets)])


def test_later_knowledge_moves_decisions() -> None:
    first, moved = (
        study(Panel(each), DEFAULTS).events["decided_at"].min() for each in (market(), market().delayed(3_600_000_000))
    )
    assert isinstance(first, datetime) and moved == first + timedelta(hours=1)


@pytest.mark.parametrize(("minutes", "every"), [(60, "1h"), (5, "1d"), (60, "1d")])
def test_other_intervals_work_alike(minutes: int, every: str) -> None:
    made = history(simulate("ETH", START, 25, 5, Switches()), 5, minutes, every)
    found = study(Panel(made), DEFAULTS)
    assert found.events.filter(pl.col("outcome") == "bounced").height > 0
    assert all(each.value is None or math.isfinite(each.value) for each in found.estimates)
    assert not found.events["value"].is_nan().any()


def test_too_little_data_has_no_numbers() -> None:
    for few in (daily([100.0] * 24, 40, FIRST), daily(TURNS, 9, FIRST), market().until(START + timedelta(days=2))):
        found = study(Panel(few), DEFAULTS)
        assert {each.status for each in found.estimates if each.method != "count"} == {TOO_LITTLE}
        assert len(orders(Panel(few), DEFAULTS).targets) == len(few.bars)


@pytest.mark.parametrize(
    "wrong", [{"barrier_sigmas": 0.0}, {"away_hours": -1.0}, {"volatility_days": 0.0}, {"seed": -1}]
)
def test_impossible_parameters_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(BacktestError, match=next(iter(wrong))):
        Parameters(**wrong)


def test_the_rule_has_its_trading_form() -> None:
    assert RULE.name == "wall_bounce" and RULE.orders is orders
