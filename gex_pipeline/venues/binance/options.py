"""Binance's settlement prices and option trades, as walks. Pure.

Amounts are in contracts and prices per contract, of a size (``unit``) that is asked for first. Trades are asked for
contract by contract, of those alone that may have traded within the span.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
import polars as pl

from gex_pipeline.core.calendar import SETTLEMENT_TIME
from gex_pipeline.schema import TRADES
from gex_pipeline.venues.base import Reply, Request, VenueError
from gex_pipeline.venues.binance.candles import symbol_of
from gex_pipeline.venues.bodies import Cell, Milliseconds, decoded, is_of
from gex_pipeline.venues.feeds import DAY, RECENT, TRADE_LAG, Feed, Span, Walk, backward, instant, milliseconds, number
from gex_pipeline.venues.money import Settled
from gex_pipeline.venues.tape import Trade, haul

TRADES_OF = "eapi/v1/trades"
_MOST_EXERCISES, _MOST_TRADES = "100", 500
_SIDES = {1: "buy", -1: "sell"}


class _Exercise(msgspec.Struct, rename="camel"):
    symbol: str
    expiry_date: Milliseconds
    real_strike_price: Cell


class _Listed(msgspec.Struct):
    symbol: str
    unit: float


class _Specification(msgspec.Struct, rename="camel"):
    option_symbols: list[_Listed]


class _Ticker(msgspec.Struct, rename="camel"):
    """One contract's day; ``close_time``: not before its last trade."""

    symbol: str
    volume: Cell
    close_time: Milliseconds


class _Trade(msgspec.Struct):
    """One trade; ``qty`` of sales is negative. ``id``: text in the venue's examples, a number in others'."""

    id: int | str
    symbol: str
    price: Cell
    qty: Cell
    side: int
    time: Milliseconds


_EXERCISES = msgspec.json.Decoder(list[_Exercise])
_SPECIFICATION = msgspec.json.Decoder(_Specification)
_TICKERS = msgspec.json.Decoder(list[_Ticker])
_TRADES = msgspec.json.Decoder(list[_Trade])


def settlements(coin: str) -> Feed:
    """Settlement prices, by strike and newest first: the end goes back by expiries."""
    mine = Settled("binance", coin, symbol_of(coin), "USDT")

    def walk(span: Span) -> Walk:
        def ask(before_ms: int) -> Request:
            times = {"startTime": str(span.start_ms), "endTime": str(before_ms - 1), "limit": _MOST_EXERCISES}
            return Request("eapi/v1/exerciseHistory", {"underlying": mine.symbol, **times})

        rows, last = yield from backward(span, ask, _expiries, lambda expiry: expiry[0])
        return mine.haul(span, last, rows)

    return mine.feed(walk)


def _expiries(reply: Reply) -> list[tuple[int, float | None]]:
    return [(row.expiry_date, number(row.real_strike_price)) for row in decoded(reply, _EXERCISES)]


def trades(coin: str) -> Feed:
    """The last 500 trades of each contract; there are no more."""

    def walk(span: Span) -> Walk:
        reply = yield Request("eapi/v1/exchangeInfo")
        rows = decoded(reply, _SPECIFICATION).option_symbols
        units = {row.symbol: row.unit for row in rows if is_of(coin, row.symbol)}
        reply = yield Request("eapi/v1/ticker")
        tickers = [row for row in decoded(reply, _TICKERS) if row.symbol in units and row.close_time >= span.start_ms]
        # the volume is that of a day
        traded = [row.symbol for row in tickers if number(row.volume) or span.start < span.now - DAY]
        found: list[Trade] = []
        full_ms = max(span.start_ms, _last_expiry_ms(span))
        for symbol in traded:
            reply = yield Request(TRADES_OF, {"symbol": symbol, "limit": str(_MOST_TRADES)})
            page = [_trade(reply, row, units[symbol]) for row in decoded(reply, _TRADES)]
            found += page
            if len(page) >= _MOST_TRADES:
                full_ms = max(full_ms, min(trade.traded_ms for trade in page) + 1)
        return haul("binance", (coin,), span, found, instant(full_ms) if full_ms > span.start_ms else None)

    return Feed(TRADES, "binance", coin, (coin,), walk, pl.lit(value=True), RECENT, first=DAY, lag=TRADE_LAG)


def _last_expiry_ms(span: Span) -> int:
    """The last settlement within a span: contracts that ended there are not listed any more, nor are their trades."""
    last = datetime.combine(span.end.date(), SETTLEMENT_TIME)
    return milliseconds(last if last < span.end else last - DAY)


def _trade(reply: Reply, row: _Trade, unit: float) -> Trade:
    """A trade per coin. Raises ``VenueError`` for a contract that was not asked for."""
    if row.symbol != reply.request.params["symbol"]:
        raise VenueError(f"{reply.request.label}: has a trade of {row.symbol[:40]!r}")
    contracts, price = number(row.qty), number(row.price)
    return Trade(
        trade_id=f"{row.symbol}/{row.id}",  # numbers begin anew with each contract
        traded_ms=row.time,
        instrument=row.symbol,
        side=_SIDES.get(row.side, ""),
        amount_coin=abs(contracts) * unit if contracts is not None else None,
        price=price / unit if price is not None and unit > 0 else None,
    )
