"""Deribit's perpetuals, as walks: prices and funding. Pure.

The open interest of an inverse perpetual is in dollars, that of the others in coins.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec

from gex_pipeline.venues.base import Request, VenueError
from gex_pipeline.venues.bodies import Milliseconds
from gex_pipeline.venues.deribit.answers import Dated, result, window
from gex_pipeline.venues.deribit.wire import INVERSE, LINEAR
from gex_pipeline.venues.feeds import Feed, Span, Walk
from gex_pipeline.venues.money import Perpetual, Rate

#: A month of hours is the longest answer about funding.
_FUNDING_WINDOW = timedelta(hours=700)


class _Ticker(msgspec.Struct):
    instrument_name: str
    timestamp: Milliseconds
    open_interest: float | None = None
    mark_price: float | None = None
    last_price: float | None = None
    index_price: float | None = None
    funding_8h: float | None = None


class _Funding(msgspec.Struct):
    timestamp: Milliseconds
    interest_1h: float | None = None
    index_price: float | None = None


_TICKER = msgspec.json.Decoder(Dated[_Ticker])
_FUNDINGS = msgspec.json.Decoder(Dated[list[_Funding]])


def perpetual(coin: str) -> Perpetual:
    """The perpetual with the longest history: the inverse one where there is one."""
    return Perpetual("deribit", coin, f"{coin}-PERPETUAL" if coin in INVERSE else f"{coin}_{LINEAR}-PERPETUAL")


def now(mine: Perpetual) -> Feed:
    """The perpetual's prices as they are."""

    def walk(_: Span) -> Walk:
        reply = yield Request("public/ticker", {"instrument_name": mine.symbol})
        row = result(reply, _TICKER).result
        if row.instrument_name != mine.symbol:
            raise VenueError(f"{reply.request.label}: $.result.instrument_name is {row.instrument_name[:40]!r}")
        prices = {"mark_usd": row.mark_price, "last_usd": row.last_price, "index_usd": row.index_price}
        rates = {"funding_rate": row.funding_8h, "period_hours": 8.0}
        return mine.priced(reply, row.timestamp, {**prices, "open_interest_coin": _in_coins(mine, row), **rates})

    return mine.now(walk)


def _in_coins(mine: Perpetual, row: _Ticker) -> float | None:
    """Open interest: contracts of inverse perpetuals are worth dollars."""
    if mine.coin not in INVERSE or row.open_interest is None:
        return row.open_interest
    return row.open_interest / row.mark_price if row.mark_price else None


def fundings(mine: Perpetual) -> Feed:
    """Funding by the hour."""

    def walk(span: Span) -> Walk:
        reply = yield Request("public/get_funding_rate_history", {"instrument_name": mine.symbol, **window(span)})
        rows = result(reply, _FUNDINGS).result
        return mine.paid(span, [Rate(row.timestamp, row.interest_1h, 1.0, row.index_price) for row in rows])

    return mine.fundings(walk, _FUNDING_WINDOW)
