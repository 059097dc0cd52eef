"""Table `flip_zones`: all crossings of zero of the re-priced profile."""

from __future__ import annotations

import numpy as np
import polars as pl

from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.frames import category, floats, frame, scoped_columns


def flip_zones(book: Book, sign_model: str = "naive") -> pl.DataFrame:
    """Frame of table `flip_zones` for all venue sets and both scopes of a book."""
    crossings = book.crossings(sign_model)
    snapshots, sets, scopes = np.unravel_index(crossings.group, book.shape)
    spot = book.contracts.spots[snapshots, sets]
    return frame(
        {
            **scoped_columns(book, sets, scopes, snapshots, sign_model),
            "price_usd": floats(spot * np.exp(crossings.x)),
            "direction": category(np.where(crossings.is_up, 0, 1), ("up", "down")),
            "slope_usd": floats(crossings.slope_usd),
            "spot_usd": floats(spot),
        }
    )
