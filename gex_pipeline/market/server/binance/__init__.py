"""Binance: options (eapi) and USD-M perpetuals (fapi). Numbers are strings but for times and `unit`."""

from __future__ import annotations

from gex_pipeline.market.server.answers import HTML, JSON, Answer, Make, Moment, Query, Refused, encode, encoded
from gex_pipeline.market.server.binance import history, options, perps, wire

ENDPOINTS: dict[str, Make] = {
    "eapi/v1/exchangeInfo": options.exchange_info,
    "eapi/v1/mark": options.mark,
    "eapi/v1/ticker": options.ticker,
    "eapi/v1/index": options.index,
    "eapi/v1/openInterest": options.open_interest,
    "eapi/v1/exerciseHistory": history.exercise_history,
    "eapi/v1/trades": history.trades,
    "eapi/v1/ping": perps.ping,
    "fapi/v1/klines": history.klines("last", "symbol"),
    "fapi/v1/indexPriceKlines": history.klines("index", "pair"),
    "fapi/v1/markPriceKlines": history.klines("mark", "symbol"),
    "fapi/v1/fundingRate": history.funding,
    "fapi/v1/premiumIndex": perps.premium_index,
    "fapi/v1/ping": perps.ping,
    "sapi/v1/system/status": perps.status,
}

#: Answers that are exact to the microsecond; the others describe the last whole second.
CLOCKS: dict[str, Make] = {
    "eapi/v1/time": perps.clock,
    "fapi/v1/time": perps.clock,
}


def answer(moment: Moment, endpoint: str, query: Query) -> Answer:
    """What Binance answers to ``GET /<endpoint>?<query>``; endpoints begin with eapi, fapi or sapi."""
    if endpoint in CLOCKS:
        return Answer(200, encode(CLOCKS[endpoint](moment, query)), JSON)
    if endpoint not in ENDPOINTS:
        return Answer(404, b"<html><body>404 Not Found</body></html>", HTML)
    try:
        return Answer(200, encoded(ENDPOINTS[endpoint], moment, query), JSON)
    except Refused as refused:
        return wire.error_answer(refused)
