"""What is around the chain at a venue, asked page by page. Pure: a walk says what to ask, given the last answer.

Belongs here: the words of a walk, and what all of them do alike. Not here: sockets and storage (engine/feeds.py), and
the endpoints of one venue. Replies are not kept as those of a snapshot are: a history can be asked again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import polars as pl

from gex_pipeline.schema.model import Table
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.venues.base import Limits, Reply, Request, VenueError

DAY = timedelta(days=1)
#: The window of a feed that has one page: what the venue keeps does not depend on what is asked.
RECENT = timedelta(days=36_500)
#: How long after its time a trade may still be published, or our clock be ahead.
TRADE_LAG = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_RowT = TypeVar("_RowT")


def milliseconds(at: datetime) -> int:
    """Milliseconds since 1970, rounded down."""
    return (at - _EPOCH) // _MILLISECOND


def instant(ms: int) -> datetime:
    """The instant of some milliseconds since 1970."""
    return _EPOCH + ms * _MILLISECOND


def number(cell: str | None) -> float | None:
    """A number as text; None for "" and for one that no float can hold."""
    value = float(cell) if cell else math.nan
    return value if math.isfinite(value) else None


def positive(value: float | None) -> float | None:
    """A price or amount; None for one that is 0 or less."""
    return value if value is not None and value > 0 else None


@dataclass(frozen=True)
class Span:
    """From ``start`` to before ``end``, asked at ``now`` by our clock."""

    start: datetime
    end: datetime
    now: datetime

    @property
    def start_ms(self) -> int:
        """The first millisecond within."""
        return -((_EPOCH - self.start) // _MILLISECOND)

    @property
    def end_ms(self) -> int:
        """The first millisecond after it."""
        return -((_EPOCH - self.end) // _MILLISECOND)

    @property
    def last_ms(self) -> int:
        """The last millisecond within."""
        return self.end_ms - 1

    def has(self, ms: int) -> bool:
        """Whether an instant lies within."""
        return self.start_ms <= ms < self.end_ms


@dataclass(frozen=True)
class Haul:
    """What a walk brought back.

    ``frame``: rows of the feed's table within the span. ``dropped``: reason -> rows that cannot be used. ``since``: the
    venue keeps no more, and what lies before is not known; None where the whole span is.
    """

    frame: pl.DataFrame
    dropped: Mapping[str, int] = field(default_factory=dict)
    since: datetime | None = None


#: Yields requests, is sent their replies, and returns the rows. Raises ``VenueError`` for an answer that is none.
Walk = Generator[Request, Reply, Haul]


@dataclass(frozen=True)
class Feed:
    """One history, or one price that is now, at a venue.

    ``name``: tells it from the venue's others. ``coins``: whose rows it brings, and ``where``: which of the table's
    rows of those are its own. ``window``: the longest span that is walked at once; a span is stored when it is whole.
    ``step``: what lies between rows on a grid, so that a missing one is seen; None where nothing says what is missing.
    ``first``: how far back it begins where nothing is stored. ``lag``: how long after its time a row may still come.
    ``is_now``: the venue says only what is.
    """

    table: Table
    venue: str
    name: str
    coins: tuple[str, ...]
    walk: Callable[[Span], Walk]
    where: pl.Expr
    window: timedelta
    step: timedelta | None = None
    first: timedelta = 30 * DAY
    lag: timedelta = timedelta(0)
    is_now: bool = False

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.venue} {self.table.name} {self.name}"


@dataclass(frozen=True)
class Around:
    """What a venue has around the chain.

    ``intervals``: lengths of bars -> its words for them. ``candles``: kind of price -> (coin, interval) -> feed.
    ``feeds``: all else, of some coins. ``is_unlisted``: whether a refusal says that there is no such thing there.
    ``limits``: those of its endpoints that a snapshot does not ask.
    """

    intervals: Mapping[str, str]
    candles: Mapping[str, Callable[[str, str], Feed]]
    feeds: Callable[[Sequence[str]], list[Feed]]
    is_unlisted: Callable[[Reply], bool]
    limits: Limits


def frame_of(table: Table, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows by name -> a frame of a table; what a row does not name is null. Equal rows are one."""
    names = [{**dict.fromkeys(table.names), **row} for row in rows]
    return pl.DataFrame(names, schema=polars_schema(table), orient="row").unique(maintain_order=True)


def backward(
    span: Span, ask: Callable[[int], Request], read: Callable[[Reply], Sequence[_RowT]], time: Callable[[_RowT], int]
) -> Generator[Request, Reply, tuple[list[_RowT], Reply]]:
    """All rows of a span from its end back, and the last reply. ``ask``: for the rows before some milliseconds.

    Raises ``VenueError`` for a page that is not older than the one before.
    """
    rows: list[_RowT] = []
    before_ms = span.end_ms
    while True:
        reply = yield ask(before_ms)
        page = read(reply)
        rows += page
        oldest_ms = min(map(time, page), default=span.start_ms)
        if oldest_ms <= span.start_ms:
            return rows, reply
        if oldest_ms >= before_ms:
            raise VenueError(f"{reply.request.label}: the page is not older than the one before: it repeats")
        before_ms = oldest_ms


def forward(
    span: Span,
    ask: Callable[[int], Request],
    read: Callable[[Reply], Sequence[_RowT]],
    time: Callable[[_RowT], int],
    most: int,
) -> Generator[Request, Reply, tuple[list[_RowT], Reply]]:
    """All rows of a span from its start on, and the last reply. ``ask``: for the rows from some milliseconds on.

    A page of less than ``most`` rows is the last. Raises ``VenueError`` for one that is not newer than the one before.
    """
    rows: list[_RowT] = []
    from_ms = span.start_ms
    while True:
        reply = yield ask(from_ms)
        page = read(reply)
        rows += page
        newest_ms = max(map(time, page), default=from_ms)
        if newest_ms < from_ms:
            raise VenueError(f"{reply.request.label}: the page is not newer than the one before: it repeats")
        if len(page) < most or newest_ms >= span.last_ms:
            return rows, reply
        from_ms = newest_ms + 1
