"""Every contract of a book at an instant or at many: what is listed, who holds it, what it is worth.

In coins and USD; not here: the venues' names of fields, their units and their rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np

from gex_pipeline.core import black76
from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.calendar import expiry_type
from gex_pipeline.core.instruments import Instrument, build
from gex_pipeline.core.units import SECONDS_PER_YEAR
from gex_pipeline.market import books, surface
from gex_pipeline.market.books import COINS, INDEX_BP, Book
from gex_pipeline.market.draws import Ints, key, normal, uniform
from gex_pipeline.market.ladder import DAY_US, EIGHT_US, expiries
from gex_pipeline.market.positions import Day
from gex_pipeline.market.world import MINUTE_US, World

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: How long before its expiry a contract is listed, in days; of weeklies and monthlies for each that a book lists.
_DAILY, _WEEKLY, _MONTHLY = 3, 7, 35
#: Scatter (log) of the books' shares of a contract; contracts that a book has nothing of.
_SCATTER, _EMPTY, _NOTHING = 0.6, 0.15, 1e-6
#: A venue's own view of a strike's volatility: within so much of the common one.
_OWN_IV = 0.005
LEAST_IV, MOST_IV = 0.05, 4.5


def listing_day(instant_us: int) -> date:
    """The day since whose 08:00 UTC the list has not changed."""
    return date(1970, 1, 1) + timedelta(days=(instant_us - EIGHT_US) // DAY_US)


@dataclass(frozen=True, eq=False)
class Contracts:
    """What a book lists from one 08:00 UTC to the next, by expiry, strike and type.

    Expiries in microseconds since 1970, strikes in USD per coin; ``number`` stays with a contract from day to day;
    ``side`` and ``place`` say where it is in the positions of the day; ``share`` of those that are the book's.
    """

    names: tuple[str, ...]
    expiry_us: Ints
    strike: Floats
    is_call: Bools
    number: Ints
    side: Ints
    place: Ints
    share: Floats

    def of(self, positions: Floats) -> Floats:
        """The book's part of positions by (side, strike)."""
        return positions[self.side, self.place] * self.share


@lru_cache(maxsize=1_024)
def contracts(book: Book, world: World, day: date) -> Contracts:
    """The contracts a book lists from 08:00 UTC of a day on. Raises ``ValueError`` outside of the world."""
    held = _held(world, book.coin, day)
    place = np.repeat(np.flatnonzero(_is_listed(book, world, day)), 2)
    side = np.tile(np.array([0, 1]), len(place) // 2)
    expiry_us, strike = held.ladder.expiry_us[place], held.ladder.strike[place]
    rows = zip(expiry_us.tolist(), strike.tolist(), side.tolist(), strict=True)
    names = tuple(_name(book, us, k, "CP"[which]) for us, k, which in rows)
    number = 2 * held.ladder.number[place] + side
    return Contracts(names, expiry_us, strike, side == 0, number, side, place, _shares(book, world, day)[side, place])


@lru_cache(maxsize=1_024)
def expiring(book: Book, world: World, day: date) -> Contracts:
    """The contracts of a book that expire at 08:00 UTC of a day, as they were listed the day before."""
    listed = contracts(book, world, day - timedelta(days=1))
    is_last = listed.expiry_us == (day - date(1970, 1, 1)).days * DAY_US + EIGHT_US
    names = tuple(name for name, is_it in zip(listed.names, is_last.tolist(), strict=True) if is_it)
    arrays = (getattr(listed, field.name)[is_last] for field in fields(listed)[1:])
    return Contracts(names, *arrays)


@lru_cache(maxsize=65_536)
def _name(book: Book, expiry_us: int, strike: float, side: str) -> str:
    at = EPOCH + timedelta(microseconds=expiry_us)
    settle = book.settle_coin if book.venue == "bybit" else ""
    return build(book.venue, Instrument(book.coin, at, strike, side, book.settlement, settle))


def _held(world: World, coin: str, day: date) -> Day:
    number = (day - world.start).days + 1
    if not 0 <= number <= world.days:
        raise ValueError(f"the made-up market lists nothing on {day}")
    return world.market(coin).held[number]


@lru_cache(maxsize=1_024)
def _is_listed(book: Book, world: World, day: date) -> Bools:
    """Strikes of the day that were near spot on a morning since the book lists their expiry: none goes before it."""
    listed = _held(world, book.coin, day).ladder
    is_here = np.zeros(len(listed.strike), dtype=bool)
    for at in expiries(day, book.shape):
        a, b = np.searchsorted(listed.expiry_us, [_us(at), _us(at) + 1]).tolist()
        if a == b:
            continue
        spots = world.morning_spots(book.coin, at.date() - timedelta(days=_listed_days(book, at.date())), day)
        step, half = listed.strike[a] / listed.steps[a], book.shape.strikes_per_expiry // 2
        low, high = round(spots.min() / step) - half, round(spots.max() / step) + half
        is_here[a:b] = (listed.steps[a:b] >= low) & (listed.steps[a:b] < high)
    return is_here


def _listed_days(book: Book, expiry: date) -> int:
    kind = expiry_type(expiry)
    return {"daily": _DAILY, "weekly": _WEEKLY * book.shape.n_weeklies}.get(kind, _MONTHLY * book.shape.n_monthlies)


def listed_since_us(book: Book, expiry_us: int, day: date) -> int:
    """When a contract was listed: 08:00 UTC some days before it expires, at the latest that of ``day``."""
    days = _listed_days(book, (EPOCH + timedelta(microseconds=expiry_us)).date())
    return min(expiry_us - days * DAY_US, (day - date(1970, 1, 1)).days * DAY_US + EIGHT_US)


def _us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def _shares(book: Book, world: World, day: date) -> Floats:
    """The part of each (side, strike) that lies at a book; those of all books of a coin add up to 1."""
    return _all_shares(world, book.coin, day)[book]


@lru_cache(maxsize=256)
def _all_shares(world: World, coin: str, day: date) -> dict[Book, Floats]:
    number = 2 * _held(world, coin, day).ladder.number + np.array([[0], [1]])
    weights = {book: _weight(book, world.seed, number) * _is_listed(book, world, day) for book in books.of(coin)}
    total = sum(weights.values())
    return {book: weight / np.maximum(total, 1e-300) for book, weight in weights.items()}


def _weight(book: Book, seed: int, number: Ints) -> Floats:
    place = (book.venue, book.family, book.coin)
    has_any = uniform(key(seed, *place, "has any"), number) > _EMPTY
    luck = np.exp(_SCATTER * normal(key(seed, *place, "share"), number))
    return np.asarray(book.shape.oi_share * luck * np.where(has_any, 1.0, _NOTHING))


def dealers(book: Book, world: World, instant_us: int) -> Floats:
    """The truth: the dealers' position in each contract of a book, coins; the customers' are minus these."""
    held, share = world.market(book.coin).day(instant_us)
    return contracts(book, world, held.date).of(held.dealers_at(share))


@dataclass(frozen=True, eq=False)
class Quotes:
    """Every contract of a book at one instant, or at many of one listing day: arrays ([instant,] contract).

    Prices in USD per coin, volatilities as fractions, open interest and volume in coins, tenor in years. ``bid_iv``
    and ``ask_iv`` are NaN where nobody quotes. ``index`` has an element for each instant.
    """

    book: Book
    listed: Contracts
    instant_us: Ints
    index: Floats
    tenor: Floats
    forward: Floats
    mark_iv: Floats
    bid_iv: Floats
    ask_iv: Floats
    open_interest: Floats
    volume: Floats

    @property
    def spot(self) -> float:
        """The index at the first instant."""
        return float(self.index[0])

    def price(self, iv: Floats) -> Floats:
        """Black-76 on the forward at volatilities of the caller, USD per coin."""
        return black76.price(self.forward, self.listed.strike, self.tenor, iv, self.listed.is_call)

    def mark(self) -> Floats:
        """Marks in the unit of the book."""
        return self.book.marked(self.price(self.mark_iv), self.forward)

    def bid_and_ask(self) -> tuple[Floats, Floats]:
        """Quotes in the unit of the book, on its ticks around the mark; NaN where there is none."""
        bid, ask = (self.book.priced(self.price(iv), self.forward) for iv in (self.bid_iv, self.ask_iv))
        bid = self.book.below(bid)
        return np.where(bid > 0, bid, np.nan), self.book.above(ask)


def digits(coin: str) -> int:
    """Decimals of a coin's prices."""
    return 2 if COINS[coin][0] > 1_000 else 4


def index_price(world: World, source: str, coin: str, instants_us: Ints | int) -> Floats:
    """An index (a key of INDEX_BP) in USD per coin; noise of 0.3 basis points changes with the minute."""
    minutes = np.atleast_1d(np.asarray(instants_us)) // MINUTE_US
    noise = 2.0 * uniform(key(world.seed, source, coin, "index"), minutes) - 1.0
    return np.round(world.spot(coin).at(instants_us) * (1.0 + (INDEX_BP[source] + 0.3 * noise) / 1e4), digits(coin))


def quotes(book: Book, world: World, instants_us: Ints | int) -> Quotes:
    """A whole book at one instant or at several of a listing day; volatilities are rounded as the venues send them."""
    at = np.asarray(instants_us, dtype=np.int64)
    held, _ = world.market(book.coin).day(int(at.flat[0]))
    listed = contracts(book, world, held.date)
    index = index_price(world, book.index_source, book.coin, at)
    row = index[:, None] if at.ndim else index
    tenor = (listed.expiry_us - at[..., None]) / 1e6 / SECONDS_PER_YEAR
    forward = np.round(row * np.exp(book.carry * tenor), digits(book.coin)) if book.carry else row + 0.0 * tenor
    iv = mark_iv(book, world, listed, forward, tenor, at)
    bid_iv, ask_iv = _quoted(book, world.seed, listed, iv, forward)
    share = ((at - held.begin_us) / DAY_US)[..., None]
    oi = _lots(listed.of(held.open_interest) + share * listed.of(held.new), book)
    volume = _lots(listed.of(held.turnover) + 0.0 * share, book)
    return Quotes(book, listed, at, index, tenor, forward, iv, bid_iv, ask_iv, oi, volume)


def common_iv(world: World, coin: str, strike: Floats, forward: Floats, tenor: Floats, instants_us: Ints) -> Floats:
    """The surface that all venues share: no butterfly or calendar arbitrage."""
    level = world.volatility(coin).at(instants_us)
    level = level[:, None] if np.ndim(instants_us) and np.ndim(tenor) > 1 else level
    return surface.smile(surface.at_the_money(level, COINS[coin][1], tenor), tenor, np.log(strike / forward))


def mark_iv(book: Book, world: World, listed: Contracts, f: Floats, t: Floats, at: Ints) -> Floats:
    """The common smile and a little of the venue's own; call and put of a strike have one volatility (parity)."""
    own = 2.0 * _OWN_IV * (uniform(key(world.seed, book.venue, book.family, "iv"), listed.number // 2) - 0.5)
    iv = common_iv(world, book.coin, listed.strike, f, t, at) + own
    return np.round(np.clip(iv, LEAST_IV, MOST_IV), 4)


def _quoted(book: Book, seed: int, listed: Contracts, iv: Floats, f: Floats) -> tuple[Floats, Floats]:
    """Bid and ask volatility; far from the forward one side or both are missing, elsewhere one in thirty."""
    far = np.abs(np.log(listed.strike / f))
    luck = uniform(key(seed, book.venue, book.family, "quoted"), listed.number)
    no_bid, no_ask = luck < 0.03 + 0.2 * (far > 0.25), (luck < 0.005 + 0.1 * (far > 0.6)) | (luck > 0.998)
    return np.where(no_bid, np.nan, np.round(iv * 0.99, 4)), np.where(no_ask, np.nan, np.round(iv * 1.01, 4))


def _lots(coins: Floats, book: Book) -> Floats:
    """Rounded down to whole lots, free of binary dust."""
    return np.round(np.floor(coins / book.lot_coin + 1e-9) * book.lot_coin, 4)
