"""The rule on squeezes: which rises it buys, by hand, and how they go on, beside a loop over decisions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gex_backtest.history import History
from gex_backtest.panel import Panel
from gex_backtest.rules.squeeze import RULE, Parameters, orders
from tests.unit.backtest.going_on import assert_as_in_the_loop
from tests.unit.backtest.seen import calm, every, history

UNKNOWN = math.nan
#: The move of four hours, net GEX and the calls' share near spot at its end, and what is held for the next four.
TOLD = [
    (0.03, -1.0, 0.3, 1.0),
    (0.03, 1.0, 0.3, 0.0),  # positive gamma
    (0.03, -1.0, 0.2, 0.0),  # few calls
    (-0.03, -1.0, 0.3, 0.0),  # a fall
    (0.0004, -1.0, 0.3, 0.0),  # hardly a rise
    (0.03, -1.0, 0.25, 1.0),
    (0.03, UNKNOWN, 0.3, 0.0),
    (0.03, -1.0, UNKNOWN, 0.0),
    (0.03, 0.0, 0.3, 0.0),
    (0.03, -1.0, 0.5, 1.0),
]
LEAD = 24 * 7


def told() -> History:
    """A calm week, then what ``TOLD`` says; between decisions all that a squeeze needs."""
    moved, net, share, _ = zip(*TOLD, strict=True)
    steps = [*calm(LEAD), *(move / 4 for move in moved for _ in range(4))]
    before = [UNKNOWN] * LEAD
    books = {"call_near_share": [*before, *every(share, 4, 0.9)]}
    return history(steps, {"net_gex_usd": [*before, *every(net, 4, -1.0)]}, books)


@pytest.mark.parametrize(("heavy", "held"), [(0.25, {0, 5, 9}), (0.4, {9}), (0.0, {0, 2, 5, 9})])
def test_rises_in_negative_gamma_with_heavy_calls_are_bought(heavy: float, held: set[int]) -> None:
    wanted = [float(number in held) for number in range(len(TOLD))]
    assert heavy != Parameters().heavy_share or wanted == [each for *_, each in TOLD]
    targets = orders(Panel(told()), Parameters(heavy_share=heavy)).targets
    np.testing.assert_array_equal(targets, every([*[0.0] * (LEAD // 4), *wanted], 4, UNKNOWN))


def drawn() -> tuple[History, list[float], dict[int, bool]]:
    """60 days of steps of any size, and the decisions at which the condition is known, and whether it holds."""
    random = np.random.default_rng(23)
    steps, n = random.normal(0.0, 0.01, 24 * 60).tolist(), 6 * 60
    net, share = random.choice([-1.0, -1.0, 1.0, UNKNOWN], n), random.uniform(0.2, 0.5, n)
    made = history(steps, {"net_gex_usd": every(net, 4, 1.0)}, {"call_near_share": every(share, 4, 0.0)})
    known = {4 * i + 3: bool(net[i] < 0 and share[i] >= 0.25) for i in range(n) if not math.isnan(net[i])}
    return made, steps, known


def test_rises_with_and_without_the_condition_go_on_as_in_a_loop() -> None:
    assert_as_in_the_loop(RULE, *drawn(), 1.0)


def test_the_rule_claims_that_rises_go_on() -> None:
    assert RULE.claimed > 0 and RULE.orders is orders and set(RULE.needs) == {"levels", "books"}
