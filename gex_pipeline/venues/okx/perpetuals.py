"""OKX's swaps, as walks: prices, which are at five endpoints, and funding. Pure. Open interest in coins: ``oiCcy``."""

from __future__ import annotations

import msgspec

from gex_pipeline.venues.base import Reply, Request, VenueError
from gex_pipeline.venues.bodies import Cell, Stamp, decoded
from gex_pipeline.venues.feeds import DAY, Feed, Span, Walk, backward, number
from gex_pipeline.venues.money import Perpetual, Rate
from gex_pipeline.venues.okx.answers import Rows, only

MARK, FUNDING_HISTORY = "api/v5/public/mark-price", "api/v5/public/funding-rate-history"
_HOUR_MS = 3_600_000


class _Mark(msgspec.Struct, rename="camel"):
    inst_id: str
    mark_px: Cell
    ts: Stamp


class _Interest(msgspec.Struct, rename="camel"):
    inst_id: str
    oi_ccy: Cell


class _Ticker(msgspec.Struct, rename="camel"):
    inst_id: str
    last: Cell


class _Index(msgspec.Struct, rename="camel"):
    inst_id: str
    idx_px: Cell


class _Rate(msgspec.Struct, rename="camel"):
    """The present period's funding, and when this one and the next are paid."""

    inst_id: str
    funding_rate: Cell
    funding_time: Stamp
    next_funding_time: Stamp


class _Paid(msgspec.Struct, rename="camel"):
    """A funding; ``realized_rate`` is what was paid, which the announced rate may miss."""

    inst_id: str
    funding_time: Stamp
    funding_rate: Cell
    realized_rate: Cell = ""


_MARKS = msgspec.json.Decoder(Rows[_Mark])
_INTERESTS = msgspec.json.Decoder(Rows[_Interest])
_TICKERS = msgspec.json.Decoder(Rows[_Ticker])
_INDICES = msgspec.json.Decoder(Rows[_Index])
_RATES = msgspec.json.Decoder(Rows[_Rate])
_HISTORY = msgspec.json.Decoder(Rows[_Paid])


def perpetual(coin: str) -> Perpetual:
    """The swap in USDT."""
    return Perpetual("okx", coin, f"{coin}-USDT-SWAP")


def now(mine: Perpetual) -> Feed:
    """The swap's prices as they are; the mark's time is theirs."""
    swap, of = {"instType": "SWAP"}, {"instId": mine.symbol}

    def walk(_: Span) -> Walk:
        reply = yield Request(MARK, swap | of)
        mark = only(reply, decoded(reply, _MARKS).data)
        reply = yield Request("api/v5/public/open-interest", swap | of)
        interest = only(reply, decoded(reply, _INTERESTS).data)
        reply = yield Request("api/v5/market/index-tickers", {"instId": f"{mine.coin}-USDT"})
        index = only(reply, decoded(reply, _INDICES).data)
        reply = yield Request("api/v5/market/tickers", swap)
        last = _last(reply, mine.symbol)
        reply = yield Request("api/v5/public/funding-rate", of)
        rate = only(reply, decoded(reply, _RATES).data)
        prices = {"mark_usd": mark.mark_px, "last_usd": last, "index_usd": index.idx_px}
        amounts = {"open_interest_coin": interest.oi_ccy, "funding_rate": rate.funding_rate}
        values = {name: number(cell) for name, cell in {**prices, **amounts}.items()}
        return mine.priced(reply, int(mark.ts), {**values, "period_hours": _hours(rate)})

    return mine.now(walk)


def _last(reply: Reply, symbol: str) -> str:
    found = [row.last for row in decoded(reply, _TICKERS).data if row.inst_id == symbol]
    if not found:
        raise VenueError(f"{reply.request.label}: has no row of {symbol}")
    return found[0]


def _hours(rate: _Rate) -> float | None:
    """Length of the period: from this payment to the next."""
    between = int(rate.next_funding_time) - int(rate.funding_time)
    return between / _HOUR_MS if between > 0 else None


def fundings(mine: Perpetual) -> Feed:
    """Funding, newest first; three months are kept."""

    def walk(span: Span) -> Walk:
        def ask(before_ms: int) -> Request:
            return Request(FUNDING_HISTORY, {"instId": mine.symbol, "after": str(before_ms), "limit": "100"})

        rates, _ = yield from backward(span, ask, _rates, lambda rate: rate.at_ms)
        return mine.paid(span, rates)

    return mine.fundings(walk, 30 * DAY)


def _rates(reply: Reply) -> list[Rate]:
    rows = decoded(reply, _HISTORY).data
    return [Rate(int(row.funding_time), number(row.realized_rate or row.funding_rate)) for row in rows]
