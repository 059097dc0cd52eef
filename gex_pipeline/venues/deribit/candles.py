"""Deribit's bars, as walks: of the perpetuals' trades and of the volatility index. Pure.

There are none of the index or of the mark.
"""

from __future__ import annotations

import msgspec

from gex_pipeline.schema import DVOL
from gex_pipeline.venues.bars import Bar, Series
from gex_pipeline.venues.base import Reply, Request, VenueError
from gex_pipeline.venues.bodies import Milliseconds
from gex_pipeline.venues.deribit.answers import Dated, result, window
from gex_pipeline.venues.deribit.perpetuals import perpetual
from gex_pipeline.venues.feeds import Feed, Span, Walk

INTERVALS = {
    **{f"{minutes}m": str(minutes) for minutes in (1, 3, 5, 15, 30)},
    **{f"{hours}h": str(60 * hours) for hours in (1, 2, 6, 12)},
    "1d": "1D",
}
#: Of a longer window only the last 5,001 bars come.
_MOST_BARS = 5_000
_MOST_DVOL = 1_000
_DVOL_INTERVAL, _DVOL_SECONDS = "1h", "3600"


class _Chart(msgspec.Struct):
    """Bars by column; volume in coins."""

    status: str
    ticks: list[Milliseconds]
    open: list[float | None]
    high: list[float | None]
    low: list[float | None]
    close: list[float | None]
    volume: list[float | None]


class _Point(msgspec.Struct, array_like=True):
    at: Milliseconds
    open: float | None
    high: float | None
    low: float | None
    close: float | None


class _Points(msgspec.Struct):
    data: list[_Point]
    continuation: Milliseconds | None = None


_CHART = msgspec.json.Decoder(Dated[_Chart])
_POINTS = msgspec.json.Decoder(Dated[_Points])


def candles(coin: str, interval: str) -> Feed:
    """Bars of the perpetual's trades."""
    symbol = perpetual(coin).symbol
    series = Series("deribit", coin, interval, "perp", symbol)

    def walk(span: Span) -> Walk:
        asked = {"instrument_name": symbol, **window(span), "resolution": INTERVALS[interval]}
        reply = yield Request("public/get_tradingview_chart_data", asked)
        answer = result(reply, _CHART)
        return series.haul(span, reply, _bars(reply, answer.result), answer.sent_ms)

    name = f"perp {symbol} {interval}"
    return Feed(series.table, "deribit", name, (coin,), walk, series.where, _MOST_BARS * series.step, series.step)


def _bars(reply: Reply, chart: _Chart) -> list[Bar]:
    columns = (chart.ticks, chart.open, chart.high, chart.low, chart.close, chart.volume)
    if len({len(column) for column in columns}) > 1:
        raise VenueError(f"{reply.request.label}: $.result has columns of different lengths")
    return [Bar(*cells) for cells in zip(*columns, strict=True)]


def dvol(coin: str) -> Feed:
    """The volatility index by the hour; the window's last rows come first, with where to go on."""
    series = Series("deribit", coin, _DVOL_INTERVAL)

    def walk(span: Span) -> Walk:
        bars: list[Bar] = []
        last_ms = span.last_ms
        while True:
            times = {**window(span), "end_timestamp": str(last_ms)}
            asked = {"currency": coin, **times, "resolution": _DVOL_SECONDS}
            reply = yield Request("public/get_volatility_index_data", asked)
            answer = result(reply, _POINTS)
            bars += [Bar(p.at, p.open, p.high, p.low, p.close) for p in answer.result.data]
            before = answer.result.continuation
            if before is None or before < span.start_ms:
                return series.haul(span, reply, bars, answer.sent_ms)
            last_ms = before

    name = f"{coin} {_DVOL_INTERVAL}"
    return Feed(DVOL, "deribit", name, (coin,), walk, series.where, _MOST_DVOL * series.step, series.step)
