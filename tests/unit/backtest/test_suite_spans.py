"""What trading is measured on, and why nothing can be said: levels beside, before and after the candles."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from gex_backtest import summary
from gex_backtest.bars import HOUR_US
from gex_backtest.config import Choice, Configuration
from gex_backtest.errors import BacktestError
from gex_backtest.history import History
from gex_backtest.holdings import Orders
from gex_backtest.panel import Panel
from gex_backtest.rules import RULES
from gex_backtest.suite import coverage, run
from tests.unit.backtest.drifts import DRIFTS, Parameters
from tests.unit.backtest.made_up_history import START
from tests.unit.backtest.seen import calm, history

HOURS, FIRST, LAST = 24 * 10, 60, 119
START_US = round(START.timestamp() * 1e6)
UNKNOWN = float("nan")


def among() -> History:
    """Ten days of hours, of which hours 60 to 119 see levels."""
    lines = dict.fromkeys(("net_gex_usd", "zero_gamma", "hvl", "hvl_slope"), [1.0] * HOURS)
    made = history(calm(HOURS), lines, dvol=[50.0] * HOURS)
    begin, end = (START + timedelta(hours=hour + 0.5) for hour in (FIRST, LAST))
    return replace(made, levels=made.levels.filter(made.levels["snapshot_at"].is_between(begin, end)))


def held(panel: Panel, _: Parameters) -> Orders:
    """Long at the last snapshot's decision, out twelve hours later, when there is none any more."""
    targets = np.full(len(panel.bars), UNKNOWN)
    begin = int(np.searchsorted(panel.bars.close_at, START_US + (LAST + 1) * HOUR_US))
    targets[begin], targets[begin + 12] = 1.0, 0.0
    return Orders(targets)


def asked(**changes: object) -> Configuration:
    return Configuration((Choice(replace(DRIFTS, **changes), (Parameters(),)),))


def test_trading_is_measured_from_the_first_level_to_a_day_after_the_last() -> None:
    panel = Panel(among())
    fresh = np.flatnonzero(panel.has_levels)
    assert (fresh[0], panel.trading.start) == (FIRST, FIRST)
    end = panel.bars.close_at[fresh[-1]] + 24 * 3_600_000_000
    assert panel.bars.close_at[panel.trading.stop - 2] == end
    assert panel.traded_bars.open_at[0] == panel.bars.open_at[FIRST]


def test_what_was_decided_last_comes_to_its_own_end() -> None:
    (outcome,) = run(among(), asked(orders=held)).outcomes
    (trade,) = outcome.trading.trades.rows(named=True)
    assert trade["exit_reason"] == "target"
    assert trade["exited_at"] - trade["entered_at"] == timedelta(hours=12)


def test_years_of_bars_without_levels_change_no_ratio() -> None:
    alone = among()
    inside = alone.bars[slice(FIRST - 24, HOURS)]
    both = (run(each, asked(orders=held)).outcomes[0] for each in (alone, replace(alone, bars=inside)))
    ratios = [outcome.trading.metrics for outcome in both]
    assert ratios[0].annual_vol == pytest.approx(ratios[1].annual_vol, rel=1e-12) and ratios[0].annual_vol > 0
    assert ratios[0].exposure == ratios[1].exposure


def test_funding_is_told_of_the_bars_that_pay() -> None:
    panel = Panel(among())
    assert coverage(panel).funding_hours <= len(panel.traded_bars) < len(panel.bars)


def test_levels_and_candles_that_do_not_meet_are_told_with_their_spans() -> None:
    made = among()
    later = made.levels["snapshot_at"] + timedelta(days=60)
    apart = replace(made, levels=made.levels.with_columns(snapshot_at=later, knowledge_time=later))
    with pytest.raises(BacktestError, match=r"do not meet: snapshots 2026-03-\d\d to 2026-03-\d\d, candles 2026-01-05"):
        run(apart, Configuration((Choice(RULES["regime"], (RULES["regime"].parameters(),)),)))


def test_a_latency_that_leaves_no_fresh_level_is_told_as_such() -> None:
    slow = replace(asked(needs=("levels",)), latency_seconds=40 * 3_600.0)
    with pytest.raises(
        BacktestError, match="no snapshot is known and fresh when a bar ends, with a latency of 144000 s"
    ):
        run(among(), slow)


@pytest.mark.parametrize(("name", "change", "days"), [("regime", {}, 30), ("vol_premium", {"window_days": 100}, 100)])
def test_a_window_too_short_for_a_rule_is_told(name: str, change: dict[str, int], days: int) -> None:
    parameters = RULES[name].parameters(**change)
    results = run(among(), Configuration((Choice(RULES[name], (parameters,)),)))
    assert f"{name}: looks back {days} days, and there are 10.0 days of bars: too short" in summary.problems(results)


def test_a_window_that_is_long_enough_is_not() -> None:
    parameters = RULES["vol_premium"].parameters(window_days=5)
    results = run(among(), Configuration((Choice(RULES["vol_premium"], (parameters,)),)))
    assert summary.problems(results) == []
