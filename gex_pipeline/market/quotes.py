"""Every contract of a book at an instant or at many: who holds it, what it is worth, what is quoted.

In coins and USD; not here: the venues' names of fields, their units and their rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from gex_pipeline.core import black76
from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.units import DAY_US, SECONDS_PER_YEAR
from gex_pipeline.market import surface
from gex_pipeline.market.books import COINS, INDEX_BP, Book, digits
from gex_pipeline.market.draws import Ints, key, uniform
from gex_pipeline.market.listing import Contracts, contracts, listed, positions
from gex_pipeline.market.positions import Day
from gex_pipeline.market.world import MINUTE_US, World

#: A venue's own view of an expiry's volatility: within such a share of the common one, which makes no arbitrage.
_OWN_IV = 0.01
LEAST_IV, MOST_IV = 0.05, 4.5


def dealers(book: Book, world: World, instant_us: int) -> Floats:
    """The truth: the dealers' position in each contract of a book, coins whole lots; the customers' is minus that."""
    held, share = world.market(book.coin).day(instant_us)
    coins = listed(book, world, instant_us).of(held.dealers_at(share))
    return np.sign(coins) * _lots(np.abs(coins), book)


@dataclass(frozen=True, eq=False)
class Quotes:
    """Every contract of a book at one instant, or at many between two listings: arrays ([instant,] contract).

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


def index_price(world: World, source: str, coin: str, instants_us: Ints | int) -> Floats:
    """An index (a key of INDEX_BP) in USD per coin; noise of 0.3 basis points changes with the minute."""
    minutes = np.atleast_1d(np.asarray(instants_us)) // MINUTE_US
    noise = 2.0 * uniform(key(world.seed, source, coin, "index"), minutes) - 1.0
    return np.round(world.spot(coin).at(instants_us) * (1.0 + (INDEX_BP[source] + 0.3 * noise) / 1e4), digits(coin))


def quotes(book: Book, world: World, instants_us: Ints | int) -> Quotes:
    """A whole book at one instant or at several between two listings; volatilities are rounded as the venues send them.

    Raises ``ValueError`` outside of the world.
    """
    at = np.asarray(instants_us, dtype=np.int64)
    held, _ = world.market(book.coin).day(int(at.flat[0]))
    here = listed(book, world, int(at.flat[0]))
    index = index_price(world, book.index_source, book.coin, at)
    row = index[:, None] if at.ndim else index
    tenor = (here.expiry_us - at[..., None]) / 1e6 / SECONDS_PER_YEAR
    forward = np.round(row * np.exp(book.carry * tenor), digits(book.coin)) if book.carry else row + 0.0 * tenor
    iv = mark_iv(book, world, here, forward, tenor, at)
    bid_iv, ask_iv = _quoted(book, world.seed, here, iv, forward)
    share = ((at - held.begin_us) / DAY_US)[..., None]
    oi = _lots(here.of(held.open_interest) + share * here.of(held.new), book)
    volume = _lots((1.0 - share) * _day_before(book, world, here, held) + share * here.of(held.turnover), book)
    return Quotes(book, here, at, index, tenor, forward, iv, bid_iv, ask_iv, oi, volume)


def _day_before(book: Book, world: World, here: Contracts, held: Day) -> Floats:
    """What changed hands of each contract the day before; on the first day of all, what will on that day."""
    if held.date < world.start:
        return here.of(held.turnover)
    yesterday = held.date - timedelta(days=1)
    before = contracts(book, world, yesterday)
    out, is_there = np.zeros(len(here.number)), np.isin(here.number, before.number)
    turnover = before.of(positions(world, book.coin, yesterday).turnover)
    out[is_there] = turnover[np.isin(before.number, here.number)]
    return out


def common_iv(world: World, coin: str, strike: Floats, forward: Floats, tenor: Floats, instants_us: Ints) -> Floats:
    """The surface that all venues share: no butterfly or calendar arbitrage."""
    level = world.volatility(coin).at(instants_us)
    level = level[:, None] if np.ndim(instants_us) and np.ndim(tenor) > 1 else level
    return surface.smile(surface.at_the_money(level, COINS[coin][1], tenor), tenor, np.log(strike / forward))


def mark_iv(book: Book, world: World, here: Contracts, f: Floats, t: Floats, at: Ints) -> Floats:
    """The common smile, by expiry a little higher or lower at each venue; a strike's call and put have one (parity)."""
    own = 2.0 * _OWN_IV * (uniform(key(world.seed, book.venue, book.family, "iv"), here.expiry_us // DAY_US) - 0.5)
    iv = common_iv(world, book.coin, here.strike, f, t, at) * (1.0 + own)
    return np.round(np.clip(iv, LEAST_IV, MOST_IV), 4)


def _quoted(book: Book, seed: int, here: Contracts, iv: Floats, f: Floats) -> tuple[Floats, Floats]:
    """Bid and ask volatility; far from the forward one side or both are missing, elsewhere one in thirty."""
    far = np.abs(np.log(here.strike / f))
    luck = uniform(key(seed, book.venue, book.family, "quoted"), here.number)
    no_bid, no_ask = luck < 0.03 + 0.2 * (far > 0.25), (luck < 0.005 + 0.1 * (far > 0.6)) | (luck > 0.998)
    return np.where(no_bid, np.nan, np.round(iv * 0.99, 4)), np.where(no_ask, np.nan, np.round(iv * 1.01, 4))


def _lots(coins: Floats, book: Book) -> Floats:
    """Rounded down to whole lots, free of binary dust."""
    return np.round(np.floor(coins / book.lot_coin + 1e-9) * book.lot_coin, 4)
