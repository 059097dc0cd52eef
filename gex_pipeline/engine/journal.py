"""Which files were imported already, so that an import of thousands of them can be interrupted and run again.

One JSON file per batch under ``.imports`` in the warehouse. An entry counts only while every partition that took rows
of the file still vouches for them: delete a damaged partition, and its files are read again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

from gex_pipeline.errors import StoreError, UsageError
from gex_pipeline.importers import Options, with_grid
from gex_pipeline.store.layout import IMPORTS, Partition, parse
from gex_pipeline.store.manifest import file_hash, source_hash
from gex_pipeline.store.partitions import Store

#: Packages whose source decides what a file becomes.
_READING = ("core", "importers", "schema")
_SUFFIX = ".json"


@dataclass
class Entry:
    """What became of one file: rows per table, rejected and dropped rows by reason.

    ``inputs``: path of each partition that took its rows -> input hashes its manifest then had.
    """

    key: str
    rows: dict[str, int]
    rejected: dict[str, int]
    dropped: dict[str, int]
    coins: dict[str, int]
    inputs: dict[str, list[str]] = field(default_factory=dict)


def way_of(source: str, options: Options) -> str:
    """One way of reading files: source, options with the content of the files they name, and the code that reads.

    The grid is the one that is used, whether it was asked for or is the source's own.
    """
    try:
        named = [file_hash(path) for path in options.instruments]
    except OSError as error:
        raise UsageError(f"--instruments {error.filename} cannot be read: {error.strerror}") from None
    return "\0".join([source, repr(with_grid(source, options)), *named, source_hash(*_READING)])


def key_of(path: Path, content_hash: str, way: str) -> str:
    """Names one way of reading one file; readers also take the coin or the interval from its name."""
    return hashlib.sha256("\0".join([path.name, content_hash, way]).encode()).hexdigest()


class Journal:
    """The entries of a warehouse. What is damaged or goes away counts as absent: its files are read again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._vouched: dict[str, set[str]] = {}

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for name in self._store.objects.list(IMPORTS):
            if not name.endswith(_SUFFIX):  # another process is writing it
                continue
            with suppress(FileNotFoundError, ValueError, TypeError, KeyError):
                rows = json.loads(self._store.objects.read(name))
                found |= {row["key"]: Entry(**row) for row in rows}
        return found

    def find(self, key: str) -> Entry | None:
        """The entry of a file whose rows are all still stored, None where it must be read."""
        entry = self._entries.get(key)
        if entry is None or not all(
            hashes and set(hashes) <= self._inputs(path) for path, hashes in entry.inputs.items()
        ):
            return None
        return entry

    def _inputs(self, path: str) -> set[str]:
        """Inputs of a stored partition; none where it is not as written.

        A day that was folded into its month is not vouched for: the month does not say which day an input is of.
        """
        if path not in self._vouched:
            self._vouched[path] = self._read_inputs(path)
        return self._vouched[path]

    def _read_inputs(self, path: str) -> set[str]:
        partition = parse(path)
        try:
            manifest = self._store.manifest(partition) if partition else None
            if partition and manifest and manifest.content_hash == self._store.content_hash(partition):
                return set(manifest.inputs.values())
        except StoreError:
            return set()  # its files are read again, and the import says what is wrong with it
        return set()

    def record(self, entries: Iterable[Entry]) -> None:
        """Write a batch of entries, whose partitions are stored by now."""
        data = json.dumps([asdict(entry) for entry in entries]).encode()
        self._store.objects.write(f"{IMPORTS}/{hashlib.sha256(data).hexdigest()[:16]}{_SUFFIX}", data)


def inputs_now(store: Store, partition: Partition, key: str) -> list[str]:
    """What a partition must go on vouching for: the file, or all inputs where others gave the same rows first."""
    manifest = store.manifest(partition)
    inputs = set(manifest.inputs.values()) if manifest else set()
    return [key] if key in inputs else sorted(inputs)
