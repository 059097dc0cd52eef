"""Sessions begin with the first levels of their own day; walls are those of that decision."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from gex_backtest.panel import Panel
from gex_backtest.sessions import SUBJECTS, Sessions, sessions, walls
from tests.unit.backtest.hand_made import at, bare, bars, books, levels, us
from tests.unit.backtest.made_up_history import KNOWN_AFTER

BOTH = {"all_expiry": {"call_resistance": 110.0, "put_support": 95.0}, "odte": {"call_resistance": 105.0}}
WALKED = 100 + np.tile([0.0, 1.0], 49)


def found(snapshots: dict, prices: np.ndarray = WALKED, delayed_us: int = 0) -> tuple[Sessions, dict[str, float]]:
    """Sessions over four days of bars and the walls of the first."""
    history = bare("BTC", bars(prices), levels(snapshots), books([], [])).delayed(delayed_us)
    panel = Panel(history)
    made = sessions(panel, 0.25)
    return made, dict(zip(SUBJECTS, walls(panel, made)[0].tolist(), strict=True)) if len(made.row) else {}


def decided(made: Sessions) -> list[int]:
    """Hours from the first 08:00 to each decision."""
    return (made.row + 1).tolist()


def test_a_session_is_decided_when_its_first_snapshot_is_known() -> None:
    made, wall = found({at(7 + 24 * i + j): BOTH for i in range(3) for j in range(17, 22)})
    assert decided(made) == [25, 49, 73]
    assert made.begin_us.tolist() == [us(at(24)), us(at(48)), us(at(72))]
    assert made.end_us.tolist() == [us(at(48)), us(at(72)), us(at(96))]
    assert made.spot_usd.tolist() == [101, 101, 101]
    assert {name: usd for name, usd in wall.items() if not np.isnan(usd)} == {
        "all_expiry/call_resistance": 110.0,
        "all_expiry/put_support": 95.0,
        "odte/call_resistance": 105.0,
    }


def test_levels_of_before_the_settlement_do_not_count() -> None:
    assert decided(found({at(23): BOTH, at(26): BOTH})[0]) == [27]
    assert decided(found({at(23): BOTH})[0]) == []


def test_a_snapshot_a_day_makes_a_session_until_the_next_settlement() -> None:
    made, _ = found({at(16 + 24 * i): BOTH for i in range(4)})
    assert decided(made) == [17, 41, 65, 89]
    assert made.end_us[0] == us(at(24))


def test_a_later_knowledge_is_a_later_decision() -> None:
    snapshots = {at(24): BOTH, at(25): BOTH}
    assert decided(found(snapshots)[0]) == [25]
    assert decided(found(snapshots, delayed_us=3_600_000_000)[0]) == [26]


def test_a_close_that_is_just_too_early_for_the_latency_does_not_see_a_snapshot() -> None:
    history = bare("BTC", bars(WALKED), levels({at(24): BOTH}), books([], []))
    lag = round((timedelta(hours=1) - KNOWN_AFTER) / timedelta(microseconds=1))
    assert decided(sessions(Panel(history, lag), 0.25)) == [25]
    assert decided(sessions(Panel(history, lag + 1), 0.25)) == [26]


def test_walls_that_spot_has_passed_are_none() -> None:
    passed = {"all_expiry": {"call_resistance": 101.0, "call_wall_2": 100.0, "put_support": 103.0, "put_wall_2": 99.0}}
    _, wall = found({at(24): passed})
    assert [name for name, usd in wall.items() if not np.isnan(usd)] == ["all_expiry/put_wall_2"]


def test_prices_that_stand_still_make_no_session() -> None:
    assert decided(found({at(24): BOTH}, np.full(98, 100.0))[0]) == []


def test_sigma_is_the_volatility_of_the_days_before() -> None:
    made, _ = found({at(24): BOTH})
    assert made.sigma[0] == pytest.approx(np.log(101 / 100) * np.sqrt(24 * 365))
