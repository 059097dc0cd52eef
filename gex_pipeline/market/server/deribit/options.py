"""Deribit's option lists: instruments and the book summary."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np

from gex_pipeline.core.calendar import expiry_type
from gex_pipeline.core.instruments import build, parse
from gex_pipeline.market import listing
from gex_pipeline.market.books import Book
from gex_pipeline.market.listing import Contracts
from gex_pipeline.market.quotes import Quotes
from gex_pipeline.market.server.answers import Moment, Query, or_none
from gex_pipeline.market.server.deribit.wire import invalid, required
from gex_pipeline.market.server.history import settlement_estimate
from gex_pipeline.market.world import World

CURRENCIES = ("BTC", "ETH", "USDC", "USDT", "EURR")
KINDS = ("option", "future", "spot", "option_combo", "future_combo", "any")
_PERIODS = {"daily": "day", "weekly": "week", "monthly": "month", "quarterly": "month"}
_EXPIRED_DAYS = 30  # how far back `expired=true` goes


def of_currency(moment: Moment, query: Query, words: tuple[str, ...] = CURRENCIES) -> list[Book]:
    """The books that settle in the currency of a query."""
    required(query, "currency")
    if query["currency"] not in words:
        raise invalid("currency", "invalid currency")
    if query.get("kind", "any") not in KINDS:
        raise invalid("kind", "invalid kind")
    if query.get("kind", "any") not in ("option", "any"):
        return []
    return [b for b in moment.books("deribit") if query["currency"] in (b.settle_coin, "any")]


def instrument_rows(moment: Moment, book: Book, is_expired: bool) -> list[dict[str, Any]]:
    """What `get_instruments` says of a book: live, or what expired in the last 30 days."""
    if not is_expired:
        return _rows_of(book, moment.listed(book), True)
    return _expired_rows(moment.world, book, listing.listing_day(moment.now_us))


@lru_cache(maxsize=32)
def _expired_rows(world: World, book: Book, today: date) -> list[dict[str, Any]]:
    days = (today - timedelta(days=back) for back in range(min(_EXPIRED_DAYS, (today - world.start).days + 1)))
    return [row for day in days for row in _rows_of(book, listing.expiring(book, world, day), False)]


@lru_cache(maxsize=64)
def _rows_of(book: Book, found: Contracts, is_active: bool) -> list[dict[str, Any]]:
    columns = (found.expiry_us, found.since_us, found.strike, found.is_call)
    rows = zip(found.names, *(c.tolist() for c in columns), strict=True)
    return [_instrument(book, is_active, *row) for row in rows]


def _instrument(
    book: Book, is_active: bool, name: str, expiry_us: int, since_us: int, strike: float, is_call: bool
) -> dict[str, Any]:
    is_inverse = book.is_inverse
    quote = book.coin if is_inverse else "USDC"
    at = listing.EPOCH + timedelta(microseconds=expiry_us)
    return {
        "instrument_name": name,
        "instrument_id": crc32(name.encode()),
        "kind": "option",
        "option_type": "call" if is_call else "put",
        "strike": strike,
        "expiration_timestamp": expiry_us // 1_000,
        "creation_timestamp": since_us // 1_000,
        "is_active": is_active,
        "state": "open" if is_active else "closed",
        "base_currency": book.coin,
        "quote_currency": quote,
        "counter_currency": "USD" if is_inverse else "USDC",
        "settlement_currency": book.settle_coin,
        "settlement_period": _PERIODS[expiry_type(at.date())],
        "instrument_type": "reversed" if is_inverse else "linear",
        "price_index": f"{book.coin.lower()}_{'usd' if is_inverse else 'usdc'}",
        "contract_size": book.contract_coin,
        "min_trade_amount": book.lot_coin,
        "lot_size": 1,
        "tick_size": book.tick,
        "tick_size_steps": [{"above_price": 0.005, "tick_size": 0.0005}] if is_inverse else [],
        "maker_commission": 0.0003,
        "taker_commission": 0.0003,
        "block_trade_commission": 0.0003,
        "block_trade_tick_size": book.tick,
        "block_trade_min_trade_amount": 25,
        "product_group": book.coin,
        "underlying_type": "crypto",
    }


def underlying_name(book: Book, expiry_us: int) -> str:
    """The future of an expiry, or its synthetic stand-in for dailies: BTC-25DEC26, SYN.BTC-20NOV26."""
    at = listing.EPOCH + timedelta(microseconds=expiry_us)
    contract = parse("deribit", f"{book.family}-1JAN26-1-C")
    assert contract is not None
    day = build("deribit", contract).replace("1JAN26", f"{at.day}{at:%b%y}".upper()).removesuffix("-1-C")
    return f"SYN.{day}" if expiry_type(at.date()) == "daily" else day


def summary_rows(moment: Moment, book: Book) -> list[dict[str, Any]]:
    """What `get_book_summary_by_currency` says of a book: no greeks; null where there is no quote or trade."""
    q = moment.quotes(book)
    estimate = settlement_estimate(moment, book.index_source, book.coin) or q.spot
    names = {us: underlying_name(book, us) for us in np.unique(q.listed.expiry_us).tolist()}
    columns = (q.listed.expiry_us, q.mark(), *q.bid_and_ask(), q.mark_iv, q.forward, q.open_interest, q.volume)
    rows = zip(q.listed.names, *(c.tolist() for c in columns), strict=True)
    return [_summary(q, estimate, name, names[us], *rest) for name, us, *rest in rows]


def _summary(
    q: Quotes, estimate: float, name: str, future: str, mark: float, bid: float, ask: float, *rest: float
) -> dict[str, Any]:
    iv, forward, open_interest, volume = rest
    decimals = 4 if q.book.is_inverse else 2
    is_traded = volume > 0
    return {
        "instrument_name": name,
        "base_currency": q.book.coin,
        "quote_currency": q.book.coin if q.book.is_inverse else "USDC",
        "open_interest": open_interest,
        "mark_price": round(mark, 8 if decimals == 4 else 4),
        "bid_price": or_none(bid, decimals),
        "ask_price": or_none(ask, decimals),
        "mid_price": or_none((bid + ask) / 2, decimals + 2),
        "last": round(mark, decimals) if is_traded else None,
        "high": round(mark * 1.1, decimals) if is_traded else None,
        "low": round(mark * 0.9, decimals) if is_traded else None,
        "mark_iv": round(100 * iv, 2),
        "underlying_price": forward,
        "underlying_index": future,
        "interest_rate": 0.0,
        "estimated_delivery_price": estimate,
        "volume": volume,
        "volume_usd": round(volume * mark * (forward if decimals == 4 else 1.0), 2),
        "price_change": round(-4.91 + 100 * (iv % 0.1), 4) if is_traded else None,
        "creation_timestamp": int(q.instant_us) // 1_000,
    }
