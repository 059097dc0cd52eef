"""OKX's settlement prices and option trades, as walks by family: there are two of a coin. Pure.

Amounts are in contracts, of a size that is asked for first: ctVal x ctMult coins, both of them.
"""

from __future__ import annotations

import msgspec
import polars as pl

from gex_pipeline.core.instruments import parse
from gex_pipeline.schema import TRADES
from gex_pipeline.venues.base import Reply, Request, VenueError
from gex_pipeline.venues.bodies import Cell, Stamp, decoded
from gex_pipeline.venues.feeds import DAY, RECENT, TRADE_LAG, Feed, Span, Walk, backward, instant, milliseconds, number
from gex_pipeline.venues.money import Settled
from gex_pipeline.venues.okx.answers import Rows
from gex_pipeline.venues.tape import Trade, haul

EXERCISES, TRADES_OF = "api/v5/public/delivery-exercise-history", "api/v5/public/option-trades"
_INSTRUMENTS = "api/v5/public/instruments"
_MOST_TRADES = 100


class _Detail(msgspec.Struct, rename="camel"):
    ins_id: str
    px: Cell


class _Exercise(msgspec.Struct):
    """An expiry, with every strike's settlement price: they are one."""

    ts: Stamp
    details: list[_Detail]


class _Listed(msgspec.Struct, rename="camel"):
    inst_id: str
    ct_val: Cell
    ct_mult: Cell
    ct_val_ccy: str


class _Trade(msgspec.Struct, rename="camel"):
    """One trade: size in contracts, price in coin or USD per coin, volatility as a fraction."""

    inst_id: str
    trade_id: str
    px: Cell
    sz: Cell
    side: str
    ts: Stamp
    fill_vol: Cell = ""
    fwd_px: Cell = ""
    idx_px: Cell = ""


_EXERCISES = msgspec.json.Decoder(Rows[_Exercise])
_INSTRUMENTS_OF = msgspec.json.Decoder(Rows[_Listed])
_TRADES = msgspec.json.Decoder(Rows[_Trade])


def families(coin: str) -> dict[str, str]:
    """The families that a coin may have -> what they settle in."""
    return {f"{coin}-USD": coin, f"{coin}-USD_UM": "USD"}


def settlements(coin: str, family: str) -> Feed:
    """Settlement prices by expiry, newest first; three months are kept."""
    mine = Settled("okx", coin, family, families(coin)[family])
    asked = {"instType": "OPTION", "instFamily": family, "limit": "100"}

    def walk(span: Span) -> Walk:
        def ask(before_ms: int) -> Request:
            return Request(EXERCISES, {**asked, "after": str(before_ms)})

        pages, last = yield from backward(span, ask, _expiries, lambda expiry: expiry[0])
        return mine.haul(span, last, [(ms, price) for ms, prices in pages for price in prices])

    return mine.feed(walk)


def _expiries(reply: Reply) -> list[tuple[int, list[float | None]]]:
    """(expiry, the price of each strike). Raises ``VenueError`` for a contract of another expiry."""
    found: list[tuple[int, list[float | None]]] = []
    for row in decoded(reply, _EXERCISES).data:
        for detail in row.details:
            contract = parse("okx", detail.ins_id)
            if contract is None or milliseconds(contract.expiry_at) != int(row.ts):
                text = f"{detail.ins_id[:40]!r} is no option that expires at {instant(int(row.ts)):%Y-%m-%dT%H:%MZ}"
                raise VenueError(f"{reply.request.label}: {text}")
        found.append((int(row.ts), [number(detail.px) for detail in row.details]))
    return found


def trades(coin: str, family: str) -> Feed:
    """The last hundred trades of a family; there are no more."""

    def walk(span: Span) -> Walk:
        reply = yield Request(_INSTRUMENTS, {"instType": "OPTION", "instFamily": family})
        if not decoded(reply, _INSTRUMENTS_OF).data:
            return haul("okx", (coin,), span, [])  # a family without contracts
        size = _contract_size(reply, coin)
        reply = yield Request(TRADES_OF, {"instFamily": family})
        found = [_trade(row, size) for row in decoded(reply, _TRADES).data]
        since = instant(min(trade.traded_ms for trade in found) + 1) if len(found) >= _MOST_TRADES else None
        return haul("okx", (coin,), span, found, since)

    where = pl.col("instrument").str.starts_with(f"{family}-")
    return Feed(TRADES, "okx", family, (coin,), walk, where, RECENT, first=DAY, lag=TRADE_LAG)


def _contract_size(reply: Reply, coin: str) -> float:
    """Coins per contract. Raises ``VenueError`` where the contracts of the family do not agree on it."""
    rows = decoded(reply, _INSTRUMENTS_OF).data
    sizes = {(number(row.ct_val) or 0.0) * (number(row.ct_mult) or 0.0) for row in rows}
    if len(sizes) != 1 or min(sizes) <= 0 or any(row.ct_val_ccy != coin for row in rows):
        raise VenueError(f"{reply.request.label}: no one contract size in {coin}: ctVal x ctMult {sorted(sizes)[:3]}")
    return sizes.pop()


def _trade(row: _Trade, size: float) -> Trade:
    contracts = number(row.sz)
    return Trade(
        trade_id=f"{row.inst_id}/{row.trade_id}",  # numbers begin anew with each contract
        traded_ms=int(row.ts),
        instrument=row.inst_id,
        side=row.side,
        amount_coin=contracts * size if contracts is not None else None,
        price=number(row.px),
        iv=number(row.fill_vol),
        index_usd=number(row.idx_px),
        forward_usd=number(row.fwd_px),
    )
