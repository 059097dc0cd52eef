"""Table `gamma_profile`: the book re-priced at spot x 1.01^k, calls and puts apart."""

from __future__ import annotations

import numpy as np
import polars as pl

from gex_pipeline.core.profile import profile_indices, search_grid
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.frames import floats, frame, scoped_columns


def gamma_profile(book: Book, sign_model: str = "naive") -> pl.DataFrame:
    """Frame of table `gamma_profile` for all venue sets and both scopes of a book."""
    points = profile_indices()
    snapshots, sets, scopes = np.nonzero(np.broadcast_to(book.is_present[:, :, None], book.shape))
    profile = book.sided_profile(sign_model)
    call, put = (profile[snapshots, sets, scopes, side][:, points].reshape(-1) for side in (0, 1))
    spot = book.contracts.spots[snapshots, sets][:, None] * np.exp(search_grid()[points])
    sets, scopes, snapshots = (np.repeat(i, len(points)) for i in (sets, scopes, snapshots))
    return frame(
        {
            **scoped_columns(book, sets, scopes, snapshots, sign_model),
            "spot_usd": floats(spot.reshape(-1)),
            "call_gex_usd": floats(call),
            "put_gex_usd": floats(put),
            "net_gex_usd": floats(call + put),
        }
    )
