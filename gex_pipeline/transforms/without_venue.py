"""The books of all venues with one of them left out: how much a level rests on a single venue.

Belongs here: sums of all venues less one. Flips are those of `flips.on_grid`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gex_pipeline.core import flips
from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.strike_levels import StrikeBooks
from gex_pipeline.transforms.book import SCOPES, Book
from gex_pipeline.transforms.contracts import row_medians

_ROUNDING = 1e-12


def spots_without(book: Book) -> Iterator[Floats]:
    """For each venue the spot of the others, shape (snapshots,); NaN where they or the venue are absent."""
    venues = book.contracts.spots[:, 1:]
    for v in range(venues.shape[1]):
        others = np.delete(venues, v, axis=1)
        is_some = ~np.isnan(venues[:, v]) & ~np.isnan(others).all(axis=1)
        out = np.full(len(venues), np.nan)
        out[is_some] = row_medians(others[is_some])
        yield out


def strikes_without(book: Book, sign_model: str) -> Iterator[StrikeBooks]:
    """For each venue the per-strike sums of the others: books (snapshot, scope), flat; spot NaN without others."""
    whole = book.strike_books(sign_model)
    for v, spot in enumerate(spots_without(book)):
        call, put, gross = (_less(book, getattr(whole, name), v) for name in ("call", "put", "gross"))
        listed = _all_venues(book, whole.is_listed)
        yield StrikeBooks(whole.strikes, np.repeat(spot, len(SCOPES)), call, put, gross, listed)


def nets_without(book: Book, sign_model: str) -> Iterator[Floats]:
    """For each venue the net GEX of the others, of books (snapshot, scope), flat; NaN where there are none."""
    net = book.strike_books(sign_model).net.sum(axis=1, keepdims=True)
    for v, spot in enumerate(spots_without(book)):
        yield np.where(np.isnan(np.repeat(spot, len(SCOPES))), np.nan, _less(book, net, v)[:, 0])


def flips_without(book: Book, sign_model: str) -> Iterator[Floats]:
    """For each venue the zero gamma of the others, USD, of books (snapshot, scope), flat; NaN without one."""
    net, gross = book.signed_profile(sign_model)
    for v, spot in enumerate(spots_without(book)):
        x = flips.on_grid(_less(book, net, v), np.maximum(_less(book, gross, v), 0.0))
        yield np.repeat(spot, len(SCOPES)) * np.exp(x)


def _by_set(book: Book, values: np.ndarray) -> np.ndarray:
    """(books, n) -> (T, S, scopes, n)."""
    return values.reshape(*book.shape, values.shape[-1])


def _all_venues(book: Book, values: np.ndarray) -> np.ndarray:
    return _by_set(book, values)[:, 0].reshape(-1, values.shape[-1])


def _less(book: Book, values: Floats, venue: int) -> Floats:
    """Of all venues less one; what rounding leaves of a sum is nothing."""
    sets = _by_set(book, values)
    rest = sets[:, 0] - sets[:, 1 + venue]
    return np.where(np.abs(rest) <= _ROUNDING * np.abs(sets[:, 0]), 0.0, rest).reshape(-1, values.shape[-1])
