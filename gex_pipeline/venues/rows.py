"""A coin's book at one venue -> rows of `chain` and `chain_rejected`, with everything the guards found.

Belongs here: the way from cells to rows, which is that of every archive, and what follows from a finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers.base import Imported, Options
from gex_pipeline.importers.chain import import_chain
from gex_pipeline.importers.read import Raw
from gex_pipeline.market import SOURCE as SYNTHETIC
from gex_pipeline.schema.chain import CHAIN, CHAIN_REJECTED
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.venues.base import Answers, Book, Venue, VenueError
from gex_pipeline.venues.guards import Finding, examine, repeated

_EMPTY, _EMPTY_REJECTED = (pl.DataFrame(schema=polars_schema(table)) for table in (CHAIN, CHAIN_REJECTED))


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
        imported = _mapped(venue.name, coin, book, snapshot_at)
    except (VenueError, ImportFileError) as error:
        return _none(error=str(error))
    chain, rejected = (_marked(imported.tables[name], is_synthetic) for name in ("chain", "chain_rejected"))
    findings = [
        *book.findings,
        *examine(chain, rejected, book.listed, book.uncounted),
        *repeated(imported.dropped.get("identical", 0)),
    ]
    errors = [str(f) for f in findings if f.severity == "error"]
    if errors:
        return _none(error="; ".join(errors))
    return Rows(chain, rejected, warnings=_lines(findings))


def _mapped(venue: str, coin: str, book: Book, snapshot_at: datetime) -> Imported:
    if book.frame.is_empty():
        return Imported({"chain": _EMPTY, "chain_rejected": _EMPTY_REJECTED})
    raw = Raw(Path(f"{venue} {coin}"), book.frame, tuple(book.frame.columns))
    return import_chain(raw, book.mapping, Options(), snapshot_at)


def _marked(frame: pl.DataFrame, is_synthetic: bool) -> pl.DataFrame:
    return frame.with_columns(source=pl.concat_str(pl.lit(f"{SYNTHETIC}-"), "source")) if is_synthetic else frame


def _lines(findings: list[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, findings)))


def _none(*, error: str | None = None, is_listed: bool = True) -> Rows:
    return Rows(_EMPTY, _EMPTY_REJECTED, error=error, is_listed=is_listed)
