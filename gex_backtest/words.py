"""A run in words: what the terminal and the page say alike. Belongs here: single values and lines; not: tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from gex_backtest.study import Estimate
from gex_backtest.suite import Outcome


def varied(outcome: Outcome, outcomes: Iterable[Outcome]) -> list[str]:
    """The parameters in which the variants of a rule differ, as they are in this one."""
    alike = [asdict(other.parameters) for other in outcomes if other.rule is outcome.rule]
    mine = asdict(outcome.parameters)
    return [f"{key}={toml(mine[key])}" for key in mine if any(other[key] != mine[key] for other in alike)]


def named(estimate: Estimate) -> str:
    """Its name, and what it is of."""
    return f"{estimate.name}, {estimate.group}" if estimate.group else estimate.name


def unit(estimate: Estimate) -> list[str]:
    """Its unit; none for a pure number."""
    return [] if estimate.unit in ("", "1") else [estimate.unit]


def interval(estimate: Estimate) -> str:
    """Its bounds; nothing where it has none."""
    return "" if estimate.low is None else f"{estimate.low:+.3g} to {estimate.high:+.3g}"


def finite(value: float, form: str, unit: str = "") -> str:
    """A number, or a dash for what cannot be told."""
    return f"{value:{form}}{unit}" if abs(value) < float("inf") else "-"


def chance(outcomes: Iterable[Outcome]) -> str:
    """How many intervals there are, one that variants share once, and how many chance alone would set apart from 0."""
    studies = [(outcome.rule.name, outcome.study) for outcome in outcomes if outcome.study]
    n = len({(rule, each) for rule, study in studies for each in study.estimates if each.low is not None})
    return f"{n:,} intervals in all, of which chance alone lets about {0.05 * n:.0f} exclude 0"


def toml(value: Any) -> str:
    """A value as TOML writes it; None, which TOML lacks, as nothing."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else f'"{value}"' if isinstance(value, str) else f"{value:,}".replace(",", "_")
