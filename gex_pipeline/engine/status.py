"""The state of a warehouse: how old its snapshots are, what failed, what is missing, what was not built or fetched.

Belongs here: what there is, and what of it a monitor judges. Not here: what is stale (freshness.py), the gaps
(gaps.py), what is around the chain (fetches.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from gex_pipeline.engine import freshness, tasks
from gex_pipeline.engine.fetches import Fetch, fetches
from gex_pipeline.engine.gaps import Gap, gaps
from gex_pipeline.engine.outcomes import LISTED_AGE
from gex_pipeline.engine.stored import instants, snapshots_of
from gex_pipeline.schema import SNAPSHOTS, TABLES
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store

#: A snapshot is built within these minutes, or something is wrong.
_BUILT_WITHIN = timedelta(minutes=15)
_CHAIN, _REJECTED = TABLES["chain"], TABLES["chain_rejected"]


@dataclass(frozen=True)
class StatusRow:
    """One underlying at one venue.

    ``last_snapshot_at`` and ``age_seconds`` are None where nothing was ever stored. ``rows`` and ``rejected`` are
    totals; ``problem`` says in a few words what is red, None when nothing is. ``is_live``: it is taken live, and not
    only imported or delisted.
    """

    underlying: str
    venue: str
    last_snapshot_at: datetime | None
    age_seconds: float | None
    usual_interval_seconds: float | None
    rows: int
    rejected: int
    gaps: tuple[Gap, ...]
    is_stale: bool
    is_live: bool
    problem: str | None


@dataclass(frozen=True)
class Status:
    """``rows`` by underlying and venue. ``unbuilt``: underlying -> periods whose derived tables are not of the chain.

    ``polled``: venues of which a snapshot was ever tried. Of the settings, ``silent``: venues that are not among them;
    ``absent``: coins that no venue of theirs has taken.
    """

    rows: Sequence[StatusRow]
    unbuilt: Mapping[str, Sequence[str]]
    fetches: Sequence[Fetch]
    polled: Collection[str] = ()
    silent: Sequence[str] = ()
    absent: Sequence[str] = ()

    def watched(self, venues: Collection[str], coins: Collection[str]) -> Status:
        """What a monitor judges: where snapshots are taken, those of the settings; of archives alone the archives."""
        if not self.polled:
            return replace(self, fetches=())
        rows = [row for row in self.rows if row.is_live and row.venue in venues and row.underlying in coins]
        unbuilt = {coin: periods for coin, periods in self.unbuilt.items() if coin in coins}
        fetched = [fetch for fetch in self.fetches if fetch.kind.venue in venues and fetch.coin in coins]
        silent = [venue for venue in venues if venue not in self.polled]
        absent = [coin for coin in coins if coin not in {row.underlying for row in rows}]
        return Status(rows, unbuilt, fetched, self.polled, silent, absent)


def status(root: Path, now: datetime) -> Status:
    """How a warehouse is. Raises ``StoreError`` when the folder is none."""
    store = Store(root)
    store.require()
    polls = listed(snapshots_of(store))
    polled = zip(polls["underlying"], polls["venue"], strict=True)
    pairs = {(p.value("underlying"), p.value("venue")) for p in store.partitions(_CHAIN)} | set(polled)
    rows = [_row(store, underlying, venue, now, polls) for underlying, venue in sorted(pairs)]
    polled = {p.value("venue") for p in store.partitions(SNAPSHOTS)}
    return Status(rows, _unbuilt(store, now), fetches(store, now), polled)


def listed(polls: pl.DataFrame) -> pl.DataFrame:
    """Rows of `snapshots` without coins that a venue turned out not to list.

    While a venue is away that cannot be known, and every coin fails. Later snapshots that are stored have no row of it.
    """
    pair = ["underlying", "venue"]
    stored = polls.filter(pl.col("status") != "failed")
    never = polls.join(stored, on=pair, how="anti").group_by(pair).agg(since=pl.col("snapshot_at").max())
    later = stored.group_by("venue").agg(last=pl.col("snapshot_at").max())
    without = never.join(later, on="venue").filter(pl.col("last") > pl.col("since"))
    return polls.join(without, on=pair, how="anti")


def _row(store: Store, underlying: str, venue: str, now: datetime, polls: pl.DataFrame) -> StatusRow:
    mine = store.partitions(_CHAIN, underlying, venue)
    snapshots = instants(store, mine)["snapshot_at"]
    usual = freshness.usual_interval_seconds(snapshots) if len(snapshots) else None
    last = snapshots[-1] if len(snapshots) else None
    age = (now - last).total_seconds() if last is not None else None
    of_venue = polls.filter(pl.col("venue") == venue)
    own = of_venue.filter(pl.col("underlying") == underlying)
    return StatusRow(
        underlying=underlying,
        venue=venue,
        last_snapshot_at=last,
        age_seconds=age,
        usual_interval_seconds=usual,
        rows=sum(_rows(store, p) for p in mine),
        rejected=sum(_rows(store, p) for p in store.partitions(_REJECTED, underlying, venue)),
        gaps=tuple(gaps(underlying, venue, snapshots, own)),
        is_stale=usual is not None and age is not None and freshness.is_stale(age, usual),
        is_live=_is_live(own, of_venue),
        problem=_failure(own),
    )


def _is_live(own: pl.DataFrame, of_venue: pl.DataFrame) -> bool:
    """Whether a venue lists a coin still, by its own rows of `snapshots` and all of the venue.

    While a venue is away every coin fails, also one that was delisted: that counts only where it was never stored.
    """
    newest = of_venue.filter(pl.col("status") != "failed")["snapshot_at"].max()
    if not isinstance(newest, datetime):
        return not own.is_empty()
    told = own.filter((pl.col("status") != "failed") | (pl.col("snapshot_at") == newest))
    last = (own if told.is_empty() else told)["snapshot_at"].max()
    return isinstance(last, datetime) and last > newest - LISTED_AGE


def _rows(store: Store, partition: Partition) -> int:
    manifest = store.manifest(partition)
    return manifest.rows if manifest else 0


def _failure(polls: pl.DataFrame) -> str | None:
    """What is wrong since the last snapshot that was stored."""
    ordered = polls.sort("snapshot_at")
    stored = ordered.filter(pl.col("status") != "failed")["snapshot_at"].max()
    since = ordered if stored is None else ordered.filter(pl.col("snapshot_at") > stored)
    if since.is_empty():
        return None
    how_often = "the last snapshot" if since.height == 1 else f"the last {since.height} snapshots"
    return f"{how_often} failed: {since['error'][-1]}"


def _unbuilt(store: Store, now: datetime) -> dict[str, list[str]]:
    """Periods whose derived tables are missing, or made from another chain or by other code, for more than minutes."""
    found: dict[str, list[str]] = {}
    for job in tasks.plan(store):
        if not tasks.has_chain(store, job) and not _is_under_way(store, job, now - _BUILT_WITHIN):
            found.setdefault(job.underlying, []).append(job.period)
    return found


def _is_under_way(store: Store, job: tasks.Job, since: datetime) -> bool:
    """Whether a snapshot came after an instant, and all before it are built: a build that fails is not excused."""
    chain = instants(store, job.inputs)["snapshot_at"]
    built = instants(store, [p for p in (job.output("levels"),) if store.objects.exists(p.path)])["snapshot_at"]
    older = chain.filter(chain <= since)
    return len(older) < len(chain) and bool(older.is_in(built.implode()).all())
