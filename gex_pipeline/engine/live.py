"""`gex snapshot`: ask the venues for what is not stored yet, and say what became of it.

Polls that an earlier run was killed in the middle of are finished first. poll_rows.py makes the rows of a poll.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from gex_pipeline.engine.outcomes import KNOWN, Outcome, taken
from gex_pipeline.engine.poll_rows import made_from, store_rows, unfinished
from gex_pipeline.engine.polls import Network, poll_all
from gex_pipeline.engine.stored import snapshots_of
from gex_pipeline.errors import StoreError, UsageError
from gex_pipeline.schema import RAW, SNAPSHOTS
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.layout import Partition, snapshot_at
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues.raw import Poll, from_frame

#: How late a snapshot of an instant may be taken: its tenors and spot are stored as those of the instant.
_LATEST = timedelta(minutes=10)


@dataclass
class SnapshotSummary:
    """What a snapshot did.

    ``outcomes``: per venue and coin that is listed there; ``requests`` and ``seconds``: per venue that was asked;
    ``taken``: venue -> coins that were asked for and whose snapshot of this instant was stored before, be it by another
    process meanwhile; ``failures``: venue -> why its rows could not be stored (its replies are, where there was room);
    ``unlisted``: coins that no venue lists, as far as all of them could say.
    """

    snapshot_at: datetime
    outcomes: list[Outcome] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    taken: dict[str, list[str]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)


def grid_time(at: datetime | None, now: datetime) -> datetime:
    """The instant a snapshot is for: the minute that has begun, or the one that is asked for and just over.

    Raises ``UsageError`` for one that cannot be taken any more, or not yet: a venue says only what is.
    """
    if at is None:
        return now.replace(second=0, microsecond=0)
    if not is_takeable(at, now):
        raise UsageError(f"{at:%Y-%m-%dT%H:%M:%SZ} is not within the last ten minutes: a venue says only what is now")
    return at.replace(microsecond=0)


def is_takeable(at: datetime, now: datetime) -> bool:
    """Whether what a venue says now may be stored as of an instant."""
    return now - _LATEST <= at <= now


def snapshot(
    store: Store, network: Network, venues: Sequence[str], coins: Sequence[str], at: datetime
) -> SnapshotSummary:
    """Take one snapshot. What an earlier one was killed in the middle of is finished first."""

    def stored(poll: Poll, file: Partition) -> tuple[Poll, list[Outcome]]:
        return poll, store_rows(store, poll, file)

    summary = SnapshotSummary(at)
    known = {venue: _finished(store, venue, summary) for venue in venues}
    before = {venue: [coin for coin in taken(known[venue], at) if coin in coins] for venue in venues}
    summary.taken = {venue: found for venue, found in before.items() if found}
    asked = {v: not _has_failed(known[v]) for v in venues if not _is_over(store, known[v], v, coins, at)}
    for venue, found in poll_all(store, network, asked, coins, at, stored).items():
        if isinstance(found, StoreError):
            summary.failures[venue] = str(found)
        else:
            _add(summary, *found)
    if not summary.failures:
        listed = {outcome.coin for outcome in summary.outcomes}.union(*summary.taken.values())
        summary.unlisted = [coin for coin in coins if coin not in listed]
    return summary


def _add(summary: SnapshotSummary, poll: Poll, found: Sequence[Outcome]) -> None:
    """Add what one poll gave. A coin without an outcome was stored before."""
    summary.outcomes += [outcome for outcome in found if outcome.rows.is_listed]
    summary.requests[poll.venue], summary.seconds[poll.venue] = len(poll.fresh), poll.duration_seconds
    made = {outcome.coin for outcome in found}
    if before := [coin for coin in poll.coins if coin not in made]:
        summary.taken[poll.venue] = before


def _finished(store: Store, venue: str, summary: SnapshotSummary) -> pl.DataFrame:
    """Rows of `snapshots` of a venue, once its recent files of `raw` that were not made into any are worked through.

    A file that is damaged is said, and keeps neither the next one nor a new snapshot from being taken.
    """
    try:
        waiting = unfinished(store, venue, made_from(store, venue))
    except StoreError as error:
        waiting, summary.failures[venue] = [], str(error)
    for file in waiting:
        try:
            store_rows(store, from_frame(store.read(file)), file)
        except StoreError as error:
            summary.failures[venue] = str(error)
    try:
        return snapshots_of(store, venue, columns=KNOWN)
    except StoreError as error:
        summary.failures[venue] = str(error)
        return pl.DataFrame(schema=polars_schema(SNAPSHOTS)).select(KNOWN)


def _has_failed(known: pl.DataFrame) -> bool:
    """Whether a coin failed in the last snapshot: then a list of instruments may be what is wrong."""
    last = known.filter(pl.col("snapshot_at") == pl.col("snapshot_at").max())
    return bool((last["status"] == "failed").any())


def _is_over(store: Store, known: pl.DataFrame, venue: str, coins: Sequence[str], at: datetime) -> bool:
    """Whether every coin was asked for at that instant, and none of them failed."""
    files = [f for f in store.recent(RAW, {"venue": venue}, at) if snapshot_at(f) == at]
    asked: set[str] = set()
    for file in files:
        with suppress(StoreError):  # what cannot be read has to be asked again
            asked.update(*(coins.split(",") for coins in store.read(file, ("asked",))["asked"].unique()))
    is_failed = (pl.col("snapshot_at") == at) & (pl.col("status") == "failed")
    return set(coins) <= asked - set(known.filter(is_failed)["underlying"])
