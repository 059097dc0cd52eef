"""`gex import`: archive files -> base tables, file by file, stored in batches."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import polars as pl

from gex_pipeline.engine.progress import Progress, Silent
from gex_pipeline.errors import ImportFileError, StoreError
from gex_pipeline.importers import READERS, Imported, Options, check_options, load_mapping
from gex_pipeline.market import SOURCE as SYNTHETIC
from gex_pipeline.schema import TABLES
from gex_pipeline.store.partitions import ORIGIN, Conflict, Store

#: Rows to collect before they are merged: each merge rewrites the partitions it touches.
_BATCH_ROWS = 1_000_000
#: Files of a folder that can be archives; anything else in it is passed over.
SUFFIXES = (
    ".csv",
    ".csv.gz",
    ".zip",
    ".parquet",
    ".feather",
    ".arrow",
    ".jsonl",
    ".jsonl.gz",
    ".ndjson",
    ".json",
    ".json.gz",
    ".ndjson.gz",
)


@dataclass
class ImportSummary:
    """What an import did: rows per table, rows per reason that could not be used, one line per failure or conflict."""

    files: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    same: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)


@dataclass
class _Batch:
    """Frames of files that are read and not yet stored."""

    frames: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    rows: int = 0

    def add(self, path: Path, imported: Imported) -> None:
        """Take the frames of one file."""
        self.inputs[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        for name, frame in imported.tables.items():
            self.frames.setdefault(name, []).append(frame.with_columns(pl.lit(str(path)).alias(ORIGIN)))
            self.rows += frame.height


def import_files(  # noqa: PLR0913 - the options of one command
    root: Path,
    source: str,
    paths: list[Path],
    *,
    mapping: Path | None = None,
    underlying: str | None = None,
    every: timedelta | None = None,
    max_age: timedelta | None = None,
    market: str | None = None,
    instruments: tuple[Path, ...] = (),
    progress: Progress | None = None,
) -> ImportSummary:
    """Import files and folders of files; what fails is named in the summary and does not stop the rest.

    Interrupting loses at most the files since the last batch; running again finds the others stored.
    Raises ``UsageError`` for an unknown source or for a mapping or instruments that do not fit it.
    """
    reader = READERS[source]
    options = Options(load_mapping(mapping) if mapping else None, underlying, every, max_age, market, instruments)
    check_options(source, options)
    store, progress = Store(root), progress or Silent()
    files = [file for path in paths for file in _expand(path)]
    summary, batch = ImportSummary(), _Batch()
    progress.start("import", len(files))
    try:
        for file in files:
            try:
                imported = reader(file, options)
            except ImportFileError as error:
                summary.failures.append(str(error))
            else:
                store.create(_kind(imported))
                _count(summary, file, imported)
                batch.add(file, imported)
            if batch.rows >= _BATCH_ROWS:
                batch = _flush(store, batch, summary)
            progress.advance(note=file.name)
        if batch.rows:
            _flush(store, batch, summary)
    finally:
        progress.close()
    return summary


def _expand(path: Path) -> Iterator[Path]:
    """The files of a folder, sorted; a path that is no folder stands for itself, so that its reader can refuse it."""
    if path.is_dir():
        yield from sorted(f for f in path.rglob("*") if f.is_file() and f.name.endswith(SUFFIXES))
    else:
        yield path


def _count(summary: ImportSummary, path: Path, imported: Imported) -> None:
    summary.files += 1
    summary.dropped.update(imported.dropped)
    rejected = imported.tables.get("chain_rejected")
    if rejected is None or not rejected.height:
        return
    summary.rejected.update(rejected["reason"].to_list())
    if not imported.tables["chain"].height:
        reason = rejected["reason"].mode().sort()[0]
        summary.failures.append(f"{path}: no row can be used, most are {reason}: is a unit or column wrong?")


def _kind(imported: Imported) -> str:
    """Kind of warehouse that the rows of a file belong into."""
    sources = {name for frame in imported.tables.values() for name in frame["source"].unique()}
    return SYNTHETIC if any(name.startswith(SYNTHETIC) for name in sources) else "real"


def _flush(store: Store, batch: _Batch, summary: ImportSummary) -> _Batch:
    """Store a batch, partition by partition; returns an empty one.

    A partition that cannot be merged is a failure and does not stop the others; a full or forbidden disk does.
    """
    for name, frames in batch.frames.items():
        for partition, rows in store.split(TABLES[name], pl.concat(frames)):
            origins = rows[ORIGIN].unique().to_list()
            try:
                report = store.merge_into(partition, rows, {o: batch.inputs[o] for o in sorted(origins)})
            except StoreError as error:
                if isinstance(error.__cause__, OSError):
                    raise
                summary.failures.append(f"{', '.join(sorted(origins)[:3])}: {error}")
                continue
            summary.rows[name] += report.new
            summary.same[name] += report.same
            summary.conflicts += [_conflict_line(c) for c in report.conflicts]
    return _Batch()


def _conflict_line(conflict: Conflict) -> str:
    return (
        f"{', '.join(conflict.origins)}: {conflict.count} row(s) contradict what is stored in "
        f"{conflict.partition.path}, first: {conflict.example}; the stored rows were kept"
    )
