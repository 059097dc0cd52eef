"""What an orchestrator runs every hour: one snapshot of the venues, then the derived tables of its day.

`gex snapshot` and `gex build` are the same on the command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from gex_pipeline.engine.days import Days
from gex_pipeline.engine.live import SnapshotSummary, grid_time, is_takeable, snapshot
from gex_pipeline.engine.polls import Network
from gex_pipeline.engine.stages import Outcome, build_days
from gex_pipeline.engine.stored import snapshots_of
from gex_pipeline.errors import UsageError
from gex_pipeline.schema import RAW
from gex_pipeline.store.layout import snapshot_at
from gex_pipeline.store.partitions import Store

_HOUR = timedelta(hours=1)
#: Files of a venue that may be of the last minutes.
_ATTEMPTS = 20


@dataclass
class VenueHour:
    """One venue's share of a snapshot: what `snapshots` says of it, whichever attempt has stored it.

    ``coins``: rows it has there; ``failed`` and ``warned``: ``COIN: text``; ``facts``: numbers for a page.
    """

    coins: int = 0
    facts: dict[str, int | float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)


def snapshot_hour(
    root: Path, network: Network, venues: Sequence[str], coins: Sequence[str], hour: datetime
) -> tuple[datetime, dict[str, VenueHour]]:
    """Take the snapshot of an hour; its instant, and what became of each venue.

    Raises ``UsageError`` for an hour that is over: it cannot be had any more.
    """
    store = Store(root)
    at = instant_in(hour, store.clock(), _polled(store, venues))
    summary = snapshot(store, network, venues, coins, at)
    return at, {venue: _venue_hour(store, summary, venue) for venue in venues}


def instant_in(hour: datetime, now: datetime, polled: Iterable[datetime]) -> datetime:
    """The instant that a snapshot of an hour is for: its beginning; of a run that comes late the present minute.

    A late run goes on with what an earlier one has ``polled``, where that is recent enough. Raises ``UsageError`` for
    an hour that is over or has not begun.
    """
    if not hour <= now < hour + _HOUR:
        raise UsageError(f"{hour:%Y-%m-%dT%H:%MZ} is not the present hour: a venue says only what is now")
    return min((at for at in (hour, *polled) if at >= hour and is_takeable(at, now)), default=grid_time(None, now))


def _polled(store: Store, venues: Sequence[str]) -> Iterator[datetime]:
    for venue in venues:
        yield from map(snapshot_at, store.recent(RAW, {"venue": venue}, store.clock())[-_ATTEMPTS:])


def _venue_hour(store: Store, summary: SnapshotSummary, venue: str) -> VenueHour:
    if venue in summary.failures:
        return VenueHour(failed=[summary.failures[venue]])
    rows = snapshots_of(store, venue).filter(pl.col("snapshot_at") == summary.snapshot_at)
    lines = {status: _lines(rows.filter(pl.col("status") == status)) for status in ("failed", "partial")}
    facts = {f"rows {coin}": n for coin, n in rows.select("underlying", "rows").rows()}
    facts |= {"dagster/row_count": rows["rows"].sum(), "rejected": rows["rejected"].sum()}
    facts |= {"requests": summary.requests.get(venue, 0), "seconds": summary.seconds.get(venue, 0.0)}
    return VenueHour(rows.height, facts, lines["failed"], lines["partial"])


def _lines(rows: pl.DataFrame) -> list[str]:
    return [f"{coin}: {text}" for coin, text in rows.select("underlying", "error").rows()]


def build_day_of(root: Path, at: datetime, coins: Sequence[str]) -> Outcome:
    """Bring the derived tables of the day of a snapshot up to date."""
    return build_days(root, Days(at.date(), at.date()), coins)
