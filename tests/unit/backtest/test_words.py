"""What is said of a run."""

from __future__ import annotations

from gex_backtest.config import configure
from gex_backtest.suite import run
from gex_backtest.words import chance
from tests.unit.backtest.hand_made import market


def test_rates_and_misses_are_no_tests_and_are_not_counted() -> None:
    """They are above 0 whatever price does: their intervals stay, p-values that are always small do not."""
    outcomes = run(market(), configure(["wall_bounce", "odte_vs_all", "opex_pin"])).outcomes
    found = [each for outcome in outcomes for each in outcome.study.estimates if each.value is not None]
    for name in ("bounced", "held", "miss"):
        alike = [each for each in found if each.name == name]
        assert any(each.low is not None for each in alike)
        assert {(each.p_value, each.detectable) for each in alike} == {(None, None)}
    n = sum(each.p_value is not None for each in found)
    assert 0 < n < sum(each.low is not None for each in found)
    assert chance(outcomes) == f"{n} tests in all, of which chance alone sets about {round(n / 20)} apart from 0"
