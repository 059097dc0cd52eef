"""Bybit's perpetuals, as walks: prices and funding. Pure. Amounts in coins, and open interest of both sides."""

from __future__ import annotations

import msgspec

from gex_pipeline.venues.base import Reply, Request, VenueError
from gex_pipeline.venues.bodies import Cell, Milliseconds, Stamp, decoded
from gex_pipeline.venues.bybit.candles import symbol_of
from gex_pipeline.venues.bybit.wire import TICKERS
from gex_pipeline.venues.feeds import DAY, Feed, Span, Walk, backward, number
from gex_pipeline.venues.money import Perpetual, Rate

_MOST = "200"
_SIDES = 2.0


class _Ticker(msgspec.Struct, rename="camel"):
    """One perpetual; ``single_open_interest``: of one side, stated since June 2026."""

    symbol: str
    mark_price: Cell
    last_price: Cell
    index_price: Cell
    open_interest: Cell
    funding_rate: Cell
    single_open_interest: Cell = ""


class _Tickers(msgspec.Struct):
    rows: list[_Ticker] = msgspec.field(name="list")


class _Now(msgspec.Struct):
    result: _Tickers
    time: Milliseconds


class _Funding(msgspec.Struct, rename="camel"):
    funding_rate: Cell
    funding_rate_timestamp: Stamp


class _Fundings(msgspec.Struct):
    rows: list[_Funding] = msgspec.field(name="list")


class _History(msgspec.Struct):
    result: _Fundings


_NOW = msgspec.json.Decoder(_Now)
_HISTORY = msgspec.json.Decoder(_History)


def perpetual(coin: str) -> Perpetual:
    """The perpetual in USDT."""
    return Perpetual("bybit", coin, symbol_of(coin))


def now(mine: Perpetual) -> Feed:
    """The perpetual's prices as they are."""

    def walk(_: Span) -> Walk:
        reply = yield Request(TICKERS, {"category": "linear", "symbol": mine.symbol})
        answer = decoded(reply, _NOW)
        row = next((row for row in answer.result.rows if row.symbol == mine.symbol), None)
        if row is None:
            raise VenueError(f"{reply.request.label}: has no row of {mine.symbol}")
        prices = {"mark_usd": row.mark_price, "last_usd": row.last_price, "index_usd": row.index_price}
        values = {name: number(cell) for name, cell in prices.items()}
        one_side, rate = _one_side(row), number(row.funding_rate)
        return mine.priced(reply, answer.time, {**values, "open_interest_coin": one_side, "funding_rate": rate})

    return mine.now(walk)


def _one_side(row: _Ticker) -> float | None:
    """Open interest as everybody else counts it."""
    one, both = number(row.single_open_interest), number(row.open_interest)
    return one if one is not None or both is None else both / _SIDES


def fundings(mine: Perpetual) -> Feed:
    """Funding, newest first; a start without an end is refused."""

    def walk(span: Span) -> Walk:
        def ask(before_ms: int) -> Request:
            times = {"startTime": str(span.start_ms), "endTime": str(before_ms - 1)}
            fixed = {"category": "linear", "symbol": mine.symbol, "limit": _MOST}
            return Request("v5/market/funding/history", {**fixed, **times})

        rates, _ = yield from backward(span, ask, _rates, lambda rate: rate.at_ms)
        return mine.paid(span, rates)

    return mine.fundings(walk, 60 * DAY)


def _rates(reply: Reply) -> list[Rate]:
    rows = decoded(reply, _HISTORY).result.rows
    return [Rate(int(row.funding_rate_timestamp), number(row.funding_rate)) for row in rows]
