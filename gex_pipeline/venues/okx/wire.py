"""OKX's requests and the fields of its answers.

Every value is text, and "" where there is none: never null, never a number. A field that is absent, or no number where
one belongs, is an error with its place. Units: docs of OKX's API v5, "Public Data" and "Market Data".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Generic, TypeVar

import msgspec

from gex_pipeline.core.instruments import parse
from gex_pipeline.core.settlement_average import window_minutes
from gex_pipeline.venues.base import Reply, Request, VenueError
from gex_pipeline.venues.bodies import decoded, is_of

#: A number as text, or nothing; so long that every float holds it.
Cell = Annotated[str, msgspec.Meta(pattern=r"\A(-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,2})?)?\Z")]
#: Milliseconds since 1970 as text, or nothing.
Stamp = Annotated[str, msgspec.Meta(pattern=r"\A([0-9]{1,13})?\Z")]

_OPTIONS = {"instType": "OPTION"}
INSTRUMENTS = "api/v5/public/instruments"
INTEREST = "api/v5/public/open-interest"
MARK_PRICE = "api/v5/public/mark-price"
SUMMARY = "api/v5/public/opt-summary"
ESTIMATE = "api/v5/public/estimated-price"


def tickers() -> Request:
    """Quotes of every option of the venue: one request for all coins, and the names that the others are asked by."""
    return Request("api/v5/market/tickers", _OPTIONS)


def mark_prices() -> Request:
    """Marks of every option of the venue."""
    return Request(MARK_PRICE, _OPTIONS)


def instruments(family: str) -> Request:
    """A family's list of contracts. By family, as ``uly`` is on its way out of the interface."""
    return Request(INSTRUMENTS, _OPTIONS | {"instFamily": family})


def open_interest(family: str) -> Request:
    """A family's open interest."""
    return Request(INTEREST, _OPTIONS | {"instFamily": family})


def summary(family: str) -> Request:
    """A family's volatilities, forwards and greeks."""
    return Request(SUMMARY, {"instFamily": family})


def index(coin: str) -> Request:
    """The spot index in USD that both families of a coin settle on."""
    return Request("api/v5/market/index-tickers", {"instId": f"{coin}-USD"})


def estimated_price(name: str) -> Request:
    """What a contract will settle at, and all others of its family and expiry; has a row in the last minutes alone."""
    return Request(ESTIMATE, {"instId": name})


class Envelope(msgspec.Struct):
    """Enough of any answer to see whether it is one."""

    code: str
    msg: str = ""


class Named(msgspec.Struct, rename="camel"):
    """What every row has."""

    inst_id: str


class Ticker(Named):
    """Prices in coin (coin-margined) or USD (USD-margined) per coin; ``vol24h`` in contracts."""

    bid_px: Cell
    ask_px: Cell
    vol24h: Cell
    ts: Stamp


class Mark(Named):
    """The mark, in the unit of the family's prices."""

    mark_px: Cell
    ts: Stamp


class Listed(Named):
    """One contract: ``ct_val`` x ``ct_mult`` of ``ct_val_ccy``; ``stk`` in USD per coin."""

    ct_val: Cell
    ct_mult: Cell
    ct_val_ccy: str
    settle_ccy: str
    stk: Cell
    exp_time: Stamp
    opt_type: str


class Interest(Named):
    """Open interest, ``oi`` in contracts and ``oi_ccy`` in coins."""

    oi: Cell
    oi_ccy: Cell
    ts: Stamp


class Summary(Named):
    """Volatilities as fractions, forward in USD; ``gamma_bs`` per USD and coin (``gamma`` is another: see OKX's PA)."""

    mark_vol: Cell
    bid_vol: Cell
    ask_vol: Cell
    fwd_px: Cell
    ts: Stamp
    gamma_bs: Cell = msgspec.field(default="", name="gammaBS")


class Index(Named):
    """The index in USD per coin."""

    idx_px: Cell
    ts: Stamp


class Estimate(Named):
    """The estimate of a settlement price in USD per coin."""

    settle_px: Cell


RowT = TypeVar("RowT", bound=Named)


class _Rows(msgspec.Struct, Generic[RowT]):
    data: list[RowT]


def rows(reply: Reply, kind: type[RowT]) -> list[RowT]:
    """The rows of an answer. Raises ``VenueError``."""
    return decoded(reply, msgspec.json.Decoder(_Rows[kind])).data


def names(reply: Reply) -> set[str]:
    """The names in an answer; none where it cannot be read."""
    try:
        return {row.inst_id for row in rows(reply, Named)}
    except VenueError:
        return set()


def names_of(family: str, of: Iterable[str]) -> set[str]:
    """The names that are of a family; ``BTC-USD`` is not ``BTC-USD_UM``."""
    return {name for name in of if name.startswith(f"{family}-")}


def settling(of: Mapping[str, datetime], coin: str) -> list[str]:
    """The first contract of each family of a coin whose settlement was being averaged when its name was received."""
    found: dict[str, str] = {}
    for name in sorted(name for name in of if is_of(coin, name)):
        contract = parse("okx", name)
        if contract is not None and _is_averaged(contract.expiry_at, of[name]):
            found.setdefault(expiry_of(name), name)
    return list(found.values())


def _is_averaged(expiry_at: datetime, at: datetime) -> bool:
    minutes = window_minutes("okx", expiry_at.date())
    return minutes is not None and timedelta() < expiry_at - at < timedelta(minutes=minutes)


def expiry_of(name: str) -> str:
    """A name without strike and type: those that are alike settle at one price."""
    return name.rsplit("-", 2)[0]


def families(of: Iterable[str], coin: str) -> list[str]:
    """The families of a coin that some names are of: ``BTC-USD``, ``BTC-USD_UM``."""
    return sorted({name.rsplit("-", 3)[0] for name in of if is_of(coin, name) and parse("okx", name) is not None})
