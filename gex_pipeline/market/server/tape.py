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
from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.calendar import SETTLEMENT_TIME
from gex_pipeline.core.units import DAY_US, SECONDS_PER_YEAR
from gex_pipeline.market.books import Book, digits
from gex_pipeline.market.draws import Ints, key, uniform
from gex_pipeline.market.ladder import EIGHT_US
from gex_pipeline.market.listing import Contracts, contracts, listing_day
from gex_pipeline.market.quotes import index_price, mark_iv
from gex_pipeline.market.server.answers import Moment, as_us
from gex_pipeline.market.world import World

_SLOT_US = 30_000_000


@dataclass(frozen=True)
class Trade:
    """One trade: price and mark in the unit of the book, forward and index in USD per coin, amount in coins.

    Volatility as a fraction, time in microseconds since 1970.

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
    first = max(first_us, moment.world.start_us + EIGHT_US)
    day = listing_day(first)
    while first <= last_us and day <= listing_day(last_us):
        yield from (t for t in _day(book, moment.world, day) if first <= t.time_us <= last_us)
        day += timedelta(days=1)


def _back(moment: Moment, book: Book, first_us: int, last_us: int) -> Iterator[Trade]:
    first = max(first_us, moment.world.start_us + EIGHT_US)
    day = listing_day(last_us)
    while first <= last_us and day >= listing_day(first):
        yield from (t for t in reversed(_day(book, moment.world, day)) if first <= t.time_us <= last_us)
        day -= timedelta(days=1)


@lru_cache(maxsize=64)
def _day(book: Book, world: World, day: date) -> list[Trade]:
    """All trades of a book from 08:00 UTC of a day to the next, by time.

    Contracts trade as often as positions change hands, about that much in all, and takers buy as often as customers do.
    """
    begin = as_us(datetime.combine(day, SETTLEMENT_TIME))
    slots = np.arange(begin // _SLOT_US, (begin + DAY_US) // _SLOT_US)

    def draw(what: str) -> Floats:
        return uniform(key(world.seed, book.venue, book.family, book.coin, what), slots)

    held, _ = world.market(book.coin).day(begin)
    listed = contracts(book, world, day)
    turnover = listed.of(held.turnover)
    times = slots * _SLOT_US + (draw("time") * 30_000).astype(np.int64) * 1_000
    which = np.searchsorted(np.cumsum(turnover) / turnover.sum(), draw("which")).astype(np.int64)
    happens = (draw("trades") < min(0.9, 1.1 * book.shape.oi_share + 0.02)) & (times >= listed.since_us[which])
    lots = turnover.sum() / np.count_nonzero(happens) / book.lot_coin
    amount = book.lot_coin * np.ceil(-lots * np.log(draw("amount")))
    buys = 0.5 - 0.5 * listed.of(held.bought) / np.maximum(turnover, 1e-300)
    is_buy = draw("side") < buys[which]
    traded, times, is_buy = listed.take(which[happens]), times[happens], is_buy[happens]
    columns = (is_buy, amount[happens].round(4), *_columns(book, world, traded, times, is_buy))
    rows = zip(slots[happens].tolist(), times.tolist(), traded.names, *(c.tolist() for c in columns), strict=True)
    return [Trade(book, *row) for row in rows]


def _columns(book: Book, world: World, traded: Contracts, times: Ints, is_buy: Bools) -> tuple[Floats, ...]:
    """(price, mark, iv, mark iv, forward, index) of trades: bought near the ask and sold near the bid, on ticks."""
    tenor = (traded.expiry_us - times) / 1e6 / SECONDS_PER_YEAR
    index = index_price(world, book.index_source, book.coin, times)
    forward = np.round(index * np.exp(book.carry * tenor), digits(book.coin))
    marks = mark_iv(book, world, traded, forward, tenor, times)
    away = 0.005 + 0.005 * uniform(key(world.seed, book.family, "deal"), times)
    iv = np.round(marks * np.where(is_buy, 1.0 + away, 1.0 - away), 4)
    price, mark = (black76.price(forward, traded.strike, tenor, each, traded.is_call) for each in (iv, marks))
    price = book.priced(price, forward)
    dealt = np.where(is_buy, book.above(price), np.maximum(book.below(price), book.tick))
    return dealt, book.marked(mark, forward), iv, marks, forward, index
