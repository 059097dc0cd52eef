"""Binance's perpetuals, as walks: prices and funding. Pure.

The endpoint of prices has neither the last trade nor open interest: both are null.
"""

from __future__ import annotations

import msgspec

from gex_pipeline.venues.base import Reply, Request, VenueError
from gex_pipeline.venues.binance.candles import FUTURES, symbol_of
from gex_pipeline.venues.bodies import Cell, Milliseconds, decoded
from gex_pipeline.venues.feeds import DAY, Feed, Span, Walk, forward, number
from gex_pipeline.venues.money import Perpetual, Rate

_MOST = 1_000


class _Premium(msgspec.Struct, rename="camel"):
    symbol: str
    mark_price: Cell
    index_price: Cell
    last_funding_rate: Cell
    time: Milliseconds


class _Funding(msgspec.Struct, rename="camel"):
    symbol: str
    funding_time: Milliseconds
    funding_rate: Cell


_PREMIUM = msgspec.json.Decoder(_Premium)
_FUNDINGS = msgspec.json.Decoder(list[_Funding])


def perpetual(coin: str) -> Perpetual:
    """The perpetual in USDT."""
    return Perpetual("binance", coin, symbol_of(coin))


def now(mine: Perpetual) -> Feed:
    """The perpetual's prices as they are."""

    def walk(_: Span) -> Walk:
        reply = yield Request("fapi/v1/premiumIndex", {"symbol": mine.symbol}, FUTURES)
        row = decoded(reply, _PREMIUM)
        if row.symbol != mine.symbol:
            raise VenueError(f"{reply.request.label}: $.symbol is {row.symbol[:40]!r}")
        cells = {"mark_usd": row.mark_price, "index_usd": row.index_price, "funding_rate": row.last_funding_rate}
        return mine.priced(reply, row.time, {name: number(cell) for name, cell in cells.items()})

    return mine.now(walk)


def fundings(mine: Perpetual) -> Feed:
    """Funding, oldest first."""

    def walk(span: Span) -> Walk:
        def ask(from_ms: int) -> Request:
            times = {"startTime": str(from_ms), "endTime": str(span.last_ms), "limit": str(_MOST)}
            return Request("fapi/v1/fundingRate", {"symbol": mine.symbol, **times}, FUTURES)

        rates, _ = yield from forward(span, ask, _rates, lambda rate: rate.at_ms, _MOST)
        return mine.paid(span, rates)

    return mine.fundings(walk, 300 * DAY)


def _rates(reply: Reply) -> list[Rate]:
    return [Rate(row.funding_time, number(row.funding_rate)) for row in decoded(reply, _FUNDINGS)]
