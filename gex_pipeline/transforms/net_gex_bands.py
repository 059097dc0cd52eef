"""Table `net_gex_bands`: how sure the sign of net GEX is."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.special import ndtr

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.ratios import ratio
from gex_pipeline.transforms.book import SCOPES, Book
from gex_pipeline.transforms.frames import flat, floats, frame, present_books, scoped_columns
from gex_pipeline.transforms.without_venue import nets_without

_SIGN_MODEL = "naive"


def net_gex_bands(book: Book) -> pl.DataFrame:
    """Frame of table `net_gex_bands` for both scopes of all venues together."""
    indices = present_books(book)
    sets, scopes, snapshots = (i[indices[0] == 0] for i in indices)
    books = book.strike_books(_SIGN_MODEL)
    g = flat(book, sets, scopes, snapshots)
    call, put = np.abs(books.call[g].sum(axis=1)), np.abs(books.put[g].sum(axis=1))
    net, error = call - put, _errors(book)[scopes, snapshots]
    low, high, count = _without(book)
    rest = snapshots * len(SCOPES) + scopes
    return frame(
        {
            **scoped_columns(book, sets, scopes, snapshots, _SIGN_MODEL),
            "net_gex_usd": floats(net),
            "quotes_sd_usd": floats(error),
            "quoted_share": floats(np.stack([e.quoted_share for e in book.quote_errors])[scopes, snapshots]),
            "p_positive": floats(_probability(net, error)),
            "without_low_usd": floats(low[rest]),
            "without_high_usd": floats(high[rest]),
            "n_venues": count[rest],
            "call_share": floats(ratio(call, call + put)),
            "even_call_share": floats(_even(call, put)),
        }
    )


def _errors(book: Book) -> Floats:
    """Of net GEX at spot, shape (scopes, snapshots)."""
    return np.stack([errors.of_net(np.zeros(book.shape[0])) for errors in book.quote_errors])


def _probability(net: Floats, error: Floats) -> Floats:
    """That net GEX is above 0, where the error is normal; NaN where it is unknown, or both are 0."""
    return ndtr(ratio(net, error))


def _even(call: Floats, put: Floats) -> Floats:
    """Share s of the calls' gamma that dealers have to hold long for net to be 0: (2 s - 1) call = put; NaN above 1."""
    share = 0.5 * (1.0 + ratio(put, call))
    return np.where(share <= 1.0, share, np.nan)


def _without(book: Book) -> tuple[Floats, Floats, np.ndarray]:
    """Lowest and highest net GEX with a venue left out, and the number of venues, per (snapshot, scope), flat."""
    found = np.stack(list(nets_without(book, _SIGN_MODEL)))
    count = np.repeat(book.is_present[:, 1:].sum(axis=1), len(SCOPES))
    return np.fmin.reduce(found), np.fmax.reduce(found), count
