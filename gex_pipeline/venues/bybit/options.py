"""Bybit's settlement prices and option trades, as walks of one page: what there is, is there. Pure."""

from __future__ import annotations

import msgspec
import polars as pl

from gex_pipeline.schema import TRADES
from gex_pipeline.venues.base import Request
from gex_pipeline.venues.bodies import Cell, Stamp, decoded
from gex_pipeline.venues.feeds import DAY, RECENT, TRADE_LAG, Feed, Span, Walk, instant, number
from gex_pipeline.venues.money import Settled
from gex_pipeline.venues.tape import Trade, haul

SETTLEMENTS = ("USDT", "USDC")
_MOST_TRADES, _MOST_PRICES = 1_000, 50


class _Price(msgspec.Struct, rename="camel"):
    delivery_price: Cell
    delivery_time: Stamp


class _Prices(msgspec.Struct):
    rows: list[_Price] = msgspec.field(name="list")


class _Settlements(msgspec.Struct):
    result: _Prices


class _Trade(msgspec.Struct, rename="camel"):
    """One trade: size in coins, price in USD per coin, volatility as a fraction."""

    exec_id: str
    symbol: str
    price: Cell
    size: Cell
    side: str
    time: Stamp
    is_block_trade: bool | None = None
    iv: Cell = ""
    index_price: Cell = msgspec.field(default="", name="iP")


class _Trades(msgspec.Struct):
    rows: list[_Trade] = msgspec.field(name="list")


class _Recent(msgspec.Struct):
    result: _Trades


_SETTLEMENTS = msgspec.json.Decoder(_Settlements)
_RECENT = msgspec.json.Decoder(_Recent)


def settlements(coin: str, currency: str) -> Feed:
    """The last 50 settlement prices of a coin's index in one currency; there are no more."""
    mine = Settled("bybit", coin, f"{coin}{currency}", currency)

    def walk(span: Span) -> Walk:
        asked = {"category": "option", "baseCoin": coin, "settleCoin": currency}
        reply = yield Request("v5/market/new-delivery-price", asked)
        rows = decoded(reply, _SETTLEMENTS).result.rows
        prices = [(int(row.delivery_time), number(row.delivery_price)) for row in rows]
        is_full = len(prices) >= _MOST_PRICES
        return mine.haul(span, reply, prices, instant(min(ms for ms, _ in prices)) if is_full else None)

    return mine.feed(walk)


def trades(coin: str) -> Feed:
    """The last thousand trades of a coin, both settlements; there are no more."""

    def walk(span: Span) -> Walk:
        asked = {"category": "option", "baseCoin": coin, "limit": str(_MOST_TRADES)}
        reply = yield Request("v5/market/recent-trade", asked)
        found = [_trade(row) for row in decoded(reply, _RECENT).result.rows]
        is_full = len(found) >= _MOST_TRADES
        since = instant(min(trade.traded_ms for trade in found) + 1) if is_full else None
        return haul("bybit", (coin,), span, found, since)

    return Feed(TRADES, "bybit", coin, (coin,), walk, pl.lit(value=True), RECENT, first=DAY, lag=TRADE_LAG)


def _trade(row: _Trade) -> Trade:
    return Trade(
        trade_id=row.exec_id,
        traded_ms=int(row.time),
        instrument=row.symbol,
        side=row.side,
        amount_coin=number(row.size),
        price=number(row.price),
        iv=number(row.iv),
        index_usd=number(row.index_price),
        is_block=row.is_block_trade,
    )
