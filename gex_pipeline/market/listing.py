"""Which contracts a made-up venue lists at an instant, and its share of what is held of each.

Contracts expire at 08:00 UTC; new ones come at 08:30.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np

from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.calendar import expiry_type
from gex_pipeline.core.instruments import Instrument, build
from gex_pipeline.core.units import DAY_US
from gex_pipeline.market import books
from gex_pipeline.market.books import Book
from gex_pipeline.market.draws import Ints, key, normal, uniform
from gex_pipeline.market.ladder import EIGHT_US, expiries
from gex_pipeline.market.positions import Day
from gex_pipeline.market.world import World

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: How long before its expiry a contract is listed: so many days for each of its kind that a book lists.
_DAYS = {"daily": 1, "weekly": 7, "monthly": 35, "quarterly": 91}
#: New contracts come half an hour after the old ones have gone.
LISTED_US = 1_800_000_000
#: Scatter (log) of the books' shares of a contract; contracts that a book has nothing of.
_SCATTER, _EMPTY, _NOTHING = 0.6, 0.15, 1e-6


def listing_day(instant_us: int) -> date:
    """The day since whose 08:00 UTC the list has not changed."""
    return date(1970, 1, 1) + timedelta(days=(instant_us - EIGHT_US) // DAY_US)


@dataclass(frozen=True, eq=False)
class Contracts:
    """What a book lists at an instant, by expiry, strike and type.

    Expiries and ``since_us``, when a contract was listed, in microseconds since 1970; strikes in USD per coin;
    ``number`` stays with a contract from day to day; ``side`` and ``place`` say where it is in the positions of the
    day; ``share`` of those that are the book's.
    """

    names: tuple[str, ...]
    expiry_us: Ints
    strike: Floats
    is_call: Bools
    number: Ints
    side: Ints
    place: Ints
    share: Floats
    since_us: Ints

    def of(self, positions: Floats) -> Floats:
        """The book's part of positions by (side, strike)."""
        return positions[self.side, self.place] * self.share

    def take(self, places: Ints) -> Contracts:
        """Those at some places, in their order."""
        names = tuple(self.names[i] for i in places.tolist())
        return Contracts(names, *(getattr(self, field.name)[places] for field in fields(self)[1:]))

    def where(self, is_kept: Bools) -> Contracts:
        """Some of them."""
        return self.take(np.flatnonzero(is_kept))


def listed(book: Book, world: World, instant_us: int) -> Contracts:
    """The contracts a book lists at an instant: until 08:30 UTC none of those that are new that day."""
    day = listing_day(instant_us)
    is_early = instant_us < _eight_us(day) + LISTED_US and day >= world.start
    return _before_new(book, world, day) if is_early else contracts(book, world, day)


@lru_cache(maxsize=64)
def _before_new(book: Book, world: World, day: date) -> Contracts:
    before, now = (contracts(book, world, each) for each in (day - timedelta(days=1), day))
    kept = now.where(np.isin(now.number, before.number))
    return replace(kept, since_us=before.since_us[np.isin(before.number, now.number)])


@lru_cache(maxsize=1_024)
def contracts(book: Book, world: World, day: date) -> Contracts:
    """The contracts a book lists from 08:30 UTC of a day to the next 08:00. Raises ``ValueError`` outside the world."""
    held = positions(world, book.coin, day)
    place = np.repeat(np.flatnonzero(_is_listed(book, world, day)), 2)
    side = np.tile(np.array([0, 1]), len(place) // 2)
    expiry_us, strike = held.ladder.expiry_us[place], held.ladder.strike[place]
    rows = zip(expiry_us.tolist(), strike.tolist(), side.tolist(), strict=True)
    names = tuple(_name(book, us, k, "CP"[which]) for us, k, which in rows)
    number, share = 2 * held.ladder.number[place] + side, _shares(book, world, day)[side, place]
    since = {
        us: min(us - _listed_days(book, us) * DAY_US, _eight_us(day)) + LISTED_US for us in set(expiry_us.tolist())
    }
    since_us = np.array([since[us] for us in expiry_us.tolist()], dtype=np.int64)
    return Contracts(names, expiry_us, strike, side == 0, number, side, place, share, since_us)


@lru_cache(maxsize=1_024)
def expiring(book: Book, world: World, day: date) -> Contracts:
    """The contracts of a book that expire at 08:00 UTC of a day, as they were listed the day before."""
    before = contracts(book, world, day - timedelta(days=1))
    return before.where(before.expiry_us == _eight_us(day))


@lru_cache(maxsize=65_536)
def _name(book: Book, expiry_us: int, strike: float, side: str) -> str:
    at = EPOCH + timedelta(microseconds=expiry_us)
    settle = book.settle_coin if book.venue == "bybit" else ""
    return build(book.venue, Instrument(book.coin, at, strike, side, book.settlement, settle))


def positions(world: World, coin: str, day: date) -> Day:
    """What is held from 08:00 UTC of a day to the next. Raises ``ValueError`` outside the world."""
    number = (day - world.start).days + 1
    if not 0 <= number <= world.days:
        raise ValueError(f"the made-up market lists nothing on {day}")
    return world.market(coin).held[number]


@lru_cache(maxsize=1_024)
def _is_listed(book: Book, world: World, day: date) -> Bools:
    """Strikes of the day that were near spot on a morning since the book lists their expiry: none goes before it."""
    listed = positions(world, book.coin, day).ladder
    is_here = np.zeros(len(listed.strike), dtype=bool)
    for at in expiries(day, book.shape):
        a, b = np.searchsorted(listed.expiry_us, [_us(at), _us(at) + 1]).tolist()
        if a == b:
            continue
        spots = world.morning_spots(book.coin, at.date() - timedelta(days=_listed_days(book, _us(at))), day)
        step, half = listed.strike[a] / listed.steps[a], book.shape.strikes_per_expiry // 2
        low, high = round(spots.min() / step) - half, round(spots.max() / step) + half
        is_here[a:b] = (listed.steps[a:b] >= low) & (listed.steps[a:b] < high)
    return is_here


def _listed_days(book: Book, expiry_us: int) -> int:
    """How long before its expiry a contract is listed; the last Friday of a quarter is one of a month, too."""
    kind, shape = expiry_type((EPOCH + timedelta(microseconds=expiry_us)).date()), book.shape
    counts = (shape.n_dailies, shape.n_weeklies, shape.n_monthlies, shape.n_quarterlies)
    of_each = [days * count for days, count in zip(_DAYS.values(), counts, strict=True)]
    return max(of_each[: list(_DAYS).index(kind) + 1])


def _eight_us(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_US + EIGHT_US


def _us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def _shares(book: Book, world: World, day: date) -> Floats:
    """The part of each (side, strike) that lies at a book; those of all books of a coin add up to 1."""
    return _all_shares(world, book.coin, day)[book]


@lru_cache(maxsize=256)
def _all_shares(world: World, coin: str, day: date) -> dict[Book, Floats]:
    number = 2 * positions(world, coin, day).ladder.number + np.array([[0], [1]])
    weights = {book: _weight(book, world.seed, number) * _is_listed(book, world, day) for book in books.of(coin)}
    total = sum(weights.values())
    return {book: weight / np.maximum(total, 1e-300) for book, weight in weights.items()}


def _weight(book: Book, seed: int, number: Ints) -> Floats:
    place = (book.venue, book.family, book.coin)
    has_any = uniform(key(seed, *place, "has any"), number) > _EMPTY
    luck = np.exp(_SCATTER * normal(key(seed, *place, "share"), number))
    return np.asarray(book.shape.oi_share * luck * np.where(has_any, 1.0, _NOTHING))
