"""A coin's book at one venue -> rows of `chain` and `chain_rejected`, with everything the guards found.

Belongs here: the way from cells to rows, which is that of every archive, and what follows from a finding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers.base import Options
from gex_pipeline.importers.chain import import_chain
from gex_pipeline.importers.mapping import Mapping as ChainMapping
from gex_pipeline.importers.read import Raw
from gex_pipeline.schema.chain import CHAIN, CHAIN_REJECTED, SYNTHETIC
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


#: Rows of `chain` and of `chain_rejected`, or why there are none.
_Tables = tuple[pl.DataFrame, pl.DataFrame] | str


def venue_rows(
    venue: Venue, answers: Answers, coins: Sequence[str], snapshot_at: datetime, *, is_synthetic: bool
) -> dict[str, Rows]:
    """Rows of some coins from a snapshot's answers: of each all of its books, or none with the reason. Pure."""
    found, books = dict[str, Rows](), dict[str, Book]()
    for coin in coins:
        try:
            book = venue.book(answers, coin, snapshot_at)
        except VenueError as error:
            found[coin] = _none(error=str(error))
            continue
        if book is None:
            found[coin] = _none(is_listed=False)
        else:
            books[coin] = book
    for coin, tables in _tables(venue.name, books, snapshot_at).items():
        found[coin] = _none(error=tables) if isinstance(tables, str) else _examined(books[coin], *tables, is_synthetic)
    return found


def _examined(book: Book, chain: pl.DataFrame, rejected: pl.DataFrame, is_synthetic: bool) -> Rows:
    identical = repeated(book.frame.height - chain.height - rejected.height)
    findings = [*book.findings, *examine(chain, rejected, book.listed, book.uncounted), *identical]
    errors = [str(f) for f in findings if f.severity == "error"]
    if errors:
        return _none(error="; ".join(errors))
    return Rows(_marked(chain, is_synthetic), _marked(rejected, is_synthetic), warnings=_lines(findings))


def _tables(venue: str, books: Mapping[str, Book], snapshot_at: datetime) -> dict[str, _Tables]:
    """The rows of every coin, all of them mapped at once; where one coin's cannot be, each by itself."""
    filled = {coin: book for coin, book in books.items() if book.frame.height}
    found: dict[str, _Tables] = dict.fromkeys(books, (_EMPTY, _EMPTY_REJECTED))
    if not filled:
        return found
    mapping = next(iter(filled.values())).mapping
    try:
        frame = pl.concat(book.frame for book in filled.values())
        chain, rejected = _mapped(f"{venue} {', '.join(filled)}", frame, mapping, snapshot_at)
    except (ImportFileError, pl.exceptions.SchemaError) as error:
        if len(filled) == 1:
            return found | dict.fromkeys(filled, str(error))
        for coin, book in filled.items():
            found |= _tables(venue, {coin: book}, snapshot_at)
        return found
    return found | {coin: (_of(coin, chain), _of(coin, rejected)) for coin in filled}


def _mapped(name: str, frame: pl.DataFrame, mapping: ChainMapping, snapshot_at: datetime) -> tuple[pl.DataFrame, ...]:
    raw = Raw(Path(name), frame, tuple(frame.columns))
    tables = import_chain(raw, mapping, Options(), snapshot_at).tables
    return tables["chain"], tables["chain_rejected"]


def _of(coin: str, rows: pl.DataFrame) -> pl.DataFrame:
    """As :func:`bodies.is_of`, which chose them: a name that cannot be read has its coin, too."""
    name = pl.col("instrument")
    return rows.filter(name.str.starts_with(f"{coin}-") | name.str.starts_with(f"{coin}_"))


def _marked(frame: pl.DataFrame, is_synthetic: bool) -> pl.DataFrame:
    return frame.with_columns(source=pl.concat_str(pl.lit(f"{SYNTHETIC}-"), "source")) if is_synthetic else frame


def _lines(findings: list[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, findings)))


def _none(*, error: str | None = None, is_listed: bool = True) -> Rows:
    return Rows(_EMPTY, _EMPTY_REJECTED, error=error, is_listed=is_listed)
