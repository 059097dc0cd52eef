"""Bybit's bars, as walks: newest first, so the end goes back. Pure. Volume in coins: the symbols are linear."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from gex_pipeline.venues.bars import Bar, Series, priced
from gex_pipeline.venues.base import Reply, Request, VenueError
from gex_pipeline.venues.bodies import Cell, Milliseconds, Number, Stamp, decoded
from gex_pipeline.venues.feeds import Feed, Span, Walk, backward

INTERVALS = {
    **{f"{minutes}m": str(minutes) for minutes in (1, 3, 5, 15, 30)},
    **{f"{hours}h": str(60 * hours) for hours in (1, 2, 4, 6, 12)},
    "1d": "D",
}
#: Kind of price -> (endpoint, category).
_MARKETS = {
    "perp": ("v5/market/kline", "linear"),
    "index": ("v5/market/index-price-kline", "linear"),
    "mark": ("v5/market/mark-price-kline", "linear"),
    "spot": ("v5/market/kline", "spot"),
}
_MOST = 1_000


class _Row(msgspec.Struct, array_like=True):
    """One bar; bars of the index and the mark have no volume."""

    start: Stamp
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Cell = ""


class _List(msgspec.Struct):
    symbol: str
    rows: list[_Row] = msgspec.field(name="list")


class _Answer(msgspec.Struct):
    result: _List
    time: Milliseconds


_ANSWER = msgspec.json.Decoder(_Answer)


def symbol_of(coin: str) -> str:
    """The perpetual in USDT, whose index the others of a coin share; the spot pair has the same name."""
    return f"{coin}USDT"


def candles(market: str, coin: str, interval: str) -> Feed:
    """Bars of one kind of price."""
    symbol, (endpoint, category) = symbol_of(coin), _MARKETS[market]
    series = Series("bybit", coin, interval, market, symbol)

    def walk(span: Span) -> Walk:
        def ask(before_ms: int) -> Request:
            times = {"start": str(span.start_ms), "end": str(before_ms - 1)}
            asked = {"category": category, "symbol": symbol, "interval": INTERVALS[interval], **times}
            return Request(endpoint, {**asked, "limit": str(_MOST)})

        def read(reply: Reply) -> list[Bar]:
            answer = decoded(reply, _ANSWER).result
            if answer.symbol != symbol:
                raise VenueError(f"{reply.request.label}: $.result.symbol is {answer.symbol[:40]!r}")
            return [priced(r.start, (r.open, r.high, r.low, r.close), r.volume) for r in answer.rows]

        bars, last = yield from backward(span, ask, read, lambda bar: bar.open_ms)
        return series.haul(span, last, bars, decoded(last, _ANSWER).time)

    name = f"{market} {symbol} {interval}"
    return Feed(series.table, "bybit", name, (coin,), walk, series.where, _MOST * series.step, series.step)


CANDLES: dict[str, Callable[[str, str], Feed]] = {market: partial(candles, market) for market in _MARKETS}
