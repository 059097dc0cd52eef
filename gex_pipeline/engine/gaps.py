"""Hours without a snapshot. They stay missing: a venue says only what is now, unless an archive has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from gex_pipeline.engine.freshness import HOUR


@dataclass(frozen=True)
class Gap:
    """Two snapshots of one coin at one venue, and how many hours in between have none.

    ``reason``: what the last one that failed said.
    """

    underlying: str
    venue: str
    after: datetime
    before: datetime
    hours: int
    reason: str


def gaps(underlying: str, venue: str, snapshots: pl.Series, polls: pl.DataFrame) -> Iterator[Gap]:
    """The gaps between ascending snapshots, oldest first. ``polls``: their rows of `snapshots`.

    Since the first live one every hour counts. Before it an archive has the rhythm it has, and its end is no gap.
    """
    began = polls.filter(pl.col("status") != "failed")["snapshot_at"].min()
    archive = snapshots if began is None else snapshots.filter(snapshots < began)
    live = snapshots.slice(len(archive))
    for after, before in [*_apart(archive, archive.diff().median()), *_apart(live, HOUR)]:
        hours = (before - after) // HOUR - 1
        yield Gap(underlying, venue, after, before, hours, _reason(polls, after, before))


def _apart(snapshots: pl.Series, usual: object) -> list[tuple[datetime, datetime]]:
    """Neighbours that are two hours apart and twice the usual interval."""
    least = 2 * max(usual, HOUR) if isinstance(usual, timedelta) else 2 * HOUR
    steps = pl.DataFrame({"after": snapshots.shift(1), "before": snapshots})
    return steps.filter(pl.col("before") - pl.col("after") >= least).rows()


def _reason(polls: pl.DataFrame, after: datetime, before: datetime) -> str:
    between = polls.filter(pl.col("snapshot_at").is_between(after, before, closed="none")).sort("snapshot_at")
    return between["error"][-1] if between.height else "none was taken or imported"
