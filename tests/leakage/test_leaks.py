"""No rule looks ahead, and one that did would be caught."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from gex_backtest.decisions import Decisions, every
from gex_backtest.events import events
from gex_backtest.history import History
from gex_backtest.holdings import Orders
from gex_backtest.panel import Panel, micros
from gex_backtest.rules import RULES
from gex_backtest.sizing import Sizing
from gex_backtest.study import Estimate, Rule, Study
from gex_pipeline.market.economy import simulate
from gex_pipeline.market.switches import Switches
from tests.leakage.harness import assert_blind_to_the_future, assert_waits_for_knowledge
from tests.unit.backtest.made_up_history import START, history

#: Instants in a market of 45 days: at a snapshot, between two, and in the hour of a settlement.
CUTS = [START + timedelta(days=33), START + timedelta(days=36, hours=17, minutes=23), START + timedelta(days=40.32)]
LATER = timedelta(hours=1)


@pytest.fixture(scope="module")
def market() -> History:
    return history(simulate("BTC", START, 45, 2, Switches(walls=3)), 2, minutes=30)


@pytest.mark.parametrize("until", CUTS, ids=str)
@pytest.mark.parametrize("name", RULES)
def test_what_comes_later_changes_nothing(market: History, name: str, until: datetime) -> None:
    assert RULES[name].study(Panel(market), RULES[name].parameters()).events.height > 20
    assert_blind_to_the_future(RULES[name], market, until)


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.orders])
def test_what_comes_later_changes_no_size(market: History, name: str) -> None:
    rule = RULES[name]

    def sized(panel: Panel, parameters: Any) -> Orders:
        assert rule.orders is not None
        made = rule.orders(panel, parameters)
        return made._replace(targets=Sizing(cap=10).scaled(panel.bars, made.targets))

    only_orders = replace(HONEST, parameters=rule.parameters, orders=sized)
    assert_blind_to_the_future(only_orders, market, CUTS[1])


@pytest.mark.parametrize("name", RULES)
def test_what_is_known_later_is_used_later(market: History, name: str) -> None:
    assert_waits_for_knowledge(RULES[name], market, LATER)


# ---------------------------------------------------------------- rules that look ahead


@dataclass(frozen=True)
class Nothing:
    """No parameters."""


def _events(panel: Panel, is_chosen: np.ndarray) -> Study:
    made = every(panel, 4)
    made = Decisions(panel, made.rows[is_chosen[made.rows]])
    return Study(events(made, 4, "chosen", "spot", "move", "1", made.moves(4)), [])


def _of_the_whole_sample(panel: Panel, _: Nothing) -> Study:
    """Chooses by a median of all prices, the later ones included."""
    return _events(panel, panel.bars.close > np.median(panel.bars.close))


def _of_the_snapshot(panel: Panel, _: Nothing) -> Study:
    """Takes a level from the instant that it describes on, before it was known."""
    levels = panel.history.levels.filter(pl.col("scope") == "all_expiry")
    row = np.searchsorted(micros(levels["snapshot_at"]), panel.bars.close_at, side="right") - 1
    return _events(panel, panel.bars.close > levels["hvl_slope"].to_numpy()[row])


def _of_nothing(panel: Panel, _: Nothing) -> Study:
    return _events(panel, np.zeros(len(panel.bars), dtype=bool))


def _next_close(panel: Panel, _: Nothing) -> Orders:
    """Holds what the next bar will do."""
    return Orders(np.append(np.sign(np.diff(panel.bars.close)), 0.0))


def _next_settlement(panel: Panel, _: Nothing) -> Orders:
    """Stops at a settlement price that is not known yet."""
    at = micros(panel.history.settlements["expiry_at"])
    price = np.append(panel.history.settlements["price_usd"].to_numpy(), np.nan)
    ahead = np.searchsorted(at, panel.bars.close_at, side="right")
    return Orders(np.ones(len(panel.bars)), stops=price[ahead])


def _no_headline(panel: Panel, _: Nothing) -> Estimate:
    raise NotImplementedError


HONEST = Rule("made_up", "Nothing.", Nothing, _of_nothing, _no_headline, 1.0)


@pytest.mark.parametrize(
    "peeking",
    [
        replace(HONEST, study=_of_the_whole_sample),
        replace(HONEST, orders=_next_close),
        replace(HONEST, orders=_next_settlement),
    ],
    ids=["whole sample", "next close", "next settlement"],
)
def test_a_rule_that_looks_ahead_is_caught(market: History, peeking: Rule) -> None:
    with pytest.raises(AssertionError):
        assert_blind_to_the_future(peeking, market, CUTS[1])


def test_a_rule_that_does_not_wait_for_knowledge_is_caught(market: History) -> None:
    with pytest.raises(AssertionError):
        assert_waits_for_knowledge(replace(HONEST, study=_of_the_snapshot), market, LATER)


def test_a_rule_without_events_is_not_caught(market: History) -> None:
    for until in CUTS:
        assert_blind_to_the_future(HONEST, market, until)
