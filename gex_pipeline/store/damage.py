"""Which stored file makes a right query fail: the engine names the file seldom, and never says what to do."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow.parquet as pq

from gex_pipeline.schema import BACKTESTS, TABLES
from gex_pipeline.schema.model import Table
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store


def damage(store: Store, names: Iterable[str]) -> str | None:
    """One line on the first file of some tables that is not what was written, None where all are.

    Reads all of them: for a query that has failed. Raises ``StoreError`` for a file that cannot be read at all.
    """
    for table in (TABLES[name] for name in names if TABLES[name].period):
        for partition in store.partitions(table):
            if reason := _reason(store, table, partition):
                return f"cannot read {store.objects.path(partition.path)}: {reason}; run `gex verify`"
    return None


def _reason(store: Store, table: Table, partition: Partition) -> str | None:
    manifest = store.manifest(partition)
    if manifest is not None and manifest.content_hash != store.content_hash(partition):
        return "it is damaged, not what was written"
    if table in BACKTESTS:  # of whatever version
        return None
    there = pq.read_schema(store.objects.path(partition.path)).names
    lacking = [column.name for column in table.file_columns if column.name not in there]
    return f"it lacks the columns {', '.join(lacking)}" if lacking else None
