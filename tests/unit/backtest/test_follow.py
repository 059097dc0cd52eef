"""What rules that follow moves share: the size from which a move counts, its hours, and its direction."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from gex_backtest import follow
from gex_backtest.errors import BacktestError
from gex_backtest.panel import Panel
from tests.slow.follow import WEEK, moves
from tests.unit.backtest.hand_made import us
from tests.unit.backtest.seen import at_close, calm, history, prices

STEPS = np.random.default_rng(31).normal(0.0, 0.01, 24 * 40).tolist()
DRAWN = Panel(history(STEPS, {"net_gex_usd": [1.0] * len(STEPS)}))
#: By the day: it holds, it does not, nobody knows.
CONDITION = np.repeat(np.tile([1.0, 0.0, math.nan, 1.0], 10), 24)


def sized(move: float) -> Panel:
    """A calm week, and four hours that move by so much."""
    steps = [*calm(WEEK), *[move / 4] * 4]
    return Panel(history(steps, {"net_gex_usd": [1.0] * len(steps)}))


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_a_move_counts_from_its_size_in_sigmas_on(direction: float) -> None:
    """The hours of the move are the last of the week that sigma is of."""
    move = 0.003
    sigma = math.sqrt((164 * 0.001**2 + 4 * (move / 4) ** 2) / 168 * 4)
    panel, row = sized(direction * move), WEEK + 3
    always = np.ones(len(panel.bars))
    for least, target in ((move / sigma * 0.9999, direction), (move / sigma * 1.0001, 0.0)):
        asked = follow.Parameters(least_sigmas=least)
        assert follow.orders(panel, asked, direction, always).targets[row] == target
        assert follow.orders(panel, asked, -direction, always).targets[row] == 0.0
        decided = follow.study(panel, asked, direction, always).events["decided_at"].to_list()
        assert decided == [at_close(row)] * (target != 0.0)


@pytest.mark.parametrize("direction", [1.0, -1.0])
@pytest.mark.parametrize(("hours", "least"), [(6, 0.0), (8, 1.0), (1, 0.5)])
def test_moves_and_what_follows_are_of_the_hours_asked_for(hours: int, least: float, direction: float) -> None:
    asked = follow.Parameters(hours, least)
    events = follow.study(DRAWN, asked, direction, CONDITION).events
    moved = moves(STEPS, hours, least, direction)
    expected = {at_close(row): value for row, value in moved.items() if not math.isnan(CONDITION[row])}
    assert len(expected) > 5 and events["decided_at"].to_list() == list(expected)
    values = [None if value is None else pytest.approx(value, abs=1e-9) for value in expected.values()]
    assert events["value"].to_list() == values
    targets = follow.orders(DRAWN, asked, direction, CONDITION).targets
    grid = range(hours - 1, len(STEPS), hours)
    assert np.flatnonzero(np.isfinite(targets)).tolist() == list(grid)
    held = [direction * (row in moved and CONDITION[row] == 1.0) for row in grid]
    assert targets[grid].tolist() == held


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_a_path_is_of_moves_with_the_condition_in_their_direction(direction: float) -> None:
    moved = moves(STEPS, 4, 0.5, direction)
    log_price = np.log(prices(STEPS))[1:]
    paths = []
    for row in (row for row, value in moved.items() if CONDITION[row] == 1.0 and value is not None):
        sigma = math.sqrt(sum(step**2 for step in STEPS[: row + 1][-WEEK:]) / min(row + 1, WEEK) * 4)
        paths.append(direction * (log_price[row - 4 : row + 5] - log_price[row]) / sigma)
    found = follow.study(DRAWN, follow.Parameters(), direction, CONDITION).paths["condition"]
    assert found["hour"].to_list() == list(range(-4, 5)) and found["n"].unique().to_list() == [len(paths)]
    np.testing.assert_allclose(found["mean"], np.mean(paths, axis=0), atol=1e-9)
    assert (found.filter(pl.col("hour") == -4)["mean"] < 0).all()


def test_events_of_an_unknown_condition_are_neither_kind() -> None:
    events = follow.study(DRAWN, follow.Parameters(), 1.0, CONDITION).events
    days = [(us(decided) - us(at_close(0))) // 86_400_000_000 % 4 for decided in events["decided_at"]]
    kinds = {day: {kind for kind, of in zip(events["kind"], days, strict=True) if of == day} for day in range(4)}
    assert kinds == {0: {"condition"}, 1: {"move alone"}, 2: set(), 3: {"condition"}}


@pytest.mark.parametrize("wrong", [{"horizon_hours": 5}, {"least_sigmas": -0.1}, {"least_sigmas": 11.0}])
def test_impossible_parameters_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(BacktestError, match=next(iter(wrong))):
        follow.Parameters(**wrong)
