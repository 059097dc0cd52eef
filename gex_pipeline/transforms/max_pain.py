"""Table `max_pain`: per expiry, the listed strike at which option holders are paid least."""

from __future__ import annotations

import numpy as np
import polars as pl

from gex_pipeline.core.max_pain import lowest, payout_usd
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.frames import category, expiry_columns, floats, frame, instants

_MINIMUM_STRIKES = 3


def max_pain(book: Book) -> pl.DataFrame:
    """Frame of table `max_pain` for all venue sets and expiries of a book."""
    books = book.expiries
    sets, snapshots, expiries = books.present
    oi = books.sums(book.contracts.oi)[snapshots, sets, expiries]
    is_listed = books.is_listed[snapshots, sets, expiries]
    strikes = np.where(is_listed, books.strikes[expiries], 1.0)
    payout = payout_usd(np.where(np.isnan(books.strikes[expiries]), 0.0, books.strikes[expiries]), oi[:, 0], oi[:, 1])
    rows = np.arange(len(payout))
    usd, coin = lowest(payout, is_listed), lowest(payout / strikes, is_listed)
    is_empty = (is_listed.sum(axis=1) < _MINIMUM_STRIKES) | (oi.sum(axis=(1, 2)) <= 0)
    return frame(
        {
            **expiry_columns(book),
            "strike_usd": floats(strikes[rows, usd], is_empty),
            "payout_usd": floats(np.maximum(payout[rows, usd], 0.0), is_empty),
            "strike_coin_usd": floats(strikes[rows, coin], is_empty),
            "status": category(is_empty.astype(np.intp), ("ok", "empty")),
        }
    )


def curve(book: Book) -> pl.DataFrame:
    """The whole payout curve of every expiry for all venues together: snapshot, expiry, strike, payout in USD."""
    books = book.expiries
    oi = books.sums(book.contracts.oi)[:, 0]
    strikes = np.broadcast_to(books.strikes, oi[:, :, 0].shape)
    payout = payout_usd(np.nan_to_num(strikes), oi[:, :, 0], oi[:, :, 1])
    snapshots, expiries, slots = np.nonzero(books.is_listed[:, 0])
    return pl.DataFrame(
        {
            "snapshot_at": instants(book.contracts.snapshots_us[snapshots]),
            "expiry_at": instants(books.expiries_us[expiries]),
            "strike_usd": strikes[snapshots, expiries, slots],
            "payout_usd": payout[snapshots, expiries, slots],
        }
    )
