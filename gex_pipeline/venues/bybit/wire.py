"""Bybit's requests and the fields of its answers. All numbers are text but the envelope's time.

Fields: bybit-exchange.github.io/docs/v5/market, pages "tickers" and "instrument". What is missing, null or of another
type is an error with its place; "" and "0" are cells.
"""

from __future__ import annotations

import msgspec

from gex_pipeline.venues.base import Answers, Reply, Request, VenueError
from gex_pipeline.venues.bodies import Cell, Milliseconds, decoded

TICKERS, INSTRUMENTS = "v5/market/tickers", "v5/market/instruments-info"
#: The largest page there is: the default of 500 would cut a list off without a word.
_PAGE = "1000"
#: A coin has two; a list without end is none.
MAX_PAGES = 10
_PARAMETER_ERROR = 10001


def tickers(coin: str) -> Request:
    """The whole book of a coin, both settlements, in one list."""
    return Request(TICKERS, {"category": "option", "baseCoin": coin})


def instruments(coin: str, cursor: str = "") -> Request:
    """One page of a coin's list of contracts; ``cursor`` is the page before's, verbatim."""
    params = {"category": "option", "baseCoin": coin, "limit": _PAGE}
    return Request(INSTRUMENTS, {**params, "cursor": cursor} if cursor else params)


class Envelope(msgspec.Struct, rename="camel"):
    """Enough of any answer to see whether it is one: errors come with HTTP 200 and a code."""

    ret_code: int
    ret_msg: str = ""
    result: msgspec.Raw = msgspec.Raw()


class Ticker(msgspec.Struct, rename="camel"):
    """One contract: amounts in coins, prices in USD per coin, volatilities as fractions, turnover in USD notional."""

    symbol: str
    bid1_price: Cell
    bid1_iv: Cell
    ask1_price: Cell
    ask1_iv: Cell
    mark_price: Cell
    mark_iv: Cell
    underlying_price: Cell
    index_price: Cell
    open_interest: Cell
    volume24h: Cell
    turnover24h: Cell
    gamma: Cell
    predicted_delivery_price: Cell = ""


class Listed(msgspec.Struct, rename="camel"):
    """One contract of the list; ``delivery_time`` in milliseconds. There is no strike and no size."""

    symbol: str
    status: str
    base_coin: str
    options_type: str
    delivery_time: str


class _Tickers(msgspec.Struct):
    rows: list[Ticker] = msgspec.field(name="list")


class Book(msgspec.Struct):
    """An answer of `tickers`; ``time``: when it was made, milliseconds."""

    result: _Tickers
    time: Milliseconds


class _Page(msgspec.Struct, rename="camel"):
    rows: list[Listed] = msgspec.field(name="list")
    next_page_cursor: str | None = None


class _Listing(msgspec.Struct):
    result: _Page


ENVELOPE = msgspec.json.Decoder(Envelope)
_BOOK = msgspec.json.Decoder(Book)
_LISTING = msgspec.json.Decoder(_Listing)


def is_no_coin(request: Request, envelope: Envelope) -> bool:
    """Whether an error says that there are no options of a coin, which is an answer."""
    is_wrong = envelope.ret_code == _PARAMETER_ERROR and "baseCoin" in envelope.ret_msg
    return is_wrong and request.endpoint in (TICKERS, INSTRUMENTS)


def knows(reply: Reply) -> bool:
    """False where an answer is that there is no such coin. Raises ``VenueError``."""
    return decoded(reply, ENVELOPE).ret_code != _PARAMETER_ERROR


def book(reply: Reply) -> Book:
    """An answer of `tickers`, without rows where the venue knows no such coin. Raises ``VenueError``."""
    return decoded(reply, _BOOK) if knows(reply) else Book(_Tickers([]), 0)


def cursor(reply: Reply) -> str:
    """The cursor of the page after, empty on the last one. Raises ``VenueError``."""
    return (decoded(reply, _LISTING).result.next_page_cursor or "") if knows(reply) else ""


def pages(answers: Answers, coin: str) -> list[Reply]:
    """All pages of a coin's list. Raises ``VenueError`` where one is missing or there is no last one."""
    found = [answers.get(instruments(coin))]
    while after := cursor(found[-1]):
        if len(found) == MAX_PAGES:
            raise VenueError(f"{found[0].request.label}: the list does not end after {MAX_PAGES} pages")
        found.append(answers.get(instruments(coin, after)))
    return found


def listed(replies: list[Reply]) -> list[Listed]:
    """The contracts of some pages. Raises ``VenueError``."""
    return [row for reply in replies if knows(reply) for row in decoded(reply, _LISTING).result.rows]
