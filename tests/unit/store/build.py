"""Small warehouses for the tests of the store and the engine. Not here: expectations."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from gex_pipeline.schema import CHAIN
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store
from tests import made_up
from tests.instants import utc

#: A day of the month that is still open for ``store(...)``, and a clock reading after it is over.
OPEN = datetime(2026, 3, 20, 12, tzinfo=UTC)
OVER = datetime(2026, 4, 2, 12, tzinfo=UTC)


def typed(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns in their order and categories as strings, as the store gives them back."""
    return frame.select(CHAIN.names).cast(dict(polars_schema(CHAIN)))


def chain(
    start: str = "2026-03-05T07:00",
    steps: int = 2,
    hours: float = 1,
    *,
    venue: str = "binance",
    underlying: str = "BTC",
    is_whole: bool = False,
    seed: int = 1,
) -> pl.DataFrame:
    """Synthetic rows of `chain`: a whole book of some 250 contracts a snapshot, or twelve contracts of it."""
    frame = typed(made_up.chain(venue, underlying, utc(start), steps, hours, seed))
    if is_whole:
        return frame
    place, step = pl.int_range(pl.len()).over("snapshot_at"), pl.len().over("snapshot_at") // 12
    return frame.filter((place % step == 0) & (place < 12 * step))


def store(root: Path, now: datetime = OPEN) -> Store:
    """A warehouse whose clock stands still."""
    made = Store(root, lambda: now)
    made.create()
    return made


def partition(period: str, venue: str = "binance", underlying: str = "BTC") -> Partition:
    """A partition of `chain`."""
    return Partition("chain", (("underlying", underlying), ("venue", venue)), period)


def rows(store: Store, table: str = "chain") -> pl.DataFrame:
    """All rows of `chain` that count, sorted by their key."""
    from gex_pipeline.schema import TABLES

    parts = [store.read(p) for p in store.partitions(TABLES[table])]
    return pl.concat(parts).sort(TABLES[table].key)


def fold_all(store: Store, now: datetime = OVER) -> list[Partition]:
    """Fold every month of `chain` that is over by a clock; the months."""
    months = store.foldable(CHAIN, now.date())
    for month in months:
        replace(store, clock=lambda: now).fold(month)
    return months


def data_files(root: Path) -> dict[str, str]:
    """Relative path -> hash of every data file."""
    return {
        p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*.parquet"))
    }


def all_files(root: Path) -> dict[str, tuple[int, bytes]]:
    """Relative path -> time of the last write and bytes of every file but locks."""
    files = [p for p in sorted(root.rglob("*")) if p.is_file() and ".locks" not in p.parts]
    return {p.relative_to(root).as_posix(): (p.stat().st_mtime_ns, p.read_bytes()) for p in files}
