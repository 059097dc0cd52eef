"""`gex build`: chain, and trades where there are any -> every derived table, only what is missing or stale."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

from gex_pipeline.engine import flows, tasks
from gex_pipeline.engine.days import Days, no_chain, spoken
from gex_pipeline.engine.pool import run_all
from gex_pipeline.engine.progress import Progress, Silent
from gex_pipeline.errors import GexError, StoreError
from gex_pipeline.schema import DERIVED, TABLES
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store


@dataclass
class BuildSummary:
    """Jobs built and left alone, rows per table (`chain` = rows read), one line per failure."""

    built: int = 0
    fresh: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0


def build(
    root: Path,
    *,
    underlyings: list[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    is_forced: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> BuildSummary:
    """Bring the derived tables up to date with `chain` and `trades`.

    ``start`` and ``end`` choose the periods that overlap [start, end]. Interrupting loses nothing: what is stored
    stays, and the next run goes on with the rest. Raises ``GexError`` for an underlying without a chain, and when none
    of the days asked for has one.
    """
    began, progress = time.monotonic(), progress or Silent()
    store = Store(root)
    store.require()
    failures = (
        renewed(store)
        + compact(store)
        + _sum_trades(store, flows.stale(store, underlyings or [], is_forced=is_forced), workers)
    )
    jobs = _chosen(tasks.plan(store), underlyings or [], start, end)
    _require_chain(store, jobs, underlyings or [], start, end)
    stale = [j for j in jobs if is_forced or not tasks.is_fresh(store, j)]
    summary = BuildSummary(fresh=len(jobs) - len(stale), failures=failures)
    progress.start("build", len(stale))
    try:
        with closing(run_all(partial(tasks.run, root), stale, workers)) as outcomes:
            for job, outcome in outcomes:
                _count(summary, job, outcome)
                progress.advance(note=f"{job.underlying} {job.period}")
    finally:
        progress.close()
    if not underlyings and start is None and end is None:
        flows.remove_orphans(store)
        summary.failures += remove_superseded(store)
    summary.seconds = time.monotonic() - began
    return summary


def _count(summary: BuildSummary, job: tasks.Job, outcome: Mapping[str, int] | GexError) -> None:
    if isinstance(outcome, GexError):
        summary.failures.append(f"{job.underlying} {job.period}: {outcome}")
    else:
        summary.built += 1
        summary.rows.update(outcome)


def _sum_trades(store: Store, trades: list[Partition], workers: int | None) -> list[str]:
    """Make the `taker_flow` of some files of trades; a line for each that cannot be summed."""
    outcomes = run_all(partial(flows.run, store.root), trades, workers)
    return [str(outcome) for _, outcome in outcomes if isinstance(outcome, GexError)]


def renewed(store: Store) -> list[str]:
    """Give files that are older than a column of their table that column; returns a line for each that is broken."""
    failures = []
    for partition in store.outgrown():
        try:
            store.renew_columns(partition)
        except StoreError as error:
            failures.append(f"{partition.path}: {error}")
    return failures


def compact(store: Store) -> list[str]:
    """Fold the base tables' days of finished months into months; the derived ones follow by being rebuilt.

    A month with a broken day stays as it is; returns one line for each.
    """
    today, failures = store.clock().date(), []
    tables = [t for t in TABLES.values() if t.is_base and t.period == "day"]
    for month in [m for t in tables for m in store.foldable(t, today)]:
        try:
            store.fold(month)
        except StoreError as error:
            failures.append(f"{month.table} {' '.join(v for _, v in month.hive)} {month.period}: {error}")
    return failures


def remove_superseded(store: Store) -> list[str]:
    """Remove derived partitions whose month is now kept in other periods; returns a line for each without any chain."""
    # Listed before the plan is made: what another process builds meanwhile is not in the list.
    stored = [partition for table in DERIVED for partition in store.partitions(table)]
    wanted = {job.output(t.name) for job in tasks.plan(store) for t in DERIVED}
    months = {(p.hive, p.period[:7]) for p in wanted}
    lost: set[str] = set()
    for partition in stored:
        if (partition.hive, partition.period[:7]) not in months:
            lost.add(f"{partition.value('underlying')} {partition.period}: its chain is gone; run `gex verify`")
        elif partition not in wanted:
            store.remove(partition)
    return sorted(lost)


def _chosen(
    jobs: list[tasks.Job], underlyings: list[str], start: datetime | None, end: datetime | None
) -> list[tasks.Job]:
    known = sorted({j.underlying for j in jobs})
    for name in underlyings:
        if name not in known:
            raise GexError(f"no chain of {name} in the warehouse: it has {', '.join(known) or 'none'}")
    first, last = (f"{t:%Y-%m-%d}" if t else None for t in (start, end))
    return [
        j
        for j in jobs
        if (not underlyings or j.underlying in underlyings)
        and (first is None or j.period >= first[: len(j.period)])
        and (last is None or j.period <= last[: len(j.period)])
    ]


def _require_chain(
    store: Store, jobs: list[tasks.Job], underlyings: list[str], start: datetime | None, end: datetime | None
) -> None:
    """Raise ``GexError`` when days are asked for and none has a chain, be it that their month has."""
    if start is None and end is None:
        return
    asked = Days(start.date() if start else date.min, end.date() if end else date.max - timedelta(days=1))
    if any(_has_chain(store, job, asked) for job in jobs):
        return
    open_end = f"from {asked.first} on" if start else f"until {asked.last}"
    raise GexError(no_chain(", ".join(underlyings), f"on {spoken(asked)}" if start and end else open_end))


def _has_chain(store: Store, job: tasks.Job, asked: Days) -> bool:
    try:
        is_there = asked.holds("snapshot_at")
        return any(store.read(p, ("snapshot_at",), is_there).height for p in job.inputs)
    except StoreError:
        return True  # there is something: the job says what is wrong with it
