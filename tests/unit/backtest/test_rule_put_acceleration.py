"""The rule on falls with puts: which it sells, by hand, and how they go on, beside a loop over decisions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gex_backtest.history import History
from gex_backtest.panel import Panel
from gex_backtest.rules.put_acceleration import RULE, Parameters, orders
from tests.unit.backtest.going_on import assert_as_in_the_loop
from tests.unit.backtest.seen import calm, every, history

UNKNOWN = math.nan
#: The move of four hours; at its end net GEX, puts and calls traded; and what is held for the next four.
TOLD = [
    (-0.03, -1.0, 60.0, 40.0, -1.0),
    (-0.03, 1.0, 60.0, 40.0, 0.0),  # positive gamma
    (-0.03, -1.0, 40.0, 60.0, 0.0),  # few puts
    (0.03, -1.0, 60.0, 40.0, 0.0),  # a rise
    (-0.0004, -1.0, 60.0, 40.0, 0.0),  # hardly a fall
    (-0.03, -1.0, 50.0, 50.0, -1.0),
    (-0.03, UNKNOWN, 60.0, 40.0, 0.0),
    (-0.03, -1.0, UNKNOWN, 40.0, 0.0),
    (-0.03, -1.0, 60.0, UNKNOWN, 0.0),
    (-0.03, 0.0, 60.0, 40.0, 0.0),
    (-0.03, -1.0, 0.0, 0.0, 0.0),  # nothing was traded
    (-0.03, -1.0, 80.0, 20.0, -1.0),
]
LEAD = 24 * 7


def told() -> History:
    """A calm week, then what ``TOLD`` says; between decisions all that the rule needs."""
    moved, net, puts, calls, _ = zip(*TOLD, strict=True)
    steps = [*calm(LEAD), *(move / 4 for move in moved for _ in range(4))]
    before = [UNKNOWN] * LEAD
    traded = {"put_volume_coin": puts, "call_volume_coin": calls}
    books = {name: [*before, *every(coins, 4, 99.0)] for name, coins in traded.items()}
    return history(steps, {"net_gex_usd": [*before, *every(net, 4, -1.0)]}, books)


@pytest.mark.parametrize(("share", "held"), [(0.5, {0, 5, 11}), (0.7, {11}), (0.3, {0, 2, 5, 11})])
def test_falls_in_negative_gamma_with_many_puts_are_sold(share: float, held: set[int]) -> None:
    wanted = [-1.0 if number in held else 0.0 for number in range(len(TOLD))]
    assert share != Parameters().put_share or wanted == [each for *_, each in TOLD]
    targets = orders(Panel(told()), Parameters(put_share=share)).targets
    np.testing.assert_array_equal(targets, every([*[0.0] * (LEAD // 4), *wanted], 4, UNKNOWN))


def drawn() -> tuple[History, list[float], dict[int, bool]]:
    """60 days of steps of any size, and the decisions at which the condition is known, and whether it holds."""
    random = np.random.default_rng(23)
    steps, n = random.normal(0.0, 0.01, 24 * 60).tolist(), 6 * 60
    net = random.choice([-1.0, -1.0, 1.0, UNKNOWN], n)
    puts, calls = random.uniform(50.0, 100.0, n), random.uniform(30.0, 90.0, n)
    books = {"put_volume_coin": every(puts, 4, 0.0), "call_volume_coin": every(calls, 4, 99.0)}
    made = history(steps, {"net_gex_usd": every(net, 4, 1.0)}, books)
    known = {4 * i + 3: bool(net[i] < 0 and puts[i] >= calls[i]) for i in range(n) if not math.isnan(net[i])}
    return made, steps, known


def test_falls_with_and_without_the_condition_go_on_as_in_a_loop() -> None:
    assert_as_in_the_loop(RULE, *drawn(), -1.0)


def test_the_rule_claims_that_falls_go_on() -> None:
    assert RULE.claimed > 0 and RULE.orders is orders and set(RULE.needs) == {"levels", "books"}
