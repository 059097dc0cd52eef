"""The rule on regimes: what its headline is of."""

from __future__ import annotations

from gex_backtest.decisions import LINES
from gex_backtest.made_up import history
from gex_backtest.panel import Panel
from gex_backtest.rules.regime import Parameters, study
from gex_pipeline.market.economy import Switches, simulate
from tests.instants import utc


def test_the_headline_is_of_the_line_that_the_variant_asks_for() -> None:
    panel = Panel(history(simulate("BTC", utc("2026-03-02"), 40, 3, Switches()), 3, 60))
    found = {line: study(panel, Parameters(line=line)).estimates for line in LINES}
    assert [(of[0].name, of[0].group) for of in found.values()] == [("vol_beyond_controls", line) for line in LINES]
    assert {frozenset(each) for each in found.values()} == {frozenset(found["net_gex"])}
