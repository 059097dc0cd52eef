"""Which pictures a rule has. Belongs here: the choice. Not: the drawing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gex_backtest.panel import Panel
from gex_backtest.report.equity_plots import equity
from gex_backtest.report.event_plots import over_time, paths, pins
from gex_backtest.report.pictures import Picture
from gex_backtest.report.price_plots import MARKS, NONE, OF_ANY, price
from gex_backtest.report.variant_plots import plateau
from gex_backtest.suite import Outcome


def pictures(outcomes: Sequence[Outcome], panel: Panel, is_synthetic: bool) -> Iterator[Picture]:
    """Those of a rule, of its variants that were studied: events of the first, money and headlines of all.

    None of what did not happen: no events, no trades.
    """
    studied = [outcome for outcome in outcomes if outcome.study]
    if not studied:
        return
    yield from _of_events(studied[0], panel, is_synthetic)
    if any(outcome.trading and outcome.trading.metrics.n_trades for outcome in studied):
        yield equity(studied, panel.traded_bars, is_synthetic)
    if len(studied) > 1:
        yield plateau(studied, is_synthetic)


def _of_events(outcome: Outcome, panel: Panel, is_synthetic: bool) -> Iterator[Picture]:
    assert outcome.study is not None
    name, events = outcome.rule.name, outcome.study.events
    marks = MARKS.get(name, OF_ANY)
    if marks and "net_gex_usd" in panel.history.levels.columns:
        marked = marks.of(events)
        if marks is NONE or len(marked):
            yield price(name, panel, marked, marks.at, is_synthetic)
    if name in ("regime", "vol_premium"):
        yield over_time(name, outcome.study, is_synthetic)
    if name == "opex_pin":
        yield from pins(name, events, is_synthetic)
    yield from paths(name, outcome.study, is_synthetic)
