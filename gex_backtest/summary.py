"""A run for a terminal, and the rules that there are."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta

import polars as pl
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gex_backtest import returns, words
from gex_backtest.calibration import told
from gex_backtest.costs import Costs
from gex_backtest.study import OK, Estimate, Rule
from gex_backtest.suite import Coverage, Outcome, Results, reasons
from gex_backtest.verdicts import verdict
from gex_pipeline.present import text
from gex_pipeline.present.summaries import count
from gex_pipeline.present.tables import plain_table

_WIDTH = 80


def table(results: Results) -> Group:
    """One line per rule and variant: the headline estimate, what it says, and what its trading form came to."""
    found = plain_table("rule", "headline", "value", "95 %", "p", "n", "verdict", "net return", "Sharpe", "break-even")
    for outcome in results.outcomes:
        name = " ".join([outcome.rule.name, *words.varied(outcome, results.outcomes)])
        if outcome.study:
            found.add_row(name, *_headline(outcome), *_trading(outcome))
        else:
            found.add_row(name, Text(outcome.status, style="dim"))
    for place in (1, 6):
        found.columns[place].justify = "left"
    asked = results.configuration
    covered, sized = _covered(results.coverage, asked.costs), words.sized(asked.sizing)
    name, chance = f"configuration {asked.sha256[:16]}", words.chance(results.outcomes)
    return Group(covered, *sized, name, "", found, "", *words.too_short(results.outcomes), chance)


def calibration(rows: pl.DataFrame) -> Group:
    """Size and power of the rules' headlines, of rows of `calibration.judge`."""
    parts = [
        _cells(heading, list(cells))
        for heading, cells in ((told.SIZE, told.size_rows(rows)), (told.POWER, told.power_rows(rows)))
    ]
    return Group(*(each for part in parts if part.row_count for each in (part, "")), *textwrap.wrap(told.NOTE, _WIDTH))


def _cells(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    made = plain_table(*heading)
    for row in rows:
        made.add_row(*row)
    return made


def brief(results: Results) -> Table:
    """What each headline says of its claim."""
    found = plain_table(*words.VERDICTS)
    for row in words.verdicts(results.outcomes):
        found.add_row(*row)
    found.columns[-1].justify = "left"
    return found


def listing(rules: Iterable[Rule]) -> Iterator[str]:
    """Lines on each rule: its name, its claim, its parameters as a file of configuration has them."""
    for rule in rules:
        yield f"{rule.name} ({'has a trading form' if rule.orders else 'no trading form'})"
        yield from textwrap.wrap(rule.hypothesis, _WIDTH, initial_indent="    ", subsequent_indent="    ")
        yield from (f"    {name} = {words.toml(value)}" for name, value in asdict(rule.parameters()).items())
        yield ""


def _covered(covered: Coverage, costs: Costs) -> str:
    span = f"{text.instant(covered.first_open_at)} to {text.instant(covered.last_close_at)}"
    missing = f" ({covered.missing_bars:,} missing)" if covered.missing_bars else ""
    share = f"{covered.level_share:.1%}".replace("%", " %")
    counts = f"{count(covered.bars, 'bar')}{missing}, {count(covered.snapshots, 'snapshot')}"
    stored = count(covered.funding_instants, "stored rate")
    funding = f"funding: {stored}, {words.assumed_hours(covered)} assumed {words.assumed_rate(costs)}"
    return f"{span}\n{counts}, fresh levels at {share} of the decisions\n{funding}"


def _headline(outcome: Outcome) -> tuple[RenderableType, ...]:
    assert outcome.study is not None
    first = outcome.study.estimates[0]
    p_value = "" if first.p_value is None else f"{first.p_value:.3f}"
    said = verdict(first, outcome.rule.claimed)
    return words.named(first), _value(first), words.interval(first), p_value, f"{first.n:,}", said


def _value(estimate: Estimate) -> RenderableType:
    shown = words.value(estimate)
    return Text(shown, style="dim") if estimate.value is None else shown


def _trading(outcome: Outcome) -> tuple[str, ...]:
    if outcome.trading is None:
        return "", "", ""
    found = outcome.trading.metrics
    if not found.n_trades:
        return "no trades", "", ""
    return (
        text.percent(found.total_return),
        words.sharpe(outcome),
        words.finite(found.break_even_bps, ".1f", " bps"),
    )


def problems(results: Results) -> list[str]:
    """One line per reason for which rules were not studied, and per rule and reason that did not trade."""
    study = [f"{', '.join(names)}: {reason}" for reason, names in reasons(results.outcomes).items()]
    orders = [
        f"{o.rule.name}: trading form: {o.trading_status}"
        for o in results.outcomes
        if o.study and o.rule.orders and o.trading_status != OK
    ]
    return list(dict.fromkeys([*study, *_short(results), *orders]))


def _short(results: Results) -> Iterator[str]:
    """Rules whose measures look back farther than there are bars, so that no decision can be studied."""
    covered = results.coverage
    days = (covered.last_close_at - covered.first_open_at) / timedelta(days=1)
    for outcome in results.outcomes:
        told = outcome.rule.looks_back_days
        back = getattr(outcome.parameters, told) if isinstance(told, str) else told
        if outcome.study and days < returns.COVERED * back:
            yield f"{outcome.rule.name}: looks back {back} days, and there are {days:.1f} days of bars: too short"
