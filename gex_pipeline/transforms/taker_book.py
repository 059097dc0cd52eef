"""Table `taker_book`: what takers and dealers hold of each contract by the stored trades."""

from __future__ import annotations

import polars as pl

from gex_pipeline.schema import TAKER_BOOK


def taker_book(chain: pl.DataFrame) -> pl.DataFrame:
    """Frame of table `taker_book` from rows of `chain`, venue by venue, with the columns of :meth:`Tape.on`."""
    known = chain.filter(pl.col("n_trades").is_not_null()).select(TAKER_BOOK.names)
    return known.sort("snapshot_at", maintain_order=True)
