"""Levels that are strikes: walls, extremes, ranks, and the two cumulative flips.

Belongs here: choosing strikes from per-strike exposures. Not: the re-priced flip (see `flips`).

All functions take many books at once: arrays of shape (books, strikes) over one ascending list of strikes, 0 where a
book has nothing at a strike, and per-book arrays of shape (books,). A choice is the index of a strike, -1 for none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.profile import Ints
from gex_pipeline.core.sign_changes import sign_changes
from gex_pipeline.core.units import FLOOR, TIE

#: Net walls need this share of the scope's gross.
NET_WALL_SHARE = 0.01


@dataclass(frozen=True)
class StrikeBooks:
    """Per-strike dollar gamma of many books. ``call`` and ``put`` carry the dealers' signs; gross is unsigned.

    ``is_listed``: the book has a contract at the strike, with or without open interest.
    """

    strikes: Floats
    spot: Floats
    call: Floats
    put: Floats
    gross: Floats
    is_listed: Bools

    @cached_property
    def net(self) -> Floats:
        """Net per strike, shape (books, strikes)."""
        return self.call + self.put

    @cached_property
    def distance(self) -> Floats:
        """Of each strike from spot (USD), shape (books, strikes)."""
        return np.abs(self.strikes - self.spot[:, None])

    def chosen(self, choice: Ints) -> Floats:
        """Strikes (USD) by index, in the shape of ``choice``; NaN where that is -1."""
        return np.where(choice >= 0, self.strikes[np.maximum(choice, 0)], np.nan)

    @cached_property
    def total_gross(self) -> Floats:
        """Gross of each book, shape (books,)."""
        return self.gross.sum(axis=1)


def largest(score: Floats, is_allowed: Bools, books: StrikeBooks, count: int, minimum: Floats) -> Ints:
    """The ``count`` strikes of largest score, shape (books, count).

    Only strikes where ``is_allowed`` and score >= ``minimum`` (per book) qualify. Scores within TIE of gross are tied:
    the strike nearer spot wins, then the lower one.
    """
    tie = TIE * books.total_gross
    left = np.where(is_allowed & (score > 0) & (score >= minimum[:, None]), score, -np.inf)
    rows = np.arange(len(score))
    out = np.full((len(score), count), -1, dtype=np.intp)
    for rank in range(count):
        choice = left.argmax(axis=1)
        best = left[rows, choice]
        is_tied = left >= (best - tie)[:, None]
        several = np.flatnonzero(np.count_nonzero(is_tied, axis=1) > 1)
        choice[several] = np.where(is_tied[several], books.distance[several], np.inf).argmin(axis=1)
        is_found = best > -np.inf
        out[is_found, rank] = choice[is_found]
        left[rows, choice] = -np.inf
    return out


def walls(books: StrikeBooks) -> dict[str, Ints]:
    """The three call and put walls by side, and the three by positive net; each of shape (books, 3)."""
    above, below = books.strikes > books.spot[:, None], books.strikes < books.spot[:, None]
    net, net_floor = books.net, NET_WALL_SHARE * books.total_gross
    return {
        **side_walls(books, 3),
        "call_net": largest(net, above, books, 3, net_floor),
        "put_net": largest(net, below, books, 3, net_floor),
    }


def side_walls(books: StrikeBooks, count: int) -> dict[str, Ints]:
    """The walls by side alone; each of shape (books, count)."""
    above, below = books.strikes > books.spot[:, None], books.strikes < books.spot[:, None]
    floor = FLOOR * books.total_gross
    return {
        "call": largest(np.abs(books.call), above, books, count, floor),
        "put": largest(np.abs(books.put), below, books, count, floor),
    }


def extremes(books: StrikeBooks) -> tuple[Ints, Ints, Ints]:
    """Strikes of the largest positive net, most negative net and largest gross, each of shape (books,)."""
    everywhere = np.ones_like(books.gross, dtype=bool)
    floor = FLOOR * books.total_gross
    net = books.net
    positive, negative, absolute = (
        largest(score, everywhere, books, 1, floor)[:, 0] for score in (net, -net, books.gross)
    )
    return positive, negative, absolute


def ranked(books: StrikeBooks, count: int = 10) -> Ints:
    """Strikes by falling |net|, shape (books, count), -1 past the last one above the floor."""
    everywhere = np.ones_like(books.gross, dtype=bool)
    return largest(np.abs(books.net), everywhere, books, count, FLOOR * books.total_gross)


def cumulative(books: StrikeBooks) -> Floats:
    """C(K) = sum of net over strikes <= K, shape (books, strikes); values below the floor are exactly 0."""
    c = np.cumsum(books.net, axis=1)
    c[np.abs(c) < FLOOR * books.total_gross[:, None]] = 0.0
    return c


def hvl(books: StrikeBooks) -> tuple[Floats, Ints]:
    """BackQuant's flip: where C(K) crosses zero, linear between strikes, nearest to spot.

    Returns the price per book (NaN without a crossing) and the number of crossings.
    """
    c = np.where(books.is_listed, cumulative(books), 0.0)
    book, low, high = sign_changes(c, c != 0)
    k, width = books.strikes[low], books.strikes[high] - books.strikes[low]
    price = k + width * c[book, low] / (c[book, low] - c[book, high])
    return _nearest(price, book, books.spot), np.bincount(book, minlength=len(c))


def _nearest(price: Floats, book: Ints, spot: Floats) -> Floats:
    """Per book, the price nearest to spot (the lower one of two), NaN without any."""
    order = np.lexsort((price, np.abs(price - spot[book]), book))
    is_first = np.diff(book[order], prepend=-1) > 0
    out = np.full(len(spot), np.nan)
    out[book[order][is_first]] = price[order][is_first]
    return out


def hvl_slope(books: StrikeBooks) -> tuple[Ints, Floats]:
    """MenthorQ's flip: the strike (gross at or above the floor) where C(K) is lowest, and C there.

    Returns index (-1 where net is zero everywhere) and C(K) in USD per 1 %.
    """
    gross = books.total_gross
    floor = FLOOR * gross[:, None]
    is_listed = (books.gross >= floor) & (books.gross > 0)
    c = cumulative(books)
    depth = np.where(is_listed, c.max(axis=1, keepdims=True) - c, -np.inf)
    is_tied = depth >= (depth.max(axis=1) - TIE * gross)[:, None]
    distance = np.abs(books.strikes - books.spot[:, None])
    choice = np.where(is_tied & is_listed, distance, np.inf).argmin(axis=1)
    is_found = is_listed.any(axis=1) & (np.abs(books.net) >= floor).any(axis=1) & (gross > 0)
    return np.where(is_found, choice, -1), c[np.arange(len(c)), choice]
