"""Deribit's past: deliveries, candles, the volatility index, trades, funding."""

from __future__ import annotations

from typing import Any

import numpy as np

from gex_pipeline.core.units import DAY_US
from gex_pipeline.market.books import digits
from gex_pipeline.market.minutes import straight
from gex_pipeline.market.server import candles, history, tape
from gex_pipeline.market.server.answers import Moment, Query
from gex_pipeline.market.server.deribit.options import CURRENCIES, of_currency
from gex_pipeline.market.server.deribit.perps import index_of, perpetuals
from gex_pipeline.market.server.deribit.wire import invalid, required, whole
from gex_pipeline.market.server.perps import funding_8h
from gex_pipeline.market.world import Minutes

_RESOLUTIONS = {str(m): candles.Step(m) for m in (1, 3, 5, 10, 15, 30, 60, 120, 180, 360, 720)} | {
    "1D": candles.Step(1_440)
}
_DVOL_RESOLUTIONS = {"1": 1, "60": 60, "3600": 3_600, "43200": 43_200, "1D": 86_400}  # seconds
_MOST_BARS, _MOST_DVOL, _MOST_FUNDING = 5_001, 1_000, 744
_COLUMNS = ("ticks", "open", "high", "low", "close", "volume", "cost")
_HOUR_MS = 3_600_000
_LONGEST = 1_000  # rows of a page of trades and of deliveries


def delivery_prices(moment: Moment, query: Query) -> dict[str, Any]:
    """`get_delivery_prices`: pages by offset and count, newest first."""
    required(query, "index_name")
    coin, source = index_of(moment, query["index_name"])
    offset, most = whole(query, "offset", 0), _page(query, 10)
    days = list(history.delivery_days(moment))
    rows = [
        {"date": f"{day:%Y-%m-%d}", "delivery_price": round(history.delivery_price(moment.world, source, coin, day), 4)}
        for day in days[offset : offset + most]
    ]
    return {"data": rows, "records_total": len(days)}


def _page(query: Query, default: int) -> int:
    most = whole(query, "count", default)
    if not 1 <= most <= _LONGEST:
        raise invalid("count", "value must be between 1 and 1000")
    return most


def _window(query: Query) -> tuple[int, int]:
    required(query, "start_timestamp", "end_timestamp")
    return whole(query, "start_timestamp", 0), whole(query, "end_timestamp", 0)


def _perpetual(moment: Moment, query: Query) -> tuple[str, str]:
    required(query, "instrument_name")
    if query["instrument_name"] not in perpetuals(moment):
        raise invalid("instrument_name", "instrument not found")
    return perpetuals(moment)[query["instrument_name"]]


def chart(moment: Moment, query: Query) -> dict[str, Any]:
    """`get_tradingview_chart_data` of a perpetual: the last 5,001 bars of the window, ascending, by column."""
    coin, source = _perpetual(moment, query)
    first, last = _window(query)
    required(query, "resolution")
    step = _RESOLUTIONS.get(query["resolution"])
    if step is None:
        raise invalid("resolution", "invalid resolution")
    starts = step.starts(moment.world, first, min(last, moment.now_ms))[-_MOST_BARS:]
    if len(starts) == 0:
        return {"status": "no_data"} | {
            name: [] for name in ("ticks", "open", "high", "low", "close", "volume", "cost")
        }
    b = history.perpetual_bars(moment, source, coin, "last", starts, step)
    prices = {"open": b.open, "high": b.high, "low": b.low, "close": b.close}
    columns = {name: values.round(digits(coin)).tolist() for name, values in prices.items()}
    amounts = {"volume": b.volume.round(4).tolist(), "cost": (b.volume * b.close).round(2).tolist()}
    return {"status": "ok", "ticks": starts.tolist()} | columns | amounts


def volatility_index(moment: Moment, query: Query) -> dict[str, Any]:
    """`get_volatility_index_data`: the last 1,000 rows of the window; `continuation` is the next `end_timestamp`."""
    required(query, "currency", "resolution")
    if query["currency"] not in ("BTC", "ETH") or query["currency"] not in moment.coins:
        raise invalid("currency", "invalid currency")
    if query["resolution"] not in _DVOL_RESOLUTIONS:
        raise invalid("resolution", "invalid resolution")
    first, last = _window(query)
    seconds = _DVOL_RESOLUTIONS[query["resolution"]]
    walk, last = moment.world.dvol(query["currency"]), min(last, moment.now_ms)
    rows, is_more = _second_rows(walk, first, last) if seconds == 1 else _bar_rows(moment, walk, seconds, first, last)
    rows = [[at, *(round(100 * value, 2) for value in values)] for at, *values in rows]
    return {"data": rows, "continuation": rows[0][0] - 1 if is_more else None}


def _bar_rows(moment: Moment, walk: Minutes, seconds: int, first: int, last: int) -> tuple[list[Any], bool]:
    """([start, open, high, low, close] of the last rows of a window, whether there are earlier ones)."""
    step = candles.Step(seconds // 60)
    starts = step.starts(moment.world, first, last)
    page = starts[-_MOST_DVOL:]
    if len(page) == 0:
        return [], False
    b = candles.bars(moment, straight(walk.values), page, step)
    columns = (page, b.open, b.high, b.low, b.close)
    return list(zip(*(c.tolist() for c in columns), strict=True)), len(starts) > len(page)


def _second_rows(walk: Minutes, first: int, last: int) -> tuple[list[Any], bool]:
    """As :func:`_bar_rows`, by the second: the walk is straight between two minutes."""
    starts = np.arange(max(-(-first // 1_000), walk.first * 60), last // 1_000 + 1)
    page = starts[-_MOST_DVOL:]
    if len(page) == 0:
        return [], False
    values = walk.at(np.append(page, page[-1] + 1) * 1_000_000)
    o, c = values[:-1], values[1:]
    columns = (page * 1_000, o, np.maximum(o, c), np.minimum(o, c), c)
    return list(zip(*(x.tolist() for x in columns), strict=True)), len(starts) > len(page)


def funding_history(moment: Moment, query: Query) -> list[dict[str, Any]]:
    """`get_funding_rate_history`: a row an hour, ascending, the last 744 of the window."""
    coin, source = _perpetual(moment, query)
    first, last = _window(query)
    hours = candles.Step(60).starts(moment.world, first, min(last, moment.now_ms))[-_MOST_FUNDING:]
    if len(hours) == 0:
        return []
    times = np.concatenate(([max(int(hours[0]) - _HOUR_MS, moment.world.start_us // 1_000)], hours))
    prices = history.prices(moment, source, coin, "index", times * 1_000)
    rates = funding_8h(moment, source, coin, hours * 1_000)
    rows = zip(hours.tolist(), prices[1:].tolist(), prices[:-1].tolist(), rates.tolist(), strict=True)
    return [_funding(*row) for row in rows]


def _funding(at_ms: int, price: float, before: float, rate: float) -> dict[str, Any]:
    return {
        "timestamp": at_ms,
        "index_price": round(price, 4),
        "prev_index_price": round(before, 4),
        "interest_8h": rate,
        "interest_1h": rate / 8,
    }


def last_trades(moment: Moment, query: Query) -> dict[str, Any]:
    """`get_last_trades_by_currency`: newest first unless sorted otherwise."""
    return _trades(moment, query, whole(query, "start_timestamp", 0), whole(query, "end_timestamp", moment.now_ms))


def last_trades_and_time(moment: Moment, query: Query) -> dict[str, Any]:
    """`get_last_trades_by_currency_and_time`: a window is required."""
    return _trades(moment, query, *_window(query))


def _trades(moment: Moment, query: Query, first_ms: int, last_ms: int) -> dict[str, Any]:
    """A page of option trades; what is older than a day only with `include_old=true`, else silently nothing."""
    of = of_currency(moment, query, CURRENCIES)
    if query.get("sorting", "default") not in ("asc", "desc", "default"):
        raise invalid("sorting", "invalid sorting")
    most = _page(query, 10)
    first_us = first_ms * 1_000
    if query.get("include_old") != "true":
        first_us = max(first_us, moment.now_us - DAY_US)
    pick = tape.oldest_first if query.get("sorting") == "asc" else tape.newest_first
    found = pick(moment, of, first_us, last_ms * 1_000 + 999, most + 1)
    return {"trades": [_trade(t) for t in found[:most]], "has_more": len(found) > most}


def _trade(t: tape.Trade) -> dict[str, Any]:
    decimals = 4 if t.book.is_inverse else 2
    block = {"block_trade_id": f"BLOCK-{t.number}", "block_trade_leg_count": 1} if t.is_block else {}
    return {
        "trade_seq": t.number,
        "trade_id": str(t.number) if t.book.family == "BTC" else f"{t.book.family}-{t.number}",
        "timestamp": t.time_us // 1_000,
        "tick_direction": t.number % 4,
        "price": round(t.price, decimals),
        "mark_price": round(t.mark, decimals + 4),
        "iv": round(100 * t.iv, 2),
        "instrument_name": t.name,
        "index_price": round(t.index, 2),
        "direction": "buy" if t.is_buy else "sell",
        "contracts": round(t.amount / t.book.contract_coin, 4),
        "amount": t.amount,
    } | block
