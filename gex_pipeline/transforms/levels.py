"""Table `levels`: every level of every snapshot, venue set and scope."""

from __future__ import annotations

import numpy as np
import polars as pl

from gex_pipeline.core import flips, strike_levels
from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.profile import Ints
from gex_pipeline.core.signs import TAKER
from gex_pipeline.core.strike_levels import StrikeBooks
from gex_pipeline.schema.derived import LEVELS_ALL_EXPIRY, LEVELS_ODTE, STATUSES, WALLS
from gex_pipeline.transforms.book import SCOPES, Book
from gex_pipeline.transforms.frames import category, flat, floats, frame, scoped_columns

_OK, _EMPTY, _NONE_POSITIVE, _NONE_NEGATIVE, _EDGE, _MULTIPLE = range(len(STATUSES))

#: (value_usd, strength_usd, status code) of one level for all books; NaN where there is none.
Level = tuple[Floats, Floats, Ints]


def levels(book: Book, sign_model: str = "naive") -> pl.DataFrame:
    """Frame of table `levels` for all venue sets and both scopes of a book."""
    books = book.strike_books(sign_model)
    found = {**_flips(book, books, sign_model), **_walls(books, book.walls(sign_model)), **_extremes(books)}
    value: Floats = np.stack([found[level][0] for level in LEVELS_ODTE])
    strength: Floats = np.stack([found[level][1] for level in LEVELS_ODTE])
    status: Ints = np.stack([found[level][2] for level in LEVELS_ODTE])
    sets, scopes, level, snapshots = _rows(book)
    g = flat(book, sets, scopes, snapshots)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.abs(strength) / books.total_gross
    return frame(
        {
            **scoped_columns(book, sets, scopes, snapshots, sign_model),
            "level": category(level, LEVELS_ODTE),
            "value_usd": floats(value[level, g]),
            "strength_usd": floats(strength[level, g]),
            "share_of_gross": floats(share[level, g]),
            "status": category(status[level, g], STATUSES),
            "spot_usd": floats(books.spot[g]),
            "net_gex_usd": floats(books.net.sum(axis=1)[g]),
            "is_reconstructed": _mark(book, sign_model, (snapshots, sets, scopes)),
        }
    )


def _mark(book: Book, sign_model: str, books: tuple[Ints, Ints, Ints]) -> pl.Series:
    """Whether positions of each book are older than the trades; null where they do not come from trades."""
    if sign_model == TAKER:
        return pl.Series(book.is_reconstructed[books])
    return pl.Series([None], dtype=pl.Boolean).new_from_index(0, len(books[0]))


def _rows(book: Book) -> tuple[Ints, Ints, Ints, Ints]:
    """Indices (set, scope, level, snapshot) of all rows, in the order of the table."""
    n_snapshots, n_sets, n_scopes = book.shape
    kept = np.broadcast_to(book.is_present.T[:, None, None, :], (n_sets, n_scopes, len(LEVELS_ODTE), n_snapshots))
    kept = kept.copy()
    kept[:, SCOPES.index("all_expiry"), len(LEVELS_ALL_EXPIRY) :] = False  # the magnet is a 0DTE level
    sets, scopes, level, snapshots = np.nonzero(kept)
    return sets, scopes, level, snapshots


def _flips(book: Book, books: StrikeBooks, sign_model: str) -> dict[str, Level]:
    none = np.full(len(books.spot), np.nan)
    hvl, count = strike_levels.hvl(books)
    cumulative = np.where(books.is_listed, strike_levels.cumulative(books), 0.0)
    positive, negative = (np.any(side > 0, axis=1) for side in (cumulative, -cumulative))
    signs = np.where(positive, 1, 0) + np.where(negative, 2, 0)
    choice, depth = strike_levels.hvl_slope(books)
    return {
        "zero_gamma": zero_gamma(book.crossings(sign_model), book.profile_signs(sign_model), books.spot),
        "hvl": (hvl, none, _flip_status(count, signs)),
        "hvl_slope": (
            books.chosen(choice),
            np.where(choice >= 0, depth, np.nan),
            np.where(choice >= 0, _OK, _EMPTY),
        ),
    }


def _flip_status(count: Ints, signs: Ints) -> Ints:
    """Status of a crossing: none with the sign of the curve, several, or one. ``signs`` as :func:`flips.signs`."""
    without = np.array([_EMPTY, _NONE_POSITIVE, _NONE_NEGATIVE, _EMPTY])[signs]
    return np.where(count == 0, without, np.where(count > 1, _MULTIPLE, _OK))


def zero_gamma(crossings: flips.Crossings, signs: Ints, spot: Floats) -> Level:
    """The headline crossing of each book; ``signs`` as :func:`flips.signs`, ``spot`` (USD) of shape (books,)."""
    x, count = flips.headline(crossings, len(spot))
    status = _flip_status(count, signs)
    ratio = np.exp(x)
    with np.errstate(invalid="ignore"):
        is_edge = (np.abs(ratio / 0.5 - 1) <= flips.EDGE) | (np.abs(ratio / 1.5 - 1) <= flips.EDGE)
    return spot * ratio, np.full_like(x, np.nan), np.where(is_edge, _EDGE, status)


def _walls(books: StrikeBooks, choices: dict[str, Ints]) -> dict[str, Level]:
    strength = {"call": books.call, "put": books.put, "call_net": books.net, "put_net": books.net}
    found: dict[str, Level] = {}
    for kind, names in WALLS.items():
        value, size, status = _at_strike(books, strength[kind], choices[kind], _EMPTY)
        found |= {name: (value[:, i], size[:, i], status[:, i]) for i, name in enumerate(names)}
    return found


def _extremes(books: StrikeBooks) -> dict[str, Level]:
    positive, negative, absolute = strike_levels.extremes(books)
    gross = _at_strike(books, books.gross, absolute, _EMPTY)
    return {
        "max_positive_gamma": _at_strike(books, books.net, positive, _NONE_NEGATIVE),
        "max_negative_gamma": _at_strike(books, books.net, negative, _NONE_POSITIVE),
        "absolute_gamma": gross,
        "zero_dte_magnet": gross,
    }


def _at_strike(books: StrikeBooks, strength: Floats, choice: Ints, absent: int) -> Level:
    """Chosen strikes and the exposure there, in the shape of ``choice``: (books,) or (books, ranks).

    ``absent`` is the status without a choice in a book that has gross.
    """
    wide = choice.reshape(len(choice), -1)
    is_found, index = wide >= 0, np.maximum(wide, 0)
    size = np.where(is_found, np.take_along_axis(strength, index, axis=1), np.nan)
    missing = np.where(books.total_gross > 0, absent, _EMPTY)[:, None]
    status = np.where(is_found, _OK, missing)
    return books.chosen(choice), size.reshape(choice.shape), status.reshape(choice.shape)
