"""Whether a rule looks ahead: what it decided before an instant, with all data and with what was known then."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from gex_backtest.history import History
from gex_backtest.panel import Panel
from gex_backtest.study import EVENTS, Rule


def assert_blind_to_the_future(rule: Rule, history: History, until: datetime) -> None:
    """Cutting off what was not known at an instant changes no event and no order from before."""
    whole, cut = Panel(history), Panel(history.until(until))
    assert_frame_equal(_known(rule, whole, until), _known(rule, cut, until))
    if rule.orders is not None:
        for before, after in zip(_orders(rule, whole), _orders(rule, cut), strict=True):
            np.testing.assert_array_equal(before[: len(after)], after)


def assert_waits_for_knowledge(rule: Rule, history: History, by: timedelta) -> None:
    """What is known later is used later: events or orders are others then."""
    now, later = (Panel(each) for each in (history, history.delayed(round(by.total_seconds() * 1e6))))
    same_events = rule.study(now, rule.parameters()).events.equals(rule.study(later, rule.parameters()).events)
    pairs = zip(_orders(rule, now), _orders(rule, later), strict=True) if rule.orders else ()
    assert not (same_events and all(np.array_equal(a, b, equal_nan=True) for a, b in pairs))


def _known(rule: Rule, panel: Panel, until: datetime) -> pl.DataFrame:
    """Events decided by an instant, with the outcomes that were known."""
    events = rule.study(panel, rule.parameters()).events.filter(pl.col("decided_at") <= until)
    is_known = pl.col("ends_at") <= until
    hidden = events.with_columns(pl.when(is_known).then("value"), pl.when(is_known).then("ends_at"))
    return hidden.sort(list(EVENTS), nulls_last=True)


def _orders(rule: Rule, panel: Panel) -> list[np.ndarray]:
    assert rule.orders is not None
    made = rule.orders(panel, rule.parameters())
    nothing = np.full(len(panel.bars), np.nan)
    return [each if each is not None else nothing for each in (made.targets, made.stops, made.takes)]
