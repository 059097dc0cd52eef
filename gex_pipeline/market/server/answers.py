"""What all four venues' answers are made of: an answer, a refusal, the moment it describes, numbers as text.

Belongs here: what does not depend on the venue. Not here: envelopes, fields and error codes (the file of each venue).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from gex_pipeline.market import listing, quotes
from gex_pipeline.market.books import BOOKS, COINS, Book
from gex_pipeline.market.listing import EPOCH, Contracts
from gex_pipeline.market.quotes import Quotes
from gex_pipeline.market.world import World

Query = Mapping[str, str]
_SECOND_US = 1_000_000


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; ``body`` is not compressed unless a header says so."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):  # noqa: N818  a refusal is an answer, not a defect
    """A request the venue refuses: HTTP status and the members of its error envelope."""

    def __init__(self, status: int, **members: Any) -> None:
        super().__init__(members)
        self.status = status
        self.members = members


JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html"}


@dataclass(frozen=True)
class Moment:
    """A synthetic market at a simulated time (microseconds since 1970) with the coins it knows."""

    world: World
    now_us: int
    coins: tuple[str, ...] = tuple(COINS)

    @property
    def seed(self) -> int:
        """That of the world: what the venues add to it of their own is drawn from it, too."""
        return self.world.seed

    @property
    def now_ms(self) -> int:
        """The simulated time in milliseconds since 1970."""
        return self.now_us // 1_000

    def floored(self) -> Moment:
        """The last whole second: books move once a second."""
        return Moment(self.world, self.now_us // _SECOND_US * _SECOND_US, self.coins)

    def books(self, venue: str) -> list[Book]:
        """The books of a venue on the coins of this market."""
        return [book for book in BOOKS if book.venue == venue and book.coin in self.coins]

    def quotes(self, book: Book) -> Quotes:
        """A book now; made once a second."""
        return _quotes(book, self.world, self.floored().now_us)

    def listed(self, book: Book) -> Contracts:
        """What a book lists now."""
        return listing.listed(book, self.world, self.now_us)

    def index(self, source: str, coin: str) -> float:
        """An index now (see ``books.INDEX_BP``), USD per coin."""
        return float(quotes.index_price(self.world, source, coin, self.floored().now_us)[0])


@lru_cache(maxsize=64)
def _quotes(book: Book, world: World, instant_us: int) -> Quotes:
    return quotes.quotes(book, world, instant_us)


def as_us(at: datetime) -> int:
    """Microseconds since 1970."""
    return round((at - EPOCH).total_seconds() * 1e6)


Make = Callable[[Moment, Query], Any]


def encode(value: Any) -> bytes:
    """JSON without spaces."""
    return msgspec.json.encode(value)


def encoded(make: Make, moment: Moment, query: Query) -> bytes:
    """What an endpoint gives within the second of a moment; made once."""
    return _encoded(make, moment.floored(), tuple(sorted(query.items())))


@lru_cache(maxsize=128)
def _encoded(make: Make, moment: Moment, query: tuple[tuple[str, str], ...]) -> bytes:
    return encode(make(moment, dict(query)))


def text(value: float, decimals: int) -> str:
    """A plain decimal without trailing zeros, as venues send numbers in strings: 2415, 0.4712, 0."""
    out = f"{value:.{decimals}f}"
    out = out.rstrip("0").rstrip(".") if "." in out else out
    return "0" if out == "-0" else out


def text_or(value: float, decimals: int, missing: str) -> str:
    """As :func:`text`; the venue's word for nothing where the value is NaN."""
    return missing if math.isnan(value) else text(value, decimals)


def or_none(value: float, decimals: int) -> float | None:
    """A rounded number; None where it is NaN."""
    return None if math.isnan(value) else round(value, decimals)
