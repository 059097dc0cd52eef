"""Table `exposure_totals`: the exposures of whole books, so that their history costs no pricing."""

from __future__ import annotations

import numpy as np
import polars as pl

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.exposures import greeks
from gex_pipeline.core.signs import SIGNS
from gex_pipeline.core.units import DAYS_PER_YEAR, ONE_PERCENT
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.contracts import Contracts
from gex_pipeline.transforms.frames import flat, floats, frame, present_books, scoped_columns

_SIGN_MODEL = "naive"


def exposure_totals(book: Book) -> pl.DataFrame:
    """Frame of table `exposure_totals` for all venue sets and both scopes of a book."""
    books = book.strike_books(_SIGN_MODEL)
    sums = book.totals(_exposures(book.contracts))
    sets, scopes, snapshots = present_books(book)
    g = flat(book, sets, scopes, snapshots)
    return frame(
        {
            **scoped_columns(book, sets, scopes, snapshots, _SIGN_MODEL),
            "spot_usd": floats(books.spot[g]),
            "net_gex_usd": floats(books.net.sum(axis=1)[g]),
            "gross_gex_usd": floats(books.total_gross[g]),
            **{name: floats(total[g]) for name, total in sums.items()},
        }
    )


def _exposures(c: Contracts) -> dict[str, Floats]:
    """Dealers' exposures of each row, by the column they add to."""
    found = greeks(c.forward, c.strike, c.tenor, c.iv, c.is_call, c.is_inverse)
    dollars = np.where(c.is_call, *SIGNS[_SIGN_MODEL]) * c.oi * c.forward
    per_point, per_day = dollars * ONE_PERCENT, dollars / DAYS_PER_YEAR
    return {
        "dex_usd": found.delta * dollars,
        "vex_usd": found.vanna * per_point,
        "chex_usd": found.charm * per_day,
        "dex_pa_usd": found.delta_pa * dollars,
        "vex_pa_usd": found.vanna_pa * per_point,
        "chex_pa_usd": found.charm_pa * per_day,
    }
