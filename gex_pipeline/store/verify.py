"""Every file of a warehouse against its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gex_pipeline.errors import StoreError
from gex_pipeline.schema import BUILT, TABLES
from gex_pipeline.schema.types import arrow_schema
from gex_pipeline.schema.views import OF_RUNS
from gex_pipeline.store import layout
from gex_pipeline.store.commits import is_outgrown, way_out
from gex_pipeline.store.layout import DATA, MANIFEST, PENDING, TEMPORARY, Partition
from gex_pipeline.store.manifest import file_hash
from gex_pipeline.store.partitions import Store


@dataclass(frozen=True)
class Finding:
    """A file and what is wrong with it."""

    path: str
    problem: str


def verify(root: Path) -> list[Finding]:
    """Everything that is damaged, missing, foreign, left over or of an older schema; empty when all is well."""
    store = Store(root)
    store.require()
    names = set(store.objects.list("."))
    aside = (".locks/", *(f"{name}/" for name in (layout.IMPORTS, layout.FETCHED, layout.UNFINISHED)))
    kept = sorted(n for n in names if not n.startswith(aside) and n not in (layout.MARKER, ".gitignore"))
    return [Finding(name, problem) for name in kept for problem in _problems(store, name, names)]


def _problems(store: Store, name: str, names: set[str]) -> Iterator[str]:
    if name.endswith(DATA):
        partition = layout.parse(name)
        if partition is None or partition.table not in TABLES:
            yield "foreign: no table has a file of this name"
        elif TABLES[partition.table].period is None:
            yield f"foreign: {partition.table} is a view and has no files; remove what an earlier version left"
        else:
            yield from _data_problems(store, partition, names)
    elif name.endswith(MANIFEST):
        if name.removesuffix(MANIFEST) + DATA not in names:
            yield "its data file is missing: import or build again"
    elif name.endswith((TEMPORARY, PENDING)):
        yield "left over by a writer that was stopped; the next write of this partition replaces it"
    else:
        yield "foreign: not a file of the warehouse"


def _data_problems(store: Store, partition: Partition, names: set[str]) -> Iterator[str]:
    if not partition.has_manifest(names):
        yield "foreign: it has no manifest, so queries leave it out"
        return
    path, table = store.objects.path(partition.path), TABLES[partition.table]
    again = way_out(table)
    try:
        manifest = store.manifest(partition)
    except StoreError:
        yield f"its manifest is damaged: {again}"
        return
    if manifest is None:
        yield f"its manifest is missing: {again}"
    elif manifest.schema_version != table.version:
        yield f"schema version {manifest.schema_version}, this is version {table.version}: {_anew(store, partition)}"
    elif file_hash(path) != manifest.content_hash:
        yield f"damaged: its content is not what was written{_truncated(path)}: {again}"
    elif not pq.read_schema(path).equals(arrow_schema(table)):
        yield f"its columns are not those of the table: {_anew(store, partition)}"
    elif pq.read_metadata(path).num_rows != manifest.rows:
        yield f"it has {pq.read_metadata(path).num_rows} rows, the manifest says {manifest.rows}"
    if table.name in OF_RUNS and replace(partition, table="backtest_runs").path not in names:
        yield "left over by a run that was stopped, so queries leave it out: run `gex backtest` again, or delete it"
    if partition.is_day and f"{partition.folder}/{partition.period[:7]}{DATA}" in names:
        yield "superseded by the month's file beside it; the next write of the month removes it"


def _anew(store: Store, partition: Partition) -> str:
    """How files of another version are replaced."""
    table = TABLES[partition.table]
    is_built = table.name in {each.name for each in BUILT} or is_outgrown(store.objects, partition)
    return "run `gex build`" if is_built else way_out(table)


def _truncated(path: Path) -> str:
    try:
        pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError):
        return " (truncated or not Parquet)"
    return ""
