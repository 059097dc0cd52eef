"""Stored rows read back: whether they obey their declaration and are what was written.

Belongs here: reading the days that a run was about. Not: the rules (`schema.checks`), or every file (`store.verify`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from functools import partial
from pathlib import Path

import polars as pl

from gex_pipeline.engine.damage import damage
from gex_pipeline.engine.days import Days, period_days
from gex_pipeline.engine.pool import cores
from gex_pipeline.errors import GexError
from gex_pipeline.schema import TABLES
from gex_pipeline.schema.checks import violations
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store

_DAY = timedelta(days=1)


@dataclass
class Inspection:
    """Stored rows of one table: how many per day and per reason of rejection, and a line for each thing wrong.

    ``inside``: those per day that are not of its 00:00, which ends the day before as much as it begins this one.
    """

    rows: Counter[date] = field(default_factory=Counter)
    inside: Counter[date] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add(self, outcome: Inspection | GexError) -> None:
        """Take what was found in one file."""
        if isinstance(outcome, GexError):
            self.problems.append(str(outcome))
            return
        self.rows += outcome.rows
        self.inside += outcome.inside
        self.reasons += outcome.reasons
        self.problems += outcome.problems


def inspect(
    root: Path, tables: Iterable[str], days: Days, venue: str | None = None, underlyings: Collection[str] = ()
) -> dict[str, Inspection]:
    """Read back the rows of some days; ``venue`` and ``underlyings`` leave out the others, if given."""
    store = Store(root)
    found = {name: Inspection() for name in tables}
    stored = [p for name in found for p in store.partitions(TABLES[name]) if _is_asked(p, days, venue, underlyings)]
    # threads, as reading and hashing leave Python alone, and processes would have to start first
    with ThreadPoolExecutor(cores()) as threads:
        for partition, outcome in zip(stored, threads.map(partial(_outcome, root, days), stored), strict=True):
            found[partition.table].add(outcome)
    return found


def _outcome(root: Path, days: Days, partition: Partition) -> Inspection | GexError:
    try:
        return _inspect(root, days, partition)
    except GexError as error:
        return error


def days_without(
    root: Path, table: str, found: Inspection, days: Days, venue: str | None = None, underlyings: Collection[str] = ()
) -> list[date]:
    """The days without data: no rows, or only those of the 00:00 that ends the day before.

    A chain with one snapshot a day, at 00:00, has data: its day before has nothing else either.
    """
    inside, before = found.inside, days.first - _DAY
    if found.rows[days.first] and not inside[days.first]:
        inside = inside + inspect(root, [table], Days(before, before), venue, underlyings)[table].inside
    return [day for day in days if not found.rows[day] or (not inside[day] and inside[day - _DAY])]


def _is_asked(partition: Partition, days: Days, venue: str | None, underlyings: Collection[str]) -> bool:
    hive, its = dict(partition.hive), period_days(partition.period)
    is_named = not underlyings or hive["underlying"] in underlyings
    return is_named and venue in (None, hive.get("venue")) and days.meets(its.first, its.last)


def _inspect(root: Path, days: Days, partition: Partition) -> Inspection:
    """One file. Raises ``StoreError`` when it is damaged."""
    store, table = Store(root), TABLES[partition.table]
    if not _is_as_written(store, partition):
        raise damage(store, partition.path)
    frame = store.read(partition, where=days.holds(table.period_column))
    where = f" ({partition.path})"
    rows, inside = _per_day(frame[table.period_column], is_instant=table.period_column == "snapshot_at")
    return Inspection(
        rows,
        inside,
        Counter(dict(frame.group_by("reason").len().iter_rows()) if "reason" in table.names else {}),
        [str(violation) + where for violation in violations(table, frame)],
    )


def _per_day(at: pl.Series, *, is_instant: bool) -> tuple[Counter[date], Counter[date]]:
    """Rows per day, and those that are not of its 00:00.

    A bar that opens at 00:00 is of that day; a snapshot then may be all that the day before has of it.
    """
    instants = at.to_frame("at").group_by("at").len()
    is_inside = (pl.col("at").dt.time() != time(0)) | (not is_instant)
    days = instants.group_by(pl.col("at").dt.date()).agg(
        pl.col("len").sum(), pl.col("len").filter(is_inside).sum().alias("inside")
    )
    return Counter(dict(days.select("at", "len").iter_rows())), Counter(dict(days.select("at", "inside").iter_rows()))


def _is_as_written(store: Store, partition: Partition) -> bool:
    """Whether a file is what its manifest says; looked at twice, as a writer may replace both between the reads."""
    for _ in range(2):
        manifest = store.manifest(partition)
        if manifest is not None and manifest.content_hash == store.content_hash(partition):
            return True
    return False
