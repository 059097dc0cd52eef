"""The page of a run: verdicts first, then what they rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from gex_backtest import words
from gex_backtest.calibration import stored
from gex_backtest.history import History
from gex_backtest.panel import Panel
from gex_backtest.report import made_of, rule_tables, tables
from gex_backtest.report.pictures import Picture
from gex_backtest.report.plots import pictures
from gex_backtest.results import Record
from gex_backtest.suite import Outcome
from gex_pipeline.present import text
from gex_pipeline.present.page import contents, heading, image, page, paragraph, subheading

#: Sections beside those of the rules.
_AFTER = ("Calibration", "What the run was made of")


def report(record: Record, history: History, *, is_synthetic: bool, has_pictures: bool = True) -> dict[str, bytes]:
    """`report.html` and, where ``has_pictures``, each picture as a PNG and an SVG file: name -> bytes.

    The page has its pictures in itself, and what was measured of the rules.
    """
    panel = Panel(history, round(record.results.configuration.latency_seconds * 1e6))
    drawn = {rule: list(pictures(of_rule, panel, is_synthetic)) for rule, of_rule in _by_rule(record)}
    every = [each for of_rule in drawn.values() for each in of_rule if has_pictures]
    whole = _page(record, panel, drawn, is_synthetic)
    return {"report.html": whole.encode()} | {name: file for each in every for name, file in each.files.items()}


def _page(record: Record, panel: Panel, drawn: Mapping[str, Sequence[Picture]], is_synthetic: bool) -> str:
    parts = [
        paragraph(_what(record)),
        *_verdicts(record),
        contents([*drawn, *_AFTER]),
        heading("What there was"),
        *made_of.covered(record, panel),
        *(part for name, rule in _by_rule(record) for part in _rule(record, rule, drawn[name])),
        heading(_AFTER[0], _AFTER[0]),
        *tables.calibration(stored.measured()),
        heading(_AFTER[1], _AFTER[1]),
        *made_of.origins(record),
    ]
    title = f"{record.results.configuration.underlying}: claims about gamma exposure, confronted"
    return page(title, parts, is_synthetic=is_synthetic)


def _by_rule(record: Record) -> list[tuple[str, list[Outcome]]]:
    return [(name, list(these)) for name, these in groupby(record.results.outcomes, lambda o: o.rule.name)]


def _what(record: Record) -> str:
    found = record.results.coverage
    span = f"{text.instant(found.first_open_at)} to {text.instant(found.last_close_at)}"
    return f"Run {record.run_id}: {span}, configuration {record.results.configuration.sha256[:16]}."


def _verdicts(record: Record) -> Iterator[str]:
    yield heading("Verdicts")
    yield tables.verdicts(record)
    yield paragraph(
        "Supported: apart from 0 at 5 %, with the sign that is claimed. Not supported: apart from 0 with the other "
        "sign, or not apart where four such tests of five would find an effect as large as the claimed one. "
        "Detectable: the size that four of five find; power: how many find the claimed size."
    )
    yield paragraph(f"{words.chance(record.results.outcomes)}. {tables.standing_out(record)}.")
    yield tables.family(record)


def _rule(record: Record, outcomes: Sequence[Outcome], drawn: Sequence[Picture]) -> Iterator[str]:
    """What is claimed, what was asked, what was found."""
    rule = outcomes[0].rule
    yield heading(rule.name, rule.name)
    yield paragraph(rule.hypothesis)
    yield from rule_tables.parameters(outcomes)
    yield subheading("Estimates")
    yield from rule_tables.estimates(record, outcomes)
    if rule.orders:
        yield subheading("Trading, after costs")
        yield from rule_tables.trading(record, outcomes)
    yield from (image(each.png, each.words) for each in drawn)
