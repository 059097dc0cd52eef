"""OKX V5: every value a string, "" for what is missing, two option families per coin."""

from __future__ import annotations

from collections.abc import Callable

from gex_pipeline.market.books import Book
from gex_pipeline.market.server.answers import HTML, Answer, Make, Moment, Query, Refused, encoded
from gex_pipeline.market.server.okx import history, options, perps, wire

Rows = list[dict[str, str]]
_TYPES = ("OPTION", "SWAP", "FUTURES", "MARGIN", "SPOT")


def _by_type(of_book: Callable[[Moment, Book], Rows], of_swap: Callable[[Moment, str], dict[str, str]]) -> Make:
    """An endpoint that lists options of a family, or swaps; `instId` asks for one."""

    def make(moment: Moment, query: Query) -> Rows:
        wire.required(query, "instType")
        if query["instType"] not in _TYPES:
            raise wire.wrong("instType")
        if query["instType"] == "OPTION":
            rows = [row for book in options.of_query(moment, query) for row in of_book(moment, book)]
        else:
            names = perps.swaps(moment) if query["instType"] == "SWAP" else ()
            rows = [of_swap(moment, name) for name in names]
        return _one(rows, query)

    return make


def _one(rows: Rows, query: Query) -> Rows:
    if not query.get("instId"):
        return rows
    found = [row for row in rows if row["instId"] == query["instId"]]
    if not found:
        raise wire.refuse(200, *wire.NO_INSTRUMENT)
    return found


def _swap_spec(moment: Moment, name: str) -> dict[str, str]:
    coin = perps.swaps(moment)[name][0]
    spec = {"ctVal": str(perps.SWAP_COINS[coin]), "ctMult": "1", "ctValCcy": coin, "ctType": "linear"}
    named = {"instType": "SWAP", "instId": name, "instFamily": f"{coin}-USDT", "uly": f"{coin}-USDT"}
    return named | spec | {"settleCcy": "USDT", "expTime": "", "stk": "", "optType": "", "state": "live"}


def _opt_summary(moment: Moment, query: Query) -> Rows:
    of = options.of_query(moment, query)
    return [row for book in of for row in options.summary(moment.quotes(book), query.get("expTime", ""))]


_tickers_of_family = _by_type(lambda m, b: options.tickers(m.quotes(b)), perps.ticker)


def _tickers(moment: Moment, query: Query) -> Rows:
    """Tickers need no family: without one, all of them."""
    if query.get("instType") != "OPTION" or query.get("instFamily") or query.get("uly"):
        return _tickers_of_family(moment, query)
    return [row for book in moment.books("okx") for row in options.tickers(moment.quotes(book))]


_marks_of_family = _by_type(lambda m, b: options.mark_prices(m.quotes(b)), perps.mark_price)


def _mark_prices(moment: Moment, query: Query) -> Rows:
    """Mark prices need no family either."""
    if query.get("instType") != "OPTION" or query.get("instFamily") or query.get("uly"):
        return _marks_of_family(moment, query)
    return _one([row for book in moment.books("okx") for row in options.mark_prices(moment.quotes(book))], query)


def _index_tickers(moment: Moment, query: Query) -> Rows:
    if query.get("instId"):
        return [perps.index_ticker(moment, query["instId"])]
    if not query.get("quoteCcy"):
        raise wire.refuse(400, "50015", "Either parameter instId or quoteCcy is required")
    return [perps.index_ticker(moment, f"{coin}-{query['quoteCcy']}") for coin in moment.coins]


def _underlying(moment: Moment, query: Query) -> list[list[str]]:
    wire.required(query, "instType")
    return [sorted({f"{book.coin}-USD" for book in moment.books("okx")})]


def _nothing(_moment: Moment, _query: Query) -> Rows:
    """`system/status` when all is well."""
    return []


def _clock(moment: Moment, _query: Query) -> Rows:
    return [{"ts": str(moment.now_ms)}]


ENDPOINTS: dict[str, Make] = {
    "public/instruments": _by_type(options.instruments, _swap_spec),
    "public/open-interest": _by_type(lambda m, b: options.open_interest(m.quotes(b)), perps.open_interest),
    "public/opt-summary": _opt_summary,
    "public/mark-price": _mark_prices,
    "public/underlying": _underlying,
    "public/funding-rate": perps.funding_rate,
    "public/time": _clock,
    "market/tickers": _tickers,
    "market/index-tickers": _index_tickers,
    "system/status": _nothing,
    "market/candles": history.candle_rows(history.Shelf("last", 300, is_recent=True)),
    "market/history-candles": history.candle_rows(history.Shelf("last", 300, is_recent=False)),
    "market/index-candles": history.candle_rows(history.Shelf("index", 100, is_recent=True)),
    "market/history-index-candles": history.candle_rows(history.Shelf("index", 100, is_recent=False)),
    "market/mark-price-candles": history.candle_rows(history.Shelf("mark", 100, is_recent=True)),
    "market/history-mark-price-candles": history.candle_rows(history.Shelf("mark", 100, is_recent=False)),
    "market/trades": history.trades,
    "public/estimated-price": history.estimated_price,
    "public/option-trades": history.option_trades,
    "public/funding-rate-history": history.funding,
    "public/delivery-exercise-history": history.exercises,
}


def answer(moment: Moment, endpoint: str, query: Query) -> Answer:
    """What OKX answers to ``GET /api/v5/<endpoint>?<query>``."""
    if endpoint not in ENDPOINTS:
        return Answer(404, b"<html><body>404 Not Found</body></html>", HTML)
    try:
        return wire.envelope(encoded(ENDPOINTS[endpoint], moment, query))
    except Refused as refused:
        return wire.error_answer(refused)
