"""The state of a warehouse per underlying and venue: freshness, sizes, gaps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from gex_pipeline.schema import DERIVED, TABLES
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store

#: Age beyond this many usual intervals is stale; a gap is a distance beyond as many.
STALE_INTERVALS = 2
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
    steps = snapshots.diff().drop_nulls().dt.total_seconds()
    usual = float(steps.median()) if len(steps) else None  # type: ignore[arg-type]
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
    """Derived tables that do not reach as far as the chain."""
    newest = max(p.period for p in store.partitions(_CHAIN) if p.value("underlying") == underlying)
    behind = [
        t.name
        for t in DERIVED
        if newest not in {p.period for p in store.partitions(t) if p.value("underlying") == underlying}
    ]
    return f"not built: {', '.join(behind)}; run `gex build`" if behind else None
