"""Where a partition lies: table, hive values and period <-> relative path. Pure: nothing here touches a disk.

    chain/underlying=BTC/venue=deribit/month=2026-01/2026-01-05.parquet     a day of an open month
    chain/underlying=BTC/venue=deribit/month=2026-01/2026-01.parquet        the whole month, once it is over
    candles/underlying=BTC/venue=binance/year=2026/2026.parquet             a year
    raw/venue=deribit/month=2026-01/2026-01-05T120000Z.parquet              a snapshot

A month's file supersedes day files beside it, so that folding days into a month has one instant at which it happens.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from gex_pipeline.errors import StoreError
from gex_pipeline.schema import TABLES
from gex_pipeline.schema.common import FOLDER_NAME
from gex_pipeline.schema.model import Table

DATA, MANIFEST, PENDING, TEMPORARY = ".parquet", ".manifest.json", ".manifest.pending", ".tmp"
MARKER = "gex-warehouse.json"
#: Folder of the import journal; its name keeps every reader of tables out of it.
IMPORTS = ".imports"
#: Folder of what is known of histories that are fetched.
FETCHED = ".fetched"
#: Folder of backtests that were stopped.
UNFINISHED = ".unfinished"


@dataclass(frozen=True, order=True)
class Partition:
    """One file of a table: values of its hive columns in the table's order, and a period such as 2026-01-05."""

    table: str
    hive: tuple[tuple[str, str], ...]
    period: str

    @property
    def folder(self) -> str:
        """Relative folder; periods of one month or year share it."""
        span = self.period[:7] if len(self.period) > 4 else self.period
        name = "month" if len(span) == 7 else "year"
        return "/".join([self.table, *(f"{k}={v}" for k, v in self.hive), f"{name}={span}"])

    @property
    def path(self) -> str:
        """Relative path of the data file."""
        return f"{self.folder}/{self.period}{DATA}"

    @property
    def manifest_path(self) -> str:
        """Relative path of the manifest."""
        return f"{self.folder}/{self.period}{MANIFEST}"

    @property
    def pending_path(self) -> str:
        """Relative path of the manifest while its data file is being replaced."""
        return f"{self.folder}/{self.period}{PENDING}"

    def has_manifest(self, names: Container[str]) -> bool:
        """Whether its manifest, or the pending one of a killed writer, is among some names; else it is foreign."""
        return self.manifest_path in names or self.pending_path in names

    @property
    def is_month(self) -> bool:
        """True for a whole month of a table that is kept by day while the month is open."""
        return len(self.period) == len("2026-01")

    @property
    def is_day(self) -> bool:
        """True for one day."""
        return len(self.period) == len("2026-01-05")

    def value(self, column: str) -> str:
        """Value of a hive column."""
        return dict(self.hive)[column]


def refuse_odd_names(root: Path) -> None:
    """Raise ``StoreError`` for a folder that engines cannot name or would read a column from (below `venue=x`)."""
    try:
        str(root).encode()
    except UnicodeEncodeError as error:
        raise StoreError(f"{root!r} is not UTF-8: choose another --warehouse") from error
    columns = {h for t in TABLES.values() for h in t.hive}
    for name in root.parts:
        if "=" in name and name.split("=")[0] in columns:
            raise StoreError(f"the folder {name} above the warehouse looks like a column of it: rename or move it")


def is_folder_name(value: str) -> bool:
    """True for a hive value that every reader finds again as it was: no separators, no escapes."""
    return FOLDER_NAME.fullmatch(value) is not None


def parse(path: str) -> Partition | None:
    """The partition that a relative path of a data file names; None when it names none."""
    parts = path.split("/")
    if len(parts) < 3 or not parts[-1].endswith(DATA):
        return None
    pairs = [tuple(p.split("=", 1)) for p in parts[1:-1]]
    if any(len(pair) != 2 for pair in pairs):
        return None
    partition = Partition(parts[0], tuple((k, v) for k, v in pairs[:-1]), parts[-1].removesuffix(DATA))
    return partition if partition.path == path else None


def snapshot_period(at: datetime, attempt: int) -> str:
    """Period of the file of one snapshot: its instant, and from the second attempt on its number."""
    return f"{at:%Y-%m-%dT%H%M%SZ}" + (f"-{attempt}" if attempt > 1 else "")


def snapshot_at(partition: Partition) -> datetime:
    """The instant of a snapshot's file."""
    return datetime.strptime(partition.period[: len("2026-01-05T120000Z")], "%Y-%m-%dT%H%M%S%z")


def poll_order(partition: Partition) -> tuple[datetime, int, str]:
    """Sorts the files of snapshots as they were taken: the second one of an instant ends in -2, the tenth in -10."""
    return snapshot_at(partition), len(partition.period), partition.period


def period_of(table: Table, day: date, today: date) -> str:
    """Period of the file that holds ``day``: the day while its month is open, the month afterwards, or the year."""
    if table.period == "year":
        return f"{day:%Y}"
    return f"{day:%Y-%m}" if (day.year, day.month) < (today.year, today.month) else f"{day:%Y-%m-%d}"


def current(partitions: Iterable[Partition]) -> list[Partition]:
    """The partitions that count: day files of a month that has its month file are superseded leftovers."""
    partitions = sorted(partitions)
    months = {(p.table, p.hive, p.period) for p in partitions if p.is_month}
    return [p for p in partitions if not (p.is_day and (p.table, p.hive, p.period[:7]) in months)]
