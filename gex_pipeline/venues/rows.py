"""A coin's book at one venue -> rows of `chain` and `chain_rejected`, with everything the guards found.

Belongs here: the way from cells to rows, which is that of every archive, and what follows from a finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers.base import Options
from gex_pipeline.importers.chain import import_chain
from gex_pipeline.importers.read import Raw
from gex_pipeline.market import SOURCE as SYNTHETIC
from gex_pipeline.schema.chain import CHAIN, CHAIN_REJECTED
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.venues.base import Answers, Book, Venue, VenueError
from gex_pipeline.venues.guards import Finding, examine


@dataclass(frozen=True)
class Rows:
    """What a coin's book at one venue gave, or why it gave nothing.

    ``error``: why there are no rows. ``warnings``: what a person should look at. ``is_listed``: False where the venue
    has no options of the coin.
    """

    chain: pl.DataFrame
    rejected: pl.DataFrame
    error: str | None = None
    warnings: tuple[str, ...] = ()
    is_listed: bool = True


def coin_rows(venue: Venue, answers: Answers, coin: str, snapshot_at: datetime, *, is_synthetic: bool) -> Rows:
    """Rows of a coin from a snapshot's answers: all of its books, or none with the reason. Pure."""
    try:
        book = venue.book(answers, coin, snapshot_at)
        if book is None:
            return _none(is_listed=False)
        chain, rejected = _mapped(venue.name, coin, book, snapshot_at, is_synthetic=is_synthetic)
    except (VenueError, ImportFileError) as error:
        return _none(error=str(error))
    findings = [*book.findings, *examine(chain, rejected, book.listed)]
    errors = [str(f) for f in findings if f.severity == "error"]
    if errors:
        return _none(error="; ".join(errors))
    return Rows(chain, rejected, warnings=_lines(findings))


def _mapped(
    venue: str, coin: str, book: Book, snapshot_at: datetime, *, is_synthetic: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    raw = Raw(Path(f"{venue} {coin}"), book.frame, tuple(book.frame.columns))
    if book.frame.is_empty():
        return pl.DataFrame(schema=polars_schema(CHAIN)), pl.DataFrame(schema=polars_schema(CHAIN_REJECTED))
    tables = import_chain(raw, book.mapping, Options(), snapshot_at).tables
    frames = (tables["chain"], tables["chain_rejected"])
    if is_synthetic:
        frames = tuple(f.with_columns(source=pl.concat_str(pl.lit(f"{SYNTHETIC}-"), "source")) for f in frames)
    return frames[0], frames[1]


def _lines(findings: list[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, findings)))


def _none(*, error: str | None = None, is_listed: bool = True) -> Rows:
    empty = pl.DataFrame(schema=polars_schema(CHAIN)), pl.DataFrame(schema=polars_schema(CHAIN_REJECTED))
    return Rows(*empty, error=error, is_listed=is_listed)
