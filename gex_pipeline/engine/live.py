"""`gex snapshot`: poll the venues, then stored replies -> `chain`, `chain_rejected` and `snapshots`.

All three are functions of `raw` alone: `rebuild` makes them again, byte for byte. A coin's rows are those of the first
poll of a venue and instant that had them whole. What one poll means is in outcomes.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from gex_pipeline.engine.outcomes import PREVIOUS_AGE, Outcome, latest_live, outcomes, snapshot_rows, taken
from gex_pipeline.engine.polls import Network, poll_all
from gex_pipeline.errors import UsageError
from gex_pipeline.schema import CHAIN, CHAIN_REJECTED, RAW, SNAPSHOTS
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.layout import Partition, period_of, snapshot_at
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues.raw import Poll, from_frame

_HOUR = timedelta(hours=1)
#: How far back an unfinished snapshot is looked for.
_UNFINISHED_AGE = timedelta(days=2)


@dataclass
class SnapshotSummary:
    """What a snapshot did.

    ``outcomes``: per venue and coin that is listed there; ``requests`` and ``seconds``: per venue that was asked;
    ``taken``: venue -> coins whose snapshot of this instant was stored before.
    """

    snapshot_at: datetime
    outcomes: list[Outcome] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    taken: dict[str, list[str]] = field(default_factory=dict)


def grid_time(at: datetime | None, now: datetime) -> datetime:
    """The instant a snapshot is for: the minute that has begun, or the one that is asked for and just over.

    Raises ``UsageError`` for one that cannot be taken any more, or not yet: a venue says only what is.
    """
    if at is None:
        return now.replace(second=0, microsecond=0)
    if not now - _HOUR <= at <= now:
        raise UsageError(f"{at:%Y-%m-%dT%H:%M:%SZ} is not within the last hour: a venue says only what is now")
    return at.replace(microsecond=0)


def snapshot(
    store: Store, network: Network, venues: Sequence[str], coins: Sequence[str], at: datetime
) -> SnapshotSummary:
    """Take one snapshot. What an earlier one was killed in the middle of is finished first."""

    def stored(poll: Poll, file: Partition | None) -> tuple[Poll, list[Outcome]]:
        return poll, _store_rows(store, poll, file)

    known = {venue: _finished(store, venue) for venue in venues}
    summary = SnapshotSummary(at, taken={venue: done for venue in venues if (done := taken(known[venue], at))})
    asked = [venue for venue in venues if not _is_over(store, known[venue], venue, coins, at)]
    for poll, found in poll_all(store, network, asked, coins, at, stored):
        summary.outcomes += [outcome for outcome in found if outcome.rows.is_listed]
        summary.requests[poll.venue], summary.seconds[poll.venue] = len(poll.fresh), poll.duration_seconds
    return summary


def _finished(store: Store, venue: str) -> pl.DataFrame:
    """Rows of `snapshots` of a venue, once its recent files of `raw` that have none there are worked through."""
    known = snapshots_of(store, venue)
    since, instants = store.clock() - _UNFINISHED_AGE, set(known["snapshot_at"])
    files = store.recent(RAW, {"venue": venue}, store.clock())
    unfinished = [f for f in files if snapshot_at(f) >= since and snapshot_at(f) not in instants]
    for file in unfinished:
        _store_rows(store, from_frame(store.read(file)), file)
    return snapshots_of(store, venue) if unfinished else known


def _is_over(store: Store, known: pl.DataFrame, venue: str, coins: Sequence[str], at: datetime) -> bool:
    """Whether every coin was asked for at that instant, and none of them failed."""
    files = [f for f in store.recent(RAW, {"venue": venue}, at) if snapshot_at(f) == at]
    asked = {coin for f in files for names in store.read(f, ("asked",))["asked"].unique() for coin in names.split(",")}
    is_failed = (pl.col("snapshot_at") == at) & (pl.col("status") == "failed")
    return set(coins) <= asked - set(known.filter(is_failed)["underlying"])


def _store_rows(store: Store, poll: Poll, file: Partition | None) -> list[Outcome]:
    """Make the rows of a poll and store them; `snapshots` last, as it says that all is done.

    ``file``: where the poll is stored; without one, as it has no answer, there is nothing to store.
    """
    known = snapshots_of(store, poll.venue)
    previous = {coin: previous_contracts(store, poll, coin) for coin in poll.coins}
    found = outcomes(poll, known, previous)
    if file is not None:
        inputs = {file.path: store.content_hash(file)}
        for outcome in found:
            for table, rows in ((CHAIN, outcome.rows.chain), (CHAIN_REJECTED, outcome.rows.rejected)):
                store.merge(table, rows, inputs)
        put_snapshots(store, poll.venue, snapshot_rows(poll, found), inputs)
    return found


def previous_contracts(store: Store, poll: Poll, coin: str) -> pl.DataFrame:
    """Contracts of the coin's last stored live snapshot before a poll, as :func:`outcomes` takes them."""
    columns = ("snapshot_at", "instrument", "expiry_at", "source")
    files = store.recent(CHAIN, {"underlying": coin, "venue": poll.venue}, poll.snapshot_at)
    is_before = pl.col("snapshot_at").is_between(poll.snapshot_at - PREVIOUS_AGE, poll.snapshot_at, closed="left")
    frames = [store.read(file, columns, is_before) for file in files[-2:]]
    schema = pl.Schema({name: polars_schema(CHAIN)[name] for name in columns})
    return latest_live(pl.concat([pl.DataFrame(schema=schema), *frames]))


def snapshots_of(store: Store, venue: str) -> pl.DataFrame:
    """All rows of `snapshots` of a venue."""
    files = store.partitions(SNAPSHOTS, venue)
    return pl.concat([pl.DataFrame(schema=polars_schema(SNAPSHOTS)), *map(store.read, files)])


def put_snapshots(store: Store, venue: str, rows: pl.DataFrame, inputs: dict[str, str]) -> None:
    """Store rows of `snapshots` in the place of those of the same snapshot and coin."""
    key = pl.struct("snapshot_at", "underlying")
    for day in rows["snapshot_at"].dt.date().unique():
        year = Partition(SNAPSHOTS.name, (("venue", venue),), period_of(SNAPSHOTS, day, day))
        mine = rows.filter(pl.col("snapshot_at").dt.year() == day.year)
        store.renew(year, mine, key.is_in(mine.select(key).to_series().implode()), inputs)
