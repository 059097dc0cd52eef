"""A stored poll -> rows of `chain`, `chain_rejected` and `snapshots`; which polls were not made into any yet.

All three are functions of `raw` alone: `rebuild` makes them again, byte for byte. A coin's rows are those of the first
poll of a venue and instant that had them whole. What one poll means is in outcomes.py.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

import polars as pl

from gex_pipeline.engine.outcomes import IS_LIVE, KNOWN, Outcome, last_stored, outcomes, snapshot_rows, told
from gex_pipeline.engine.stored import snapshots_of
from gex_pipeline.errors import StoreError
from gex_pipeline.schema import CHAIN, CHAIN_REJECTED, RAW, SNAPSHOTS
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.layout import Partition, period_of, poll_order, snapshot_at
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues.raw import Poll, from_frame

#: How far back an unfinished poll is looked for.
_UNFINISHED_AGE = timedelta(days=2)


def made_from(store: Store, venue: str) -> set[str]:
    """Paths of the files of `raw` of this year and the last that rows of `snapshots` were made from."""
    manifests = [store.manifest(year) for year in store.partitions(SNAPSHOTS, venue)[-2:]]
    return {path for manifest in manifests if manifest is not None for path in manifest.inputs}


def unfinished(store: Store, venue: str, made: Container[str]) -> list[Partition]:
    """Recent files of `raw` that no row of `snapshots` was ``made`` from (:func:`made_from`)."""
    since = store.clock() - _UNFINISHED_AGE
    files = store.recent(RAW, {"venue": venue}, store.clock())
    return [f for f in files if snapshot_at(f) >= since and f.path not in made]


def store_rows(store: Store, poll: Poll, file: Partition) -> list[Outcome]:
    """Make the rows of a poll and store them, one poll of a venue at a time.

    ``file``: where the poll is stored. Earlier polls of the same instant come first, be they of another process that is
    at it or of one that was killed. What another process has stored of this one stays: a later poll may have mended it.
    """
    with store.objects.outer_lock(f"rows-{poll.venue}"):
        made = made_from(store, poll.venue)
        for other in _earlier(store, file, made):
            with suppress(StoreError):  # the next snapshot says what is wrong with it
                _put_rows(store, from_frame(store.read(other)), other)
        return _outcomes(store, poll) if file.path in made else _put_rows(store, poll, file)


def _earlier(store: Store, file: Partition, made: Container[str]) -> list[Partition]:
    """The unfinished polls of the same instant that were stored before a file."""
    at, found = snapshot_at(file), unfinished(store, file.value("venue"), made)
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
    known = snapshots_of(store, poll.venue, columns=KNOWN)
    return outcomes(poll, known, previous_contracts(store, poll, poll.coins, known))


def previous_contracts(store: Store, poll: Poll, coins: Iterable[str], known: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Coin -> contracts of its last stored snapshot before a poll; ``coins`` and ``known`` as in :func:`outcomes`."""
    last = last_stored(known, poll.snapshot_at)
    return {coin: _live_contracts(store, coin, poll.venue, last.get(coin)) for coin in coins}


def _live_contracts(store: Store, coin: str, venue: str, at: datetime | None) -> pl.DataFrame:
    """Contracts of a live snapshot as :func:`latest_live` gives them, from the files of its day and month."""
    columns = ("snapshot_at", "instrument", "expiry_at")
    found = [pl.DataFrame(schema=polars_schema(CHAIN)).select(columns)]
    if at is not None:
        files = store.recent(CHAIN, {"underlying": coin, "venue": venue}, at)
        periods = {f"{at:%Y-%m-%d}", f"{at:%Y-%m}"}
        is_its = (pl.col("snapshot_at") == at) & IS_LIVE
        found += [store.read(f, columns, is_its) for f in files if f.period in periods]
    return pl.concat(found)


def put_snapshots(
    store: Store, venue: str, at: datetime, decided: pl.DataFrame, rows: pl.DataFrame, inputs: dict[str, str]
) -> None:
    """Store rows of `snapshots` of the year of ``at``, in the place of those with a ``decided`` key (:func:`told`)."""
    key = pl.struct("snapshot_at", "underlying")
    year = Partition(SNAPSHOTS.name, (("venue", venue),), period_of(SNAPSHOTS, at.date(), at.date()))
    store.renew(year, rows, key.is_in(decided.select(key).to_series().implode()), inputs)
