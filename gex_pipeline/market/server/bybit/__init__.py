"""Bybit V5: every number is a string, volatility a fraction, an error HTTP 200 with a retCode."""

from __future__ import annotations

from gex_pipeline.market.server.answers import HTML, Answer, Make, Moment, Query, Refused, encode, encoded
from gex_pipeline.market.server.bybit import history, options, perps, wire

ENDPOINTS: dict[str, Make] = {
    "market/instruments-info": options.instruments,
    "market/tickers": perps.tickers,
    "system/status": perps.status,
    "market/kline": history.klines("last"),
    "market/index-price-kline": history.klines("index"),
    "market/mark-price-kline": history.klines("mark"),
    "market/funding/history": history.funding,
    "market/new-delivery-price": history.new_delivery_price,
    "market/delivery-price": history.delivery_price,
    "market/recent-trade": history.recent_trades,
}
#: Exact to the microsecond; the others describe the last whole second.
CLOCKS: dict[str, Make] = {
    "market/time": perps.clock,
}
#: The word of success differs.
_MESSAGES = {"market/instruments-info": "success"}


def answer(moment: Moment, endpoint: str, query: Query) -> Answer:
    """What Bybit answers to ``GET /v5/<endpoint>?<query>``."""
    if endpoint in CLOCKS:
        return wire.envelope(moment, 0, "OK", encode(CLOCKS[endpoint](moment, query)))
    if endpoint not in ENDPOINTS:
        return Answer(404, b"404 page not found", HTML)
    try:
        result = encoded(ENDPOINTS[endpoint], moment, query)
    except Refused as refused:
        return wire.envelope(moment, refused.members["retCode"], refused.members["retMsg"], b"{}")
    return wire.envelope(moment, 0, _MESSAGES.get(endpoint, "OK"), result)
