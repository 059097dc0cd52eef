"""Deribit's answers -> the cells of a coin's book. Pure.

Open interest is in coins at every contract, be its size 10: it is checked against the size, never multiplied by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

import polars as pl

from gex_pipeline.importers.deribit_book_summary import FIELDS, not_whole_contracts, summary_frame
from gex_pipeline.importers.deribit_instruments import Listed, contradiction
from gex_pipeline.importers.mapping import mapping_from
from gex_pipeline.venues.base import Answers, Book
from gex_pipeline.venues.bodies import is_of
from gex_pipeline.venues.deribit import wire
from gex_pipeline.venues.guards import Finding
from gex_pipeline.venues.stated import unexpired

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
    currencies = wire.currencies(coin)
    parts = [_part(answers, coin, currency) for currency in currencies]
    frame = pl.concat(frame for frame, _ in parts)
    listed = [row for _, rows in parts for row in rows]
    if not frame.height and not listed:
        return None
    at = max([snapshot_at, *(answers.get(wire.summary(currency)).received_at for currency in currencies)])
    live = unexpired("deribit", (row.instrument_name for row in listed), at)
    return Book(frame, MAPPING, live, [*_contradictions(listed), *_odd_contracts(frame)])


def _part(answers: Answers, coin: str, currency: str) -> tuple[pl.DataFrame, list[Listed]]:
    """The rows of one settlement currency that are of a coin, and what is listed of it.

    A row is known once the last of the answers that it is made of was received.
    """
    reply = answers.get(wire.summary(currency))
    rows = [row for row in wire.summaries(reply) if is_of(coin, row.instrument_name)]
    listing = answers.get(wire.listing(currency))
    listed = [row for row in wire.listed(listing) if is_of(coin, row.instrument_name)]
    sizes = {row.instrument_name: row.contract_size for row in listed if row.contract_size is not None}
    used, index_usd = [reply] if listing.is_kept else [reply, listing], None
    if rows:
        index = answers.get(wire.index(coin, currency))
        used, index_usd = [*used, index], wire.index_usd(index)
    received_us = round(max(r.received_at for r in used).timestamp() * _MICROSECONDS)
    frame = summary_frame(rows, [received_us] * len(rows), sizes).rename({"usOut": "received_at"})
    return frame.with_columns(index_usd=pl.lit(index_usd, dtype=pl.Float64)), listed


def _contradictions(listed: Sequence[Listed]) -> Sequence[Finding]:
    """The first contract that says something else than its name: no strike or expiry of that list is sure."""
    texts = (f"{row.instrument_name}: {text}" for row in listed if (text := contradiction(row)) is not None)
    return [Finding("names", "error", text) for text in islice(texts, 1)]


def _odd_contracts(frame: pl.DataFrame) -> Sequence[Finding]:
    """Whether open interest is in contracts after all, where a contract is more than one coin."""
    row = not_whole_contracts(frame)
    if row is None:
        return ()
    name, interest, size = frame.select("instrument_name", "open_interest", "contract_size").row(row)
    text = f"{name}: open_interest = {interest:g} coins is not a multiple of contract_size = {size:g}"
    return (Finding("open_interest_unit", "error", text),)
