"""The tables of a run as a whole: verdicts, the family of tests, calibration. Rows are those of its document."""

from __future__ import annotations

from typing import Any

import polars as pl

from gex_backtest import words
from gex_backtest.calibration import told
from gex_backtest.results import Record
from gex_backtest.suite import Outcome
from gex_backtest.verdicts import LEVEL
from gex_pipeline.present.page import cards, paragraph, table

_VERDICTS = {
    "rule": True,
    "claim": True,
    "headline": True,
    "estimate": False,
    "95 %": False,
    "p": False,
    "n": False,
    "detectable": False,
    "claimed": False,
    "power": False,
    "verdict": True,
}


def verdicts(record: Record) -> str:
    """A row per rule and variant, all alike whatever they say."""
    outcomes = record.results.outcomes
    rows = [
        _verdict(outcome, outcomes, said) for outcome, said in zip(outcomes, record.document["outcomes"], strict=True)
    ]
    return cards(list(_VERDICTS), rows, [i for i, is_words in enumerate(_VERDICTS.values()) if is_words])


def _verdict(outcome: Outcome, outcomes: tuple[Outcome, ...], said: dict[str, Any]) -> list[str]:
    name = " ".join([outcome.rule.name, *words.varied(outcome, outcomes)])
    found = said["estimates"][0] if said["estimates"] else None
    size = [form(said["claimed"], "+.3g"), form(said["power"], ".0%").replace("%", " %")]
    if found is None:
        return [name, said["hypothesis"], said["status"], *[""] * 5, *size, said["verdict"]]
    return [
        name,
        said["hypothesis"],
        named(found),
        *numbers(found),
        form(found["detectable"], ".3g"),
        *size,
        said["verdict"],
    ]


def named(found: dict[str, Any]) -> str:
    """Name, group and unit of an estimate."""
    unit = "" if found["unit"] in ("", "1") else f" ({found['unit']})"
    return ", ".join(part for part in (found["name"], found["group"]) if part) + unit


def numbers(found: dict[str, Any]) -> list[str]:
    """Value or why there is none, interval, p-value, n."""
    value = found["status"] if found["value"] is None else form(found["value"], "+.3g")
    interval = "" if found["low"] is None else f"{found['low']:+.3g} to {found['high']:+.3g}"
    return [value, interval, form(found["p_value"], ".2g"), form(found["n"], ",")]


def form(value: float | None, how: str) -> str:
    """A number, nothing for none."""
    return "" if value is None else f"{value:{how}}"


def standing_out(record: Record) -> str:
    """How many headlines stand out, one that variants share once.

    Of the other estimates many are shares, which are not 0 to begin with.
    """
    found = {(outcome.rule.name, outcome.study.estimates[0]) for outcome in record.results.outcomes if outcome.study}
    known = [each.p_value < LEVEL for _, each in found if each.p_value is not None]
    chance = f"{LEVEL * len(known):.1g}"
    return f"Headlines with a p-value: {len(known):,}; apart from 0: {sum(known):,}; by chance alone: {chance}"


def family(record: Record) -> str:
    """Tests of everything that was tried together."""
    rows = [[name.replace("_", " "), _told(value)] for name, value in record.document["family"].items()]
    return table(["all variants together", ""], rows)


def _told(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else "" if value is None else str(value)


def calibration(measured: pl.DataFrame) -> list[str]:
    """What the tests are worth where the truth is known, of rows of `calibration.judge`."""
    code = ", ".join(measured["code"].unique().sort())
    power = list(told.power_rows(measured))
    return [
        paragraph(f"{told.NOTE} By code {code}; `gex calibrate` draws them anew."),
        table(told.SIZE, list(told.size_rows(measured)), [0]),
        *([table(told.POWER, power, [0])] if power else []),
    ]
