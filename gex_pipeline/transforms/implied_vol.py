"""Table `implied_vol`: at-the-money IV at constant maturities, and the 25-delta wings at 30 days."""

from __future__ import annotations

import numpy as np
import polars as pl

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.term import constant_maturity
from gex_pipeline.schema.smiles import TERM_STATUSES
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.frames import category, floats, frame, set_columns

_DAYS = (7, 30, 90, 180)
_OK, _EMPTY, _OUTSIDE = range(len(TERM_STATUSES))


def implied_vol(book: Book) -> pl.DataFrame:
    """Frame of table `implied_vol` for all venue sets of a book."""
    sets, snapshots = np.nonzero(book.is_present.T)
    smiles, n_expiries = book.smiles, len(book.expiries.expiries_us)
    shape = (*book.is_present.shape, n_expiries)
    tenors = book.expiries.tenors(snapshots[:, None], np.arange(n_expiries))

    def at(values: Floats, days: int) -> Floats:
        return constant_maturity(tenors, smiles.by_expiry(values, shape)[snapshots, sets], days)

    iv30 = at(smiles.atm_iv, 30)
    has_atm = ~np.isnan(smiles.by_expiry(smiles.atm_iv, shape)[snapshots, sets]).all(axis=1)
    status = np.where(~np.isnan(iv30), _OK, np.where(has_atm, _OUTSIDE, _EMPTY))
    return frame(
        {
            **set_columns(book, sets, snapshots),
            **{f"iv{days}": floats(iv30 if days == 30 else at(smiles.atm_iv, days)) for days in _DAYS},
            "iv30_put_25d": floats(at(smiles.put_iv_at(0.25), 30)),
            "iv30_call_25d": floats(at(smiles.call_iv_at(0.25), 30)),
            "status": category(status, TERM_STATUSES),
        }
    )
