"""When what is around the chain was fetched last, per venue and table.

Histories are noted up to where they were walked, whether they had rows or not; bars and prices of now tell it
themselves. The newest of a table counts, as a contract that has expired or was delisted is not asked for any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from gex_pipeline.engine.freshness import HOUR
from gex_pipeline.engine.known import walked_ends
from gex_pipeline.engine.outcomes import LIVE
from gex_pipeline.schema import CANDLES, DVOL, PERPS
from gex_pipeline.schema.model import Table
from gex_pipeline.store.partitions import Store

#: They are fetched every hour: two runs may fail.
_LATE = timedelta(hours=3)
#: Bars of a day are fetched, and over, once a day.
_IS_SHORT = pl.col("close_at") - pl.col("open_at") <= HOUR


@dataclass(frozen=True)
class Fetch:
    """Until when a table of a venue is known, by what was fetched."""

    venue: str
    table: str
    age_seconds: float

    @property
    def is_late(self) -> bool:
        """Whether the hourly runs fail, or have stopped."""
        return self.age_seconds > _LATE.total_seconds()


def fetches(store: Store, now: datetime) -> list[Fetch]:
    """One of each venue and table that was ever fetched, sorted."""
    last: dict[tuple[str, str], datetime] = {}
    bars = [(CANDLES, "close_at", _IS_SHORT), (DVOL, "close_at", _IS_SHORT), (PERPS, "snapshot_at", pl.lit(value=True))]
    for venue, table, end in [*walked_ends(store), *(row for of in bars for row in _stored_ends(store, *of))]:
        last[venue, table] = max(end, last.get((venue, table), end))
    return [Fetch(venue, table, (now - end).total_seconds()) for (venue, table), end in sorted(last.items())]


def _stored_ends(store: Store, table: Table, column: str, where: pl.Expr) -> Iterator[tuple[str, str, datetime]]:
    """Venue, table and the latest time of what was fetched, not imported, once a coin."""
    is_fetched = pl.col("source").cast(pl.String).str.ends_with(LIVE) & where
    columns = tuple(dict.fromkeys([column, *is_fetched.meta.root_names()]))
    done: set[tuple[tuple[str, str], ...]] = set()
    for partition in sorted(store.partitions(table), key=lambda p: p.period, reverse=True):
        end = None if partition.hive in done else store.read(partition, columns, is_fetched)[column].max()
        if isinstance(end, datetime):
            done.add(partition.hive)
            yield partition.value("venue"), table.name, end
