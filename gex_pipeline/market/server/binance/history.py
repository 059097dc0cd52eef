"""Binance's past: exercises, option trades, candles and funding of perpetuals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gex_pipeline.core.units import DAY_US
from gex_pipeline.market.books import Book, digits
from gex_pipeline.market.draws import Ints
from gex_pipeline.market.server import candles, history, tape
from gex_pipeline.market.server.answers import Make, Moment, Query, text
from gex_pipeline.market.server.binance.options import of_underlying
from gex_pipeline.market.server.binance.perps import coin_of
from gex_pipeline.market.server.binance.wire import invalid_symbol, refuse, required, whole

_HOURS = {"1h": 1, "2h": 2, "4h": 4, "6h": 6, "8h": 8, "12h": 12, "1d": 24, "3d": 72}
_INTERVALS = {f"{m}m": candles.Step(m) for m in (1, 3, 5, 15, 30)} | {
    **{name: candles.Step(60 * hours) for name, hours in _HOURS.items()},
    "1w": candles.week(),
    "1M": candles.month(),
}
_SOURCE = "binance/usdt"
_MOST_BARS, _MOST_EXERCISES, _MOST_TRADES, _MOST_FUNDINGS = 1_500, 100, 500, 1_000


def _page(query: Query, default: int, most: int) -> int:
    """How many rows are asked for."""
    limit = whole(query, "limit", default)
    if not 1 <= limit <= most:
        raise refuse(-1130, "Data sent for parameter 'limit' is not valid.")
    return limit


def exercise_history(moment: Moment, query: Query) -> list[dict[str, Any]]:
    """`exerciseHistory`: a row per strike, newest expiry first, at most 100."""
    of = moment.books("binance")
    if query.get("underlying"):
        of = [of_underlying(moment, query["underlying"])]
    most = _page(query, 100, _MOST_EXERCISES)
    first, last = whole(query, "startTime", 0), whole(query, "endTime", moment.now_ms)
    rows: list[dict[str, Any]] = []
    for day in history.delivery_days(moment):
        at = history.delivery_ms(day)
        if at < first or len(rows) >= most:
            break
        if at <= last:
            rows += [row for book in of for row in _exercises(moment, book, day)]
    return rows[:most]


def _exercises(moment: Moment, book: Book, day: Any) -> Iterator[dict[str, Any]]:
    px, gone, has_paid = history.exercised(moment.world, book, day)
    for name, strike, paid in zip(gone.names, gone.strike.tolist(), has_paid, strict=True):
        yield {
            "symbol": name,
            "strikePrice": text(strike, 4),
            "realStrikePrice": f"{px:.8f}",
            "expiryDate": history.delivery_ms(day),
            "strikeResult": "REALISTIC_VALUE_STRICKEN" if paid else "EXTRINSIC_VALUE_EXPIRED",
        }


def trades(moment: Moment, query: Query) -> list[dict[str, Any]]:
    """`trades` of one contract within the last two days, ascending."""
    required(query, "symbol")
    name = query["symbol"]
    of = [book for book in moment.books("binance") if name.startswith(f"{book.coin}-")]
    if not of or name not in moment.listed(of[0]).names:
        raise invalid_symbol()
    found = tape.newest_first(moment, of, moment.now_us - 2 * DAY_US, moment.now_us, 100_000)
    most = _page(query, 100, _MOST_TRADES)
    return [_trade(t) for t in [t for t in found if t.name == name][:most][::-1]]


def _trade(t: tape.Trade) -> dict[str, Any]:
    """A trade; sold amounts are negative."""
    side = 1 if t.is_buy else -1
    contracts = side * t.amount / t.book.contract_coin
    return {
        "id": t.number,
        "symbol": t.name,
        "price": text(t.price, 2),
        "qty": text(contracts, 4),
        "quoteQty": text(contracts * t.price, 4),
        "side": side,
        "time": t.time_us // 1_000,
    }


def klines(kind: str, parameter: str) -> Make:
    """`klines`, `indexPriceKlines` (by `pair`) or `markPriceKlines`: ascending, from `startTime` if there is one."""

    def make(moment: Moment, query: Query) -> list[list[Any]]:
        required(query, parameter, "interval")
        coin = coin_of(moment, query[parameter])
        step = _INTERVALS.get(query["interval"])
        if step is None:
            raise refuse(-1120, "Invalid interval.")
        starts = _starts(moment, query, step)
        if len(starts) == 0:
            return []
        b = history.perpetual_bars(moment, _SOURCE, coin, kind, starts, step)
        return _rows(b, step, digits(coin))

    return make


def _starts(moment: Moment, query: Query, step: candles.Step) -> Ints:
    limit = _page(query, 500, _MOST_BARS)
    starts = step.starts(
        moment.world, whole(query, "startTime", 0), min(whole(query, "endTime", moment.now_ms), moment.now_ms)
    )
    return starts[:limit] if query.get("startTime") else starts[-limit:]


def _rows(b: candles.Candles, step: candles.Step, digits: int) -> list[list[Any]]:
    columns = (b.start_ms, b.open, b.high, b.low, b.close, b.volume)
    rows: list[list[Any]] = []
    for start, *prices, volume in zip(*(c.tolist() for c in columns), strict=True):
        words = [f"{p:.{digits}f}" for p in prices]
        quote = volume * prices[-1]
        halves = [text(volume / 2, 3), text(quote / 2, 4)]
        taken = [text(volume, 3), step.end_ms(start) - 1, text(quote, 4), int(100 * volume), *halves, "0"]
        rows.append([start, *words, *taken])
    return rows


def funding(moment: Moment, query: Query) -> list[dict[str, Any]]:
    """`fundingRate`: ascending; the newest where no `startTime` is given."""
    required(query, "symbol")
    coin = coin_of(moment, query["symbol"])
    first, last = whole(query, "startTime", 0), whole(query, "endTime", moment.now_ms)
    times, rates = history.funding(moment, _SOURCE, coin, first, last)
    limit = _page(query, 100, _MOST_FUNDINGS)
    pairs = list(zip(times.tolist(), rates.tolist(), strict=True))
    chosen = pairs[:limit] if query.get("startTime") else pairs[-limit:]
    marks = history.prices(moment, _SOURCE, coin, "mark", np.array([at for at, _ in chosen], dtype=np.int64) * 1_000)
    return [
        {
            "symbol": query["symbol"],
            "fundingTime": at,
            "fundingRate": f"{rate:.8f}",
            "markPrice": f"{mark:.8f}",
        }
        for (at, rate), mark in zip(chosen, marks.tolist(), strict=True)
    ]
