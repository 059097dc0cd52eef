"""Parts of a book: the expiries up to each one, and all but each one. All venues together.

Belongs here: the contracts by snapshot and expiry, and the sums over the expiries of a part. Not: crossings (see
`expiry_flips`). Axes: parts 2 (up to, without), snapshots T, expiries E. Parts are numbered g = (part * T + t) * E + e.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.curves import curves
from gex_pipeline.core.groups import stable_order
from gex_pipeline.core.profile import Gaussians, Ints
from gex_pipeline.core.signs import SIGNS
from gex_pipeline.transforms.book import Book

UP_TO, WITHOUT = 0, 1
_SIGN_MODEL = "naive"


@dataclass(frozen=True)
class PartRows:
    """Contracts with open interest by ``cell`` = t * E + e; naive signs."""

    bumps: Gaussians
    strike: Floats
    is_call: Bools
    cell: Ints
    shape: tuple[int, int]

    @staticmethod
    def from_book(book: Book) -> PartRows:
        """The contracts of a book, ordered so that equal rows give equal bits."""
        c, n_expiries = book.contracts, len(book.expiries.expiries_us)
        kept = np.flatnonzero(c.oi > 0)
        cell = c.snapshot[kept] * n_expiries + book.expiries.expiry[kept]
        order = stable_order(2 * cell + ~c.is_call[kept])
        kept, cell = kept[order], cell[order]
        shape = (len(c.snapshots), n_expiries)
        return PartRows(c.bumps[kept], c.strike[kept], c.is_call[kept], cell, shape)

    def take(self, rows: Bools | slice) -> PartRows:
        """Some of the rows."""
        return replace(
            self, bumps=self.bumps[rows], strike=self.strike[rows], is_call=self.is_call[rows], cell=self.cell[rows]
        )

    @cached_property
    def weight(self) -> Floats:
        """Heights with the dealers' signs."""
        return self.bumps.c * np.where(self.is_call, *SIGNS[_SIGN_MODEL])

    @cached_property
    def edges(self) -> Ints:
        """First row of every cell, and the number of rows."""
        return np.searchsorted(self.cell, np.arange(int(np.prod(self.shape)) + 1))

    def curves(self) -> tuple[Floats, Floats]:
        """Net and gross of every expiry on the search grid, each of shape (T, E, points)."""
        sums = curves(self.bumps, 2 * self.cell + ~self.is_call, 2 * int(np.prod(self.shape)))
        return signed_curves(sums.reshape(*self.shape, 2, -1))

    def runs(self) -> tuple[Ints, Ints]:
        """First and last + 1 row of the two runs that make up each part, of shape (parts, 2)."""
        t, e = (i.reshape(-1) for i in np.indices(self.shape))
        n = self.shape[1]
        start, here, after, stop = (self.edges[t * n + i] for i in (0, e, e + 1, n))
        up_to = np.column_stack([start, stop]), np.column_stack([after, stop])
        without = np.column_stack([start, after]), np.column_stack([here, stop])
        first, last = (np.concatenate(pair) for pair in zip(up_to, without, strict=True))
        return first, last


def signed_curves(sides: Floats) -> tuple[Floats, Floats]:
    """Unsigned curves (T, E, sides, points) -> net with the dealers' signs and gross, each of shape (T, E, points)."""
    call, put = SIGNS[_SIGN_MODEL]
    return call * sides[:, :, 0] + put * sides[:, :, 1], sides.sum(axis=2)


def sums(values: Floats) -> Floats:
    """(T, E, points) -> sums over the expiries up to each, and over the others: (2, T, E, points)."""
    n = int(values.shape[1])
    up_to, without = np.empty_like(values), np.zeros_like(values)
    after = np.zeros_like(values[:, 0])
    for e in range(n):
        up_to[:, e] = without[:, e] + values[:, e]
        without[:, e + 1 : e + 2] = up_to[:, e : e + 1]
    # Not the whole less the expiry: of an expiry that is nearly the whole, rounding would be left.
    for e in reversed(range(n)):
        without[:, e] += after
        after += values[:, e]
    return np.stack([up_to, without])
