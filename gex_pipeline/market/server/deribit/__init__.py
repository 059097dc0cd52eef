"""Deribit, as its public JSON-RPC over GET answers: percent, coins, null for what is missing."""

from __future__ import annotations

from typing import Any

from gex_pipeline.market.server.answers import JSON, Answer, Make, Moment, Query, Refused, encoded
from gex_pipeline.market.server.deribit import history, options, perps, wire


def _instruments(moment: Moment, query: Query) -> list[dict[str, Any]]:
    of = options.of_currency(moment, query, (*options.CURRENCIES, "any"))
    is_expired = query.get("expired", "false") == "true"
    rows = [row for book in of for row in options.instrument_rows(moment, book, is_expired)]
    futures = [perps.perpetual_instrument(moment, name) for name in _perpetuals(moment, query)]
    return rows if is_expired else rows + futures


def _summary(moment: Moment, query: Query) -> list[dict[str, Any]]:
    of = options.of_currency(moment, query)  # unlike the instruments, no "any"
    rows = [row for book in of for row in options.summary_rows(moment, book)]
    return rows + [perps.perpetual_row(moment, name) for name in _perpetuals(moment, query)]


def _perpetuals(moment: Moment, query: Query) -> list[str]:
    """The perpetuals of a currency; they come along where `kind` is left out."""
    if query.get("kind", "any") not in ("future", "any"):
        return []
    settles = {
        name: coin if source == "deribit/usd" else "USDC" for name, (coin, source) in perps.perpetuals(moment).items()
    }
    return [name for name, settle in settles.items() if query["currency"] in (settle, "any")]


def _status(_moment: Moment, _query: Query) -> dict[str, Any]:
    return {"locked": "false", "locked_indices": []}


ENDPOINTS: dict[str, Make] = {
    "public/get_instruments": _instruments,
    "public/get_book_summary_by_currency": _summary,
    "public/get_book_summary_by_instrument": perps.summary_by_instrument,
    "public/get_index_price": perps.index_price,
    "public/ticker": perps.ticker,
    "public/get_contract_size": perps.contract_size,
    "public/status": _status,
    "public/get_delivery_prices": history.delivery_prices,
    "public/get_tradingview_chart_data": history.chart,
    "public/get_volatility_index_data": history.volatility_index,
    "public/get_funding_rate_history": history.funding_history,
    "public/get_last_trades_by_currency": history.last_trades,
    "public/get_last_trades_by_currency_and_time": history.last_trades_and_time,
}


def answer(moment: Moment, endpoint: str, query: Query) -> Answer:
    """What Deribit answers to ``GET /api/v2/<endpoint>?<query>``."""
    asked = {name: value for name, value in query.items() if name != "id"}
    try:
        if endpoint not in ENDPOINTS:
            raise Refused(400, code=-32601, message="Method not found")
        return Answer(200, wire.envelope(moment, query, "result", encoded(ENDPOINTS[endpoint], moment, asked)), JSON)
    except Refused as refused:
        return wire.error_answer(moment, query, refused)
