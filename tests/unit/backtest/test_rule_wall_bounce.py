"""The rule about walls on a market whose walls are others each day: whose they are, and how far price turns."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from statistics import fmean

import numpy as np
import pytest

from gex_backtest.holdings import Orders
from gex_backtest.panel import Panel
from gex_backtest.placebo import KINDS
from gex_backtest.rules.wall_bounce import Parameters, headline, orders, placebo_orders, study
from tests.unit.backtest.hand_made import EIGHT, at, bars, books, estimate, levels, us
from tests.unit.backtest.made_up_history import bare

#: The first six are too few to tell a week's volatility.
DAYS, FIRST_DAY = 45, 6
#: By the day in turns: call_resistance, and the highest price; beside them one strike that is no wall.
WALLS, TOPS, STRIKE = (101.0, 101.5, 103.0), (102.0, 102.3), 101.2
SPOT, DEFAULTS = 100.0, Parameters()
Levels = list[float | None]


def path(top: float) -> list[float]:
    """From 09:00 to the next 08:00: up to the top, down, and back."""
    return [*np.linspace(SPOT, top, 7), *np.linspace(top - 0.6, 97.8, 7), *np.linspace(98.0, SPOT, 10)]


PRICES = [SPOT, *(price for day in range(DAYS) for price in path(TOPS[day % 2]))]


@cache
def market() -> Panel:
    mornings = [at(24 * day) for day in range(DAYS)]
    found = {each: {"all_expiry": {"call_resistance": WALLS[day % 3]}} for day, each in enumerate(mornings)}
    return Panel(bare("BTC", bars(PRICES), levels(found), books(mornings, [STRIKE])))


def sigma(day: int) -> float:
    """Of a day, by the week of hours until its 09:00."""
    end = 24 * day + 1
    week = PRICES[max(0, end - 168) : end + 1]
    return math.sqrt(sum(math.log(b / a) ** 2 for a, b in pairwise(week)) / (len(week) - 1) * 24)


def placebo_levels() -> dict[str, Levels]:
    """As the names say; none within a tenth of the barrier, and none 1.5 times as far as the wall, or as near."""
    number = us(EIGHT) // 86_400_000_000
    draws = [np.random.default_rng((DEFAULTS.seed, number + day)).uniform(0.8, 1.25) for day in range(DAYS)]
    walls = [WALLS[day % 3] for day in range(DAYS)]
    made = {
        "random": [SPOT * (wall / SPOT) ** draw for wall, draw in zip(walls, draws, strict=True)],
        "mirror": [SPOT**2 / wall for wall in walls],
        "strike": [STRIKE] * DAYS,
        "round": [1_000.0] * DAYS,
        "prior_day": [TOPS[(day + 1) % 2] for day in range(DAYS)],
    }
    return {kind: [placebo_or_none(day, each) for day, each in enumerate(found)] for kind, found in made.items()}


def placebo_or_none(day: int, level: float) -> float | None:
    d, of_wall = math.log(level / SPOT), math.log(WALLS[day % 3] / SPOT)
    is_apart = abs(d - of_wall) >= 0.1 * 0.25 * sigma(day)
    return level if is_apart and 1 / 1.5 <= abs(d) / of_wall <= 1.5 else None


def touched(found: Levels) -> dict[int, int]:
    """Days on which the level is reached after 09:00, and the row of the first bar that does."""
    rows = {
        day: [row for row in range(24 * day + 1, 24 * day + 24) if is_reached(row, found[day])] for day in range(DAYS)
    }
    return {day: of_day[0] for day, of_day in rows.items() if of_day and day >= FIRST_DAY}


def is_reached(row: int, level: float | None) -> bool:
    low, high = sorted(PRICES[row : row + 2])
    return level is not None and (high >= level if level > SPOT else low <= level)


def assert_faded(made: Orders, found: Levels) -> None:
    """Each touch that has not gone beyond the barrier at once, between stop and take of that day's level."""
    assert made.stops is not None and made.takes is not None
    expected = {}
    for day, row in touched(found).items():
        level, barrier = found[day] or 0.0, 0.25 * sigma(day)
        side = 1.0 if level > SPOT else -1.0
        if side * math.log(PRICES[row + 1] / level) < barrier:
            stop_and_take = [level * math.exp(side * each) for each in (barrier, -barrier)]
            expected[row] = pytest.approx([-side, *stop_and_take], rel=1e-12)
    entries = np.flatnonzero(np.isin(made.targets, (-1.0, 1.0))).tolist()
    assert {row: [made.targets[row], made.stops[row], made.takes[row]] for row in entries} == expected


def test_walls_are_faded_at_those_of_the_day() -> None:
    found: Levels = [WALLS[day % 3] for day in range(DAYS)]
    assert len(touched(found)) == 26
    assert_faded(orders(market(), DEFAULTS), found)


#: Touches of placebos by kind.
TOUCHED = {"random": 22, "mirror": 26, "strike": 26, "round": 0, "prior_day": 13}


@pytest.mark.parametrize("kind", KINDS)
def test_placebos_are_faded_at_those_of_the_day(kind: str) -> None:
    found = placebo_levels()[kind]
    assert len(touched(found)) == TOUCHED[kind]
    assert_faded(placebo_orders(market(), DEFAULTS)[kind], found)


def moved_away(found: Levels) -> list[float]:
    """In the four hours after each touch, in deviations of such hours."""
    touches = touched(found)
    moves = {day: math.log(PRICES[row + 5] / PRICES[row + 1]) for day, row in touches.items()}
    sides = {day: 1.0 if (found[day] or 0.0) > SPOT else -1.0 for day in touches}
    return [-sides[day] * move / (sigma(day) * math.sqrt(4 / 24)) for day, move in moves.items()]


def test_the_headline_is_the_move_away_from_walls_less_that_from_all_placebos() -> None:
    at_walls = moved_away([WALLS[day % 3] for day in range(DAYS)])
    at_placebos = [move for kind in KINDS for move in moved_away(placebo_levels()[kind])]
    found = headline(market(), DEFAULTS)
    assert found.value == pytest.approx(fmean(at_walls) - fmean(at_placebos), rel=1e-9)
    assert found.n == len(at_walls) == 26
    alone = estimate(study(market(), DEFAULTS), "moved_away", "call_resistance, put_support")
    assert (alone.value, alone.n) == (pytest.approx(fmean(at_walls), rel=1e-9), 26)
