"""Trades of any venue -> rows of `trades`. Pure.

Belongs here: units, sentinels, and which trades can be used. Prices that were agreed in coin are stored as such, and in
dollars by the forward where the venue states it, else by the index: one is within the carry of the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gex_pipeline.core.instruments import parse
from gex_pipeline.schema import TRADES
from gex_pipeline.venues.feeds import Haul, Span, frame_of, instant, positive

#: Outside of these a volatility is none: 0, -1 and 999 % are sentinels, 5 is a cap.
_LEAST_IV, _CAP_IV = 0.01, 5.0


@dataclass(frozen=True)
class Trade:
    """One trade: ``price`` per coin as it was agreed, ``amount_coin`` without a sign, ``iv`` as a fraction."""

    trade_id: str
    traded_ms: int
    instrument: str
    side: str
    amount_coin: float | None
    price: float | None
    iv: float | None = None
    index_usd: float | None = None
    forward_usd: float | None = None
    is_block: bool | None = None
    block_id: str | None = None
    combo_id: str | None = None


def haul(venue: str, coins: Sequence[str], span: Span, trades: Sequence[Trade], since: datetime | None = None) -> Haul:
    """The usable trades of some coins within a span, one row each however often they came: the first of each name."""
    rows, dropped = [], Counter[str]()
    found: dict[str, Trade] = {}
    for trade in trades:
        if span.has(trade.traded_ms) and found.setdefault(trade.trade_id, trade) != trade:
            dropped["another of the same name"] += 1
    for trade in found.values():
        contract = parse(venue, trade.instrument)
        if contract is not None and contract.underlying not in coins:
            continue
        row = None if contract is None else _row(venue, contract.underlying, trade, contract.settlement == "inverse")
        reason = "name not parsed" if contract is None else None if row else "price, amount or side missing"
        if reason:
            dropped[reason] += 1
        elif row:
            rows.append(row)
    return Haul(frame_of(TRADES, rows), dict(dropped), since)


def _row(venue: str, coin: str, trade: Trade, is_in_coin: bool) -> dict[str, object] | None:
    """The row of a trade, None where it cannot be used."""
    index, forward = (positive(value) for value in (trade.index_usd, trade.forward_usd))
    price, amount, per_coin = positive(trade.price), positive(trade.amount_coin), forward or index
    side = trade.side.lower()
    if price is None or amount is None or side not in ("buy", "sell") or (is_in_coin and per_coin is None):
        return None
    at = instant(trade.traded_ms)
    return {
        "venue": venue,
        "trade_id": trade.trade_id,
        "traded_at": at,
        "knowledge_time": at,
        "instrument": trade.instrument,
        "underlying": coin,
        "taker_side": side,
        "amount_coin": amount,
        "price_usd": price * (per_coin or 1.0) if is_in_coin else price,
        "price_coin": price if is_in_coin else None,
        "iv": trade.iv if trade.iv is not None and _LEAST_IV <= trade.iv < _CAP_IV else None,
        "index_usd": index,
        "forward_usd": forward,
        "is_block": trade.is_block,
        "block_id": trade.block_id,
        "combo_id": trade.combo_id,
        "source": f"{venue}-rest",
    }
