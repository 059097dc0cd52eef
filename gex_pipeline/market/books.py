"""The lists of options that the made-up venues keep, and the indices they settle on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gex_pipeline.core.black76 import Bools, Floats

#: Spot in USD at the start of a market and the annual volatility (a fraction) that it falls back to.
COINS = {"BTC": (90_000.0, 0.45), "ETH": (3_000.0, 0.65), "SOL": (140.0, 0.80), "HYPE": (35.0, 0.95)}
CARRY = 0.05  # forward = spot exp(carry x tenor)

#: Ticks of books that are quoted in dollars; of those quoted in coin, the usual one and that of prices from a limit on.
_TICKS = {
    "deribit": {"BTC": 5.0, "ETH": 0.2, "SOL": 0.01, "HYPE": 0.01},
    "bybit": {"BTC": 5.0, "ETH": 0.1, "SOL": 0.01},
    "okx": {"BTC": 5.0, "ETH": 0.01, "SOL": 0.01},
    "binance": {"BTC": 5.0, "ETH": 0.2, "SOL": 0.01},
}
_COIN_TICK, _COARSE_TICK, _COARSE_FROM = 0.0001, 0.0005, 0.005

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


@dataclass(frozen=True)
class Shape:
    """How wide a book lists (strikes around spot, both sides together) and its share of a coin's open interest.

    Expiries: so many next days, Fridays, last Fridays of months, and those of quarters; they overlap.
    """

    strikes_per_expiry: int
    n_dailies: int
    n_weeklies: int
    n_monthlies: int
    n_quarterlies: int
    oi_share: float


@dataclass(frozen=True, eq=False)  # there is one of each: caches find them by identity
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
    shape: Shape
    carry: float = CARRY

    @property
    def index_source(self) -> str:
        """The index its options settle on, a key of INDEX_BP."""
        return f"{self.venue}/{'usd' if self.is_inverse else self.settle_coin.lower()}"

    @property
    def is_inverse(self) -> bool:
        """Whether it is quoted and settled in coin."""
        return self.settlement == "inverse"

    @property
    def tick(self) -> float:
        """The finest tick, in its unit."""
        return _COIN_TICK if self.is_inverse else _TICKS[self.venue][self.coin]

    def priced(self, usd: Floats, forward: Floats) -> Floats:
        """Prices in its unit, of those in USD per coin."""
        return usd * per_usd(self.is_inverse, forward)

    def marked(self, usd: Floats, forward: Floats) -> Floats:
        """Marks in its unit, of prices in USD per coin; Binance's are on ticks, one at least."""
        price = self.priced(usd, forward)
        return np.maximum(np.round(price / self.tick), 1.0) * self.tick if self.venue == "binance" else price

    def below(self, price: Floats) -> Floats:
        """The ticks at prices in its unit, or the next ones below."""
        tick = self._ticks(price)
        return np.floor(price / tick + 1e-9) * tick

    def above(self, price: Floats) -> Floats:
        """The ticks at prices in its unit, or the next ones above; one at least."""
        tick = self._ticks(price)
        return np.maximum(np.ceil(price / tick - 1e-9), 1.0) * tick

    def _ticks(self, price: Floats) -> Floats:
        return np.where(self.is_inverse & (price >= _COARSE_FROM), _COARSE_TICK, self.tick)


def per_usd(is_inverse: Bools | bool, forward: Floats) -> Floats:
    """What turns USD per coin into the unit of a book: coin where it is inverse, else dollars."""
    return np.where(is_inverse, 1.0 / forward, 1.0)


def _book(venue: str, coin: str, family: str, sizes: tuple[float, float], shape: Shape) -> Book:
    settle = {"USDC": "USDC", "USDT": "USDT", "_UM": "USD"}
    coin_settled = (venue == "deribit" and family == coin) or (venue == "okx" and not family.endswith("_UM"))
    linear = "USDT" if venue == "binance" else next((s for end, s in settle.items() if family.endswith(end)), "")
    carry = 0.0 if venue == "binance" else CARRY
    settled = ("inverse", coin) if coin_settled else ("linear", linear)
    return Book(venue, coin, family, *settled, *sizes, shape, carry)


#: About 6,000 contracts in all. Contract sizes are those of the venues.
BOOKS = (
    _book("deribit", "BTC", "BTC", (1.0, 0.1), Shape(26, 4, 3, 3, 4, 0.80)),
    _book("deribit", "ETH", "ETH", (1.0, 1.0), Shape(26, 4, 3, 3, 4, 0.80)),
    _book("deribit", "BTC", "BTC_USDC", (1.0, 0.01), Shape(10, 3, 3, 2, 1, 0.08)),
    _book("deribit", "ETH", "ETH_USDC", (1.0, 0.01), Shape(10, 3, 3, 2, 1, 0.05)),
    _book("deribit", "SOL", "SOL_USDC", (10.0, 10.0), Shape(10, 3, 2, 2, 1, 0.10)),
    _book("deribit", "HYPE", "HYPE_USDC", (10.0, 10.0), Shape(10, 3, 2, 2, 1, 0.03)),
    _book("bybit", "BTC", "USDT", (1.0, 0.01), Shape(16, 3, 3, 2, 2, 0.10)),
    _book("bybit", "ETH", "USDT", (1.0, 0.1), Shape(16, 3, 3, 2, 2, 0.10)),
    _book("bybit", "SOL", "USDT", (1.0, 1.0), Shape(10, 3, 2, 2, 1, 0.03)),
    _book("bybit", "BTC", "USDC", (1.0, 0.01), Shape(8, 3, 1, 1, 1, 0.01)),
    _book("bybit", "ETH", "USDC", (1.0, 0.1), Shape(8, 3, 1, 1, 1, 0.01)),
    _book("okx", "BTC", "BTC-USD", (0.01, 0.01), Shape(14, 3, 3, 2, 2, 0.08)),
    _book("okx", "ETH", "ETH-USD", (0.1, 0.1), Shape(14, 3, 3, 2, 2, 0.08)),
    _book("okx", "BTC", "BTC-USD_UM", (0.01, 0.01), Shape(10, 3, 2, 2, 1, 0.02)),
    _book("okx", "ETH", "ETH-USD_UM", (0.01, 0.01), Shape(10, 3, 2, 2, 1, 0.02)),
    _book("okx", "SOL", "SOL-USD_UM", (0.1, 0.1), Shape(10, 3, 2, 1, 1, 0.01)),
    _book("binance", "BTC", "BTCUSDT", (1.0, 0.01), Shape(10, 3, 2, 2, 1, 0.02)),
    _book("binance", "ETH", "ETHUSDT", (1.0, 0.01), Shape(10, 3, 2, 2, 1, 0.02)),
    _book("binance", "SOL", "SOLUSDT", (1.0, 0.1), Shape(10, 3, 2, 1, 0, 0.01)),
)


def of(coin: str) -> tuple[Book, ...]:
    """The books of a coin."""
    return tuple(book for book in BOOKS if book.coin == coin)


def digits(coin: str) -> int:
    """Decimals of a coin's prices."""
    return 2 if COINS[coin][0] > 1_000 else 4
