"""Which snapshot answers a question about a time, and its rows.

As of T: the latest snapshot with snapshot_at <= T whose rows were all known at T.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import polars as pl

from gex_pipeline.engine import freshness
from gex_pipeline.engine.stored import instants
from gex_pipeline.errors import GexError, StoreError
from gex_pipeline.schema import TABLES
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store
from gex_pipeline.transforms.contracts import COLUMNS

_CHAIN = TABLES["chain"]
#: What an answer needs of a row: the transforms' columns, the order of equal contracts, and whether it is made up.
_READ = (*COLUMNS, "instrument", "source")
#: How far back a month is read at first: one row group is usually enough.
_LAST_DAYS = (timedelta(days=2), timedelta(days=5))
#: Listings of the files that one question may need while another process folds months.
_ATTEMPTS = 5
_Read = TypeVar("_Read")


class NoSnapshotError(GexError):
    """The underlying and venues are stored, but nothing was known at the time."""


@dataclass(frozen=True)
class Found:
    """A snapshot, the usual seconds between snapshots before it, and where its rows are."""

    snapshot_at: datetime
    usual_interval_seconds: float
    partitions: tuple[Partition, ...]

    def age_seconds(self, at: datetime) -> float:
        """Seconds from the snapshot to the time asked about."""
        return (at - self.snapshot_at).total_seconds()

    def is_stale(self, at: datetime) -> bool:
        """Older than twice the usual interval."""
        return freshness.is_stale(self.age_seconds(at), self.usual_interval_seconds)


def latest(store: Store, underlying: str, at: datetime, venues: list[str] | None) -> tuple[Found, pl.DataFrame]:
    """The snapshot that was known at ``at`` and its rows; errors as in :func:`find`."""

    def found_and_rows() -> tuple[Found, pl.DataFrame]:
        found = find(store, underlying, at, venues)
        return found, rows(store, found)

    return while_months_fold(found_and_rows)


def while_months_fold(read: Callable[[], _Read]) -> _Read:
    """What ``read`` finds, which lists files and reads them."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return read()
        except StoreError as error:
            # A month may have been folded between listing its days and reading them: list again.
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
    return read()


def find(store: Store, underlying: str, at: datetime, venues: list[str] | None) -> Found:
    """The snapshot that was known at ``at``.

    Raises ``GexError`` for an underlying or venue that is not stored, ``NoSnapshotError`` for a time before the first.
    """
    partitions = _of(store, underlying, venues)
    months = sorted({p.period[:7] for p in partitions if p.period[:7] <= f"{at:%Y-%m}"}, reverse=True)
    known = instants(store, ())
    for month in months:
        mine = [p for p in partitions if p.period.startswith(month)]
        known = pl.concat([_last_known(store, mine, min(at, _end(month)), at), known])
        if freshness.is_enough(known["snapshot_at"], datetime.fromisoformat(f"{month}-01T00:00Z")):
            break
    if known.is_empty():
        first = _first(store, partitions)
        raise NoSnapshotError(f"no snapshot of {underlying} was known at {at:%Y-%m-%dT%H:%M:%SZ}; {first}")
    snapshot_at = known["snapshot_at"][-1]
    here = tuple(p for p in partitions if f"{snapshot_at:%Y-%m-%d}".startswith(p.period))
    return Found(snapshot_at, freshness.usual_interval_seconds(known["snapshot_at"]), here)


def _last_known(store: Store, partitions: list[Partition], end: datetime, at: datetime) -> pl.DataFrame:
    """Snapshots of a month that were known at ``at``: those of its last days where they are enough, else all."""
    is_known = (pl.col("knowledge_time") <= at) & (pl.col("snapshot_at") <= at)
    for days in _LAST_DAYS:
        known = instants(store, partitions, pl.col("snapshot_at") > end - days).filter(is_known)
        if freshness.is_enough(known["snapshot_at"], end - days):
            return known
    return instants(store, partitions).filter(is_known)


def rows(store: Store, found: Found) -> pl.DataFrame:
    """The chain rows of a found snapshot, with the columns that answers are made of."""
    is_it = pl.col("snapshot_at") == found.snapshot_at
    return pl.concat(store.read(p, _READ, is_it) for p in found.partitions)


def absent_venues(store: Store, underlying: str, found: Found, chain: pl.DataFrame) -> list[str]:
    """Venues that have rows of the underlying in the month of the snapshot, but none at it."""
    month = f"{found.snapshot_at:%Y-%m}"
    there = {p.value("venue") for p in _of(store, underlying, None) if p.period.startswith(month)}
    return sorted(there - set(chain["venue"].unique()))


def _of(store: Store, underlying: str, venues: list[str] | None) -> list[Partition]:
    mine = store.partitions(_CHAIN, underlying)
    if not mine:
        known = sorted({p.value("underlying") for p in store.partitions(_CHAIN)})
        raise GexError(f"no chain of {underlying} in {store.root}: it has {', '.join(known) or 'nothing yet'}")
    chosen = [p for p in mine if venues is None or p.value("venue") in venues]
    if not chosen:
        known = sorted({p.value("venue") for p in mine})
        raise GexError(f"no chain of {underlying} from {', '.join(venues or [])}: it has {', '.join(known)}")
    return chosen


def _end(month: str) -> datetime:
    """First instant after a month such as 2026-01."""
    year, number = int(month[:4]), int(month[5:])
    return datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)


def _first(store: Store, partitions: list[Partition]) -> str:
    earliest = min(p.period[:7] for p in partitions)
    first = instants(store, [p for p in partitions if p.period.startswith(earliest)])["snapshot_at"][0]
    return f"the first is of {first:%Y-%m-%dT%H:%M:%SZ}"
