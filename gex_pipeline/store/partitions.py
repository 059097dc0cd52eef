"""Reading, replacing and merging the partitions of a warehouse, and folding days into months."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from gex_pipeline.errors import StoreError
from gex_pipeline.schema import TABLES
from gex_pipeline.schema.model import Table
from gex_pipeline.store import commits, layout, marker, parquet
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.manifest import Manifest, code_version, utc_text
from gex_pipeline.store.merge import MergeReport, merge_rows
from gex_pipeline.store.objects import LocalObjects


def _now() -> datetime:
    return datetime.now(UTC)


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
        """Mark the folder as a warehouse of a kind of data; see :func:`marker.create`."""
        marker.create(self.root, kind)

    @property
    def is_made(self) -> bool:
        """True when the folder is a warehouse, whatever its state."""
        return self.objects.exists(layout.MARKER)

    def require(self) -> None:
        """Raise ``StoreError`` unless the folder is a warehouse."""
        marker.require(self.root)

    # ---------------------------------------------------------------- reading

    def partitions(self, table: Table, *hive: str) -> list[Partition]:
        """The partitions of a table that count, sorted; ``hive``: only those with these leading hive values."""
        folders = (f"{column}={value}" for column, value in zip(table.hive, hive, strict=False))
        return self._in_folder("/".join([table.name, *folders]))

    def recent(self, table: Table, hive: Mapping[str, str], at: datetime) -> list[Partition]:
        """The partitions of the month of ``at`` and of the one before, sorted: years of files are not listed."""
        months = (f"{at.replace(day=1) - timedelta(days=1):%Y-%m}", f"{at:%Y-%m}")
        folders = (Partition(table.name, tuple(hive.items()), month) for month in months)
        return [p for f in folders for p in self._in_folder(f.folder)]

    def manifest(self, partition: Partition) -> Manifest | None:
        """The manifest of a partition's data file, None when there is no such file."""
        return commits.manifest_of(self.objects, partition)

    def read(
        self,
        partition: Partition,
        columns: tuple[str, ...] | None = None,
        where: pl.Expr | None = None,
        *,
        is_coded: bool = False,
    ) -> pl.DataFrame:
        """Rows of one partition, in the order of the file; arguments as of `parquet.read`."""
        table, path = TABLES[partition.table], self.objects.path(partition.path)
        return parquet.read(path, table, dict(partition.hive), columns, where, is_coded=is_coded)

    def content_hash(self, partition: Partition) -> str:
        """Hash of the data file as it is now."""
        return commits.content_hash(self.objects, partition)

    # ---------------------------------------------------------------- writing

    def replace(self, partition: Partition, frame: pl.DataFrame, inputs: Mapping[str, str]) -> Manifest:
        """Replace a partition by a frame, atomically; a month also takes the place of its days."""
        frame = parquet.prepared(TABLES[partition.table], frame)
        with self.objects.lock(partition.folder):
            return self._commit(partition, frame, inputs)

    def _commit(self, partition: Partition, frame: pl.DataFrame, inputs: Mapping[str, str]) -> Manifest:
        draft = self.draft(TABLES[partition.table], frame.height, inputs)
        return commits.commit(self.objects, partition, frame, draft)

    def draft(self, table: Table, rows: int, inputs: Mapping[str, str]) -> Manifest:
        """A manifest before its file exists."""
        version = "" if table.is_base else code_version()
        return Manifest(table.name, rows, "", dict(inputs), version, table.version, utc_text(self.clock()))

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
            stored = self._folded(partition)
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
            commits.remove(self.objects, partition)

    # ---------------------------------------------------------------- merging base rows

    def merge(self, table: Table, frame: pl.DataFrame, inputs: Mapping[str, str]) -> MergeReport:
        """Add rows to a base table, partition by partition; see :meth:`merge_into`."""
        report = MergeReport()
        for partition, rows in self.split(table, frame):
            report += self.merge_into(partition, rows, inputs)
        return report

    def split(self, table: Table, frame: pl.DataFrame) -> Iterator[tuple[Partition, pl.DataFrame]]:
        """Rows of a base table by the partition they belong to, in the order of their first row."""
        if frame.is_empty():
            return
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
            stored = self._folded(partition)
            before = pl.concat([self.read(p) for p in stored]) if stored else rows.select(table.names).clear()
            merged, report = merge_rows(table, partition, before, rows)
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
        return month if month in self._in_folder(month.folder) else partition

    def _folded(self, partition: Partition) -> list[Partition]:
        """The stored partitions whose rows belong to ``partition``; refuses older schemas and damage."""
        mine = [p for p in self._in_folder(partition.folder) if p.period.startswith(partition.period)]
        commits.require_sound(self.objects, mine)
        return mine

    def _in_folder(self, folder: str) -> list[Partition]:
        """The partitions below a folder that count."""
        names = set(self.objects.list(folder))
        found = (layout.parse(n) for n in names)
        return layout.current(p for p in found if p is not None and p.has_manifest(names))

    def _inputs_of(self, partition: Partition) -> dict[str, str]:
        manifest = self.manifest(partition)
        return manifest.inputs if manifest else {}

    def outgrown(self) -> list[Partition]:
        """Files of base tables that are older than a column that may be null; not damaged ones, which readers name."""
        found = []
        for table in (table for table in TABLES.values() if table.is_base and table.version > 1):
            for partition in self.partitions(table):
                with suppress(StoreError):
                    found += [partition] if commits.is_outgrown(self.objects, partition) else []
        return found

    def renew_columns(self, partition: Partition) -> None:
        """Write such a file again, with nulls. Raises ``StoreError``, the file untouched, where it is damaged."""
        with self.objects.lock(partition.folder):
            commits.require_sound(self.objects, [partition])
            self._commit(partition, self.read(partition), self._inputs_of(partition))

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
            days = self._in_folder(month.folder)
            if days == [month]:
                return  # another process was quicker
            commits.require_sound(self.objects, days)
            rows = parquet.prepared(table, pl.concat([self.read(p) for p in days]))
            self._commit(month, rows, {k: v for p in days for k, v in self._inputs_of(p).items()})


def _attempt(first: Partition, at: datetime, attempt: int) -> Partition:
    return replace(first, period=layout.snapshot_period(at, attempt))
