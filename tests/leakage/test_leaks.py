"""No rule looks ahead, and one that did would be caught."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from gex_backtest.config import Configuration
from gex_backtest.errors import BacktestError
from gex_backtest.history import History
from gex_backtest.holdings import Orders
from gex_backtest.panel import Panel
from gex_backtest.rules import RULES
from gex_backtest.sizing import Sizing
from gex_backtest.study import Rule
from gex_backtest.suite import Trading, _trading
from gex_pipeline.market.economy import simulate
from gex_pipeline.market.switches import Switches
from tests.leakage.harness import (
    assert_blind_to_the_future,
    assert_done_with_its_events,
    assert_sees_what_is_known,
    assert_waits_for_knowledge,
)
from tests.leakage.peeking import HONEST, ITS_SIDE, OF_ALL_BARS, OF_THE_FUTURE, OF_THE_SNAPSHOT
from tests.unit.backtest.made_up_history import START, history

#: Instants in a market of 45 days: at a snapshot, between two, in the hour of a settlement, and at one, before the
#: snapshot of then is known.
CUTS = [
    START + timedelta(days=33),
    START + timedelta(days=36, hours=17, minutes=23),
    START + timedelta(days=40.32),
    START + timedelta(days=39, hours=8, seconds=15),
]
OF_LEVELS = [name for name, rule in RULES.items() if {"levels", "expiring"} & set(rule.needs)]
#: Rules that ask what snapshots say, and not when the first of a session or the last before a settlement was.
OF_WHAT_IS_SAID = ["put_acceleration", "regime", "regime_cross", "squeeze"]
TRADED = [name for name, rule in RULES.items() if rule.orders]


@pytest.fixture(scope="module")
def market() -> History:
    """With DVOL, another one every hour, and funding that is paid and received in turns."""
    bare = history(simulate("BTC", START, 45, 2, Switches(walls=3)), 2, minutes=30)
    number = pl.int_range(pl.len())
    half_past = pl.col("snapshot_at") + timedelta(minutes=30)
    dvol = bare.books.select(close_at=half_past, close=103.0 * pl.col("iv30") + (0.1 * number).sin())
    paid = pl.DataFrame({"funding_at": [START + timedelta(hours=8 * i) for i in range(1, 3 * 45)]})
    funding = paid.with_columns(funding_rate=1e-4 * (1.7 * number).sin(), period_hours=8.0)
    return replace(bare, dvol=dvol.cast(dict(bare.dvol.schema)), funding=funding.cast(dict(bare.funding.schema)))


@pytest.mark.parametrize("until", CUTS, ids=str)
@pytest.mark.parametrize("name", RULES)
def test_what_comes_later_changes_nothing(market: History, name: str, until: datetime) -> None:
    assert RULES[name].study(Panel(market), RULES[name].parameters()).events.height > 20
    assert_blind_to_the_future(RULES[name], market, until)


@pytest.mark.parametrize("name", TRADED)
def test_what_comes_later_changes_no_size(market: History, name: str) -> None:
    rule = RULES[name]

    def sized(panel: Panel, parameters: Any) -> Orders:
        assert rule.orders is not None
        made = rule.orders(panel, parameters)
        return made._replace(targets=Sizing(cap=10).scaled(panel.bars, made.targets))

    only_orders = replace(HONEST, parameters=rule.parameters, orders=sized)
    assert_blind_to_the_future(only_orders, market, CUTS[1])


@pytest.mark.parametrize("name", TRADED)
def test_what_comes_later_changes_no_equity(market: History, name: str) -> None:
    """At placebos neither; but for the last close, at which what is still held is sold."""
    rule = RULES[name]
    whole, cut = (
        _trading(Panel(each), Configuration(()), rule, rule.parameters()) for each in (market, market.until(CUTS[1]))
    )
    pairs: list[tuple[Trading, Trading]] = [
        (whole, cut),
        *((whole.placebos[kind], cut.placebos[kind]) for kind in whole.placebos),
    ]
    assert (rule.placebo_orders is None) == (len(pairs) == 1)
    for before, after in pairs:
        n = len(after.equity) - 1
        np.testing.assert_array_equal(before.equity[:n], after.equity[:n])


@pytest.mark.parametrize("name", OF_LEVELS)
def test_bars_after_its_events_change_no_estimate_and_no_path(market: History, name: str) -> None:
    assert_done_with_its_events(RULES[name], market, CUTS[1])


@pytest.mark.parametrize("name", OF_LEVELS)
def test_what_is_known_when_it_is_stale_decides_nothing(market: History, name: str) -> None:
    assert_waits_for_knowledge(RULES[name], market)


@pytest.mark.parametrize("name", OF_WHAT_IS_SAID)
def test_what_is_known_later_is_used_later(market: History, name: str) -> None:
    assert_sees_what_is_known(RULES[name], market)


def test_an_iv_that_is_known_later_is_used_later(market: History) -> None:
    """Without DVOL there is no premium if the chain's is stale; a DVOL of an hour later is another at each midnight."""
    rule = RULES["vol_premium"]
    assert set(RULES) == {*OF_LEVELS, rule.name}
    with pytest.raises(BacktestError, match="neither DVOL"):
        assert_waits_for_knowledge(rule, replace(market, dvol=market.dvol.clear()))
    late = replace(market, dvol=market.dvol.with_columns(pl.col("close_at") + timedelta(hours=1)))
    now, later = (rule.study(Panel(each), rule.parameters()).events.drop_nulls("value") for each in (market, late))
    pairs = now.join(later, on=["decided_at", "kind", "subject"], suffix="_later", validate="1:1")
    assert pairs.height > 100 and (pairs["value"] != pairs["value_later"]).all()


# ---------------------------------------------------------------- rules that look ahead


@pytest.mark.parametrize("peeking", OF_THE_FUTURE.values(), ids=OF_THE_FUTURE)
def test_a_rule_that_looks_ahead_is_caught(market: History, peeking: Rule) -> None:
    with pytest.raises(AssertionError):
        assert_blind_to_the_future(peeking, market, CUTS[1])


@pytest.mark.parametrize("peeking", OF_ALL_BARS.values(), ids=OF_ALL_BARS)
def test_a_rule_that_sums_up_with_all_bars_is_caught(market: History, peeking: Rule) -> None:
    with pytest.raises(AssertionError):
        assert_done_with_its_events(peeking, market, CUTS[1])


@pytest.mark.parametrize("peeking", OF_THE_SNAPSHOT.values(), ids=OF_THE_SNAPSHOT)
def test_a_rule_that_does_not_wait_for_knowledge_is_caught(market: History, peeking: Rule) -> None:
    with pytest.raises(AssertionError):
        assert_waits_for_knowledge(peeking, market)


def test_a_rule_that_waits_and_then_looks_at_more_than_is_known_is_caught(market: History) -> None:
    assert_waits_for_knowledge(ITS_SIDE, market)
    with pytest.raises(AssertionError):
        assert_sees_what_is_known(ITS_SIDE, market)


def test_a_rule_without_events_is_not_caught(market: History) -> None:
    for until in CUTS:
        assert_blind_to_the_future(HONEST, market, until)
    assert_done_with_its_events(HONEST, market, CUTS[1])
    assert_waits_for_knowledge(HONEST, market)
    assert_sees_what_is_known(HONEST, market)
