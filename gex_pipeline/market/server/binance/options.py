"""Binance's option lists: contracts, marks, tickers, and open interest by expiry.

Prices are per contract, which is one coin.
"""

from __future__ import annotations

from math import isnan
from typing import Any

import numpy as np

from gex_pipeline.core import black76
from gex_pipeline.market.books import Book
from gex_pipeline.market.quotes import Quotes
from gex_pipeline.market.server.answers import Moment, Query, text, text_or
from gex_pipeline.market.server.binance.wire import invalid_symbol, refuse, required
from gex_pipeline.market.server.history import settlement_estimates

_DAY_MS = 86_400_000


def of_underlying(moment: Moment, pair: str) -> Book:
    """The book of a pair like BTCUSDT."""
    for book in moment.books("binance"):
        if book.family == pair:
            return book
    raise invalid_symbol()


def exchange_info(moment: Moment, _query: Query) -> dict[str, Any]:
    """`exchangeInfo`: every contract with its `unit`, and the limits."""
    listed = moment.books("binance")
    limits = [("REQUEST_WEIGHT", "MINUTE", 1, 400), ("ORDERS", "MINUTE", 1, 1200), ("ORDERS", "SECOND", 10, 300)]
    names = ("rateLimitType", "interval", "intervalNum", "limit")
    pairs = [{"baseAsset": b.coin, "quoteAsset": "USDT", "underlying": b.family, "settleAsset": "USDT"} for b in listed]
    return {
        "timezone": "UTC",
        "serverTime": moment.now_ms,
        "optionContracts": pairs,
        "optionAssets": [{"name": "USDT"}],
        "optionSymbols": [row for book in listed for row in _symbols(moment, book)],
        "rateLimits": [dict(zip(names, limit, strict=True)) for limit in limits],
    }


def _symbols(moment: Moment, book: Book) -> list[dict[str, Any]]:
    found = moment.listed(book)
    columns = (found.expiry_us.tolist(), found.strike.tolist(), found.is_call.tolist())
    return [_symbol(book, *row) for row in zip(found.names, *columns, strict=True)]


def _symbol(book: Book, name: str, expiry_us: int, strike: float, is_call: bool) -> dict[str, Any]:
    tick, lot = text(book.tick, 2), text(book.lot_coin, 2)
    return {
        "expiryDate": expiry_us // 1_000,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "98000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "100", "stepSize": lot},
        ],
        "symbol": name,
        "side": "CALL" if is_call else "PUT",
        "strikePrice": text(strike, 4),
        "underlying": book.family,
        "unit": int(book.contract_coin),
        "liquidationFeeRate": "0.0019000",
        "minQty": lot,
        "maxQty": "100",
        "initialMargin": "0.15000000",
        "maintenanceMargin": "0.07500000",
        "minInitialMargin": "0.10000000",
        "minMaintenanceMargin": "0.05000000",
        "priceScale": 2 if book.tick < 1 else 0,
        "quantityScale": 2,
        "quoteAsset": "USDT",
        "contractType": "CRYPTO",
        "underlyingType": "COIN",
        "nakedSell": True,
        "status": "TRADING",
    }


def _chosen(rows: list[dict[str, Any]], query: Query) -> list[dict[str, Any]]:
    if not query.get("symbol"):
        return rows
    found = [row for row in rows if row["symbol"] == query["symbol"]]
    if not found:
        raise invalid_symbol()
    return found


def mark(moment: Moment, query: Query) -> list[dict[str, Any]]:
    """`mark`: prices, volatilities and greeks of every contract. There is no timestamp."""
    rows = [row for book in moment.books("binance") for row in _mark_rows(moment.quotes(book))]
    return _chosen(rows, query)


def _mark_rows(q: Quotes) -> list[dict[str, Any]]:
    k, t, f, s = q.listed.strike, q.tenor, q.forward, q.mark_iv
    greeks = (black76.delta(f, k, t, s, q.listed.is_call), black76.theta(f, k, t, s) / 365)
    columns = (
        q.mark(),
        *q.bid_and_ask(),
        q.bid_iv,
        q.ask_iv,
        s,
        *greeks,
        black76.gamma(f, k, t, s),
        black76.vega(f, k, t, s),
    )
    return [_mark_row(q, *row) for row in zip(q.listed.names, *(c.tolist() for c in columns), strict=True)]


def _mark_row(q: Quotes, name: str, price: float, bid: float, ask: float, *rest: float) -> dict[str, Any]:
    """One row; -1 where nobody quotes."""
    bid_iv, ask_iv, iv, delta, theta, gamma, vega = rest
    room = 0.1 * q.spot
    return {
        "symbol": name,
        "markPrice": text(price, 2),
        "bidIV": f"{bid_iv:.8f}" if not isnan(bid) else "-1.0",
        "askIV": f"{ask_iv:.8f}" if not isnan(ask) else "-1.0",
        "markIV": f"{iv:.8f}",
        "delta": text(delta, 8),
        "theta": text(theta, 8),
        "gamma": text(gamma, 8),
        "vega": text(vega / 100, 8),
        "highPriceLimit": text(price + room, 2),
        "lowPriceLimit": text(max(price - room, q.book.tick), 2),
        "riskFreeInterest": "0",
    }


def ticker(moment: Moment, query: Query) -> list[dict[str, Any]]:
    """`ticker`: quotes and the last 24 hours; volume in contracts."""
    rows = [row for book in moment.books("binance") for row in _ticker_rows(moment, book)]
    return _chosen(rows, query)


def _ticker_rows(moment: Moment, book: Book) -> list[dict[str, Any]]:
    q, estimates = moment.quotes(book), settlement_estimates(moment, book)
    exercise = np.where(np.isnan(estimates), q.spot, estimates)
    columns = (q.listed.strike, q.mark(), *q.bid_and_ask(), q.volume / book.contract_coin, exercise)
    return [_ticker_row(q, *row) for row in zip(q.listed.names, *(c.tolist() for c in columns), strict=True)]


def _ticker_row(
    q: Quotes, name: str, strike: float, price: float, bid: float, ask: float, volume: float, exercise: float
) -> dict[str, Any]:
    now_ms, is_traded = int(q.instant_us) // 1_000, volume > 0
    last = text(price, 2) if is_traded else "0"
    return {
        "symbol": name,
        "priceChange": text(-0.05 * price, 2) if is_traded else "0",
        "priceChangePercent": "-0.0476" if is_traded else "0",
        "lastPrice": last,
        "lastQty": text(q.book.lot_coin, 2) if is_traded else "0",
        "open": text(1.05 * price, 2) if is_traded else "0",
        "high": text(1.1 * price, 2) if is_traded else "0",
        "low": text(0.9 * price, 2) if is_traded else "0",
        "volume": text(volume, 4),
        "amount": text(volume * price, 4),
        "bidPrice": text_or(bid, 2, "0"),
        "askPrice": text_or(ask, 2, "0"),
        "openTime": now_ms - _DAY_MS if is_traded else 0,
        "closeTime": now_ms - 20_000 if is_traded else 0,
        "firstTradeId": 12 if is_traded else 0,
        "tradeCount": 22 if is_traded else 0,
        "strikePrice": text(strike, 4),
        "exercisePrice": text(exercise, 8),
    }


def index(moment: Moment, query: Query) -> dict[str, Any]:
    """`index` of one underlying."""
    required(query, "underlying")
    book = of_underlying(moment, query["underlying"])
    return {"time": moment.now_ms, "indexPrice": text(moment.index(book.index_source, book.coin), 8)}


def open_interest(moment: Moment, query: Query) -> list[dict[str, Any]]:
    """`openInterest` of one coin and expiry, in contracts; its time steps by the minute."""
    required(query, "underlyingAsset", "expiration")
    day = query["expiration"]
    if not (len(day) == 6 and day.isdigit()):
        raise refuse(-1130, "Data sent for parameter 'expiration' is not valid.")
    q = moment.quotes(of_underlying(moment, f"{query['underlyingAsset']}USDT"))
    stamp = str(int(q.instant_us) // 60_000_000 * 60_000)
    rows = zip(q.listed.names, (q.open_interest / q.book.contract_coin).tolist(), strict=True)
    return [
        {
            "symbol": name,
            "sumOpenInterest": text(contracts, 4),
            "sumOpenInterestUsd": text(contracts * q.book.contract_coin * q.spot, 8),
            "timestamp": stamp,
        }
        for name, contracts in rows
        if f"-{day}-" in name
    ]
