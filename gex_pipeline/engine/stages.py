"""The two stages an orchestrator runs on a range of days: import archives, build. Each reads back what it stored.

Belongs here: one function per stage, from plain arguments to an :class:`Outcome` in which an expected failure is a line
of text. Not: anything of the orchestrator's. `gex import archives`, `gex build` and `gex verify` are the same on the
command line.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from pathlib import Path

from gex_pipeline.engine.archives import import_archives, load_archives
from gex_pipeline.engine.build import build
from gex_pipeline.engine.days import Days, no_chain, spoken
from gex_pipeline.engine.glances import glance
from gex_pipeline.engine.imports import ImportSummary
from gex_pipeline.engine.inspection import Inspection, days_without, inspect
from gex_pipeline.errors import GexError
from gex_pipeline.schema import BUILT, MAY_BE_EMPTY


@dataclass
class Outcome:
    """What a stage did on its days.

    ``failures`` and ``conflicts``: the lines `gex` would print. ``facts``: numbers for whoever looks at the run;
    ``own``: table -> numbers of this table alone.
    ``tables``: the stored rows of the days. ``empty``: table -> what to say about its days without data; ``blank``:
    the tables that have none on any of the days. A table that may be empty is in neither.
    ``is_expected``: False when no archive is configured, so that an empty day is no surprise.
    ``glances``: table -> title -> Markdown that shows some of the rows.
    """

    failures: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    facts: dict[str, int | float] = field(default_factory=dict)
    own: dict[str, dict[str, int]] = field(default_factory=dict)
    tables: dict[str, Inspection] = field(default_factory=dict)
    empty: dict[str, str] = field(default_factory=dict)
    blank: set[str] = field(default_factory=set)
    is_expected: bool = True
    glances: dict[str, dict[str, str]] = field(default_factory=dict)


def import_days(root: Path, archives: Path, table: str, days: Days, venue: str | None = None) -> Outcome:
    """Import what the configured archives have for a base table on these days."""
    outcome, began = Outcome(), time.monotonic()
    names = ("chain", "chain_rejected") if table == "chain" else (table,)
    try:
        chosen = [a for a in load_archives(archives) if a.table == table and venue in (None, a.venue)]
        outcome.is_expected = bool(chosen)
        summary = import_archives(root, chosen, days)
        outcome.failures, outcome.conflicts = summary.failures, summary.conflicts
        outcome.facts = {"files": summary.files, "files read before": summary.skipped, "notes": len(summary.notes)}
        outcome.own = _of_the_files(table, names, summary)
    except GexError as error:
        outcome.failures.append(str(error))
    outcome.tables = inspect(root, names, days, venue)
    if table == "chain":
        outcome.own.setdefault(table, {}).update(_rejected(outcome.tables["chain_rejected"]))
    outcome.glances = {name: glance(root, name, found, venue) for name, found in outcome.tables.items()}
    missing = days_without(root, table, outcome.tables[table], days, venue)
    when = f"on {spoken(missing)}"
    line = no_chain(venue or "", when) if table == "chain" else f"no {table} {when}: import them first"
    _note_empty(outcome, table, missing, days, line)
    outcome.facts["seconds"] = round(time.monotonic() - began, 2)
    return outcome


def _of_the_files(table: str, names: Sequence[str], summary: ImportSummary) -> dict[str, dict[str, int]]:
    """What the files had, be it for days around those of the run: new rows per table, and dropped ones by reason."""
    own = {name: {"new rows": summary.rows[name]} for name in names}
    own[table] |= {f"dropped: {reason}": rows for reason, rows in sorted(summary.dropped.items())}
    return own


def _rejected(found: Inspection) -> dict[str, int]:
    """Rows of the days that are in `chain_rejected`, said where those who look at `chain` see it."""
    reasons = {f"rejected: {reason}": rows for reason, rows in sorted(found.reasons.items())}
    return {"rejected": found.rows.total(), **reasons}


def build_days(root: Path, days: Days, underlyings: Sequence[str] = ()) -> Outcome:
    """Bring the derived tables up to date on these days."""
    outcome, began = Outcome(), time.monotonic()
    start, end = (datetime.combine(d, time_of_day(), UTC) for d in (days.first, days.last))
    try:
        summary = build(root, underlyings=list(underlyings), start=start, end=end)
        outcome.failures = summary.failures
        outcome.facts = {"partitions built": summary.built, "partitions fresh": summary.fresh}
    except GexError as error:
        outcome.failures.append(str(error))
    outcome.tables = inspect(root, [t.name for t in BUILT], days, underlyings=underlyings)
    # Every snapshot has levels: a day without them has no chain.
    chainless = days_without(root, "levels", outcome.tables["levels"], days, underlyings=underlyings)
    for name, found in outcome.tables.items():
        outcome.glances[name] = glance(root, name, found)
        missing = days_without(root, name, found, days, underlyings=underlyings)
        none = [day for day in missing if day in chainless]
        line = no_chain(", ".join(underlyings), f"on {spoken(none)}") if none else _no_rows(name, missing)
        _note_empty(outcome, name, missing, days, next(iter(outcome.failures), line))
    outcome.facts["seconds"] = round(time.monotonic() - began, 2)
    return outcome


def _no_rows(table: str, missing: list[date]) -> str:
    return f"no rows of {table} on {spoken(missing)}: the chain gave none"


def _note_empty(outcome: Outcome, table: str, missing: list[date], days: Days, line: str) -> None:
    """Take down what is said of days without data, where that is unusual."""
    if not missing or table in MAY_BE_EMPTY:
        return
    outcome.empty[table] = line
    if missing == list(days):
        outcome.blank.add(table)
