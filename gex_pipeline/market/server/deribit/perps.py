"""Deribit's perpetuals, indices and the ticker of one instrument."""

from __future__ import annotations

from typing import Any

from gex_pipeline.core import black76
from gex_pipeline.market.books import Book
from gex_pipeline.market.server import perps
from gex_pipeline.market.server.answers import Moment, Query
from gex_pipeline.market.server.deribit.options import summary_rows
from gex_pipeline.market.server.deribit.wire import invalid, required
from gex_pipeline.market.server.history import settlement_estimate

_FAR_MS = 32_503_708_800_000  # the year 3000, Deribit's expiry of what never expires


def perpetuals(moment: Moment) -> dict[str, tuple[str, str]]:
    """Name -> (coin, index source) of the perpetuals: inverse for BTC and ETH, USDC-settled for every coin."""
    inverse = {f"{coin}-PERPETUAL": (coin, "deribit/usd") for coin in ("BTC", "ETH") if coin in moment.coins}
    return inverse | {f"{coin}_USDC-PERPETUAL": (coin, "deribit/usdc") for coin in moment.coins}


def index_price(moment: Moment, query: Query) -> dict[str, float]:
    """`get_index_price`."""
    required(query, "index_name")
    coin, source = index_of(moment, query["index_name"])
    price = moment.index(source, coin)
    return {"index_price": price, "estimated_delivery_price": settlement_estimate(moment, source, coin) or price}


def index_of(moment: Moment, name: str) -> tuple[str, str]:
    """(coin, index source) of btc_usd, eth_usd and <coin>_usdc."""
    coin, _, quote = name.partition("_")
    is_known = coin.upper() in moment.coins and coin.islower()
    if not is_known or not (quote == "usdc" or (quote == "usd" and coin in ("btc", "eth"))):
        raise invalid("index_name", "invalid index_name")
    return coin.upper(), f"deribit/{quote}"


def perpetual_row(moment: Moment, name: str) -> dict[str, Any]:
    """The book summary of a perpetual; open interest in USD for inverse ones, else in coins."""
    coin, source = perpetuals(moment)[name]
    p = perps.perpetual(moment, source, coin)
    is_inverse = source == "deribit/usd"
    return {
        "instrument_name": name,
        "base_currency": coin,
        "quote_currency": "USD" if is_inverse else "USDC",
        "open_interest": round(p.open_interest_coin * p.mark, -1) if is_inverse else p.open_interest_coin,
        "mark_price": p.mark,
        "bid_price": p.bid,
        "ask_price": p.ask,
        "mid_price": round((p.bid + p.ask) / 2, 4),
        "last": p.last,
        "high": p.high,
        "low": p.low,
        "current_funding": p.funding_8h,
        "funding_8h": p.funding_8h,
        "estimated_delivery_price": settlement_estimate(moment, source, coin) or p.index,
        "volume": p.volume_coin,
        "volume_usd": round(p.volume_coin * p.mark, 2),
        "volume_notional": round(p.volume_coin * p.mark, 2),
        "price_change": p.change_pct,
        "creation_timestamp": moment.now_ms,
    }


def perpetual_instrument(moment: Moment, name: str) -> dict[str, Any]:
    """What `get_instruments` says of a perpetual."""
    coin, source = perpetuals(moment)[name]
    is_inverse = source == "deribit/usd"
    return {
        "instrument_name": name,
        "instrument_id": 210_000 + sorted(perpetuals(moment)).index(name),
        "kind": "future",
        "expiration_timestamp": _FAR_MS,
        "creation_timestamp": 1_534_167_754_000,
        "is_active": True,
        "state": "open",
        "base_currency": coin,
        "quote_currency": "USD" if is_inverse else "USDC",
        "counter_currency": "USD" if is_inverse else "USDC",
        "settlement_currency": coin if is_inverse else "USDC",
        "settlement_period": "perpetual",
        "instrument_type": "reversed" if is_inverse else "linear",
        "price_index": f"{coin.lower()}_{source.partition('/')[2]}",
        "contract_size": 10.0 if is_inverse else 0.0001,
        "min_trade_amount": 10.0 if is_inverse else 0.0001,
        "tick_size": 0.5,
        "tick_size_steps": [],
    }


def summary_by_instrument(moment: Moment, query: Query) -> list[dict[str, Any]]:
    """`get_book_summary_by_instrument`: a list of one row."""
    required(query, "instrument_name")
    name = query["instrument_name"]
    return [perpetual_row(moment, name) if name in perpetuals(moment) else _option_row(moment, name)[1]]


def _option_row(moment: Moment, name: str) -> tuple[Book, dict[str, Any]]:
    for book in moment.books("deribit"):
        if name.startswith(f"{book.family}-"):
            for row in summary_rows(moment, book):
                if row["instrument_name"] == name:
                    return book, row
    raise invalid("instrument_name", "instrument not found")


def ticker(moment: Moment, query: Query) -> dict[str, Any]:
    """`ticker` of a perpetual or an option."""
    required(query, "instrument_name")
    name = query["instrument_name"]
    if name not in perpetuals(moment):
        book, row = _option_row(moment, name)
        return _renamed(row) | _option_part(moment, book, row)
    row = perpetual_row(moment, name)
    perpetual = {"current_funding": row["current_funding"], "funding_8h": row["funding_8h"]}
    coin, source = perpetuals(moment)[name]
    return _renamed(row) | perpetual | {"index_price": moment.index(source, coin), "interest_value": 0.0}


def _renamed(row: dict[str, Any]) -> dict[str, Any]:
    """The members that summary and ticker share, under the ticker's names."""
    stats = {key: row[key] for key in ("high", "low", "price_change", "volume", "volume_usd")}
    return {
        "timestamp": row["creation_timestamp"],
        "state": "open",
        "instrument_name": row["instrument_name"],
        "open_interest": row["open_interest"],
        "best_bid_price": row["bid_price"] or 0.0,
        "best_bid_amount": 10.0 if row["bid_price"] else 0.0,
        "best_ask_price": row["ask_price"] or 0.0,
        "best_ask_amount": 10.0 if row["ask_price"] else 0.0,
        "mark_price": row["mark_price"],
        "last_price": row["last"],
        "settlement_price": row["mark_price"],
        "min_price": round(0.5 * row["mark_price"], 4),
        "max_price": round(1.5 * row["mark_price"], 4),
        "estimated_delivery_price": row["estimated_delivery_price"],
        "stats": stats,
    }


def _option_part(moment: Moment, book: Book, row: dict[str, Any]) -> dict[str, Any]:
    """Volatilities and greeks: Black-76 on the forward, five decimals."""
    q = moment.quotes(book)
    i = q.listed.names.index(row["instrument_name"])
    f, k, t, s = q.forward[i], q.listed.strike[i], q.tenor[i], q.mark_iv[i]
    iv = float(s)
    greeks = {
        "delta": black76.delta(f, k, t, s, q.listed.is_call[i]),
        "gamma": black76.gamma(f, k, t, s),
        "vega": black76.vega(f, k, t, s) / 100,
        "theta": black76.theta(f, k, t, s) * min(1 / 365, t),
        "rho": 0.0,
    }
    return {
        "index_price": q.spot,
        "underlying_price": row["underlying_price"],
        "underlying_index": row["underlying_index"],
        "interest_rate": 0.0,
        "mark_iv": row["mark_iv"],
        "bid_iv": round(99.0 * iv, 2) if row["bid_price"] else 0.0,
        "ask_iv": round(101.0 * iv, 2) if row["ask_price"] else 0.0,
        "greeks": {name: round(float(value), 5) for name, value in greeks.items()},
    }


def contract_size(moment: Moment, query: Query) -> dict[str, float]:
    """`get_contract_size`: coins per contract, or USD for inverse perpetuals."""
    required(query, "instrument_name")
    name = query["instrument_name"]
    if name in perpetuals(moment):
        return {"contract_size": perpetual_instrument(moment, name)["contract_size"]}
    return {"contract_size": _option_row(moment, name)[0].contract_coin}
