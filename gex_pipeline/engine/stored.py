"""What several answers read of the stored snapshots."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from gex_pipeline.schema import SNAPSHOTS
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store

_UTC = pl.Datetime("us", "UTC")
_INSTANTS = pl.Schema({"snapshot_at": _UTC, "knowledge_time": _UTC})


def instants(store: Store, partitions: Iterable[Partition], where: pl.Expr | None = None) -> pl.DataFrame:
    """Snapshots in some partitions, ascending, with the time at which all their rows were known."""
    found = (_known(store.read(p, ("snapshot_at", "knowledge_time"), where)) for p in partitions)
    return _known(pl.concat([pl.DataFrame(schema=_INSTANTS), *found])).sort("snapshot_at")


def _known(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by("snapshot_at").agg(pl.col("knowledge_time").max())


def snapshots_of(store: Store, *venue: str, columns: tuple[str, ...] = SNAPSHOTS.names) -> pl.DataFrame:
    """All rows of `snapshots`, or those of a venue."""
    files = store.partitions(SNAPSHOTS, *venue)
    none = pl.DataFrame(schema=polars_schema(SNAPSHOTS)).select(columns)
    return pl.concat([none, *(store.read(file, columns) for file in files)])
