"""Which option books the four venues list, and every contract of a book at an instant.

Belongs here: what is listed and what it is worth, in coins and USD. Not here: the venue's names of fields, its units
and its rounding (see the file of each venue), or open interest that follows from trades (there are no dealers here).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np

from gex_pipeline.core import black76
from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.calendar import SETTLEMENT_TIME, expiry_type
from gex_pipeline.core.instruments import Instrument, build
from gex_pipeline.core.units import SECONDS_PER_YEAR
from gex_pipeline.market.chains import COINS
from gex_pipeline.market.ladder import VenueShape, expiries, strike_step
from gex_pipeline.market.server.paths import MINUTE_US, START, Ints, Walk, key, uniform

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US, _EIGHT_US = 86_400_000_000, 28_800_000_000
_BOOK_USD = 2.0e6  # open interest of a typical contract at a venue with share 1, as in the synthetic chains
CARRY = 0.05  # forward = spot exp(carry x tenor), as in the synthetic chains


@dataclass(frozen=True)
class Book:
    """One list of options: a venue's contracts on one coin with one settlement.

    ``contract_coin`` is coins per contract; ``lot_coin`` what open interest and volume are multiples of; ``family``
    the venue's own word for the book; ``carry`` is 0 where the venue prices off the index.
    """

    venue: str
    coin: str
    family: str
    settlement: str
    settle_coin: str
    contract_coin: float
    lot_coin: float
    shape: VenueShape
    carry: float = CARRY

    @property
    def index_source(self) -> str:
        """The index its options settle on, a key of INDEX_BP."""
        return f"{self.venue}/{'usd' if self.settlement == 'inverse' else self.settle_coin.lower()}"


def _book(venue: str, coin: str, family: str, sizes: tuple[float, float], shape: VenueShape) -> Book:
    settle = {"USDC": "USDC", "USDT": "USDT", "_UM": "USD"}
    coin_settled = (venue == "deribit" and family == coin) or (venue == "okx" and not family.endswith("_UM"))
    linear = "USDT" if venue == "binance" else next((s for end, s in settle.items() if family.endswith(end)), "")
    carry = 0.0 if venue == "binance" else CARRY
    settled = ("inverse", coin) if coin_settled else ("linear", linear)
    return Book(venue, coin, family, *settled, *sizes, shape, carry)


#: About 6,000 contracts in all. Contract sizes are those of the venues.
BOOKS = (
    _book("deribit", "BTC", "BTC", (1.0, 0.1), VenueShape(22, 3, 6, 0.80)),
    _book("deribit", "ETH", "ETH", (1.0, 1.0), VenueShape(22, 3, 6, 0.80)),
    _book("deribit", "BTC", "BTC_USDC", (1.0, 0.01), VenueShape(10, 3, 3, 0.08)),
    _book("deribit", "ETH", "ETH_USDC", (1.0, 0.01), VenueShape(10, 3, 3, 0.05)),
    _book("deribit", "SOL", "SOL_USDC", (10.0, 10.0), VenueShape(10, 2, 3, 0.10)),
    _book("deribit", "HYPE", "HYPE_USDC", (10.0, 10.0), VenueShape(10, 2, 3, 0.03)),
    _book("bybit", "BTC", "USDT", (1.0, 0.01), VenueShape(14, 3, 4, 0.10)),
    _book("bybit", "ETH", "USDT", (1.0, 0.1), VenueShape(14, 3, 4, 0.10)),
    _book("bybit", "SOL", "USDT", (1.0, 1.0), VenueShape(10, 2, 3, 0.03)),
    _book("bybit", "BTC", "USDC", (1.0, 0.01), VenueShape(6, 1, 2, 0.01)),
    _book("bybit", "ETH", "USDC", (1.0, 0.1), VenueShape(6, 1, 2, 0.01)),
    _book("okx", "BTC", "BTC-USD", (0.01, 0.01), VenueShape(12, 3, 4, 0.08)),
    _book("okx", "ETH", "ETH-USD", (0.1, 0.1), VenueShape(12, 3, 4, 0.08)),
    _book("okx", "BTC", "BTC-USD_UM", (0.01, 0.01), VenueShape(10, 2, 3, 0.02)),
    _book("okx", "ETH", "ETH-USD_UM", (0.01, 0.01), VenueShape(10, 2, 3, 0.02)),
    _book("okx", "SOL", "SOL-USD_UM", (0.1, 0.1), VenueShape(10, 2, 2, 0.01)),
    _book("binance", "BTC", "BTCUSDT", (1.0, 0.01), VenueShape(10, 2, 3, 0.02)),
    _book("binance", "ETH", "ETHUSDT", (1.0, 0.01), VenueShape(10, 2, 3, 0.02)),
    _book("binance", "SOL", "SOLUSDT", (1.0, 0.1), VenueShape(10, 2, 1, 0.01)),
)


def spot_walk(seed: int, coin: str) -> Walk:
    """The spot of a coin in USD that all venues share."""
    spot, vol = COINS[coin]
    return Walk(key(seed, coin, "spot"), spot, vol, 120.0)


def vol_walk(seed: int, coin: str) -> Walk:
    """The at-the-money volatility of a coin (a fraction) that all venues share."""
    return Walk(key(seed, coin, "vol"), COINS[coin][1], 0.9, 20.0)


def listing_day(instant_us: int) -> date:
    """The day since whose 08:00 UTC the list has not changed."""
    return date(1970, 1, 1) + timedelta(days=(instant_us - _EIGHT_US) // _DAY_US)


@dataclass(frozen=True, eq=False)
class Contracts:
    """What a book lists from one 08:00 UTC to the next, by expiry, strike and type.

    Expiries in microseconds since 1970, strikes in USD per coin; ``number`` stays with a contract from day to day.
    """

    names: list[str]
    expiry_us: Ints
    strike: Floats
    is_call: Bools
    number: Ints


@lru_cache(maxsize=512)
def contracts(book: Book, seed: int, day: date) -> Contracts:
    """The contracts a book lists from 08:00 UTC of a day on."""
    return _listed(book, seed, day, expiries(day, book.shape))


@lru_cache(maxsize=2_048)
def expiring(book: Book, seed: int, day: date) -> Contracts:
    """The contracts of a book that expire at 08:00 UTC of a day, as they were listed the day before."""
    return _listed(book, seed, day - timedelta(days=1), [datetime.combine(day, SETTLEMENT_TIME)])


def _listed(book: Book, seed: int, day: date, ends: list[datetime]) -> Contracts:
    """The contracts of some expiries that are listed on a day."""
    rows = [(at, k, side) for at in ends for k in _strikes(book, seed, at.date(), day) for side in "CP"]
    settle = book.settle_coin if book.venue == "bybit" else ""
    days = [(_us(at) // _DAY_US, k, side) for at, k, side in rows]
    return Contracts(
        [build(book.venue, Instrument(book.coin, at, k, side, book.settlement, settle)) for at, k, side in rows],
        np.array([_us(at) for at, _, _ in rows]),
        np.array([k for _, k, _ in rows]),
        np.array([side == "C" for _, _, side in rows]),
        np.array([(d * 1_000_003 + int(k * 1_000)) * 2 + (side == "P") for d, k, side in days]),
    )


def _us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


#: Distance of the strikes of an expiry: the coin's step times this.
_STEPS = {"daily": 1, "weekly": 2, "monthly": 4, "quarterly": 4}


def _strikes(book: Book, seed: int, expiry: date, day: date) -> list[float]:
    """Every strike that was near spot on a morning since the expiry was listed: none goes before it expires."""
    shape, kind = book.shape, expiry_type(expiry)
    listed_days = {"daily": 3, "weekly": 7 * shape.n_weeklies}.get(kind, 35 * shape.n_monthlies)
    first = max(expiry - timedelta(days=listed_days), START.date())
    mornings = range((day - first).days + 1)
    spots = [_morning_spot(seed, book.coin, first + timedelta(days=i)) for i in mornings]
    step, half = strike_step(COINS[book.coin][0]) * _STEPS[kind], shape.strikes_per_expiry // 2
    low, high = round(min(spots) / step) - half, round(max(spots) / step) + half
    return [step * k for k in range(max(1, low), high)]


@lru_cache(maxsize=16_384)
def _morning_spot(seed: int, coin: str, day: date) -> float:
    """Spot at 08:00 UTC."""
    return float(spot_walk(seed, coin).at(_us(datetime.combine(day, SETTLEMENT_TIME)))[0])


@dataclass(frozen=True, eq=False)
class Quotes:
    """Every contract of a book at one instant.

    Prices in USD per coin, volatilities as fractions, open interest and volume in coins, tenor in years. ``bid_iv``
    and ``ask_iv`` are NaN where nobody quotes.
    """

    book: Book
    listed: Contracts
    instant_us: int
    index: float
    tenor: Floats
    forward: Floats
    mark_iv: Floats
    bid_iv: Floats
    ask_iv: Floats
    open_interest: Floats
    volume: Floats

    def price(self, iv: Floats) -> Floats:
        """Black-76 on the forward at volatilities of the caller, USD per coin."""
        return black76.price(self.forward, self.listed.strike, self.tenor, iv, self.listed.is_call)

    def bid_and_ask(self, per_usd: Floats, tick: Floats) -> tuple[Floats, Floats]:
        """Quotes in the venue's unit (USD x ``per_usd``) on its ticks; NaN where there is none."""
        bid = np.floor(self.price(self.bid_iv) * per_usd / tick + 1e-9) * tick
        ask = np.ceil(self.price(self.ask_iv) * per_usd / tick - 1e-9) * tick
        return np.where(bid > 0, bid, np.nan), ask


#: How long before its expiry a contract is listed, in days.
_LISTED_DAYS = {"daily": 3, "weekly": 21, "monthly": 120, "quarterly": 365}


def listed_since_us(expiry_us: int, day: date) -> int:
    """When a contract was listed: 08:00 UTC some days before it expires, at the latest that of ``day``."""
    kind = expiry_type((EPOCH + timedelta(microseconds=expiry_us)).date())
    return min(expiry_us - _LISTED_DAYS[kind] * _DAY_US, _us(datetime.combine(day, SETTLEMENT_TIME)))


#: Distance of each index from the common spot in basis points: they agree within a few, and never exactly.
INDEX_BP = {
    "deribit/usd": 0.0,
    "deribit/usdc": 1.1,
    "bybit/usdt": 0.8,
    "bybit/usdc": -0.4,
    "okx/usd": -0.6,
    "okx/usdt": 0.7,
    "binance/usdt": 0.4,
}


def index_price(seed: int, source: str, coin: str, instant_us: int) -> float:
    """An index (a key of INDEX_BP) in USD per coin; noise of 0.3 basis points changes with the minute."""
    noise = 2.0 * float(uniform(key(seed, source, coin, "index"), instant_us // MINUTE_US)[0]) - 1.0
    spot = float(spot_walk(seed, coin).at(instant_us)[0])
    return round(spot * (1.0 + (INDEX_BP[source] + 0.3 * noise) / 1e4), 2 if spot > 1_000 else 4)


@lru_cache(maxsize=64)
def quotes(book: Book, seed: int, instant_us: int) -> Quotes:
    """A whole book at an instant; volatilities are rounded as the venues send them, so that marks follow from them."""
    listed = contracts(book, seed, listing_day(instant_us))
    index = index_price(seed, book.index_source, book.coin, instant_us)
    tenor = (listed.expiry_us - instant_us) / 1e6 / SECONDS_PER_YEAR
    forward = np.round(index * np.exp(book.carry * tenor), 2 if index > 1_000 else 4)
    if not book.carry:
        forward = np.full_like(tenor, index)
    iv = _mark_iv(book, seed, listed, forward, tenor, instant_us)
    bid_iv, ask_iv = _quoted(book, seed, listed, iv, forward)
    oi = _open_interest(book, seed, listed, index, instant_us)
    volume = _lots(0.05 * oi, book)
    return Quotes(book, listed, instant_us, index, tenor, forward, iv, bid_iv, ask_iv, oi, volume)


def _mark_iv(book: Book, seed: int, listed: Contracts, f: Floats, t: Floats, instant_us: int) -> Floats:
    """The common smile and a little of the venue's own; call and put of a strike have one volatility (parity)."""
    own = 0.01 * (uniform(key(seed, book.venue, book.family, "iv"), listed.number // 2) - 0.5)
    return np.round(smile(vol_walk(seed, book.coin).at(instant_us), listed.strike, f, t) + own, 4)


def smile(level: Floats, strike: Floats, forward: Floats, tenor: Floats) -> Floats:
    """Skewed volatility (a fraction, four decimals) around an at-the-money level, as in the synthetic chains."""
    x = np.log(strike / forward) / np.sqrt(tenor + 0.02)
    return np.round(np.clip(level * (1.0 - 0.10 * x + 0.25 * np.minimum(x * x, 4.0)), 0.05, 4.5), 4)


def _quoted(book: Book, seed: int, listed: Contracts, iv: Floats, f: Floats) -> tuple[Floats, Floats]:
    """Bid and ask volatility; far from the forward one side or both are missing, elsewhere one in thirty."""
    far = np.abs(np.log(listed.strike / f))
    luck = uniform(key(seed, book.venue, book.family, "quoted"), listed.number)
    no_bid, no_ask = luck < 0.03 + 0.8 * (far > 0.25), (luck < 0.02 + 0.3 * (far > 0.4)) | (luck > 0.99)
    return np.where(no_bid, np.nan, np.round(iv * 0.99, 4)), np.where(no_ask, np.nan, np.round(iv * 1.01, 4))


def _open_interest(book: Book, seed: int, listed: Contracts, spot: float, instant_us: int) -> Floats:
    """Coins: more near spot, out of the money and at round strikes; a fifth have none. Moves every hour."""
    unit = uniform(key(seed, book.venue, book.family, "oi"), listed.number)
    size = np.exp(2.0 * (unit - 0.5)) * (unit > 0.2)
    distance = np.log(listed.strike / spot)
    size /= 1.0 + np.exp(np.where(listed.is_call, -1.0, 1.0) * distance / 0.05)
    size *= np.exp(-np.abs(distance) / 0.15)
    size *= np.where(listed.strike % (10 * np.diff(np.unique(listed.strike)).min()) == 0, 4.0, 1.0)
    flow = 1.0 + 0.04 * (
        uniform(key(seed, book.venue, book.family, str(instant_us // 3_600_000_000)), listed.number) - 0.5
    )
    return _lots(_BOOK_USD / COINS[book.coin][0] * book.shape.oi_share * size * flow, book)


def _lots(coins: Floats, book: Book) -> Floats:
    """Rounded down to whole lots, free of binary dust."""
    return np.round(np.floor(coins / book.lot_coin + 1e-9) * book.lot_coin, 4)
