"""Table `ranked`: the ten strikes with the largest absolute net gamma, per scope."""

from __future__ import annotations

import numpy as np
import polars as pl

from gex_pipeline.core import strike_levels
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.frames import flat, floats, frame, present_books, scoped_columns


def ranked(book: Book, sign_model: str = "naive") -> pl.DataFrame:
    """Frame of table `ranked` for all venue sets and both scopes of a book."""
    books = book.strike_books(sign_model)
    choices = strike_levels.ranked(books)
    indices = present_books(book)
    row, rank = np.nonzero(choices[flat(book, *indices)] >= 0)
    sets, scopes, snapshots = (i[row] for i in indices)
    g = flat(book, sets, scopes, snapshots)
    strike = choices[g, rank]
    return frame(
        {
            **scoped_columns(book, sets, scopes, snapshots, sign_model),
            "rank": rank.astype(np.int64) + 1,
            "strike_usd": floats(books.strikes[strike]),
            "net_gex_usd": floats(books.net[g, strike]),
            "call_gex_usd": floats(books.call[g, strike]),
            "put_gex_usd": floats(books.put[g, strike]),
            "spot_usd": floats(books.spot[g]),
        }
    )
