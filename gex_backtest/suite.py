"""All rules and variants of a configuration on one history: what a run finds. Pure. Not: where results are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import numpy as np
import polars as pl

from gex_backtest.bars import Bars
from gex_backtest.config import Configuration
from gex_backtest.costs import BPS, Costs
from gex_backtest.errors import BacktestError
from gex_backtest.funding import PERIOD_HOURS, Periods, funding_per_bar, periods
from gex_backtest.history import History
from gex_backtest.holdings import Orders
from gex_backtest.metrics import Metrics, daily, metrics
from gex_backtest.panel import Panel, micros
from gex_backtest.samples import Samples, samples
from gex_backtest.sharpe import TrackRecord, track_records
from gex_backtest.simulate import simulate
from gex_backtest.study import OK, Rule, Study
from gex_pipeline.core.black76 import Floats

NO_FORM = "no trading form"
#: What a history lacks -> the tables of the warehouse it is of, and what brings them.
_LACKING = {
    "levels": "no levels in this span: `gex build` makes them of chains",
    "books": "no chain in this span: `gex snapshot` or `gex import` brings some",
    "expiring": "no chain with expiries of the next days in this span: `gex snapshot` or `gex import` brings some",
    "settlements": "no settlements in this span: `gex market` brings some",
    "funding": "no funding in this span: `gex market` brings some",
    "dvol": "no dvol in this span: `gex market` or `gex import` brings some",
}
_AND = "; "
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Coverage:
    """What a history holds of its span.

    ``missing_bars``: between the first and the last; ``level_share``: decisions at which a snapshot of the levels was
    known that is not stale, of all; ``funding_instants``: stored rates of the bars' instrument;
    ``assumed_funding_hours``: of the ``funding_hours`` that are paid for, those that no stored rate is of. None where
    there is nothing.
    """

    first_open_at: datetime
    last_close_at: datetime
    bar_seconds: float
    bars: int
    missing_bars: int
    snapshots: int
    first_snapshot_at: datetime | None
    last_snapshot_at: datetime | None
    level_share: float
    funding_instants: int
    funding_hours: float
    assumed_funding_hours: float


@dataclass(frozen=True, eq=False)
class Trading:
    """What the trading form of a variant came to; ``equity`` from 1, at each close of :attr:`Results.bars`.

    ``placebos``: the same orders at levels that are none, by kind; none where a rule trades at no levels.
    """

    equity: Floats
    trades: pl.DataFrame
    metrics: Metrics
    samples: Samples
    placebos: Mapping[str, Trading] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Outcome:
    """A variant of a rule, numbered from 1. ``study`` and ``trading`` are None where their status says why.

    ``record``: of its trading, as one of all variants that were tried.
    """

    rule: Rule
    variant: int
    parameters: Any
    study: Study | None
    status: str
    trading: Trading | None
    trading_status: str
    record: TrackRecord | None = None


@dataclass(frozen=True, eq=False)
class Results:
    """A run: outcomes in the order of rules and variants; ``bars``: those that trading is measured on."""

    configuration: Configuration
    bars: Bars
    coverage: Coverage
    outcomes: tuple[Outcome, ...]


def _worked_out(rule: Rule, variant: int, parameters: Any, work: Callable[[], Outcome]) -> Outcome:  # noqa: ARG001
    return work()


def run(
    history: History,
    configuration: Configuration,
    done: Callable[[str], None] = lambda _: None,
    outcome: Callable[[Rule, int, Any, Callable[[], Outcome]], Outcome] = _worked_out,
) -> Results:
    """Study and simulate every variant; ``done`` is told the rule after each.

    ``outcome``: gives that of a rule, variant and parameters, which may be known from before, else does the work.
    A rule that lacks its data, or that cannot use it, has a status in place of numbers. Raises ``BacktestError`` when
    that is so of all.
    """
    panel = Panel(history, round(configuration.latency_seconds * 1e6))
    outcomes: list[Outcome] = []
    for choice in configuration.rules:
        for i, parameters in enumerate(choice.variants, 1):
            work = partial(_outcome, panel, configuration, choice.rule, i, parameters)
            outcomes.append(outcome(choice.rule, i, parameters, work))
            done(choice.rule.name)
    if all(outcome.study is None for outcome in outcomes):
        told = [f"{reason} ({', '.join(names)})" for reason, names in reasons(outcomes).items()]
        raise BacktestError(f"no rule can be run: {'; '.join(told)}")
    bars = panel.traded_bars
    return Results(configuration, bars, coverage(panel), _with_records(bars, outcomes))


def coverage(panel: Panel) -> Coverage:
    """What there is to decide on."""
    history, bars = panel.history, panel.bars
    paid = _periods(panel)
    times = history.levels["snapshot_at"]
    first, last = _instants(bars)
    return Coverage(
        first_open_at=first,
        last_close_at=last,
        bar_seconds=bars.length_us / 1e6,
        bars=len(bars),
        missing_bars=bars.n_missing,
        snapshots=times.n_unique(),
        first_snapshot_at=times.min(),  # pyright: ignore[reportArgumentType]
        last_snapshot_at=times.max(),  # pyright: ignore[reportArgumentType]
        level_share=float(panel.has_levels.mean()),
        funding_instants=len(history.funding),
        funding_hours=float(paid.hours.sum()),
        assumed_funding_hours=float(paid.unknown_hours.sum()),
    )


def _outcome(panel: Panel, asked: Configuration, rule: Rule, variant: int, parameters: Any) -> Outcome:
    study, status = _attempt(lambda: _study(panel, rule, parameters))
    if study is None:
        return Outcome(rule, variant, parameters, None, status, None, status)
    if rule.orders is None:
        return Outcome(rule, variant, parameters, study, status, None, NO_FORM)
    trading, trading_status = _attempt(lambda: _trading(panel, asked, rule, parameters))
    return Outcome(rule, variant, parameters, study, status, trading, trading_status)


def _with_records(bars: Bars, outcomes: list[Outcome]) -> tuple[Outcome, ...]:
    """All variants of all rules, those that trade with their track records."""
    records = iter(track_records(daily_returns(bars, outcomes)))
    return tuple(replace(each, record=next(records)) if each.trading else each for each in outcomes)


def daily_returns(bars: Bars, outcomes: Iterable[Outcome]) -> list[Floats]:
    """Of those that trade."""
    return [daily(bars, each.trading.equity) for each in outcomes if each.trading]


def _attempt(work: Callable[[], _Found]) -> tuple[_Found | None, str]:
    """What some work gives, or why it cannot be done with this data."""
    try:
        return work(), OK
    except BacktestError as error:
        return None, str(error)


def _study(panel: Panel, rule: Rule, parameters: Any) -> Study:
    lacking = [need for need in rule.needs if getattr(panel.history, need).is_empty()]
    if lacking:
        raise BacktestError(_AND.join(_LACKING[need] for need in lacking))
    if rule.needs and not panel.history.levels.is_empty() and not panel.has_levels.any():
        raise BacktestError(_apart(panel))
    return rule.study(panel, parameters)


def _apart(panel: Panel) -> str:
    """Why no bar ends while a snapshot is known and fresh."""
    levels = panel.history.levels["snapshot_at"]
    first, last = _instants(panel.bars)
    if not levels.is_between(first, last).any():
        spans = f"{levels.min():%Y-%m-%d} to {levels.max():%Y-%m-%d}, candles {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        return f"levels and candles do not meet: snapshots {spans}: `gex candles` or `gex import` brings candles"
    latency = f"a latency of {panel.latency_us / 1e6:g} s"
    return f"no snapshot is known and fresh when a bar ends, with {latency}: a shorter one, or more snapshots, would do"


def _instants(bars: Bars) -> tuple[datetime, datetime]:
    """The first open and the last close."""
    first, last = (datetime.fromtimestamp(int(us) / 1e6, UTC) for us in (bars.open_at[0], bars.close_at[-1]))
    return first, last


def _trading(panel: Panel, asked: Configuration, rule: Rule, parameters: Any) -> Trading:
    assert rule.orders is not None
    funding = _funding(panel, asked.costs)
    placebos = rule.placebo_orders(panel, parameters) if rule.placebo_orders else {}
    traded = {kind: _traded(panel, asked, funding, orders) for kind, orders in placebos.items()}
    return replace(_traded(panel, asked, funding, rule.orders(panel, parameters)), placebos=traded)


def _traded(panel: Panel, asked: Configuration, funding: Floats, orders: Orders) -> Trading:
    targets = asked.sizing.scaled(panel.bars, orders.targets) if asked.sizing else orders.targets
    rows, bars = panel.trading, panel.traded_bars
    stops, takes = (None if prices is None else prices[rows] for prices in (orders.stops, orders.takes))
    done = simulate(bars, targets[rows], asked.costs, funding=funding, stops=stops, takes=takes)
    equity, trades = done.equity[:, 0], done.trades()
    return Trading(equity, trades, metrics(bars, equity, done.ledgers[0]), samples(bars, equity, trades))


def _funding(panel: Panel, costs: Costs) -> Floats:
    """What longs pay at each bar: by the stored rates, and at the end of a period for its hours that none is of."""
    table, unknown = panel.history.funding, _periods(panel)
    assumed = costs.assumed_funding_bps * BPS * unknown.unknown_hours / PERIOD_HOURS
    at = np.append(micros(table["funding_at"]), unknown.end_at)
    return funding_per_bar(panel.traded_bars, at, np.append(table["funding_rate"].to_numpy(), assumed))


def _periods(panel: Panel) -> Periods:
    table = panel.history.funding
    return periods(panel.traded_bars, micros(table["funding_at"]), table["period_hours"].cast(pl.Float64).to_numpy())


def reasons(outcomes: Iterable[Outcome]) -> dict[str, list[str]]:
    """Why rules were not studied, each reason once with the rules it stops."""
    rules: dict[str, list[str]] = {}
    for outcome in outcomes:
        for reason in _each(outcome.status) if outcome.study is None else []:
            named = rules.setdefault(reason, [])
            named += [] if outcome.rule.name in named else [outcome.rule.name]
    return rules


def _each(status: str) -> list[str]:
    """What is lacking, one by one."""
    parts = status.split(_AND)
    return parts if set(parts) <= set(_LACKING.values()) else [status]
