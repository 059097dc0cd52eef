"""What rules that follow moves have to find, beside the loop over decisions. Not here: a rule, or its history."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

import pytest

from gex_backtest.history import History
from gex_backtest.panel import Panel
from gex_backtest.study import Rule
from tests.slow.follow import moves
from tests.unit.backtest.hand_made import estimate
from tests.unit.backtest.seen import at_close

#: Direction of the moves that are followed -> what they are called.
SUBJECTS = {1.0: "rise", -1.0: "fall"}


def assert_as_in_the_loop(
    rule: Rule, made: History, steps: list[float], known: Mapping[int, bool], direction: float
) -> None:
    """``known``: the decisions at which the condition is known, and whether it holds."""
    expected = {row: value for row, value in moves(steps, 4, 0.5, direction).items() if row in known}
    found = rule.study(Panel(made), rule.parameters())
    assert found.events["decided_at"].to_list() == [at_close(row) for row in expected]
    assert set(found.events["subject"]) == {SUBJECTS[direction]}
    assert found.events["kind"].to_list() == ["condition" if known[row] else "move alone" for row in expected]
    values = [None if value is None else pytest.approx(value, abs=1e-9) for value in expected.values()]
    assert found.events["value"].to_list() == values
    with_it, alone = (
        [value for row, value in expected.items() if value is not None and known[row] is holds]
        for holds in (True, False)
    )
    assert estimate(found, "move_going_on", "condition").value == pytest.approx(fmean(with_it))
    assert estimate(found, "move_going_on", "move alone").value == pytest.approx(fmean(alone))
    headline = rule.headline(Panel(made), rule.parameters())
    assert headline == found.estimates[0]
    assert headline.value == pytest.approx(fmean(with_it) - fmean(alone))
    assert headline.n == min(len(with_it), len(alone))
