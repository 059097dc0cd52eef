"""Writing and reading partitions: atomic replacement, manifests, merging, folding days into months.

A commit is the rename of the data file. Around it the manifest is written twice: as `.pending` before, under its own
name after. A writer that is killed leaves either the old file with a pending manifest nobody needs, or the new file
whose pending manifest fits it; `manifest` tells the two apart by the content hash.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from gex_pipeline.errors import StoreError
from gex_pipeline.schema import TABLES
from gex_pipeline.schema.model import Table
from gex_pipeline.store import layout, parquet
from gex_pipeline.store.layout import MANIFEST, PENDING, Partition
from gex_pipeline.store.manifest import Manifest, code_version, file_hash, utc_text
from gex_pipeline.store.objects import LocalObjects, undisturbed

#: Base tables that have rows made from stored replies.
_REBUILT = ("chain", "chain_rejected", "snapshots")
_FORMAT = 1  # of the folder: counts changes of the layout
#: Kind of a warehouse as long as nobody has answered: what was asked may be a real market or a made-up one.
UNDECIDED = "undecided"
#: Optional column of rows to merge: the file they come from, named in conflicts.
ORIGIN = "_origin"


def _now() -> datetime:
    return datetime.now(UTC)


def way_out(table: Table) -> str:
    """What to do about a file that is damaged or of an older schema."""
    if not table.is_base:
        return "delete it and run `gex build`"
    if table.period == "snapshot":
        return "move it away: what a venue has replied cannot be had again"
    if table.name in _REBUILT:
        return "delete it and import its files again; live rows come back by `gex build --from-raw`"
    return "delete it and import its files again"


@dataclass(frozen=True)
class Conflict:
    """Rows that are stored already with other values; the stored ones were kept."""

    partition: Partition
    count: int
    example: str
    origins: tuple[str, ...]


@dataclass(frozen=True)
class MergeReport:
    """What a merge did: rows that were new, rows that were there alike, rows that contradict stored ones."""

    new: int = 0
    same: int = 0
    conflicts: tuple[Conflict, ...] = ()
    written: tuple[Partition, ...] = ()

    def __add__(self, other: MergeReport) -> MergeReport:
        return MergeReport(
            self.new + other.new,
            self.same + other.same,
            self.conflicts + other.conflicts,
            self.written + other.written,
        )


@dataclass
class Store:
    """A warehouse folder. ``clock`` decides which months are over and stamps manifests."""

    root: Path
    clock: Callable[[], datetime] = _now
    objects: LocalObjects = field(init=False)

    def __post_init__(self) -> None:
        self.objects = LocalObjects(self.root)

    # ---------------------------------------------------------------- the folder

    def create(self, kind: str = "real") -> None:
        """Mark the folder as a warehouse; ``kind`` (real, synthetic) keeps made-up data out of a real one.

        One that is ``UNDECIDED`` takes the first other kind; that kind itself goes with any.
        Raises ``StoreError`` when the folder is not empty and no warehouse, or a warehouse of another kind.
        """
        if self.objects.exists(layout.MARKER):
            self._require_kind(kind)
            return
        layout.refuse_odd_names(self.objects.root)
        if self.root.exists() and not self.root.is_dir():
            raise StoreError(f"{self.root} is a file, not a folder: choose another --warehouse")
        # What another process that creates the warehouse at this moment, or was killed doing so, has made.
        ours = {".gitignore", ".locks", layout.MARKER, layout.MARKER + layout.TEMPORARY}
        is_used = self.root.is_dir() and any(p.name not in ours for p in self.root.iterdir())
        # whoever made it a warehouse at this moment may have begun to fill it
        if is_used and not self.objects.exists(layout.MARKER):
            raise StoreError(f"{self.root} is neither empty nor a warehouse: choose another --warehouse")
        with self.objects.lock(layout.MARKER):
            if not self.objects.exists(layout.MARKER):
                self._mark(kind)
        self._require_kind(kind)

    def _mark(self, kind: str) -> None:
        self.objects.write(layout.MARKER, json.dumps({"format": _FORMAT, "kind": kind}).encode() + b"\n")

    def _require_kind(self, kind: str) -> None:
        stored = self._kind()
        if stored == UNDECIDED != kind:
            with self.objects.lock(layout.MARKER):
                if self._kind() == UNDECIDED:
                    self._mark(kind)
            stored = self._kind()
        if kind not in (stored, UNDECIDED):
            raise StoreError(f"{self.root} is a warehouse of {stored} data: {kind} rows need another --warehouse")

    def _kind(self) -> str:
        """What the marker says; raises ``StoreError`` when it is damaged or of a newer layout."""
        path = self.objects.path(layout.MARKER)
        try:
            marker = json.loads(self.objects.read(layout.MARKER))
            stored_format, kind = marker["format"], str(marker["kind"])
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f'{path} is damaged: it should read {{"format": 1, "kind": "real"}}') from error
        if stored_format != _FORMAT:
            raise StoreError(f"{path} has format {stored_format}, this version reads {_FORMAT}: use a newer gex")
        return kind

    @property
    def is_made(self) -> bool:
        """True when the folder is a warehouse, whatever its state."""
        return self.objects.exists(layout.MARKER)

    def require(self) -> None:
        """Raise ``StoreError`` unless the folder is a warehouse."""
        layout.refuse_odd_names(self.objects.root)
        if not self.objects.exists(layout.MARKER):
            what = "is not a warehouse" if self.root.exists() else "does not exist"
            raise StoreError(f"{self.root} {what}: `gex snapshot` or `gex import` makes one, --warehouse names another")
        self._kind()

    # ---------------------------------------------------------------- reading

    def partitions(self, table: Table, *hive: str) -> list[Partition]:
        """The partitions of a table that count, sorted; ``hive``: only those with these leading hive values."""
        folders = (f"{column}={value}" for column, value in zip(table.hive, hive, strict=False))
        names = set(self.objects.list("/".join([table.name, *folders])))
        found = (layout.parse(n) for n in names)
        return layout.current(p for p in found if p is not None and _has_manifest(p, names))

    def recent(self, table: Table, hive: Mapping[str, str], at: datetime) -> list[Partition]:
        """The partitions of the month of ``at`` and of the one before, sorted: years of files are not listed."""
        months = (f"{at.replace(day=1) - timedelta(days=1):%Y-%m}", f"{at:%Y-%m}")
        folders = (Partition(table.name, tuple(hive.items()), month) for month in months)
        return [p for folder in folders for p in self._in_folder(folder)]

    def manifest(self, partition: Partition) -> Manifest | None:
        """The manifest of a partition's data file, None when there is no such file."""
        pending = self._manifest_at(f"{partition.folder}/{partition.period}{PENDING}")
        stated = self._manifest_at(partition.manifest_path)
        if pending is None or not self.objects.exists(partition.path):
            return stated
        # A writer was killed: the pending manifest counts if its data file made it.
        return pending if file_hash(self.objects.path(partition.path)) == pending.content_hash else stated

    def _manifest_at(self, name: str) -> Manifest | None:
        try:
            return Manifest.from_json(self.objects.read(name))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise StoreError(f"{self.objects.path(name)} is damaged ({error}); run `gex verify`") from error
        except OSError as error:
            raise StoreError(f"cannot read {self.objects.path(name)}: {error.strerror}; run `gex verify`") from error

    def read(
        self, partition: Partition, columns: tuple[str, ...] | None = None, where: pl.Expr | None = None
    ) -> pl.DataFrame:
        """Rows of one partition, in the order of the file."""
        table = TABLES[partition.table]
        return parquet.read(self.objects.path(partition.path), table, dict(partition.hive), columns, where)

    def content_hash(self, partition: Partition) -> str:
        """Hash of the data file as it is now."""
        path = self.objects.path(partition.path)
        try:
            return file_hash(path)
        except OSError as error:
            raise StoreError(f"cannot read {path}: {error.strerror}; run `gex verify`") from error

    # ---------------------------------------------------------------- writing

    def replace(self, partition: Partition, frame: pl.DataFrame, inputs: Mapping[str, str]) -> Manifest:
        """Replace a partition by a frame, atomically; a month also takes the place of its days."""
        frame = parquet.prepared(TABLES[partition.table], frame)
        with self.objects.lock(partition.folder):
            return self._commit(partition, frame, inputs)

    def _commit(self, partition: Partition, frame: pl.DataFrame, inputs: Mapping[str, str]) -> Manifest:
        table = TABLES[partition.table]
        draft = self.draft(table, frame.height, inputs)
        pending = f"{partition.folder}/{partition.period}{PENDING}"
        with undisturbed():
            return self._replaced(partition, pending, frame, draft)

    def _replaced(self, partition: Partition, pending: str, frame: pl.DataFrame, draft: Manifest) -> Manifest:
        table = TABLES[partition.table]
        self._settle(partition, pending)

        def announce(finished: Path) -> None:
            nonlocal draft
            draft = replace(draft, content_hash=file_hash(finished))
            self.objects.write(pending, draft.to_json())

        self.objects.replace(partition.path, lambda path: parquet.write(path, table, frame), announce)
        self.objects.write(partition.manifest_path, draft.to_json())
        self.objects.delete(pending)
        if partition.is_month:
            self._delete_days(partition)
        return draft

    def _settle(self, partition: Partition, pending: str) -> None:
        """Give the pending manifest of a killed writer its name, if its data file made it, before it is replaced."""
        if self.objects.exists(pending):
            with suppress(StoreError):  # a damaged manifest is about to be replaced
                manifest = self.manifest(partition)
                if manifest is not None:
                    self.objects.write(partition.manifest_path, manifest.to_json())

    def draft(self, table: Table, rows: int, inputs: Mapping[str, str]) -> Manifest:
        """A manifest before its file exists."""
        version = "" if table.is_base else code_version()
        return Manifest(table.name, rows, "", dict(inputs), version, table.version, utc_text(self.clock()))

    def _delete_days(self, month: Partition) -> None:
        for name in self.objects.list(month.folder):
            if name.startswith(f"{month.folder}/{month.period}-"):
                self.objects.delete(name)

    def add(self, table: Table, hive: Mapping[str, str], at: datetime, frame: pl.DataFrame) -> Partition:
        """Write the file of one snapshot. It is never replaced: a second one of the same instant lies beside it."""
        frame = parquet.prepared(table, frame)
        values = tuple(hive.items())
        first = Partition(table.name, values, layout.snapshot_period(at, 1))
        with self.objects.lock(first.folder):
            attempt = 1
            while self.objects.exists(_attempt(first, at, attempt).path):
                attempt += 1
            partition = _attempt(first, at, attempt)
            self._commit(partition, frame, {})
        return partition

    def renew(self, partition: Partition, rows: pl.DataFrame, is_replaced: pl.Expr, inputs: Mapping[str, str]) -> None:
        """Put rows in the place of those stored ones for which ``is_replaced`` holds; the others stay."""
        table = TABLES[partition.table]
        with self.objects.lock(partition.folder):
            partition = self._open_or_month(partition)
            stored = self._folded(table, partition)
            kept = [self.read(p).filter(~is_replaced) for p in stored]
            merged = parquet.prepared(table, pl.concat([*kept, rows.select(table.names)]))
            known = {k: v for p in stored for k, v in self._inputs_of(p).items()}
            is_known = inputs.items() <= known.items() and [p.period for p in stored] == [partition.period]
            if is_known and self.read(stored[0]).equals(merged):
                return
            self._commit(partition, merged, {**known, **inputs})

    def remove(self, partition: Partition) -> None:
        """Remove a derived partition and its manifest."""
        with self.objects.lock(partition.folder):
            self.objects.delete(partition.path)
            self.objects.delete(partition.manifest_path)
            self.objects.delete(f"{partition.folder}/{partition.period}{PENDING}")

    # ---------------------------------------------------------------- merging base rows

    def merge(self, table: Table, frame: pl.DataFrame, inputs: Mapping[str, str]) -> MergeReport:
        """Add rows to a base table, partition by partition; see :meth:`merge_into`."""
        report = MergeReport()
        for partition, rows in self.split(table, frame):
            report += self.merge_into(partition, rows, inputs)
        return report

    def split(self, table: Table, frame: pl.DataFrame) -> Iterator[tuple[Partition, pl.DataFrame]]:
        """Rows of a base table by the partition they belong to, in the order of their first row."""
        # Stored rows come back as strings, and the bytes of a file must not depend on how a category was held.
        frame = frame.with_columns(pl.col(pl.Enum, pl.Categorical).cast(pl.String))
        today = self.clock().date()
        days = frame[table.period_column].dt.date()
        periods = {d: layout.period_of(table, d, today) for d in days.unique()}
        keyed = frame.with_columns(days.replace_strict(periods, return_dtype=pl.String).alias("__period"))
        for values, rows in keyed.partition_by(*table.hive, "__period", as_dict=True, include_key=True).items():
            *hive, period = map(str, values)
            yield Partition(table.name, tuple(zip(table.hive, hive, strict=True)), period), rows.drop("__period")

    def merge_into(self, partition: Partition, rows: pl.DataFrame, inputs: Mapping[str, str]) -> MergeReport:
        """Add rows to one partition of a base table; rows that are there already are left as they are.

        Rows with a stored key and other values are conflicts: reported, and the stored row stays. Of two ``rows`` with
        one key the first counts as stored. Raises ``StoreError`` for a hive value that cannot name a folder and for
        a stored file that is damaged or of an older schema.
        """
        table = TABLES[partition.table]
        if not all(layout.is_folder_name(value) for _, value in partition.hive):
            what = " / ".join(value for _, value in partition.hive)
            raise StoreError(f"{table.name}: {what} cannot name a folder: use letters, digits, - _ .")
        with self.objects.lock(partition.folder):
            partition = self._open_or_month(partition)
            stored = self._folded(table, partition)
            before = pl.concat([self.read(p) for p in stored]) if stored else rows.select(table.names).clear()
            merged, report = _merged(table, partition, before, rows)
            if merged.height == before.height and [p.period for p in stored] == [partition.period]:
                return report
            known = {k: v for p in stored for k, v in self._inputs_of(p).items()}
            self._commit(partition, parquet.prepared(table, merged), {**known, **inputs})
        return replace(report, written=(partition,))

    def _open_or_month(self, partition: Partition) -> Partition:
        """The month instead of its day where the month was folded already, by a clock ahead of this one."""
        if not partition.is_day:
            return partition
        month = replace(partition, period=partition.period[:7])
        return month if month in self._in_folder(month) else partition

    def _folded(self, table: Table, partition: Partition) -> list[Partition]:
        """The stored partitions whose rows belong to ``partition``; refuses older schemas and damage."""
        mine = [p for p in self._in_folder(partition) if p.period.startswith(partition.period)]
        self._require_sound(table, mine)
        return mine

    def _require_sound(self, table: Table, partitions: list[Partition]) -> None:
        """Rows about to be written again are what was written: else damage would get a manifest that vouches for it."""
        for p in partitions:
            manifest = self.manifest(p)
            if manifest is not None and manifest.schema_version != table.version:
                raise StoreError(
                    f"{p.path} has schema version {manifest.schema_version}, this is version {table.version}: "
                    f"{way_out(table)}"
                )
            if manifest is not None and manifest.content_hash != self.content_hash(p):
                path = self.objects.path(p.path)
                raise StoreError(f"{path} is damaged: it is not what was written; {way_out(table)}")

    def _in_folder(self, partition: Partition) -> list[Partition]:
        names = set(self.objects.list(partition.folder))
        found: Iterable[Partition | None] = (layout.parse(n) for n in names)
        return layout.current(p for p in found if p is not None and _has_manifest(p, names))

    def _inputs_of(self, partition: Partition) -> dict[str, str]:
        manifest = self.manifest(partition)
        return manifest.inputs if manifest else {}

    def foldable(self, table: Table, today: date) -> list[Partition]:
        """The months that are over and still lie in day files."""
        months = {
            replace(p, period=p.period[:7])
            for p in self.partitions(table)
            if p.is_day and layout.period_of(table, date.fromisoformat(p.period), today) != p.period
        }
        return sorted(months)

    def fold(self, month: Partition) -> None:
        """Fold the day files of a month into one. Raises ``StoreError``, the days untouched, when one is broken."""
        table = TABLES[month.table]
        with self.objects.lock(month.folder):
            days = self._in_folder(month)
            if days == [month]:
                return  # another process was quicker
            self._require_sound(table, days)
            rows = parquet.prepared(table, pl.concat([self.read(p) for p in days]))
            self._commit(month, rows, {k: v for p in days for k, v in self._inputs_of(p).items()})

    def compact(self, table: Table, today: date) -> list[Partition]:
        """Fold every month that is over; returns the months written."""
        months = self.foldable(table, today)
        for month in months:
            self.fold(month)
        return months


def _attempt(first: Partition, at: datetime, attempt: int) -> Partition:
    return replace(first, period=layout.snapshot_period(at, attempt))


def _has_manifest(partition: Partition, names: set[str]) -> bool:
    """False for a foreign file. A pending manifest counts: a killed writer may have committed its data."""
    stem = f"{partition.folder}/{partition.period}"
    return stem + MANIFEST in names or stem + PENDING in names


def _merged(
    table: Table, partition: Partition, before: pl.DataFrame, rows: pl.DataFrame
) -> tuple[pl.DataFrame, MergeReport]:
    """Stored rows plus the new ones among ``rows``, and what was found."""
    names, key, time = list(table.names), list(table.key), table.period_column
    if time in key:  # rows of other instants have other keys: most stored rows are out of the question
        is_near = pl.col(time).is_in(rows[time].unique().implode())
        apart, before = before.filter(~is_near), before.filter(is_near)
    else:
        apart = before.clear()
    offered = pl.concat([before, rows.select(names)])
    # nearly always no key is there twice, and all columns take long to compare
    if offered.n_unique([n for n in key if n not in table.hive]) == offered.height:
        return pl.concat([apart, offered]), MergeReport(rows.height)
    # Two archives may hold the same row: what it says counts, not which of them it came through.
    compared = [n for n in names if n != "source"]
    distinct = rows.unique(subset=compared, keep="first", maintain_order=True)
    merged = pl.concat([before, distinct.select(names)]).unique(subset=key, keep="first", maintain_order=True)
    new = merged.height - before.height
    # Everything offered that is not among the kept rows, value for value, contradicts one of them: of equal rows from
    # several files each, so that all of the files are named.
    other = rows.join(merged, on=compared, how="anti", nulls_equal=True)
    conflicts = (_conflict(table, partition, other),) if other.height else ()
    return pl.concat([apart, merged]), MergeReport(new, rows.height - new - other.height, conflicts)


def _conflict(table: Table, partition: Partition, rows: pl.DataFrame) -> Conflict:
    origins = tuple(rows[ORIGIN].unique().sort()) if ORIGIN in rows.columns else ()
    example = ", ".join(f"{name} {rows[name][0]}" for name in table.key)
    return Conflict(partition, rows.height, example, origins)
