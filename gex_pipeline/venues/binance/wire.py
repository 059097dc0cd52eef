"""Binance's requests and the fields of its answers. Prices are in USDT per contract, open interest in contracts.

Fields: developers.binance.com/docs/derivatives/option/market-data. What is missing, null or of another type is an error
with its place; "" and "0" are cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Protocol, TypeVar

import msgspec

from gex_pipeline.venues.base import Reply, Request, VenueError
from gex_pipeline.venues.bodies import Cell, Milliseconds, Number, decoded, is_of

MARKS = Request("eapi/v1/mark")
TICKERS = Request("eapi/v1/ticker")
SPECIFICATION = Request("eapi/v1/exchangeInfo")
#: A coin has about ten; each costs a request.
_MAX_EXPIRIES = 40


def index(coin: str) -> Request:
    """The spot index that a coin's options settle on."""
    return Request("eapi/v1/index", {"underlying": pair(coin)})


def open_interest(coin: str, day: str) -> Request:
    """The open interest of one coin and expiry, ``day`` as YYMMDD."""
    return Request("eapi/v1/openInterest", {"underlyingAsset": coin, "expiration": day})


def pair(coin: str) -> str:
    """How the index and the list of contracts name a coin."""
    return f"{coin}USDT"


class Failure(msgspec.Struct):
    """An error, or enough of an answer that is an object to see that it is none."""

    code: int = 0
    msg: str = ""


class Named(Protocol):
    """A row of any answer."""

    @property
    def symbol(self) -> str:
        """The contract's name."""
        ...


class Mark(msgspec.Struct, rename="camel"):
    """One contract's mark: its price per contract, volatilities as fractions (-1: none), gamma per USD and coin."""

    symbol: str
    mark_price: Cell
    mark_iv: Cell = msgspec.field(name="markIV")
    bid_iv: Cell = msgspec.field(name="bidIV")
    ask_iv: Cell = msgspec.field(name="askIV")
    gamma: Cell


class Ticker(msgspec.Struct, rename="camel"):
    """One contract's quotes per contract, and the contracts traded in 24 hours.

    ``exercise_price``: the index, and near expiry the estimate of the settlement price, USD per coin.
    """

    symbol: str
    bid_price: Cell
    ask_price: Cell
    volume: Cell
    exercise_price: Cell = ""


class Interest(msgspec.Struct, rename="camel"):
    """One contract's open interest, in contracts and as their notional in USD; ``timestamp`` in milliseconds."""

    symbol: str
    sum_open_interest: Cell
    sum_open_interest_usd: Cell
    timestamp: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{13}\Z")]


class Listed(msgspec.Struct, rename="camel"):
    """One contract of the list; ``unit``: coins per contract, ``expiry_date`` in milliseconds."""

    symbol: str
    underlying: str
    expiry_date: Milliseconds
    side: str
    strike_price: Number
    unit: float
    status: str


class Index(msgspec.Struct, rename="camel"):
    """A spot index in USD and when it was so, milliseconds."""

    time: Milliseconds
    index_price: Number


class _Specification(msgspec.Struct, rename="camel"):
    option_symbols: list[Listed]


NamedT = TypeVar("NamedT", bound=Named)

ANSWER = msgspec.json.Decoder(Failure | list[msgspec.Raw])
_MARKS = msgspec.json.Decoder(list[Mark])
_TICKERS = msgspec.json.Decoder(list[Ticker])
_INTEREST = msgspec.json.Decoder(list[Interest])
_LISTED = msgspec.json.Decoder(_Specification)
_INDEX = msgspec.json.Decoder(Index)


def marks(reply: Reply) -> list[Mark]:
    """All marks, of every coin. Raises ``VenueError``."""
    return decoded(reply, _MARKS)


def tickers(reply: Reply) -> list[Ticker]:
    """All quotes, of every coin. Raises ``VenueError``."""
    return decoded(reply, _TICKERS)


def interest(reply: Reply) -> list[Interest]:
    """Open interest of one coin and expiry. Raises ``VenueError``."""
    return decoded(reply, _INTEREST)


def listed(reply: Reply) -> list[Listed]:
    """All contracts, of every coin. Raises ``VenueError``."""
    return decoded(reply, _LISTED).option_symbols


def index_of(reply: Reply) -> Index:
    """An index. Raises ``VenueError`` where it is no price."""
    found = decoded(reply, _INDEX)
    if not 0 < float(found.index_price) < float("inf"):
        raise VenueError(f"{reply.request.label}: indexPrice = {found.index_price[:40]} is no price")
    return found


def by_name(reply: Reply, coin: str, rows: Iterable[NamedT]) -> dict[str, NamedT]:
    """The rows of a coin by name. Raises ``VenueError`` where a name comes twice with different values."""
    found: dict[str, NamedT] = {}
    for row in rows:
        if is_of(coin, row.symbol) and found.setdefault(row.symbol, row) != row:
            raise VenueError(f"{reply.request.label}: {row.symbol} comes twice with different values")
    return found


def requests(coin: str, contracts: Iterable[Listed], at: datetime) -> list[Request]:
    """What is asked for a coin once its contracts are known, nothing where none is alive. Raises ``VenueError``."""
    alive = days(coin, [row for row in contracts if is_of(coin, row.symbol)], at)
    return [index(coin), *(open_interest(coin, day) for day in alive)] if alive else []


def days(coin: str, contracts: Iterable[Listed], at: datetime) -> Sequence[str]:
    """The expiries of some contracts that are after an instant, as YYMMDD, in order.

    Raises ``VenueError`` where there are more than a venue could mean.
    """
    instants = {datetime.fromtimestamp(row.expiry_date / 1000, UTC) for row in contracts}
    found = sorted({f"{instant:%y%m%d}" for instant in instants if instant > at})
    if len(found) > _MAX_EXPIRIES:
        raise VenueError(f"{SPECIFICATION.label}: {len(found)} expiries of {coin}")
    return found
