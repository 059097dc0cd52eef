"""Deribit's answers -> the cells of a coin's book. Pure.

Open interest is in coins at every contract, be its size 10: it is checked against the size, never multiplied by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from gex_pipeline.core.instruments import parse
from gex_pipeline.importers.deribit_book_summary import FIELDS, not_whole_contracts, summary_frame
from gex_pipeline.importers.mapping import mapping_from
from gex_pipeline.venues.base import Answers, Book
from gex_pipeline.venues.bodies import is_of
from gex_pipeline.venues.deribit import wire
from gex_pipeline.venues.guards import Finding

MAPPING = mapping_from(
    {
        "venue": "deribit",
        "chain": {**FIELDS, "received_at": {"column": "received_at", "format": "us"}, "index_usd": "index_usd"},
    },
    name="deribit-rest",
)
_MICROSECONDS = 1_000_000


def book(answers: Answers, coin: str, snapshot_at: datetime) -> Book | None:
    """The rows of both books of a coin, None where neither has any. Raises ``VenueError`` for a missing answer."""
    parts = [_part(answers, coin, currency) for currency in wire.currencies(coin)]
    frame = pl.concat(frame for frame, _ in parts)
    names = {name for _, listed in parts for name in listed}
    if not frame.height and not names:
        return None
    live = frozenset(n for n in names if (c := parse("deribit", n)) is not None and c.expiry_at > snapshot_at)
    return Book(frame, MAPPING, live, _odd_contracts(frame))


def _part(answers: Answers, coin: str, currency: str) -> tuple[pl.DataFrame, list[str]]:
    """The rows of one settlement currency that are of a coin, and the names that are listed of it."""
    reply = answers.get(wire.summary(currency))
    rows = [row for row in wire.summaries(reply) if is_of(coin, row.instrument_name)]
    instruments = [row for row in wire.listed(answers.get(wire.listing(currency))) if is_of(coin, row.instrument_name)]
    sizes = {row.instrument_name: row.contract_size for row in instruments if row.contract_size is not None}
    received_us = round(reply.received_at.timestamp() * _MICROSECONDS)
    index_usd = wire.index_usd(answers.get(wire.index(coin, currency))) if rows else None
    frame = summary_frame(rows, [received_us] * len(rows), sizes).rename({"usOut": "received_at"})
    return frame.with_columns(index_usd=pl.lit(index_usd, dtype=pl.Float64)), [r.instrument_name for r in instruments]


def _odd_contracts(frame: pl.DataFrame) -> Sequence[Finding]:
    """Whether open interest is in contracts after all, where a contract is more than one coin."""
    row = not_whole_contracts(frame)
    if row is None:
        return ()
    name, interest, size = frame.select("instrument_name", "open_interest", "contract_size").row(row)
    text = f"{name}: open_interest = {interest:g} coins is not a multiple of contract_size = {size:g}"
    return (Finding("open_interest_unit", "error", text),)
