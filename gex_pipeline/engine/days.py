"""Days of UTC: a range of them, and how days without data are named everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

#: Stretches of days that a message names; the rest is counted.
_NAMED = 5
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Days:
    """The days from ``first`` to ``last``, both included."""

    first: date
    last: date

    def __iter__(self) -> Iterator[date]:
        return (self.first + i * _DAY for i in range((self.last - self.first).days + 1))

    def meets(self, first: date, last: date) -> bool:
        """True when one of the days lies in [first, last]."""
        return first <= self.last and self.first <= last

    def holds(self, column: str) -> pl.Expr:
        """True where an instant lies on one of the days; written so that row groups outside are not read."""
        start, end = (datetime.combine(d, time(), UTC) for d in (self.first, self.last + _DAY))
        return (pl.col(column) >= start) & (pl.col(column) < end)


def period_days(period: str) -> Days:
    """The days of a partition's period: 2026-01-05T120000Z, 2026-01-05, 2026-01 or 2026."""
    first = date.fromisoformat(f"{period}-01-01"[:10])
    if len(period) >= len("2026-01-05"):
        return Days(first, first)
    months = 12 if len(period) == len("2026") else 1
    following = date(first.year + (first.month - 1 + months) // 12, (first.month - 1 + months) % 12 + 1, 1)
    return Days(first, following - _DAY)


def spoken(days: Iterable[date]) -> str:
    """Ascending days in words: ``2026-01-05, 2026-01-07 .. 2026-01-09``."""
    stretches: list[list[date]] = []
    for day in days:
        if stretches and day - stretches[-1][-1] == _DAY:
            stretches[-1].append(day)
        else:
            stretches.append([day])
    named = [f"{s[0]}" if len(s) == 1 else f"{s[0]} .. {s[-1]}" for s in stretches[:_NAMED]]
    more = sum(map(len, stretches[_NAMED:]))
    return ", ".join(named) + (f" and {more} more" if more else "")


def no_chain(of: str, when: str) -> str:
    """The one line about days that nothing can be built from; ``of`` is a venue, coins, or empty."""
    return f"no chain{f' of {of}' if of else ''} {when}: import it first"
