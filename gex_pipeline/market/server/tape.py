"""Option trades: every half minute of a book has one or none, drawn by its number, so that any day can be asked for."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice

import numpy as np

from gex_pipeline.core import black76
from gex_pipeline.core.calendar import SETTLEMENT_TIME
from gex_pipeline.core.units import SECONDS_PER_YEAR
from gex_pipeline.market.server import books
from gex_pipeline.market.server.answers import Moment, as_us
from gex_pipeline.market.server.books import INDEX_BP, Book
from gex_pipeline.market.server.paths import START, Ints, key, uniform

_SLOT_US, _DAY_US = 30_000_000, 86_400_000_000


@dataclass(frozen=True)
class Trade:
    """One trade: prices in USD per coin, amount in coins, volatility as a fraction, time in microseconds since 1970.

    ``number`` grows with time within a book; it is not consecutive.
    """

    book: Book
    number: int
    time_us: int
    name: str
    is_buy: bool
    amount: float
    price: float
    mark: float
    iv: float
    mark_iv: float
    forward: float
    index: float

    @property
    def is_block(self) -> bool:
        """True for one in thirty."""
        return self.number % 30 == 0

    @property
    def per_usd(self) -> float:
        """What turns USD per coin into the unit the book is quoted in."""
        return 1.0 / self.forward if self.book.settlement == "inverse" else 1.0


def newest_first(moment: Moment, of: Iterable[Book], first_us: int, last_us: int, most: int) -> list[Trade]:
    """The last ``most`` trades within [first, last], up to now."""
    streams = [_back(moment, book, first_us, min(last_us, moment.now_us)) for book in of]
    return list(islice(heapq.merge(*streams, key=lambda t: -t.time_us), most))


def oldest_first(moment: Moment, of: Iterable[Book], first_us: int, last_us: int, most: int) -> list[Trade]:
    """The first ``most`` trades within [first, last], up to now."""
    streams = [_forth(moment, book, first_us, min(last_us, moment.now_us)) for book in of]
    return list(islice(heapq.merge(*streams, key=lambda t: t.time_us), most))


def _forth(moment: Moment, book: Book, first_us: int, last_us: int) -> Iterator[Trade]:
    """The trades of a book, day by day, as far as somebody asks."""
    first = max(first_us, as_us(START) + _DAY_US)
    day = books.listing_day(first)
    while first <= last_us and day <= books.listing_day(last_us):
        yield from (t for t in _day(book, moment.seed, day) if first <= t.time_us <= last_us)
        day += timedelta(days=1)


def _back(moment: Moment, book: Book, first_us: int, last_us: int) -> Iterator[Trade]:
    first = max(first_us, as_us(START) + _DAY_US)
    day = books.listing_day(last_us)
    while first <= last_us and day >= books.listing_day(first):
        yield from (t for t in reversed(_day(book, moment.seed, day)) if first <= t.time_us <= last_us)
        day -= timedelta(days=1)


@lru_cache(maxsize=64)
def _day(book: Book, seed: int, day: date) -> list[Trade]:
    """All trades of a book from 08:00 UTC of a day to the next, by time."""
    begin = as_us(datetime.combine(day, SETTLEMENT_TIME))
    slots = np.arange(begin // _SLOT_US, (begin + _DAY_US) // _SLOT_US)

    def draw(what: str) -> books.Floats:
        return uniform(key(seed, book.venue, book.family, book.coin, what), slots)

    happens = draw("trades") < min(0.9, 1.1 * book.shape.oi_share + 0.02)
    times = slots * _SLOT_US + (draw("time") * 30_000).astype(np.int64) * 1_000
    which = _contract(book, seed, day, draw("which"))
    columns = _columns(book, seed, day, times[happens], which[happens])
    amount = book.lot_coin * np.ceil(-10.0 * np.log(draw("amount")))
    whole = (slots[happens], times[happens], which[happens], (draw("side") < 0.5)[happens], amount[happens].round(4))
    names = books.contracts(book, seed, day).names
    rows = zip(*(c.tolist() for c in (*whole, *columns)), strict=True)
    return [Trade(book, slot, time, names[i], *rest) for slot, time, i, *rest in rows]


def _contract(book: Book, seed: int, day: date, draws: books.Floats) -> Ints:
    """Which contract trades: near the money and soon to expire more often."""
    listed = books.contracts(book, seed, day)
    spot = float(books.spot_walk(seed, book.coin).at(as_us(datetime.combine(day, SETTLEMENT_TIME)))[0])
    weight = np.exp(-np.abs(np.log(listed.strike / spot)) / 0.05)
    weight *= np.exp(-(listed.expiry_us - listed.expiry_us[0]) / (30.0 * _DAY_US))
    total = np.cumsum(weight)
    return np.searchsorted(total, draws * total[-1]).astype(np.int64)


def _columns(book: Book, seed: int, day: date, times: Ints, which: Ints) -> tuple[books.Floats, ...]:
    """(price, mark, iv, mark iv, forward, index) of trades."""
    listed = books.contracts(book, seed, day)
    strike, is_call = listed.strike[which], listed.is_call[which]
    tenor = (listed.expiry_us[which] - times) / 1e6 / SECONDS_PER_YEAR
    index = books.spot_walk(seed, book.coin).at(times) * (1.0 + INDEX_BP[book.index_source] / 1e4)
    forward = index * np.exp(book.carry * tenor)
    level = books.vol_walk(seed, book.coin).at(times)
    mark_iv = books.smile(level, strike, forward, tenor)
    iv = np.round(mark_iv * (0.99 + 0.02 * uniform(key(seed, book.family, "deal"), times)), 4)
    price = black76.price(forward, strike, tenor, iv, is_call)
    return price, black76.price(forward, strike, tenor, mark_iv, is_call), iv, mark_iv, forward, index
