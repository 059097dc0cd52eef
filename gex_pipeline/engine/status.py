"""The state of a warehouse per underlying and venue: freshness, sizes, gaps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from gex_pipeline.engine import tasks
from gex_pipeline.engine.as_of import STALE_INTERVALS, steps_seconds, usual_interval_seconds
from gex_pipeline.schema import TABLES
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store

_CHAIN, _REJECTED = TABLES["chain"], TABLES["chain_rejected"]


@dataclass(frozen=True)
class StatusRow:
    """One underlying at one venue. ``gaps`` counts distances between snapshots of over twice the usual one.

    ``rows`` and ``rejected`` are totals; ``problem`` says in a few words what is red, None when nothing is.
    """

    underlying: str
    venue: str
    last_snapshot_at: datetime
    age_seconds: float
    usual_interval_seconds: float | None
    rows: int
    rejected: int
    gaps: int
    is_stale: bool
    problem: str | None


def status(root: Path, now: datetime) -> list[StatusRow]:
    """Rows sorted by underlying and venue. Raises ``StoreError`` when the folder is no warehouse."""
    store = Store(root)
    store.require()
    groups = sorted({p.hive for p in store.partitions(_CHAIN)})
    return [_row(store, hive, now) for hive in groups]


def _row(store: Store, hive: tuple[tuple[str, str], ...], now: datetime) -> StatusRow:
    mine = [p for p in store.partitions(_CHAIN) if p.hive == hive]
    snapshots = pl.concat(store.read(p, ("snapshot_at",)).unique() for p in mine)["snapshot_at"].unique().sort()
    steps, usual = steps_seconds(snapshots), usual_interval_seconds(snapshots)
    age = (now - snapshots[-1]).total_seconds()
    return StatusRow(
        underlying=hive[0][1],
        venue=hive[1][1],
        last_snapshot_at=snapshots[-1],
        age_seconds=age,
        usual_interval_seconds=usual,
        rows=sum(_rows(store, p) for p in mine),
        rejected=sum(_rows(store, p) for p in store.partitions(_REJECTED) if p.hive == hive),
        gaps=int((steps > STALE_INTERVALS * usual).sum()) if usual else 0,
        is_stale=usual is not None and age > STALE_INTERVALS * usual,
        problem=_problem(store, hive[0][1]),
    )


def _rows(store: Store, partition: Partition) -> int:
    manifest = store.manifest(partition)
    return manifest.rows if manifest else 0


def _problem(store: Store, underlying: str) -> str | None:
    """Derived tables that are missing, or made from another chain or by other code."""
    stale = [j.period for j in tasks.plan(store) if j.underlying == underlying and not tasks.is_fresh(store, j)]
    return f"not built: {', '.join(stale[:3])}{' ...' if len(stale) > 3 else ''}; run `gex build`" if stale else None
