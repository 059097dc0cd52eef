"""What is known of a feed, so that only what is missing is asked for.

Bars lie on a grid: which are missing is seen in the table. Nothing shows that trades, fundings or settlement prices
are missing, so the stretches that were walked are noted in a file per feed below `.fetched`, with the number of rows
they had. A stretch that has fewer rows now (somebody deleted a file) counts as never walked; deleting the notes costs
time, not rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from gex_pipeline.engine.spans import Stretch, united
from gex_pipeline.store.layout import FETCHED, Partition
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues.feeds import Feed


@dataclass(frozen=True)
class Note:
    """A stretch that was walked, and its rows."""

    start: datetime
    end: datetime
    rows: int

    @property
    def stretch(self) -> Stretch:
        """From when to when."""
        return self.start, self.end


def times(store: Store, feed: Feed, whole: Stretch) -> pl.Series:
    """The instants of the feed's stored rows within a stretch, ascending."""
    column = feed.table.period_column
    is_within = (pl.col(column) >= whole[0]) & (pl.col(column) < whole[1])
    files = [p for p in _partitions(store, feed) if _overlaps(p, whole)]
    found = [store.read(p, where=is_within).filter(feed.where)[column] for p in files]
    return pl.concat([pl.Series(column, [], pl.Datetime("us", "UTC")), *found]).sort()


def last_time(store: Store, feed: Feed) -> datetime | None:
    """The latest instant of the feed's stored rows, None where there are none."""
    column = feed.table.period_column
    for partition in sorted(_partitions(store, feed), key=lambda p: p.period, reverse=True):
        latest = store.read(partition).filter(feed.where)[column].max()
        if isinstance(latest, datetime):
            return latest
    return None


def _partitions(store: Store, feed: Feed) -> Iterator[Partition]:
    for coin in feed.coins:
        yield from store.partitions(feed.table, coin, feed.venue)


def _overlaps(partition: Partition, whole: Stretch) -> bool:
    first, last = (f"{at:%Y-%m-%d}"[: len(partition.period)] for at in whole)
    return first <= partition.period <= last


def notes(store: Store, feed: Feed) -> list[Note]:
    """The stretches that were walked and whose rows are all still stored, ascending. A damaged file has none."""
    try:
        words = json.loads(store.objects.read(_name(feed)))
        noted = [Note(datetime.fromisoformat(start), datetime.fromisoformat(end), int(n)) for start, end, n in words]
        return sorted((n for n in noted if times(store, feed, n.stretch).len() >= n.rows), key=lambda n: n.start)
    except (FileNotFoundError, ValueError, TypeError):
        return []


def note(store: Store, feed: Feed, walked: list[Stretch]) -> None:
    """Note that some stretches were walked, with the rows they have now; those that touch become one."""
    with store.objects.lock(_name(feed)):
        whole = united([*(n.stretch for n in notes(store, feed)), *walked])
        words = [[s.isoformat(), e.isoformat(), times(store, feed, (s, e)).len()] for s, e in whole]
        store.objects.write(_name(feed), json.dumps(words).encode())


def _name(feed: Feed) -> str:
    """A file for each feed and choice of coins."""
    words = "-".join([feed.venue, feed.table.name, feed.name, *feed.coins])
    return f"{FETCHED}/{re.sub(r'[^A-Za-z0-9_.-]', '_', words)}.json"
