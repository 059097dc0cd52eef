"""OKX's past: candles, funding, exercises, trades. Newest first; `after` asks for older rows, `before` for newer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from math import isnan
from typing import Any

from gex_pipeline.core.units import DAY_US
from gex_pipeline.market.books import Book, digits
from gex_pipeline.market.draws import Ints
from gex_pipeline.market.server import candles, history, tape
from gex_pipeline.market.server.answers import Make, Moment, Query, text
from gex_pipeline.market.server.okx.options import of_query
from gex_pipeline.market.server.okx.perps import SWAP_COINS, index_of, swap_of
from gex_pipeline.market.server.okx.wire import NO_INDEX, NO_INSTRUMENT, refuse, required, whole, wrong

_HONG_KONG = -480  # minutes: long bars begin at midnight UTC+8 unless their name ends in utc
_FAR_MS = 2**53
_RECENT_BARS = 1_440
_RETAINED_MS = 90 * 86_400_000


def _bars() -> dict[str, candles.Step]:
    """Every `bar`."""
    short = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1H": 60, "2H": 120, "4H": 240}
    out = {name: candles.Step(minutes) for name, minutes in short.items()}
    for end, offset in (("", _HONG_KONG), ("utc", 0)):
        long = {"6H": 360, "12H": 720, "1D": 1_440}
        out |= {f"{name}{end}": candles.Step(minutes, offset) for name, minutes in long.items()}
        out |= {f"1W{end}": candles.week(offset), f"1M{end}": candles.month(offset)}
    return out


_BARS = _bars()


@dataclass(frozen=True)
class Shelf:
    """One of the candle endpoints: the price it shows, its longest page, and whether it keeps only what is recent."""

    kind: str
    most: int
    is_recent: bool


def candle_rows(shelf: Shelf) -> Make:
    """The endpoint of a shelf."""

    def make(moment: Moment, query: Query) -> list[list[str]]:
        required(query, "instId")
        coin, source = _of_shelf(moment, query, shelf)
        step = _BARS.get(query.get("bar") or "1m")
        if step is None:
            raise wrong("bar")
        starts = _starts(moment, query, shelf, step)
        if len(starts) == 0:
            return []
        b = history.perpetual_bars(moment, source, coin, shelf.kind, starts, step)
        return _rows(b, coin, has_volume=shelf.kind == "last")[::-1]

    return make


def _of_shelf(moment: Moment, query: Query, shelf: Shelf) -> tuple[str, str]:
    if shelf.kind == "index":
        return index_of(moment, query["instId"])
    return swap_of(moment, query)[1:]


def _starts(moment: Moment, query: Query, shelf: Shelf, step: candles.Step) -> Ints:
    """The newest page between `before` and `after`; the history has closed bars only."""
    older, newer = whole(query, "after", _FAR_MS), whole(query, "before", 0)
    starts = step.starts(moment.world, newer + 1, min(older - 1, moment.now_ms))
    if shelf.is_recent:
        oldest = step.starts(moment.world, 0, moment.now_ms)[-_RECENT_BARS:][:1]
        starts = starts[starts >= oldest[0]] if len(oldest) else starts
    elif len(starts) and step.end_ms(int(starts[-1])) > moment.now_ms:
        starts = starts[:-1]
    return starts[-_page(query, shelf.most) :]


def _page(query: Query, most: int) -> int:
    """How many rows are asked for, as far as the endpoint gives them."""
    limit = whole(query, "limit", 100)
    if limit < 1:
        raise wrong("limit")
    return min(limit, most)


def _rows(b: candles.Candles, coin: str, *, has_volume: bool) -> list[list[str]]:
    columns = (b.start_ms, b.open, b.high, b.low, b.close, b.volume, b.is_closed)
    rows: list[list[str]] = []
    for start, *prices, volume, is_closed in zip(*(c.tolist() for c in columns), strict=True):
        amounts = (volume / SWAP_COINS[coin], volume, volume * prices[-1]) if has_volume else ()
        words = [str(start), *(text(p, digits(coin)) for p in prices)]
        rows.append([*words, *(text(a, 4) for a in amounts), "1" if is_closed else "0"])
    return rows


def funding(moment: Moment, query: Query) -> list[dict[str, str]]:
    """`funding-rate-history`: about three months."""
    required(query, "instId")
    name, coin, source = swap_of(moment, query)
    older, newer = whole(query, "after", _FAR_MS), whole(query, "before", 0)
    first = max(newer + 1, moment.now_ms - _RETAINED_MS)
    times, rates = history.funding(moment, source, coin, first, older - 1)
    most = _page(query, 100)
    pairs = list(zip(times.tolist(), rates.tolist(), strict=True))[::-1][:most]
    fixed = {"instType": "SWAP", "instId": name, "formulaType": "noRate", "method": "current_period"}
    return [
        fixed | {"fundingRate": text(rate, 10), "realizedRate": text(rate, 10), "fundingTime": str(at)}
        for at, rate in pairs
    ]


def exercises(moment: Moment, query: Query) -> list[dict[str, Any]]:
    """`delivery-exercise-history`: every strike of every expiry of about three months; `_UM` by `instFamily` only."""
    required(query, "instType")
    if query["instType"] != "OPTION":
        return []
    book = _exercised(moment, query)
    older, newer = whole(query, "after", _FAR_MS), whole(query, "before", 0)
    first = max(newer + 1, moment.now_ms - _RETAINED_MS)
    stamps = ((day, history.delivery_ms(day)) for day in history.delivery_days(moment))
    kept = [(day, ms) for day, ms in takewhile(lambda d: d[1] >= first, stamps) if ms < older]
    most = _page(query, 100)
    return [{"ts": str(ms), "details": _details(moment, book, day)} for day, ms in kept[:most]]


def _exercised(moment: Moment, query: Query) -> Book:
    """The family asked for; `uly` knows the coin-margined ones only."""
    if query.get("uly") and not query.get("instFamily"):
        found = [book for book in moment.books("okx") if book.family == query["uly"] and book.is_inverse]
        if not found:
            raise refuse(200, *NO_INDEX)
        return found[0]
    return of_query(moment, query)[0]


def _details(moment: Moment, book: Book, day: Any) -> list[dict[str, str]]:
    px, gone, has_paid = history.exercised(moment.world, book, day)
    types = ("exercised" if paid else "expired_otm" for paid in has_paid)
    return [{"insId": n, "px": text(px, 4), "type": t} for n, t in zip(gone.names, types, strict=True)]


def estimated_price(moment: Moment, query: Query) -> list[dict[str, str]]:
    """`public/estimated-price` of one option: nothing before its settlement is averaged."""
    required(query, "instId")
    name = query["instId"]
    for book in moment.books("okx"):
        names = moment.listed(book).names
        if name in names:
            estimate = float(history.settlement_estimates(moment, book)[names.index(name)])
            row = {"instType": "OPTION", "instId": name, "settlePx": text(estimate, 4), "ts": str(moment.now_ms)}
            return [] if isnan(estimate) else [row]
    raise refuse(200, *NO_INSTRUMENT)


def option_trades(moment: Moment, query: Query) -> list[dict[str, str]]:
    """`public/option-trades`: the last hundred of a family or an instrument."""
    if not (query.get("instFamily") or query.get("instId")):
        raise refuse(400, "50015", "Either parameter instFamily or instId is required")
    name = query.get("instId", "")
    family = query.get("instFamily") or "-".join(name.split("-")[:2])
    found = _found(moment, of_query(moment, {"instFamily": family}), name)
    wanted = [t for t in found if query.get("optType") in (None, "", t.name[-1])]
    return [_option_trade(t) for t in wanted[:100]]


def trades(moment: Moment, query: Query) -> list[dict[str, str]]:
    """`market/trades` of one option."""
    required(query, "instId")
    name = query["instId"]
    of = [book for book in moment.books("okx") if name.startswith(f"{book.family}-")]
    if not of or name not in moment.listed(of[0]).names:
        raise refuse(200, *NO_INSTRUMENT)
    rows = [_option_trade(t) for t in _found(moment, of, name)[: _page(query, 500)]]
    return [{key: row[key] for key in ("instId", "side", "sz", "px", "tradeId", "ts")} for row in rows]


def _found(moment: Moment, of: list[Book], name: str) -> list[tape.Trade]:
    """The trades of the last two days, newest first."""
    found = tape.newest_first(moment, of, moment.now_us - 2 * DAY_US, moment.now_us, 100_000 if name else 500)
    return [t for t in found if name in ("", t.name)]


def _option_trade(t: tape.Trade) -> dict[str, str]:
    decimals = 4 if t.book.is_inverse else 2
    return {
        "instId": t.name,
        "instFamily": t.book.family,
        "optType": t.name[-1],
        "side": "buy" if t.is_buy else "sell",
        "sz": text(t.amount / t.book.contract_coin, 0),
        "px": text(t.price, decimals),
        "markPx": text(t.mark, 8),
        "fillVol": text(t.iv, 4),
        "fwdPx": text(t.forward, 4),
        "idxPx": text(t.index, 4),
        "tradeId": str(t.number),
        "ts": str(t.time_us // 1_000),
    }
