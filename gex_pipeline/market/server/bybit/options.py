"""Bybit's option lists: instruments (by pages) and tickers (whole). Every number is a string."""

from __future__ import annotations

from math import isnan
from typing import Any
from urllib.parse import quote, unquote
from zlib import crc32

from gex_pipeline.core import black76
from gex_pipeline.market import listing
from gex_pipeline.market.books import COINS, Book
from gex_pipeline.market.listing import Contracts
from gex_pipeline.market.quotes import Quotes
from gex_pipeline.market.server.answers import Moment, Query, text, text_or
from gex_pipeline.market.server.bybit.wire import invalid, one_of, whole
from gex_pipeline.market.server.history import settlement_estimates

_PAGE, _LONGEST_PAGE = 500, 1_000
_DELIVERY_US = 4 * 3_600_000_000


def of_query(moment: Moment, query: Query, default: str = "") -> list[Book]:
    """The books a query means by `baseCoin` or `symbol`; none for a coin that has no options (HYPE)."""
    coin = query.get("baseCoin") or query.get("symbol", "").partition("-")[0] or default
    if coin not in COINS:
        raise invalid("baseCoin invalid" if "baseCoin" in query else "symbol invalid" if coin else "baseCoin or symbol")
    return [book for book in moment.books("bybit") if book.coin == coin]


def chosen(rows: list[dict[str, Any]], query: Query) -> list[dict[str, Any]]:
    """The rows of one symbol where one is asked for; an unknown one is a parameter error."""
    if not query.get("symbol"):
        return rows
    found = [row for row in rows if row["symbol"] == query["symbol"]]
    if not found:
        raise invalid("symbol invalid")
    return found


def instruments(moment: Moment, query: Query) -> dict[str, Any]:
    """`instruments-info` of options: pages of 500 where no limit is given, BTC where no coin is."""
    one_of(query, "category", ("option",))
    limit = whole(query, "limit", _PAGE, _LONGEST_PAGE) or _PAGE
    rows = chosen([row for book in of_query(moment, query, "BTC") for row in _instruments(moment, book)], query)
    names = [row["symbol"] for row in rows]
    first = _position(names, unquote(query.get("cursor", "")))
    last = first + limit
    cursor = quote(f"first={names[last]}&last={names[last]}", safe="") if last < len(names) else ""
    return {"category": "option", "nextPageCursor": cursor, "list": rows[first:last]}


def _position(names: list[str], cursor: str) -> int:
    """Where the page of a cursor begins."""
    if not cursor:
        return 0
    name = cursor.partition("last=")[2]
    if name not in names:
        raise invalid("cursor invalid")
    return names.index(name)


def _instruments(moment: Moment, book: Book) -> list[dict[str, Any]]:
    """What trades, after what is still being delivered: from 08:00 to 12:00 UTC the day's expiry stays in the list."""
    gone, found = delivering(moment, book), moment.listed(book)
    return [*(_rows(book, gone, "Delivering") if gone else []), *_rows(book, found, "Trading")]


def delivering(moment: Moment, book: Book) -> Contracts | None:
    """The contracts that expired at the last 08:00 UTC, in the four hours of their delivery."""
    day = listing.listing_day(moment.now_us)
    gone = listing.expiring(book, moment.world, day)
    return gone if moment.now_us - int(gone.expiry_us[0]) < _DELIVERY_US else None


def _rows(book: Book, found: Contracts, status: str) -> list[dict[str, Any]]:
    columns = (found.expiry_us.tolist(), found.since_us.tolist(), found.is_call.tolist())
    return [_instrument(book, *row) | {"status": status} for row in zip(found.names, *columns, strict=True)]


def _instrument(book: Book, name: str, expiry_us: int, since_us: int, is_call: bool) -> dict[str, Any]:
    coin, settle, tick = book.coin, book.settle_coin, text(book.tick, 2)
    lot = text(book.lot_coin, 2)
    return {
        "symbol": name,
        "symbolId": crc32(name.encode()),
        "status": "Trading",
        "baseCoin": coin,
        "quoteCoin": settle,
        "settleCoin": settle,
        "optionsType": "Call" if is_call else "Put",
        "launchTime": str(since_us // 1_000),
        "deliveryTime": str(expiry_us // 1_000),
        "deliveryFeeRate": "0.00015",
        "priceFilter": {"minPrice": tick, "maxPrice": "1110000", "tickSize": tick},
        "lotSizeFilter": {"maxOrderQty": "500", "minOrderQty": lot, "qtyStep": lot},
        "displayName": f"{coin}{settle}{name.removeprefix(coin).removesuffix('-USDT')}",
    }


def tickers(moment: Moment, query: Query) -> dict[str, Any]:
    """`tickers` of options: a whole coin in one list, both settlements."""
    rows = [row for book in of_query(moment, query) for row in _tickers(moment, book, query.get("expDate", ""))]
    return {"category": "option", "list": chosen(rows, query)}


def _tickers(moment: Moment, book: Book, day: str) -> list[dict[str, Any]]:
    q = moment.quotes(book)
    k, t, f, s = q.listed.strike, q.tenor, q.forward, q.mark_iv
    greeks = (black76.delta(f, k, t, s, q.listed.is_call), black76.gamma(f, k, t, s))
    slow = (black76.vega(f, k, t, s) / 100, black76.theta(f, k, t, s) / 365)
    columns = (q.mark(), *q.bid_and_ask(), q.bid_iv, q.ask_iv, s, f, q.open_interest, q.volume, *greeks, *slow)
    columns = (*columns, settlement_estimates(moment, book))
    rows = zip(q.listed.names, *(c.tolist() for c in columns), strict=True)
    return [_ticker(q, *row) for row in rows if not day or f"-{day}-" in row[0]]


def _ticker(q: Quotes, name: str, mark: float, bid: float, ask: float, bid_iv: float, *rest: float) -> dict[str, Any]:
    """One row; "0" where there is no quote or no trade."""
    ask_iv, iv, forward, oi, volume, delta, gamma, vega, theta, estimate = rest
    has_bid, has_ask, is_traded = not isnan(bid), not isnan(ask), volume > 0
    return {
        "symbol": name,
        "bid1Price": text_or(bid, 2, "0"),
        "bid1Size": "3.1" if has_bid else "0",
        "bid1Iv": text(bid_iv, 4) if has_bid else "0",
        "ask1Price": text_or(ask, 2, "0"),
        "ask1Size": "2.8" if has_ask else "0",
        "ask1Iv": text(ask_iv, 4) if has_ask else "0",
        "lastPrice": text(mark, 1) if is_traded else "0",
        "highPrice24h": text(1.1 * mark, 1) if is_traded else "0",
        "lowPrice24h": text(0.9 * mark, 1) if is_traded else "0",
        "markPrice": text(mark, 8),
        "indexPrice": text(q.spot, 4),
        "markIv": text(iv, 4),
        "underlyingPrice": text(forward, 4),
        "openInterest": text(oi, 4),
        "turnover24h": text(volume * q.spot, 4),
        "volume24h": text(volume, 4),
        "totalVolume": text(20 * volume, 0),
        "totalTurnover": text(20 * volume * q.spot, 0),
        "delta": text(delta, 8),
        "gamma": text(gamma, 8),
        "vega": text(vega, 8),
        "theta": text(theta, 8),
        "predictedDeliveryPrice": text_or(estimate, 4, "0"),
        "change24h": text(iv % 0.1 - 0.06, 8) if is_traded else "0",
    }
