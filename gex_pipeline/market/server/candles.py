"""Candles of any length from bars by the minute, so that all lengths and venues agree.

Belongs here: where bars begin and what they hold. Not here: the venues' names of intervals, order and paging.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime

import numpy as np

from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.market.draws import Ints
from gex_pipeline.market.minutes import Bars
from gex_pipeline.market.server.answers import Moment
from gex_pipeline.market.world import MINUTE_US, World

MINUTE_MS = 60_000
_WEEK, _MONDAY = 10_080, 4 * 1_440  # 1970-01-01 was a Thursday


@dataclass(frozen=True)
class Step:
    """The length of a bar and where bars begin, in minutes since 1970; months are longer and shorter."""

    minutes: int
    offset: int = 0
    is_month: bool = False

    def starts(self, world: World, first_ms: int, last_ms: int) -> Ints:
        """The starts (milliseconds) of the bars that begin within [first, last] and have prices."""
        begin_ms, end_ms = world.start_us // 1_000, world.end_us // 1_000
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
class Candles:
    """Bars in ascending order; volume in coins. The last one is open while its end lies ahead."""

    start_ms: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    is_closed: Bools

    def times(self, factor: float, volume: float) -> Candles:
        """All prices multiplied, and the volume."""
        opened, high, low, close = (factor * each for each in (self.open, self.high, self.low, self.close))
        return Candles(self.start_ms, opened, high, low, close, volume * self.volume, self.is_closed)


def bars(moment: Moment, by_minute: Bars, starts: Ints, step: Step) -> Candles:
    """The bars that begin at consecutive ``starts``, none of them after now; ``by_minute``: of the whole world."""
    end_ms, origin = step.end_ms(int(starts[-1])), moment.world.start_us // MINUTE_US
    first, is_open = int(starts[0]) // MINUTE_MS - origin, end_ms > moment.now_ms
    cut = _until(by_minute, first, min(end_ms * 1_000, moment.now_us) / MINUTE_US - origin)
    begin = starts // MINUTE_MS - origin - first
    return Candles(
        starts,
        cut.open[begin],
        np.maximum.reduceat(cut.high, begin),
        np.minimum.reduceat(cut.low, begin),
        cut.close[np.append(begin[1:], len(cut.close)) - 1],
        np.add.reduceat(cut.volume_coin, begin),
        np.append(np.ones(len(starts) - 1, dtype=bool), not is_open),
    )


def _until(by_minute: Bars, first: int, now: float) -> Bars:
    """The minutes from the first one on; of the one that is not over, what there is so far: a straight line."""
    whole = int(now)
    columns = (getattr(by_minute, field.name)[first : whole + 1].copy() for field in fields(by_minute))
    cut = Bars(*columns)
    if whole - first < len(cut.open):
        price = cut.open[-1] + (now - whole) * (cut.close[-1] - cut.open[-1])
        cut.high[-1], cut.low[-1] = max(cut.open[-1], price), min(cut.open[-1], price)
        cut.close[-1] = price
        cut.volume_coin[-1] *= now - whole
    return cut
