"""All derived tables of a chain at once: the list of what is derived, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

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


def derive(book: Book) -> dict[str, pl.DataFrame]:
    """Every derived table of a book, by name."""
    return {name: transform(book) for name, transform in TRANSFORMS.items()}
