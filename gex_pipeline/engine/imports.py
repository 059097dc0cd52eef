"""`gex import`: archive files -> base tables, file by file, stored in batches."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from gex_pipeline.engine.journal import Entry, Journal, inputs_now, key_of, way_of
from gex_pipeline.engine.polls import now
from gex_pipeline.engine.progress import Progress, Silent
from gex_pipeline.errors import ImportFileError, StoreError
from gex_pipeline.importers import READERS, Imported, Options, check_options
from gex_pipeline.schema import TABLES
from gex_pipeline.schema.chain import SYNTHETIC
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.manifest import file_hash
from gex_pipeline.store.merge import ORIGIN, Conflict
from gex_pipeline.store.partitions import Store

#: Rows to collect before they are merged: each merge rewrites the partitions it touches.
_BATCH_ROWS = 1_000_000
#: Seconds of reading that an interruption may lose, the file being read aside.
_BATCH_SECONDS = 30.0
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
    """What an import did: rows per table, rows per reason that could not be used, one line per failure or conflict.

    ``files`` were read, ``skipped`` had been imported before; ``coins``: usable rows per underlying; ``notes``: what
    else is worth knowing of a file.
    """

    files: int = 0
    skipped: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    same: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    coins: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class _Batch:
    """Frames of files that are read and not yet stored, and what will be said of the files once they are."""

    frames: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    rows: int = 0
    began: float = field(default_factory=time.monotonic)

    def add(self, path: Path, entry: Entry, imported: Imported) -> None:
        """Take the frames of one file."""
        self.entries[str(path)] = entry
        for name, frame in imported.tables.items():
            self.frames.setdefault(name, []).append(frame.with_columns(pl.lit(str(path)).alias(ORIGIN)))
            self.rows += frame.height

    @property
    def is_due(self) -> bool:
        """Large or old enough to be stored."""
        return self.rows >= _BATCH_ROWS or (self.rows > 0 and time.monotonic() - self.began > _BATCH_SECONDS)


def import_files(
    root: Path,
    source: str,
    paths: list[Path],
    options: Options,
    venue: str | None = None,
    progress: Progress | None = None,
    clock: Callable[[], datetime] = now,
) -> ImportSummary:
    """Import files, folders of files and globs; what fails is named in the summary and does not stop the rest.

    Interrupting loses at most the last half minute and the file being read; running again skips the files whose rows
    are stored. ``venue``: files with rows of another one are refused. ``clock`` tells which months are over. Raises
    ``UsageError`` for an unknown source and for options that do not fit it.
    """
    check_options(source, options)
    store, progress = Store(root, clock), progress or Silent()
    run = _Run(store, source, options, venue)
    files = [file for path in paths for file in _expand(path)]
    progress.start("import", len(files))
    try:
        for file in files:
            run.take(file)
            progress.advance(note=file.name)
        run.flush()
    finally:
        progress.close()
    return run.summary


def _expand(path: Path) -> Iterator[Path]:
    """The files of a folder or glob, sorted; any other path stands for itself, so that its reader can refuse it."""
    if path.is_dir():
        yield from sorted(f for f in path.rglob("*") if f.is_file() and f.name.endswith(SUFFIXES))
    elif not path.exists() and (found := list(Path(path.anchor).glob(str(path.relative_to(path.anchor))))):
        yield from sorted(found)
    else:
        yield path


class _Run:
    """One import: what was read so far and not stored, and what is to be told."""

    def __init__(self, store: Store, source: str, options: Options, venue: str | None) -> None:
        self.summary = ImportSummary()
        self._store, self._source, self._options, self._venue = store, source, options, venue
        self._way, self._journal, self._batch = f"{way_of(source, options)}\0{venue}", Journal(store), _Batch()

    def take(self, file: Path) -> None:
        """Read a file, unless its rows are stored, and store the batch when it is due."""
        key = key_of(file, _hash(file), self._way)
        known = self._journal.find(key)
        if known is not None:
            _count_known(self.summary, known)
            return
        try:
            imported = READERS[self._source](file, self._options)
            self._check_venue(file, imported)
        except ImportFileError as error:
            self.summary.failures.append(str(error))
            return
        self._store.create(_kind(imported))
        entry = _entry(key, imported)
        _count(self.summary, file, entry, imported)
        self._batch.add(file, entry, imported)
        if self._batch.is_due:
            self.flush()

    def _check_venue(self, file: Path, imported: Imported) -> None:
        found = {venue for frame in imported.tables.values() for venue in frame["venue"].unique()}
        if self._venue is not None and found - {self._venue}:
            raise ImportFileError(f"{file} has rows of {', '.join(sorted(found))}, not of {self._venue}")

    def flush(self) -> None:
        """Store what was read, partition by partition, and write down which files that completes.

        A partition that cannot be merged is a failure and does not stop the others; a full or forbidden disk does.
        """
        batch, self._batch = self._batch, _Batch()
        failed: set[str] = set()
        for name, frames in batch.frames.items():
            for partition, rows in self._store.split(TABLES[name], pl.concat(frames)):
                failed |= self._merge(batch, partition, rows)
        told_again = {path for path, entry in batch.entries.items() if not entry.rows or _is_unusable(entry)}
        complete = [entry for path, entry in batch.entries.items() if path not in failed | told_again]
        if complete:
            self._journal.record(complete)

    def _merge(self, batch: _Batch, partition: Partition, rows: pl.DataFrame) -> set[str]:
        """Store the rows of one partition; returns the files that have rows it did not take."""
        summary, name = self.summary, partition.table
        origins = sorted(rows[ORIGIN].unique().to_list())
        try:
            report = self._store.merge_into(partition, rows, {o: batch.entries[o].key for o in origins})
        except StoreError as error:
            if isinstance(error.__cause__, OSError):
                raise
            summary.failures.append(f"{', '.join(origins[:3])}: {error}")
            return set(origins)
        summary.rows[name] += report.new
        summary.same[name] += report.same
        summary.conflicts += [_conflict_line(c) for c in report.conflicts]
        for origin in origins:
            batch.entries[origin].inputs[partition.path] = inputs_now(self._store, partition, batch.entries[origin].key)
        return {origin for c in report.conflicts for origin in c.origins}


def _hash(file: Path) -> str:
    """Content hash; empty where there is nothing to read, which the reader says better."""
    try:
        return file_hash(file) if file.is_file() else ""
    except OSError:
        return ""


def _entry(key: str, imported: Imported) -> Entry:
    rejected, chain = (imported.tables.get(name) for name in ("chain_rejected", "chain"))
    return Entry(
        key=key,
        rows={name: frame.height for name, frame in imported.tables.items() if frame.height},
        rejected=dict(Counter(rejected["reason"].to_list())) if rejected is not None else {},
        dropped=imported.dropped,
        coins=dict(Counter(chain["underlying"].to_list())) if chain is not None else {},
    )


def _count(summary: ImportSummary, path: Path, entry: Entry, imported: Imported) -> None:
    summary.files += 1
    for name in ("rejected", "dropped", "coins"):
        getattr(summary, name).update(getattr(entry, name))
    summary.notes += [f"{path}: {note}" for note in imported.notes]
    if _is_unusable(entry):
        reason = min(entry.rejected, key=lambda r: (-entry.rejected[r], r))
        summary.failures.append(f"{path}: no row can be used, most are {reason}: is a unit or column wrong?")


def _is_unusable(entry: Entry) -> bool:
    """Every row was rejected: a failure that every import of the file has to name."""
    return bool(entry.rejected) and not entry.rows.get("chain")


def _count_known(summary: ImportSummary, entry: Entry) -> None:
    summary.skipped += 1
    summary.same.update(entry.rows)
    for name in ("rejected", "dropped", "coins"):
        getattr(summary, name).update(getattr(entry, name))


def _kind(imported: Imported) -> str:
    """Kind of warehouse that the rows of a file belong into."""
    sources = {name for frame in imported.tables.values() for name in frame["source"].unique()}
    return SYNTHETIC if any(name.startswith(SYNTHETIC) for name in sources) else "real"


def _conflict_line(conflict: Conflict) -> str:
    more = f" and {len(conflict.origins) - 3} more" if len(conflict.origins) > 3 else ""
    return (
        f"{', '.join(conflict.origins[:3])}{more}: {conflict.count} row(s) contradict what is stored in "
        f"{conflict.partition.path}, first: {conflict.example}; the stored rows were kept"
    )
