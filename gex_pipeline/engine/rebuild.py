"""`gex build --from-raw`: `chain`, `chain_rejected` and `snapshots` made again from the stored replies.

For a normalizer that was wrong: live rows of snapshots whose replies are stored are replaced; imported rows, and live
rows whose replies are gone, stay. A month of a venue at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import polars as pl

from gex_pipeline.engine.outcomes import IS_LIVE, Outcome, latest_live, outcomes, snapshot_rows, told
from gex_pipeline.engine.poll_rows import previous_contracts, put_snapshots
from gex_pipeline.engine.progress import Progress, Silent
from gex_pipeline.engine.stored import snapshots_of
from gex_pipeline.schema import CHAIN, CHAIN_REJECTED, RAW
from gex_pipeline.schema.model import Table
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.layout import Partition, poll_order, snapshot_at
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues.raw import Poll, from_frame
from gex_pipeline.venues.registry import VENUES


@dataclass
class RebuildSummary:
    """Polls that were read, and the rows they gave."""

    polls: int = 0
    rows: int = 0
    rejected: int = 0


def rebuild(
    store: Store,
    *,
    underlyings: Sequence[str] = (),
    start: datetime | None = None,
    end: datetime | None = None,
    progress: Progress | None = None,
) -> RebuildSummary:
    """Make the live rows of the snapshots in [start, end] again, of some coins or all. Interrupted, run it again."""
    store.require()
    summary, progress = RebuildSummary(), progress or Silent()
    months = [
        list(files) for venue in VENUES for _, files in groupby(_files(store, venue, start, end), lambda f: f.folder)
    ]
    progress.start("from raw", sum(map(len, months)))
    try:
        for files in months:
            _rebuild_month(store, files, underlyings, progress, summary)
    finally:
        progress.close()
    return summary


def _files(store: Store, venue: str, start: datetime | None, end: datetime | None) -> Iterator[Partition]:
    for file in sorted(store.partitions(RAW, venue), key=poll_order):
        if (start is None or snapshot_at(file) >= start) and (end is None or snapshot_at(file) <= end):
            yield file


def _rebuild_month(
    store: Store, files: Sequence[Partition], underlyings: Sequence[str], progress: Progress, summary: RebuildSummary
) -> None:
    venue, first = files[0].value("venue"), snapshot_at(files[0])
    known = snapshots_of(store, venue).filter(pl.col("snapshot_at") < first)
    previous: dict[str, pl.DataFrame] = {}
    found: list[Outcome] = []
    lines = known.clear()
    decided: list[pl.DataFrame] = []
    for file in files:
        poll = _narrowed(from_frame(store.read(file)), underlyings)
        previous |= previous_contracts(store, poll, [coin for coin in poll.coins if coin not in previous], known)
        made = outcomes(poll, pl.concat([known, lines]), previous)
        previous |= {o.coin: latest_live(o.rows.chain) for o in made if o.rows.chain.height}
        decided.append(told(poll, made))
        lines = _renewed(lines, decided[-1], snapshot_rows(poll, made))
        found += made
        summary.polls += 1
        progress.advance(note=file.period)
    _store(store, venue, files, found)
    put_snapshots(store, venue, first, pl.concat(decided), lines, _inputs(store, files))
    summary.rows += sum(o.rows.chain.height for o in found)
    summary.rejected += sum(o.rows.rejected.height for o in found)


def _narrowed(poll: Poll, underlyings: Sequence[str]) -> Poll:
    coins = tuple(coin for coin in poll.coins if not underlyings or coin in underlyings)
    return Poll(poll.snapshot_at, poll.venue, coins, poll.replies)


def _renewed(lines: pl.DataFrame, decided: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `snapshots`; a later attempt takes the place of the one that failed."""
    return pl.concat([lines.join(decided, on=decided.columns, how="anti"), rows])


def _store(store: Store, venue: str, files: Sequence[Partition], found: Iterable[Outcome]) -> None:
    instants = pl.Series([snapshot_at(file) for file in files], dtype=pl.Datetime("us", "UTC"))
    is_replaced = pl.col("snapshot_at").is_in(instants.implode()) & IS_LIVE
    inputs = _inputs(store, files)
    for coin, made in groupby(sorted(found, key=lambda o: o.coin), lambda o: o.coin):
        mine = list(made)
        for table, frames in ((CHAIN, [o.rows.chain for o in mine]), (CHAIN_REJECTED, [o.rows.rejected for o in mine])):
            for partition, rows in _partitions(store, table, (coin, venue), pl.concat(frames), instants):
                store.renew(partition, rows, is_replaced & _is_in(partition), inputs)


def _partitions(
    store: Store, table: Table, hive: tuple[str, str], rows: pl.DataFrame, instants: pl.Series
) -> Iterator[tuple[Partition, pl.DataFrame]]:
    """The stored partitions of those instants that have no rows left, then where rows go."""
    months = set(instants.dt.strftime("%Y-%m"))
    new = dict(store.split(table, rows)) if rows.height else {}
    stored = [p for p in store.partitions(table, *hive) if p.period[:7] in months and p not in new]
    yield from ((p, pl.DataFrame(schema=polars_schema(table))) for p in stored)
    yield from new.items()


def _is_in(partition: Partition) -> pl.Expr:
    """A day may have to go into the file of its month, of which the other days stay."""
    return pl.col("snapshot_at").dt.strftime("%Y-%m-%d").str.starts_with(partition.period)


def _inputs(store: Store, files: Sequence[Partition]) -> dict[str, str]:
    return {file.path: store.content_hash(file) for file in files}
