"""Whether a rule looks ahead: what it decided before an instant, with all data and with what was known then."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from gex_backtest.bars import HOUR_US
from gex_backtest.history import History
from gex_backtest.panel import Panel
from gex_backtest.study import EVENTS, Rule
from gex_pipeline.core.black76 import Floats

#: How long what is known at an instant is in use: until it is stale, a session, the hours after a touch in it.
_IN_USE = timedelta(days=3)


def assert_blind_to_the_future(rule: Rule, history: History, until: datetime) -> None:
    """Cutting off what was not known at an instant changes no event and no order from before, at placebos neither."""
    whole, cut = Panel(history), Panel(history.until(until))
    assert_frame_equal(_known(rule, whole, until), _known(rule, cut, until))
    of_whole, of_cut = _orders(rule, whole), _orders(rule, cut)
    assert of_whole.keys() == of_cut.keys()
    for name, after in of_cut.items():
        np.testing.assert_array_equal(of_whole[name][: len(after)], after, name)


def assert_done_with_its_events(rule: Rule, history: History, until: datetime) -> None:
    """Where nothing more gets known after an instant, no bar from some days later on changes an estimate or a path.

    But for the band of a path, which is that of days without events, the later ones too.
    """
    known = history.until(until)
    some = replace(known, bars=history.until(until + _IN_USE).bars)
    whole, cut = (rule.study(Panel(replace(known, bars=each)), rule.parameters()) for each in (history.bars, some.bars))
    assert len(some.bars) < len(history.bars)
    assert list(whole.estimates) == list(cut.estimates)
    assert whole.paths.keys() == cut.paths.keys()
    for name, path in whole.paths.items():
        assert path.height > 0, name
        assert_frame_equal(path.drop("low", "high"), cut.paths[name].drop("low", "high"))


def assert_waits_for_knowledge(rule: Rule, history: History) -> None:
    """What gets known only when it is stale decides nothing: there is no event and no order at all.

    ``history``: of a snapshot an hour, which is stale after two.
    """
    late = Panel(history.delayed(3 * HOUR_US))
    assert rule.study(late, rule.parameters()).events.is_empty()
    for name, made in _orders(rule, late).items():
        assert not np.nan_to_num(made).any(), name


def assert_sees_what_is_known(rule: Rule, history: History) -> None:
    """Known an hour later, snapshots of every hour are as if each said what that of the hour before did.

    For rules that ask what a snapshot says and not which one it is.
    """
    late, earlier = Panel(history.delayed(HOUR_US)), Panel(_said_an_hour_later(history))
    studies = [rule.study(each, rule.parameters()).events for each in (late, earlier)]
    assert_frame_equal(*studies)
    made = [_orders(rule, each) for each in (late, earlier)]
    for name, of_late in made[0].items():
        np.testing.assert_array_equal(of_late, made[1][name], name)


def _said_an_hour_later(history: History) -> History:
    before = pl.exclude("snapshot_at", "knowledge_time", "scope").shift(1)
    levels, books = history.levels.with_columns(before.over("scope")), history.books.with_columns(before)
    return replace(history, levels=levels, books=books)


def _known(rule: Rule, panel: Panel, until: datetime) -> pl.DataFrame:
    """Events decided by an instant, with the outcomes that were known."""
    events = rule.study(panel, rule.parameters()).events.filter(pl.col("decided_at") <= until)
    is_known = pl.col("ends_at") <= until
    hidden = events.with_columns(pl.when(is_known).then("value"), pl.when(is_known).then("ends_at"))
    return hidden.sort(list(EVENTS), nulls_last=True)


def _orders(rule: Rule, panel: Panel) -> dict[str, Floats]:
    """Targets, stops and takes of the trading form and of each kind of placebos; none where a rule has no such form."""
    made = {"orders": rule.orders(panel, rule.parameters())} if rule.orders else {}
    placebos = rule.placebo_orders(panel, rule.parameters()) if rule.placebo_orders else {}
    nothing = np.full(len(panel.bars), np.nan)
    return {
        f"{kind}: {name}": nothing if each is None else each
        for kind, orders in {**made, **placebos}.items()
        for name, each in orders._asdict().items()
    }
