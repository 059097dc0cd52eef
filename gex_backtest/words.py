"""A run in words: what the terminal and the page say alike. Belongs here: single values and lines; not: tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from gex_backtest.costs import Costs
from gex_backtest.estimates import LEAST
from gex_backtest.funding import PERIOD_HOURS
from gex_backtest.sizing import Sizing
from gex_backtest.study import Estimate
from gex_backtest.suite import Coverage, Outcome
from gex_backtest.verdicts import TOO_LITTLE_TO_SAY, verdict


def varied(outcome: Outcome, outcomes: Iterable[Outcome]) -> list[str]:
    """The parameters in which the variants of a rule differ, as they are in this one."""
    alike = [asdict(other.parameters) for other in outcomes if other.rule is outcome.rule]
    mine = asdict(outcome.parameters)
    return [f"{key}={toml(mine[key])}" for key in mine if any(other[key] != mine[key] for other in alike)]


def named(estimate: Estimate) -> str:
    """Its name, and what it is of."""
    return f"{estimate.name}, {estimate.group}" if estimate.group else estimate.name


#: Columns of :func:`verdicts`.
VERDICTS = ("rule", "value", "95 %", "n", "verdict")


def verdicts(outcomes: Sequence[Outcome]) -> list[list[str]]:
    """What each headline says of its claim, in short."""
    return [[" ".join([o.rule.name, *varied(o, outcomes)]), *_said(o)] for o in outcomes]


def _said(outcome: Outcome) -> list[str]:
    if outcome.study is None:
        return [outcome.status, "", "", TOO_LITTLE_TO_SAY]
    headline = outcome.study.estimates[0]
    return [value(headline), interval(headline), f"{headline.n:,}", verdict(headline, outcome.rule.claimed)]


def value(estimate: Estimate) -> str:
    """Its value with the unit, or why there is none."""
    return estimate.status if estimate.value is None else " ".join([f"{estimate.value:+.3g}", *unit(estimate)])


def unit(estimate: Estimate) -> list[str]:
    """Its unit; none for a pure number."""
    return [] if estimate.unit in ("", "1") else [estimate.unit]


def interval(estimate: Estimate) -> str:
    """Its bounds; nothing where it has none."""
    return "" if estimate.low is None else f"{estimate.low:+.3g} to {estimate.high:+.3g}"


def finite(value: float, form: str, unit: str = "") -> str:
    """A number, or a dash for what cannot be told."""
    return f"{value:{form}}{unit}" if abs(value) < float("inf") else "-"


def sharpe(outcome: Outcome) -> str:
    """The Sharpe ratio of what was simulated, annual, marked where its record is too short."""
    assert outcome.trading is not None
    return finite(outcome.trading.metrics.sharpe, ".2f") + mark(outcome)


def mark(outcome: Outcome) -> str:
    """What stands behind a Sharpe ratio that says nothing of its sign; nothing where there is none."""
    is_told = outcome.trading is not None and abs(outcome.trading.metrics.sharpe) < float("inf")
    return " (too short)" if is_told and outcome.record and outcome.record.is_too_short else ""


def too_short(outcomes: Iterable[Outcome]) -> list[str]:
    """What the mark means, where there is one."""
    told = f"too short: fewer than {LEAST} days, or too few to tell with 95 % which sign the true Sharpe ratio has"
    return [told] if any(map(mark, outcomes)) else []


def sized(sizing: Sizing | None) -> list[str]:
    """That positions are scaled, and how; nothing where they are not."""
    if sizing is None:
        return []
    by = f"by that of the price in the {sizing.window_hours:g} hours before, at most {sizing.cap:g} times"
    return [f"positions are scaled to an annual volatility of {sizing.annual_vol:g}, {by}"]


def assumed_hours(covered: Coverage) -> str:
    """For how much of the time funding is assumed."""
    assumed, due = (round(hours, 2) for hours in (covered.assumed_funding_hours, covered.funding_hours))
    return f"{assumed:,g} of {due:,g} hours"


def assumed_rate(costs: Costs) -> str:
    """At which rate."""
    return f"at {costs.assumed_funding_bps:g} bps per {PERIOD_HOURS} hours"


def chance(outcomes: Iterable[Outcome]) -> str:
    """How many tests there are, one that variants share once, and how many chance alone would set apart from 0."""
    studies = [(outcome.rule.name, outcome.study) for outcome in outcomes if outcome.study]
    n = len({(rule, each) for rule, study in studies for each in study.estimates if each.p_value is not None})
    return f"{n:,} tests in all, of which chance alone sets about {0.05 * n:.0f} apart from 0" if n else "no tests"


def toml(value: Any) -> str:
    """A value as TOML writes it; None, which TOML lacks, as nothing."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else f'"{value}"' if isinstance(value, str) else f"{value:,}".replace(",", "_")
