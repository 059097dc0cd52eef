"""Binance's answers -> one coin's, by contract. Pure.

Belongs here: which answers belong together, and since when a row was known. Not here: units and checks (normalize.py).
A contract that any of the answers has is in the join; what an answer does not say of it is null, never 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

import polars as pl

from gex_pipeline.venues.base import Answers, Reply, VenueError
from gex_pipeline.venues.binance import wire

_MICROSECONDS = 1_000_000
#: Attribute -> the venue's name of a cell, by where it comes from.
_MARK = {"mark_price": "markPrice", "mark_iv": "markIV", "bid_iv": "bidIV", "ask_iv": "askIV"}
_QUOTE = {"bid_price": "bidPrice", "ask_price": "askPrice", "volume": "volume", "exercise_price": "exercisePrice"}
_INTEREST = {"sum_open_interest": "sumOpenInterest"}


@dataclass(frozen=True)
class Joined:
    """What one snapshot says of a coin; every table is by name.

    ``contracts``: those listed, expired ones included. ``priced_at``: receipt of the marks, the last moment at which a
    mark can have been made. ``received_at``: the latest receipt of what all rows have in common; ``interest_at``: of
    each contract's open interest. ``interest_sent``: all names that came with open interest, by reply.
    """

    marks: dict[str, wire.Mark]
    quotes: dict[str, wire.Ticker]
    interest: dict[str, wire.Interest]
    contracts: dict[str, wire.Listed]
    index: wire.Index
    index_at: datetime
    priced_at: datetime
    received_at: datetime
    interest_at: dict[str, datetime]
    interest_sent: Sequence[tuple[Reply, Sequence[str]]]

    @property
    def alive(self) -> dict[str, wire.Listed]:
        """Listed contracts that had not expired when the marks came."""
        return {name: row for name, row in self.contracts.items() if _is_alive(row.expiry_date, self.priced_at)}

    @property
    def uncounted(self) -> list[str]:
        """Contracts with a mark and without an open interest that can be used."""
        return [name for name in self.marks if name not in self.interest or name not in self.contracts]

    @property
    def units(self) -> defaultdict[str, float | None]:
        """Coins per contract by name; of one that is not listed, those that all of the coin have in common."""
        common = {row.unit for row in self.contracts.values()}
        of_others = common.pop() if len(common) == 1 else None
        return defaultdict(lambda: of_others, {name: row.unit for name, row in self.contracts.items()})

    def frame(self) -> pl.DataFrame:
        """One row per contract, cells as sent; open interest only where the unit is the contract's own."""
        names = list(dict.fromkeys([*self.marks, *self.quotes, *self.interest, *self.alive]))
        counted = {name: row for name, row in self.interest.items() if name in self.contracts}
        cells = _cells(names, self.marks, _MARK) | _cells(names, self.quotes, _QUOTE)
        cells = {"symbol": names} | cells | _cells(names, counted, _INTEREST)
        units = self.units
        known = [max(self.received_at, self.interest_at.get(name, self.received_at)) for name in names]
        return pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String)).with_columns(
            pl.Series("unit", [units[name] for name in names], dtype=pl.Float64),
            pl.Series("received_at", [round(at.timestamp() * _MICROSECONDS) for at in known], dtype=pl.Int64),
            indexPrice=pl.lit(self.index.index_price),
        )


def joined(answers: Answers, coin: str) -> Joined | None:
    """The answers about a coin, None where it is not listed.

    Raises ``VenueError`` where an answer that it needs is missing or is not what it should be.
    """
    marks = answers.get(wire.MARKS)
    rows = wire.by_name(marks, coin, wire.marks(marks))
    listing = answers.get(wire.SPECIFICATION)
    contracts = wire.by_name(listing, coin, wire.listed(listing))
    days = wire.days(coin, contracts.values(), marks.received_at)
    if not days and not rows:
        return None
    if not days:
        raise VenueError(f"{listing.request.label}: lists no contract of {coin}, {marks.request.label} has {len(rows)}")
    quotes, index = answers.get(wire.TICKERS), answers.get(wire.index(coin))
    replies = [answers.get(wire.open_interest(coin, day)) for day in days]
    interest = [wire.interest(reply) for reply in replies]
    return Joined(
        marks=rows,
        quotes=wire.by_name(quotes, coin, wire.tickers(quotes)),
        interest=wire.by_name(replies[0], coin, chain.from_iterable(interest)),
        contracts=contracts,
        index=wire.index_of(index),
        index_at=index.received_at,
        priced_at=marks.received_at,
        received_at=max(reply.received_at for reply in (marks, listing, quotes, index)),
        interest_at={r.symbol: reply.received_at for reply, some in zip(replies, interest, strict=True) for r in some},
        interest_sent=[(reply, [r.symbol for r in some]) for reply, some in zip(replies, interest, strict=True)],
    )


def _is_alive(expiry_ms: int, at: datetime) -> bool:
    return expiry_ms / 1000 > at.timestamp()


def _cells(names: Sequence[str], rows: Mapping[str, wire.Named], fields: Mapping[str, str]) -> dict[str, list[Any]]:
    """Some fields of the rows that names have, null where a name has none."""
    return {sent: [getattr(rows.get(name), field, None) for name in names] for field, sent in fields.items()}
