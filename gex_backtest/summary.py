"""A run for a terminal, and the rules that there are."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from gex_backtest.costs import Costs
from gex_backtest.study import OK, Estimate, Rule
from gex_backtest.suite import Coverage, Outcome, Results, Trading
from gex_backtest.verdicts import verdict
from gex_pipeline.present import text
from gex_pipeline.present.summaries import count
from gex_pipeline.present.tables import plain_table

_WIDTH = 80


def table(results: Results) -> Group:
    """One line per rule and variant: the headline estimate, what it says, and what its trading form came to."""
    found = plain_table("rule", "headline", "value", "95 %", "p", "n", "verdict", "net return", "Sharpe", "break-even")
    for outcome in results.outcomes:
        name = " ".join([outcome.rule.name, *_varied(outcome, results.outcomes)])
        if outcome.study:
            found.add_row(name, *_headline(outcome), *_trading(outcome.trading))
        else:
            found.add_row(name, Text(outcome.status, style="dim"))
    for place in (1, 6):
        found.columns[place].justify = "left"
    covered = _covered(results.coverage, results.configuration.costs)
    return Group(covered, f"configuration {results.configuration.sha256[:16]}", "", found, "", _many(results.outcomes))


def _many(outcomes: Iterable[Outcome]) -> str:
    """How many intervals there are, and how many of them chance alone would set apart from 0."""
    studies = [outcome.study for outcome in outcomes if outcome.study]
    n = sum(estimate.low is not None for study in studies for estimate in study.estimates)
    return f"{n:,} intervals in all, of which chance alone lets about {0.05 * n:.0f} exclude 0"


def listing(rules: Iterable[Rule]) -> Iterator[str]:
    """Lines on each rule: its name, its claim, its parameters as a file of configuration has them."""
    for rule in rules:
        yield f"{rule.name} ({'has a trading form' if rule.orders else 'no trading form'})"
        yield from textwrap.wrap(rule.hypothesis, _WIDTH, initial_indent="    ", subsequent_indent="    ")
        yield from (f"    {name} = {_toml(value)}" for name, value in asdict(rule.parameters()).items())
        yield ""


def _covered(covered: Coverage, costs: Costs) -> str:
    span = f"{text.instant(covered.first_open_at)} to {text.instant(covered.last_close_at)}"
    missing = f" ({covered.missing_bars:,} missing)" if covered.missing_bars else ""
    share = f"{covered.level_share:.1%}".replace("%", " %")
    counts = f"{count(covered.bars, 'bar')}{missing}, {count(covered.snapshots, 'snapshot')}"
    assumed = f"{covered.assumed_funding_instants:,} assumed at {costs.assumed_funding_bps:g} bps"
    funding = f"funding: {covered.funding_instants:,} stored, {assumed}"
    return f"{span}\n{counts}, fresh levels at {share} of the decisions\n{funding}"


def _varied(outcome: Outcome, outcomes: Iterable[Outcome]) -> list[str]:
    """The parameters in which the variants of a rule differ, as they are in this one."""
    alike = [asdict(other.parameters) for other in outcomes if other.rule is outcome.rule]
    mine = asdict(outcome.parameters)
    return [f"{key}={_toml(mine[key])}" for key in mine if any(other[key] != mine[key] for other in alike)]


def _headline(outcome: Outcome) -> tuple[RenderableType, ...]:
    assert outcome.study is not None
    first = outcome.study.estimates[0]
    named = f"{first.name}, {first.group}" if first.group else first.name
    p_value = "" if first.p_value is None else f"{first.p_value:.3f}"
    return named, _value(first), _interval(first), p_value, f"{first.n:,}", verdict(first, outcome.rule.claimed)


def _value(estimate: Estimate) -> RenderableType:
    if estimate.value is None:
        return Text(estimate.status, style="dim")
    unit = "" if estimate.unit in ("", "1") else f" {estimate.unit}"
    return f"{estimate.value:+.3g}{unit}"


def _interval(estimate: Estimate) -> str:
    return "" if estimate.low is None else f"{estimate.low:+.3g} to {estimate.high:+.3g}"


def _trading(trading: Trading | None) -> tuple[str, ...]:
    if trading is None:
        return "", "", ""
    found = trading.metrics
    if not found.n_trades:
        return "no trades", "", ""
    return text.percent(found.total_return), _finite(found.sharpe, ".2f"), _finite(found.break_even_bps, ".1f", " bps")


def _finite(value: float, form: str, unit: str = "") -> str:
    return f"{value:{form}}{unit}" if abs(value) < float("inf") else "-"


def problems(results: Results) -> list[str]:
    """One line per rule and reason for which something was not worked out."""
    study = [f"{o.rule.name}: {o.status}" for o in results.outcomes if o.study is None]
    orders = [
        f"{o.rule.name}: trading form: {o.trading_status}"
        for o in results.outcomes
        if o.study and o.rule.orders and o.trading_status != OK
    ]
    return list(dict.fromkeys([*study, *orders]))


def _toml(value: Any) -> str:
    """A value as TOML writes it; None, which TOML lacks, as nothing."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else f'"{value}"' if isinstance(value, str) else f"{value:,}".replace(",", "_")
