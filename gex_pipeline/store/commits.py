"""A data file and its manifest are replaced together, so that a reader sees the old ones or the new ones.

A commit is the rename of the data file. Around it the manifest is written twice: as `.pending` before, under its own
name after. A writer that is killed leaves either the old file with a pending manifest nobody needs, or the new file
whose pending manifest fits it; `manifest_of` tells the two apart by the content hash.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import polars as pl

from gex_pipeline.errors import StoreError
from gex_pipeline.schema import BACKTESTS, TABLES
from gex_pipeline.schema.model import Table
from gex_pipeline.store import parquet
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.manifest import Manifest, file_hash
from gex_pipeline.store.objects import LocalObjects, undisturbed

#: Base tables that have rows made from stored replies.
_REBUILT = ("chain", "chain_rejected", "snapshots")


def commit(objects: LocalObjects, partition: Partition, frame: pl.DataFrame, draft: Manifest) -> Manifest:
    """Replace a partition by a prepared frame; its manifest. Whoever calls holds the lock of the folder."""
    with undisturbed():
        return _replaced(objects, partition, frame, draft)


def _replaced(objects: LocalObjects, partition: Partition, frame: pl.DataFrame, draft: Manifest) -> Manifest:
    table = TABLES[partition.table]
    _settle(objects, partition)

    def announce(finished: Path) -> None:
        nonlocal draft
        draft = replace(draft, content_hash=file_hash(finished))
        objects.write(partition.pending_path, draft.to_json())

    objects.replace(partition.path, lambda path: parquet.write(path, table, frame), announce)
    objects.write(partition.manifest_path, draft.to_json())
    objects.delete(partition.pending_path)
    if partition.is_month:
        _delete_days(objects, partition)
    return draft


def _settle(objects: LocalObjects, partition: Partition) -> None:
    """Give the pending manifest of a killed writer its name, if its data file made it, before it is replaced."""
    if objects.exists(partition.pending_path):
        with suppress(StoreError):  # a damaged manifest is about to be replaced
            manifest = manifest_of(objects, partition)
            if manifest is not None:
                objects.write(partition.manifest_path, manifest.to_json())


def _delete_days(objects: LocalObjects, month: Partition) -> None:
    for name in objects.list(month.folder):
        if name.startswith(f"{month.folder}/{month.period}-"):
            objects.delete(name)


def remove(objects: LocalObjects, partition: Partition) -> None:
    """Remove a data file and its manifest. Whoever calls holds the lock of the folder."""
    for name in (partition.path, partition.manifest_path, partition.pending_path):
        objects.delete(name)


def manifest_of(objects: LocalObjects, partition: Partition) -> Manifest | None:
    """The manifest of a partition's data file, None when there is no such file."""
    pending = _manifest_at(objects, partition.pending_path)
    stated = _manifest_at(objects, partition.manifest_path)
    if pending is None or not objects.exists(partition.path):
        return stated
    # A writer was killed: the pending manifest counts if its data file made it.
    return pending if file_hash(objects.path(partition.path)) == pending.content_hash else stated


def _manifest_at(objects: LocalObjects, name: str) -> Manifest | None:
    try:
        return Manifest.from_json(objects.read(name))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StoreError(f"{objects.path(name)} is damaged ({error}); run `gex verify`") from error
    except OSError as error:
        raise StoreError(f"cannot read {objects.path(name)}: {error.strerror}; run `gex verify`") from error


def content_hash(objects: LocalObjects, partition: Partition) -> str:
    """Hash of a data file as it is now."""
    path = objects.path(partition.path)
    try:
        return file_hash(path)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}; run `gex verify`") from error


def require_sound(objects: LocalObjects, partitions: Iterable[Partition]) -> None:
    """Raise ``StoreError`` where a file is not what was written or is of a schema that cannot be read any more.

    Its rows are about to be written again: damage would get a manifest that vouches for it.
    """
    for p in partitions:
        table, manifest = TABLES[p.table], manifest_of(objects, p)
        if manifest is not None and manifest.schema_version != table.version and not is_outgrown(objects, p):
            raise StoreError(
                f"{p.path} has schema version {manifest.schema_version}, this is version {table.version}: "
                f"{way_out(table)}"
            )
        if manifest is not None and manifest.content_hash != content_hash(objects, p):
            path = objects.path(p.path)
            raise StoreError(f"{path} is damaged: it is not what was written; {way_out(table)}")


def is_outgrown(objects: LocalObjects, partition: Partition) -> bool:
    """Whether a file of a base table is of an older version that differs by columns that may be null."""
    table, manifest = TABLES[partition.table], manifest_of(objects, partition)
    is_older = manifest is not None and table.is_base and manifest.schema_version < table.version
    return is_older and parquet.can_be_read(objects.path(partition.path), table)


def way_out(table: Table) -> str:
    """What to do about a file that is damaged or of an older schema."""
    if table in BACKTESTS:
        return "delete it and run `gex backtest`"
    if not table.is_base:
        return "delete it and run `gex build`"
    if table.period == "snapshot":
        return "move it away: what a venue has replied cannot be had again"
    if table.name in _REBUILT:
        return "delete it and import its files again; live rows come back by `gex build --from-raw`"
    return "delete it and import its files again"
