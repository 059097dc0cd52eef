"""When a snapshot is old: measured by the distances of the snapshots just before it.

`gex levels` and `gex status` both judge by this. What an archive had years ago does not count.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

#: Snapshots are hourly, as long as they do not say otherwise.
HOUR = timedelta(hours=1)
#: Age beyond this many usual intervals is stale.
_STALE_INTERVALS = 2
#: So long before the last snapshot, and at least so many, tell how often they are taken.
_RECENT, _ENOUGH = timedelta(days=1), 3


def usual_interval_seconds(snapshots: pl.Series) -> float:
    """Median distance of the last of some ascending snapshots; an hour where there is only one."""
    recent = snapshots.filter(snapshots >= snapshots[-1] - _RECENT)
    last = recent if len(recent) >= _ENOUGH else snapshots.tail(_ENOUGH)
    median = last.diff().dt.total_microseconds().median()
    return float(median) / 1e6 if isinstance(median, (int, float)) else HOUR.total_seconds()


def is_enough(snapshots: pl.Series, since: datetime) -> bool:
    """Whether all snapshots after an instant tell the usual interval, so that no older ones need to be read."""
    return len(snapshots) >= _ENOUGH and snapshots[-1] - _RECENT > since


def is_stale(age_seconds: float, interval_seconds: float) -> bool:
    """Whether a snapshot of that age is older than twice the usual interval."""
    return age_seconds > _STALE_INTERVALS * interval_seconds
