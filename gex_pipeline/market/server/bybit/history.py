"""Bybit's past: candles, funding, deliveries, trades. Lists are newest first."""

from __future__ import annotations

from typing import Any

from gex_pipeline.core.units import DAY_US
from gex_pipeline.market import listing
from gex_pipeline.market.books import Book, digits
from gex_pipeline.market.server import candles, history, tape
from gex_pipeline.market.server.answers import Make, Moment, Query, text
from gex_pipeline.market.server.bybit.options import delivering, of_query
from gex_pipeline.market.server.bybit.perps import perpetuals
from gex_pipeline.market.server.bybit.wire import invalid, one_of, whole

_INTERVALS = {str(m): candles.Step(m) for m in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)} | {
    "D": candles.Step(1_440),
    "W": candles.week(),
    "M": candles.month(),
}
_LONGEST, _DEFAULT = 1_000, 200
_DELIVERED = 50  # daily prices that new-delivery-price keeps


def _symbol(moment: Moment, query: Query) -> tuple[str, str]:
    one_of(query, "category", ("linear",))
    if query.get("symbol") not in perpetuals(moment):
        raise invalid("symbol invalid")
    return perpetuals(moment)[query["symbol"]]


def klines(kind: str) -> Make:
    """`kline`, `index-price-kline` or `mark-price-kline`; only trades have volume and turnover."""

    def make(moment: Moment, query: Query) -> dict[str, Any]:
        coin, source = _symbol(moment, query)
        step = _INTERVALS.get(query.get("interval", ""))
        if step is None:
            raise invalid("interval invalid")
        limit = whole(query, "limit", _DEFAULT, _LONGEST) or _DEFAULT
        last = min(whole(query, "end", moment.now_ms), moment.now_ms)
        starts = step.starts(moment.world, whole(query, "start", 0), last)
        # a start alone asks for what follows it
        starts = starts[:limit] if query.get("start") and not query.get("end") else starts[-limit:]
        rows: list[list[str]] = []
        if len(starts):
            b = history.perpetual_bars(moment, source, coin, kind, starts, step)
            rows = _rows(b, digits(coin), has_volume=kind == "last")
        return {"category": "linear", "symbol": query["symbol"], "list": rows[::-1]}

    return make


def _rows(b: candles.Candles, digits: int, *, has_volume: bool) -> list[list[str]]:
    columns = [b.start_ms.tolist(), *(c.tolist() for c in (b.open, b.high, b.low, b.close, b.volume))]
    rows: list[list[str]] = []
    for start, *prices, volume in zip(*columns, strict=True):
        amounts = [text(volume, 3), text(volume * prices[-1], 4)] if has_volume else []
        rows.append([str(start), *(text(p, digits) for p in prices), *amounts])
    return rows


def funding(moment: Moment, query: Query) -> dict[str, Any]:
    """`funding/history`; a start without an end is an error."""
    coin, source = _symbol(moment, query)
    if query.get("startTime") and not query.get("endTime"):
        raise invalid("endTime is required with startTime")
    first, last = whole(query, "startTime", 0), whole(query, "endTime", moment.now_ms)
    limit = whole(query, "limit", _DEFAULT, _DEFAULT) or _DEFAULT
    times, rates = history.funding(moment, source, coin, first, last)
    pairs = list(zip(times.tolist(), rates.tolist(), strict=True))[::-1][:limit]
    return {
        "category": "linear",
        "list": [
            {"symbol": query["symbol"], "fundingRate": text(rate, 8), "fundingRateTimestamp": str(at)}
            for at, rate in pairs
        ],
    }


def _settled(moment: Moment, query: Query, default: str) -> Book:
    """The book of `baseCoin` and `settleCoin`."""
    one_of(query, "category", ("option",))
    settle = query.get("settleCoin") or default
    found = [book for book in of_query(moment, query, "BTC") if book.settle_coin == settle]
    if not found:
        raise invalid("settleCoin invalid")
    return found[0]


def new_delivery_price(moment: Moment, query: Query) -> dict[str, Any]:
    """`new-delivery-price`: the last 50 days; USDT unless told otherwise."""
    book = _settled(moment, query, "USDT")
    days = [day for day, _ in zip(history.delivery_days(moment), range(_DELIVERED), strict=False)]
    prices = [(day, history.delivery_price(moment.world, book.index_source, book.coin, day)) for day in days]
    rows = [{"deliveryPrice": text(px, 8), "deliveryTime": str(history.delivery_ms(day))} for day, px in prices]
    return {"category": "option", "list": rows}


def delivery_price(moment: Moment, query: Query) -> dict[str, Any]:
    """`delivery-price`: contracts being delivered, or any expired one by `symbol`; USDC unless told otherwise."""
    is_usdt = query.get("symbol", "").endswith("-USDT")
    book = _settled(moment, query, "USDT" if is_usdt else "USDC")
    limit = whole(query, "limit", 50, _DEFAULT) or 50
    day = listing.listing_day(moment.now_us)
    gone = delivering(moment, book)
    names = gone.names if gone else []
    if query.get("symbol"):
        day, names = _expired(moment, book, query["symbol"])
    first = int(query["cursor"]) if query.get("cursor", "").isdigit() else 0
    px = text(history.delivery_price(moment.world, book.index_source, book.coin, day), 8)
    at = str(history.delivery_ms(day))
    rows = [{"symbol": name, "deliveryPrice": px, "deliveryTime": at} for name in names[first : first + limit]]
    cursor = str(first + limit) if first + limit < len(names) else ""
    return {"category": "option", "nextPageCursor": cursor, "list": rows}


def _expired(moment: Moment, book: Book, symbol: str) -> tuple[Any, list[str]]:
    for day in history.delivery_days(moment):
        if f"-{day.day}{day:%b%y}-".upper() in symbol and symbol in listing.expiring(book, moment.world, day).names:
            return day, [symbol]
    raise invalid("symbol invalid")


def recent_trades(moment: Moment, query: Query) -> dict[str, Any]:
    """`recent-trade` of options: a coin, or one symbol within the last day."""
    one_of(query, "category", ("option",))
    limit = whole(query, "limit", 500, _LONGEST) or 500
    of, symbol = of_query(moment, query, "BTC"), query.get("symbol")
    found = tape.newest_first(moment, of, moment.now_us - DAY_US, moment.now_us, 100_000 if symbol else limit)
    wanted = [t for t in found if symbol in (None, "", t.name)][:limit]
    return {"category": "option", "list": [_trade(t) for t in wanted]}


def _trade(t: tape.Trade) -> dict[str, Any]:
    return {
        "execId": f"{t.number:08x}-0000-5000-8000-{t.book.settle_coin.lower().encode().hex():0<12}",
        "symbol": t.name,
        "price": text(t.price, 2),
        "size": text(t.amount, 4),
        "side": "Buy" if t.is_buy else "Sell",
        "time": str(t.time_us // 1_000),
        "isBlockTrade": t.is_block,
        "isRPITrade": False,
        "mP": text(t.mark, 8),
        "iP": text(t.index, 4),
        "mIv": text(t.mark_iv, 4),
        "iv": text(t.iv, 4),
        "seq": str(t.number),
    }
