"""Deribit's option trades as walks, by settlement currency: the USDC book is of many coins. Pure.

What is older than a day is on another host, and the usual one answers silently with nothing for it.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec
import polars as pl

from gex_pipeline.schema import TRADES
from gex_pipeline.venues.base import Request
from gex_pipeline.venues.bodies import Milliseconds
from gex_pipeline.venues.deribit.answers import Dated, result
from gex_pipeline.venues.deribit.wire import LINEAR
from gex_pipeline.venues.feeds import DAY, TRADE_LAG, Feed, Span, Walk
from gex_pipeline.venues.tape import Trade, haul

ENDPOINT, HISTORY = "public/get_last_trades_by_currency_and_time", "history"
_MOST = "1000"
#: An hour before the usual host forgets.
_REMEMBERED = timedelta(hours=23)
_PERCENT = 100.0


class _Trade(msgspec.Struct):
    """One trade: amount in coins, price in coin or USDC per coin, volatility in percent."""

    trade_id: str
    timestamp: Milliseconds
    instrument_name: str
    direction: str
    amount: float | None = None
    price: float | None = None
    iv: float | None = None
    index_price: float | None = None
    block_trade_id: str | None = None
    combo_id: str | None = None


class _Page(msgspec.Struct):
    trades: list[_Trade]
    has_more: bool


_PAGE = msgspec.json.Decoder(Dated[_Page])


def feed(currency: str, coins: tuple[str, ...]) -> Feed:
    """The trades of one settlement currency, oldest first; those of other coins than ``coins`` are passed over."""

    def walk(span: Span) -> Walk:
        host = HISTORY if span.start < span.now - _REMEMBERED else ""
        trades: list[_Trade] = []
        start_ms = span.start_ms
        while True:
            window = {"start_timestamp": str(start_ms), "end_timestamp": str(span.last_ms)}
            fixed = {"kind": "option", "count": _MOST, "sorting": "asc", "include_old": "true"}
            reply = yield Request(ENDPOINT, {"currency": currency, **window, **fixed}, host)
            page = result(reply, _PAGE).result
            trades += page.trades
            if not page.has_more:
                return haul("deribit", coins, span, list(map(_trade, trades)))
            # the same millisecond again: it may have more than were on the page
            start_ms = max((trade.timestamp for trade in page.trades), default=start_ms)

    is_linear = pl.col("instrument").str.contains(f"_{LINEAR}-", literal=True)
    where = is_linear if currency == LINEAR else ~is_linear
    return Feed(TRADES, "deribit", currency, coins, walk, where, DAY / 4, first=DAY, lag=TRADE_LAG)


def _trade(row: _Trade) -> Trade:
    return Trade(
        trade_id=row.trade_id,
        traded_ms=row.timestamp,
        instrument=row.instrument_name,
        side=row.direction,
        amount_coin=row.amount,
        price=row.price,
        iv=row.iv / _PERCENT if row.iv is not None else None,
        index_usd=row.index_price,
        is_block=row.block_trade_id is not None,
        block_id=row.block_trade_id,
        combo_id=row.combo_id,
    )
