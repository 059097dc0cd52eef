"""Binance's bars, as walks: oldest first. Pure. Volume in coins; bars of the index and the mark have none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from gex_pipeline.schema.market import INTERVALS as OURS
from gex_pipeline.venues.bars import Bar, Series, priced
from gex_pipeline.venues.base import Reply, Request
from gex_pipeline.venues.bodies import Cell, Milliseconds, Number, decoded
from gex_pipeline.venues.feeds import Feed, Span, Walk, forward, milliseconds

FUTURES, SPOT = "futures", "spot"
#: The venue's words are ours.
INTERVALS = {interval: interval for interval in OURS}
#: Kind of price -> (endpoint, host, what the symbol is called).
MARKETS = {
    "perp": ("fapi/v1/klines", FUTURES, "symbol"),
    "index": ("fapi/v1/indexPriceKlines", FUTURES, "pair"),
    "mark": ("fapi/v1/markPriceKlines", FUTURES, "symbol"),
    "spot": ("api/v3/klines", SPOT, "symbol"),
}
_TRADED = ("perp", "spot")
#: A page of a thousand weighs half of the longest one; a window of less is one page.
_MOST = 1_000
#: Bars do not say whether they are over: how much our clock may be ahead.
_CLOCK_MS = 10_000


class _Row(msgspec.Struct, array_like=True):
    """The first six of twelve cells."""

    start: Milliseconds
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Cell


_ROWS = msgspec.json.Decoder(list[_Row])


def symbol_of(coin: str) -> str:
    """The perpetual in USDT; the index and the spot pair have the same name."""
    return f"{coin}USDT"


def candles(market: str, coin: str, interval: str) -> Feed:
    """Bars of one kind of price."""
    endpoint, host, parameter = MARKETS[market]
    series = Series("binance", coin, interval, market, symbol_of(coin))

    def read(reply: Reply) -> list[Bar]:
        has_volume = market in _TRADED
        rows = decoded(reply, _ROWS)
        return [priced(r.start, (r.open, r.high, r.low, r.close), r.volume if has_volume else "") for r in rows]

    def walk(span: Span) -> Walk:
        def ask(from_ms: int) -> Request:
            times = {"startTime": str(from_ms), "endTime": str(span.last_ms), "limit": str(_MOST)}
            return Request(endpoint, {parameter: series.symbol, "interval": INTERVALS[interval], **times}, host)

        bars, last = yield from forward(span, ask, read, lambda bar: bar.open_ms, _MOST)
        return series.haul(span, last, bars, milliseconds(last.sent_at) - _CLOCK_MS)

    name = f"{market} {series.symbol} {interval}"
    return Feed(series.table, "binance", name, (coin,), walk, series.where, (_MOST - 1) * series.step, series.step)


CANDLES: dict[str, Callable[[str, str], Feed]] = {market: partial(candles, market) for market in MARKETS}
