"""When a snapshot is old: measured by the distances of the snapshots just before it.

`gex levels` and `gex status` both judge by this. What an archive had years ago does not count.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

#: Snapshots are hourly, as long as they do not say otherwise.
HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
#: Age beyond this many usual intervals is stale.
_STALE_INTERVALS = 2
#: So many snapshots in the day before the last are a rhythm; fewer are judged by the last few.
_SETTLED, _LAST = 6, 3


def usual_interval_seconds(snapshots: pl.Series) -> float:
    """Median distance of some ascending snapshots in the day before the last one.

    Where they are fewer than six, the least distance of the last three, but an hour at least and a day at most: what is
    taken by hand is no rhythm, and neither is a hole.
    """
    recent = snapshots.filter(snapshots >= snapshots[-1] - _DAY)
    if len(recent) >= _SETTLED:
        median = recent.diff().dt.total_microseconds().median()
        return float(median) / 1e6  # pyright: ignore[reportArgumentType]
    least = snapshots.tail(_LAST).diff().min()
    return min(max(least, HOUR), _DAY).total_seconds() if isinstance(least, timedelta) else HOUR.total_seconds()


def is_enough(snapshots: pl.Series, since: datetime) -> bool:
    """Whether all snapshots after an instant tell the usual interval, so that no older ones need to be read."""
    return len(snapshots) >= _LAST and snapshots[-1] - _DAY > since


def hours_missing(after: datetime, before: datetime) -> int:
    """Hours of the clock between those of two snapshots: one that was late is of its hour all the same."""
    first, last = (at.replace(minute=0, second=0, microsecond=0) for at in (after, before))
    return max(0, (last - first) // HOUR - 1)


def is_stale(age_seconds: float, interval_seconds: float) -> bool:
    """Whether a snapshot of that age is older than twice the usual interval."""
    return age_seconds > _STALE_INTERVALS * interval_seconds
