"""Candles of any length from the walks by the minute, so that all lengths and venues agree.

Belongs here: where bars begin and what they hold. Not here: the venues' names of intervals, order and paging.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.market.server.answers import Moment
from gex_pipeline.market.server.paths import END_MINUTE, START_MINUTE, Ints, Walk, key, uniform

MINUTE_MS = 60_000
_WEEK, _MONDAY = 10_080, 4 * 1_440  # 1970-01-01 was a Thursday


@dataclass(frozen=True)
class Step:
    """The length of a bar and where bars begin, in minutes since 1970; months are longer and shorter."""

    minutes: int
    offset: int = 0
    is_month: bool = False

    def starts(self, first_ms: int, last_ms: int) -> Ints:
        """The starts (milliseconds) of the bars that begin within [first, last] and have prices."""
        begin_ms, end_ms = START_MINUTE * MINUTE_MS, END_MINUTE * MINUTE_MS
        first_ms, last_ms = min(max(first_ms, begin_ms), end_ms), min(last_ms, end_ms)
        if self.is_month:
            return self._months(first_ms, last_ms)
        step, offset = self.minutes * MINUTE_MS, self.offset * MINUTE_MS
        return np.arange(-((offset - first_ms) // step) * step + offset, last_ms + 1, step, dtype=np.int64)

    def _months(self, first_ms: int, last_ms: int) -> Ints:
        years = range(
            datetime.fromtimestamp(first_ms / 1e3, UTC).year, datetime.fromtimestamp(last_ms / 1e3, UTC).year + 2
        )
        begins = [datetime(year, month, 1, tzinfo=UTC).timestamp() for year in years for month in range(1, 13)]
        every = np.array([int(s) * 1_000 for s in begins]) + self.offset * MINUTE_MS
        return every[(every >= first_ms) & (every <= last_ms)]

    def end_ms(self, start_ms: int) -> int:
        """Where a bar ends."""
        if self.is_month:
            return int(self._months(start_ms + 1, start_ms + 40 * 1_440 * MINUTE_MS)[0])
        return start_ms + self.minutes * MINUTE_MS


def week(offset: int = 0) -> Step:
    """Weeks from Monday."""
    return Step(_WEEK, _MONDAY + offset)


def month(offset: int = 0) -> Step:
    """Calendar months."""
    return Step(0, offset, is_month=True)


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars in ascending order; volume in coins. The last one is open while its end lies ahead."""

    start_ms: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    is_closed: Bools


def bars(moment: Moment, walk: Walk, starts: Ints, step: Step, volume_per_minute: float = 0.0) -> Bars:
    """The bars that begin at consecutive ``starts``, none of them after now."""
    end_ms = step.end_ms(int(starts[-1]))
    first = int(starts[0]) // MINUTE_MS
    is_open = end_ms > moment.now_ms
    last = min(end_ms, moment.now_ms) // MINUTE_MS
    values = walk.minutes(first, last + 1)
    if is_open:
        values = np.append(values, walk.at(moment.now_us))
    begin = starts // MINUTE_MS - first
    end = np.append(begin[1:], len(values) - 1)
    volume = volume_per_minute * (0.5 + uniform(key(walk.of_key, "volume"), np.arange(first, first + len(values) - 1)))
    return Bars(
        starts,
        values[begin],
        np.maximum(np.maximum.reduceat(values[:-1], begin), values[end]),
        np.minimum(np.minimum.reduceat(values[:-1], begin), values[end]),
        values[end],
        np.add.reduceat(volume, begin),
        np.append(np.ones(len(starts) - 1, dtype=bool), not is_open),
    )
