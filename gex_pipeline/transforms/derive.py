"""All derived tables of a chain at once: the list of what is derived, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from gex_pipeline.core.signs import TAKER
from gex_pipeline.schema import TAKER_COVERAGE, TAKER_INVENTORY
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.density import density
from gex_pipeline.transforms.expected_move import expected_move
from gex_pipeline.transforms.expiry_summary import expiry_summary
from gex_pipeline.transforms.exposure_totals import exposure_totals
from gex_pipeline.transforms.flip_zones import flip_zones
from gex_pipeline.transforms.gamma_profile import gamma_profile
from gex_pipeline.transforms.implied_vol import implied_vol
from gex_pipeline.transforms.level_bands import level_bands
from gex_pipeline.transforms.levels import levels
from gex_pipeline.transforms.max_pain import max_pain
from gex_pipeline.transforms.net_gex_bands import net_gex_bands
from gex_pipeline.transforms.ranked import ranked
from gex_pipeline.transforms.taker_coverage import taker_coverage
from gex_pipeline.transforms.taker_inventory import taker_inventory
from gex_pipeline.transforms.tape import Tape

#: Table name -> the function that makes it.
TRANSFORMS: dict[str, Callable[[Book], pl.DataFrame]] = {
    "levels": levels,
    "flip_zones": flip_zones,
    "gamma_profile": gamma_profile,
    "ranked": ranked,
    "max_pain": max_pain,
    "expected_move": expected_move,
    "level_bands": level_bands,
    "net_gex_bands": net_gex_bands,
    "expiry_summary": expiry_summary,
    "density": density,
    "implied_vol": implied_vol,
    "exposure_totals": exposure_totals,
}
#: Those that are also kept by the sign model that needs trades.
_BY_TRADES: dict[str, Callable[[Book, str], pl.DataFrame]] = {
    "levels": levels,
    "flip_zones": flip_zones,
    "ranked": ranked,
}


def derive(
    chain: pl.DataFrame, tape: Tape | None = None, venue_names: tuple[str, ...] | None = None
) -> dict[str, pl.DataFrame]:
    """Every derived table of rows of `chain` as the store gives them, by name; ``venue_names`` as in :class:`Book`."""
    chain = chain if tape is None else tape.on(chain)
    book = Book.from_chain(chain, is_ordered=True, venue_names=venue_names)
    tables = {name: transform(book) for name, transform in TRANSFORMS.items()}
    if tape is None:
        return tables | {t.name: pl.DataFrame(schema=polars_schema(t)) for t in (TAKER_INVENTORY, TAKER_COVERAGE)}
    held = {name: transform(book.by_trades, TAKER) for name, transform in _BY_TRADES.items()}
    both = {name: pl.concat([tables[name], rows]) for name, rows in held.items()}
    of_takers = {"taker_inventory": taker_inventory(chain, tape), "taker_coverage": taker_coverage(book, tape)}
    return tables | both | of_takers
