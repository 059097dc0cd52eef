"""What is known of a feed, so that only what is missing is asked for.

Bars lie on a grid: which are missing is seen in the table. Nothing shows that trades, fundings or settlement prices
are missing, so the stretches that were walked are noted in a file per feed below `.fetched`, with the number of rows
they had. A stretch that has fewer rows now (somebody deleted a file) counts as never walked; deleting the notes costs
time, not rows. Notes are joined within a month, so that what a run looks at does not grow with the years.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from gex_pipeline.engine.spans import Stretch, united
from gex_pipeline.schema import TABLES
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

    def overlaps(self, stretch: Stretch) -> bool:
        """Whether it has an instant of a stretch."""
        return self.start < stretch[1] and stretch[0] < self.end


def times(store: Store, feed: Feed, whole: Stretch) -> pl.Series:
    """The instants of the feed's stored rows within a stretch, ascending."""
    column = feed.table.period_column
    is_within = (pl.col(column) >= whole[0]) & (pl.col(column) < whole[1])
    files = [p for p in _partitions(store, feed) if _overlaps(p, whole)]
    found = [_times_in(store, feed, p, is_within) for p in files]
    return pl.concat([pl.Series(column, [], pl.Datetime("us", "UTC")), *found]).sort()


def last_time(store: Store, feed: Feed) -> datetime | None:
    """The latest instant of the feed's stored rows, None where there are none."""
    for partition in sorted(_partitions(store, feed), key=lambda p: p.period, reverse=True):
        latest = _times_in(store, feed, partition).max()
        if isinstance(latest, datetime):
            return latest
    return None


def _times_in(store: Store, feed: Feed, partition: Partition, where: pl.Expr | None = None) -> pl.Series:
    column = feed.table.period_column
    columns = tuple(dict.fromkeys([column, *feed.where.meta.root_names()]))
    return store.read(partition, columns, where).filter(feed.where)[column]


def _partitions(store: Store, feed: Feed) -> Iterator[Partition]:
    for coin in feed.coins:
        yield from store.partitions(feed.table, coin, feed.venue)


def _overlaps(partition: Partition, whole: Stretch) -> bool:
    first, last = (f"{at:%Y-%m-%d}"[: len(partition.period)] for at in whole)
    return first <= partition.period <= last


def walked_until(store: Store, feed: Feed) -> datetime | None:
    """The end of the last stretch that was walked and is still stored, None where there is none."""
    noted = sorted(_read(store, _name(feed)), key=lambda n: n.end, reverse=True)
    return next((n.end for n in noted if _is_stored(store, feed, n)), None)


def walked_ends(store: Store) -> Iterator[tuple[str, str, list[str], datetime]]:
    """Of each file of notes: venue, table, words of which the last are coins, and the end of what was walked."""
    for name in (name for name in store.objects.list(FETCHED) if name.endswith(".json")):
        venue, *words = name.removeprefix(f"{FETCHED}/").removesuffix(".json").split("-")
        if len(words) > 2 and words[0] in TABLES and (noted := _read(store, name)):
            yield venue, words[0], words[2:], max(n.end for n in noted)


def walked_within(store: Store, feed: Feed, whole: Stretch) -> list[Stretch]:
    """The stretches that were walked, have an instant of another one, and are still stored."""
    return [n.stretch for n in _read(store, _name(feed)) if n.overlaps(whole) and _is_stored(store, feed, n)]


def note(store: Store, feed: Feed, walked: Iterable[Stretch]) -> None:
    """Note that some stretches were walked, with the rows they have now. What was noted of them before is void."""
    fresh = united(walked)
    with store.objects.lock(_name(feed)):
        kept = [n for n in _read(store, _name(feed)) if not any(map(n.overlaps, fresh))]
        added = [Note(*stretch, times(store, feed, stretch).len()) for stretch in fresh]
        words = [[n.start.isoformat(), n.end.isoformat(), n.rows] for n in _joined([*kept, *added])]
        store.objects.write(_name(feed), json.dumps(words).encode())


def _joined(noted: Iterable[Note]) -> list[Note]:
    """Neighbours that begin in one month are one note."""
    found: list[Note] = []
    for n in sorted(noted, key=lambda n: n.start):
        before = found[-1] if found else None
        if before and before.end == n.start and f"{before.start:%Y-%m}" == f"{n.start:%Y-%m}":
            found[-1] = Note(before.start, n.end, before.rows + n.rows)
        else:
            found.append(n)
    return found


def _is_stored(store: Store, feed: Feed, noted: Note) -> bool:
    return times(store, feed, noted.stretch).len() >= noted.rows


def _read(store: Store, name: str) -> list[Note]:
    """The notes in a file; a damaged one has none."""
    try:
        words = json.loads(store.objects.read(name))
        return [Note(datetime.fromisoformat(start), datetime.fromisoformat(end), int(n)) for start, end, n in words]
    except (FileNotFoundError, ValueError, TypeError):
        return []


def _name(feed: Feed) -> str:
    """A file for each feed and choice of coins."""
    words = "-".join([feed.venue, feed.table.name, feed.name, *feed.coins])
    return f"{FETCHED}/{re.sub(r'[^A-Za-z0-9_.-]', '_', words)}.json"
