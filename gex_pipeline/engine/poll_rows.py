"""A stored poll -> rows of `chain`, `chain_rejected` and `snapshots`; which polls were not made into any yet.

All three are functions of `raw` alone: `rebuild` makes them again, byte for byte. A coin's rows are those of the first
poll of a venue and instant that had them whole. What one poll means is in outcomes.py.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

import polars as pl

from gex_pipeline.engine.outcomes import Outcome, last_stored, latest_live, outcomes, snapshot_rows, told
from gex_pipeline.engine.stored import snapshots_of
from gex_pipeline.errors import StoreError
from gex_pipeline.schema import CHAIN, CHAIN_REJECTED, RAW, SNAPSHOTS
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.layout import Partition, period_of, poll_order, snapshot_at
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues.raw import Poll, from_frame

#: How far back an unfinished poll is looked for.
_UNFINISHED_AGE = timedelta(days=2)


def unfinished(store: Store, venue: str) -> list[Partition]:
    """Recent files of `raw` that no row of `snapshots` was made from."""
    since = store.clock() - _UNFINISHED_AGE
    files = store.recent(RAW, {"venue": venue}, store.clock())
    read = _read(store, venue)
    return [f for f in files if snapshot_at(f) >= since and f.path not in read]


def _read(store: Store, venue: str) -> set[str]:
    """Paths of the files of `raw` of this year and the last that rows of `snapshots` were made from."""
    manifests = [store.manifest(year) for year in store.partitions(SNAPSHOTS, venue)[-2:]]
    return {path for manifest in manifests if manifest is not None for path in manifest.inputs}


def store_rows(store: Store, poll: Poll, file: Partition) -> list[Outcome]:
    """Make the rows of a poll and store them, one poll of a venue at a time.

    ``file``: where the poll is stored. Earlier polls of the same instant come first, be they of another process that is
    at it or of one that was killed. What another process has stored of this one stays: a later poll may have mended it.
    """
    with store.objects.outer_lock(f"rows-{poll.venue}"):
        for other in _earlier(store, file):
            with suppress(StoreError):  # the next snapshot says what is wrong with it
                _put_rows(store, from_frame(store.read(other)), other)
        is_stored = file.path in _read(store, poll.venue)
        return _outcomes(store, poll) if is_stored else _put_rows(store, poll, file)


def _earlier(store: Store, file: Partition) -> list[Partition]:
    """The unfinished polls of the same instant that were stored before a file."""
    at, found = snapshot_at(file), unfinished(store, file.value("venue"))
    return sorted((f for f in found if snapshot_at(f) == at and poll_order(f) < poll_order(file)), key=poll_order)


def _put_rows(store: Store, poll: Poll, file: Partition) -> list[Outcome]:
    """Store the rows of a poll; `snapshots` last, as it says that all is done."""
    found, inputs = _outcomes(store, poll), {file.path: store.content_hash(file)}
    for outcome in found:
        for table, rows in ((CHAIN, outcome.rows.chain), (CHAIN_REJECTED, outcome.rows.rejected)):
            store.merge(table, rows, inputs)
    put_snapshots(store, poll.venue, poll.snapshot_at, told(poll, found), snapshot_rows(poll, found), inputs)
    return found


def _outcomes(store: Store, poll: Poll) -> list[Outcome]:
    known = snapshots_of(store, poll.venue)
    previous = {coin: previous_contracts(store, poll, coin, known) for coin in poll.coins}
    return outcomes(poll, known, previous)


def previous_contracts(store: Store, poll: Poll, coin: str, known: pl.DataFrame) -> pl.DataFrame:
    """Contracts of the coin's last stored snapshot before a poll, as :func:`outcomes` takes them.

    ``known``: rows of `snapshots` of the venue.
    """
    columns = ("snapshot_at", "instrument", "expiry_at", "source")
    last = last_stored(known, coin, poll.snapshot_at)
    found = [pl.DataFrame(schema=pl.Schema({name: polars_schema(CHAIN)[name] for name in columns}))]
    if last is not None:
        files = store.recent(CHAIN, {"underlying": coin, "venue": poll.venue}, last)
        periods = {f"{last:%Y-%m-%d}", f"{last:%Y-%m}"}
        found += [store.read(f, columns, pl.col("snapshot_at") == last) for f in files if f.period in periods]
    return latest_live(pl.concat(found))


def put_snapshots(
    store: Store, venue: str, at: datetime, decided: pl.DataFrame, rows: pl.DataFrame, inputs: dict[str, str]
) -> None:
    """Store rows of `snapshots` of the year of ``at``, in the place of those with a ``decided`` key (:func:`told`)."""
    key = pl.struct("snapshot_at", "underlying")
    year = Partition(SNAPSHOTS.name, (("venue", venue),), period_of(SNAPSHOTS, at.date(), at.date()))
    store.renew(year, rows, key.is_in(decided.select(key).to_series().implode()), inputs)
