"""The state of a warehouse per underlying and venue: freshness, sizes, gaps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from gex_pipeline.engine import freshness, tasks
from gex_pipeline.engine.gaps import Gap, gaps
from gex_pipeline.schema import SNAPSHOTS, TABLES
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store

_NONE = pl.DataFrame(schema={"snapshot_at": pl.Datetime("us", "UTC")})
_CHAIN, _REJECTED = TABLES["chain"], TABLES["chain_rejected"]


@dataclass(frozen=True)
class StatusRow:
    """One underlying at one venue.

    ``last_snapshot_at`` and ``age_seconds`` are None where nothing was ever stored. ``rows`` and ``rejected`` are
    totals; ``problem`` says in a few words what is red, None when nothing is.
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
    problem: str | None


def status(root: Path, now: datetime) -> list[StatusRow]:
    """Rows sorted by underlying and venue. Raises ``StoreError`` when the folder is no warehouse."""
    store = Store(root)
    store.require()
    polls = _polls(store)
    polled = zip(polls["underlying"], polls["venue"], strict=True)
    pairs = {(p.value("underlying"), p.value("venue")) for p in store.partitions(_CHAIN)} | set(polled)
    return [_row(store, underlying, venue, now, polls) for underlying, venue in sorted(pairs)]


def _polls(store: Store) -> pl.DataFrame:
    """All rows of `snapshots` of coins that their venue lists."""
    none = pl.DataFrame(schema=polars_schema(SNAPSHOTS))
    return listed(pl.concat([none, *map(store.read, store.partitions(SNAPSHOTS))]))


def listed(polls: pl.DataFrame) -> pl.DataFrame:
    """Rows of `snapshots` without coins that a venue turned out not to list.

    While a venue is away that cannot be known, and every coin fails. Later snapshots that are stored have no row of it.
    """
    pair = ["underlying", "venue"]
    stored = polls.filter(pl.col("status") != "failed")
    never = polls.join(stored, on=pair, how="anti").group_by(pair).agg(since=pl.col("snapshot_at").max())
    later = never.join(stored.select("venue", "snapshot_at").unique(), on="venue")
    without = later.filter(pl.col("snapshot_at") > pl.col("since")).join(polls, on=[*pair, "snapshot_at"], how="anti")
    return polls.join(without, on=pair, how="anti")


def _row(store: Store, underlying: str, venue: str, now: datetime, polls: pl.DataFrame) -> StatusRow:
    mine = store.partitions(_CHAIN, underlying, venue)
    parts = [store.read(p, ("snapshot_at",)).unique() for p in mine]
    snapshots = pl.concat([_NONE, *parts])["snapshot_at"].unique().sort()
    usual = freshness.usual_interval_seconds(snapshots) if len(snapshots) else None
    last = snapshots[-1] if len(snapshots) else None
    age = (now - last).total_seconds() if last is not None else None
    own = polls.filter((pl.col("underlying") == underlying) & (pl.col("venue") == venue))
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
        problem="; ".join(filter(None, (_failure(own), _not_built(store, underlying)))) or None,
    )


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


def _not_built(store: Store, underlying: str) -> str | None:
    """Derived tables that are missing, or made from another chain or by other code."""
    stale = [j.period for j in tasks.plan(store) if j.underlying == underlying and not tasks.is_fresh(store, j)]
    return f"not built: {', '.join(stale[:3])}{' ...' if len(stale) > 3 else ''}; run `gex build`" if stale else None
