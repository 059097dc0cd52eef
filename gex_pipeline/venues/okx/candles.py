"""OKX's bars, as walks: newest first, ``after`` asks for older ones. Pure.

Swaps have their volume in contracts and, beside it, in coins; spot pairs in coins alone. Long bars are days of Hong
Kong unless their name ends in ``utc``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec

from gex_pipeline.venues.bars import Bar, Series, priced
from gex_pipeline.venues.base import Reply, Request
from gex_pipeline.venues.bodies import Cell, Number, Stamp, decoded
from gex_pipeline.venues.feeds import Feed, Span, Walk, backward, milliseconds
from gex_pipeline.venues.okx.answers import Rows

INTERVALS = {
    **{f"{minutes}m": f"{minutes}m" for minutes in (1, 3, 5, 15, 30)},
    **{f"{hours}h": f"{hours}H" for hours in (1, 2, 4)},
    "6h": "6Hutc",
    "12h": "12Hutc",
    "1d": "1Dutc",
}
#: The endpoints of what is recent keep 1,440 bars: a page that begins within these lies within them.
_RECENT_BARS = 1_100
_MOST_RECENT, _MOST_OLD = 300, 100
_CLOSED = "1"


class _Traded(msgspec.Struct, array_like=True):
    """A bar of trades."""

    start: Stamp
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Cell
    volume_coin: Cell
    volume_quote: Cell
    confirm: str


class _Stated(msgspec.Struct, array_like=True):
    """A bar of the index or the mark."""

    start: Stamp
    open: Number
    high: Number
    low: Number
    close: Number
    confirm: str


@dataclass(frozen=True)
class _Market:
    """Where bars of a kind of price are, and under which symbol."""

    suffix: str
    recent: str
    old: str
    most: int
    is_traded: bool = True


_MARKETS = {
    "perp": _Market("-USDT-SWAP", "market/candles", "market/history-candles", _MOST_RECENT),
    "index": _Market("-USD", "market/index-candles", "market/history-index-candles", _MOST_OLD, is_traded=False),
    "mark": _Market(
        "-USDT-SWAP", "market/mark-price-candles", "market/history-mark-price-candles", _MOST_OLD, is_traded=False
    ),
    "spot": _Market("-USDT", "market/candles", "market/history-candles", _MOST_RECENT),
}
_TRADED = msgspec.json.Decoder(Rows[_Traded])
_STATED = msgspec.json.Decoder(Rows[_Stated])


def candles(market: str, coin: str, interval: str) -> Feed:
    """Bars of one kind of price."""
    where = _MARKETS[market]
    series = Series("okx", coin, interval, market, f"{coin}{where.suffix}")

    def read(reply: Reply) -> list[Bar]:
        return _traded(reply, market) if where.is_traded else _stated(reply)

    def walk(span: Span) -> Walk:
        oldest_ms = milliseconds(span.now) - _RECENT_BARS * series.step_ms

        def ask(before_ms: int) -> Request:
            endpoint, most = (where.recent, where.most) if before_ms > oldest_ms else (where.old, _MOST_OLD)
            asked = {"instId": series.symbol, "bar": INTERVALS[interval], "after": str(before_ms), "limit": str(most)}
            return Request(f"api/v5/{endpoint}", asked)

        bars, last = yield from backward(span, ask, read, lambda bar: bar.open_ms)
        return series.haul(span, last, bars)

    name = f"{market} {series.symbol} {interval}"
    return Feed(series.table, "okx", name, (coin,), walk, series.where, where.most * series.step, series.step)


def _traded(reply: Reply, market: str) -> list[Bar]:
    return [
        priced(
            r.start,
            (r.open, r.high, r.low, r.close),
            r.volume if market == "spot" else r.volume_coin,
            is_open=r.confirm != _CLOSED,
        )
        for r in decoded(reply, _TRADED).data
    ]


def _stated(reply: Reply) -> list[Bar]:
    rows = decoded(reply, _STATED).data
    return [priced(r.start, (r.open, r.high, r.low, r.close), is_open=r.confirm != _CLOSED) for r in rows]


CANDLES: dict[str, Callable[[str, str], Feed]] = {market: partial(candles, market) for market in _MARKETS}
