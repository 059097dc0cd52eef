"""Hours without a snapshot. They stay missing: a venue says only what is now, unless an archive has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from gex_pipeline.engine.freshness import HOUR, hours_missing


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
        yield Gap(underlying, venue, after, before, hours_missing(after, before), _reason(polls, after, before))


def _apart(snapshots: pl.Series, usual: object) -> list[tuple[datetime, datetime]]:
    """Neighbours whose hours are two apart and twice the usual interval."""
    least = 2 * max(usual, HOUR) if isinstance(usual, timedelta) else 2 * HOUR
    steps = pl.DataFrame({"after": snapshots.shift(1), "before": snapshots})
    after, before = (pl.col(name).dt.truncate("1h") for name in steps.columns)
    return steps.filter(before - after >= least).rows()


def _reason(polls: pl.DataFrame, after: datetime, before: datetime) -> str:
    is_between = pl.col("snapshot_at").is_between(after, before, closed="none")
    failed = polls.filter(is_between & (pl.col("status") == "failed")).sort("snapshot_at")
    return failed["error"][-1] if failed.height else "none was taken or imported"
