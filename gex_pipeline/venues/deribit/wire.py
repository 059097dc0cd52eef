"""Deribit's requests and the fields of its answers; the rows of books and instruments are those that are imported, too.

Types are exact: a string where a number belongs is an error with its place.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import msgspec

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers import deribit_book_summary, deribit_instruments
from gex_pipeline.importers.deribit_book_summary import Summary
from gex_pipeline.importers.deribit_instruments import Listed
from gex_pipeline.importers.deribit_json import Decoder, response
from gex_pipeline.venues.base import Reply, Request, VenueError
from gex_pipeline.venues.bodies import KEPT_ANSWERS, decoded

#: Coins with a book that is settled in coin; every coin may have one that is settled in USDC.
INVERSE = ("BTC", "ETH")
LINEAR = "USDC"

_RowT = TypeVar("_RowT")


def currencies(coin: str) -> tuple[str, ...]:
    """The settlement currencies whose books may hold a coin."""
    return (coin, LINEAR) if coin in INVERSE else (LINEAR,)


def summary(currency: str) -> Request:
    """The whole option book of one settlement currency."""
    return Request("public/get_book_summary_by_currency", {"currency": currency, "kind": "option"})


def listing(currency: str) -> Request:
    """Its list of contracts."""
    return Request("public/get_instruments", {"currency": currency, "kind": "option", "expired": "false"})


def index(coin: str, currency: str) -> Request:
    """The spot index that a coin's options of one settlement currency settle on."""
    quote = "usdc" if currency == LINEAR else "usd"
    return Request("public/get_index_price", {"index_name": f"{coin.lower()}_{quote}"})


class Failure(msgspec.Struct):
    """The error of an envelope; ``data`` may say which parameter."""

    code: int
    message: str = ""


class Envelope(msgspec.Struct):
    """Enough of any answer to see whether it is one."""

    result: msgspec.Raw = msgspec.Raw()
    error: Failure | None = None


class _Index(msgspec.Struct):
    index_price: float


class _IndexEnvelope(msgspec.Struct):
    result: _Index


_INDEX = msgspec.json.Decoder(_IndexEnvelope)


def summaries(reply: Reply) -> list[Summary]:
    """Rows of `get_book_summary_by_currency`. Raises ``VenueError``."""
    return _rows(reply, deribit_book_summary.DECODER)


def listed(reply: Reply) -> list[Listed]:
    """Rows of `get_instruments`. Raises ``VenueError``."""
    return _rows(reply, deribit_instruments.DECODER)


def index_usd(reply: Reply) -> float:
    """The price of `get_index_price`. Raises ``VenueError``, also for one that is no price."""
    price = decoded(reply, _INDEX).result.index_price
    if not price > 0:
        raise VenueError(f"{reply.request.label}: $.result.index_price is {price:g}, no price")
    return price


def _rows(reply: Reply, decoder: Decoder[_RowT]) -> list[_RowT]:
    try:
        return _response(reply.request.label, reply.body, decoder).rows
    except ImportFileError as error:
        raise VenueError(str(error)) from None


_response = lru_cache(maxsize=KEPT_ANSWERS)(response)


def listed_names(reply: Reply) -> set[str]:
    """Names in a list of instruments; none where it cannot be read."""
    try:
        return {row.instrument_name for row in listed(reply)}
    except VenueError:
        return set()
