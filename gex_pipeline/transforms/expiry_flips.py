"""Zero gamma of the parts of a book (see `parts`): the term structure of the flip, and the flip without an expiry.

Belongs here: the curves of the parts and their crossings. Not: the whole book (see `book`), the rule of the headline
(see `levels`).

A day has hundreds of parts, and most of a part's contracts are those of the next. So curves are made once per expiry,
and only contracts narrower than a few steps of the grid are re-priced in the search for a root.
Axes as in `parts`, then grid points.
"""

from __future__ import annotations

import numpy as np

from gex_pipeline.core import flips
from gex_pipeline.core.between_points import SMOOTH_VOL, Polynomials
from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.profile import SEARCH_STEP, Ints, search_grid
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.levels import zero_gamma
from gex_pipeline.transforms.parts import PartRows, signed_curves, sums


def zero_gammas(book: Book) -> tuple[Floats, Ints]:
    """Zero gamma (USD, NaN where there is none) and its status code, both of shape (2, T, E)."""
    spots = book.contracts.spots[:, 0]
    rows = PartRows.from_book(book)
    crossings, signs = _Search(rows, signed_curves(book.smooth_expiries), spots).found
    shape = (2, *rows.shape)
    value, _, status = zero_gamma(crossings, signs, np.broadcast_to(spots[:, None], shape).reshape(-1))
    return value.reshape(shape), status.reshape(shape)


class _Search:
    """The crossings of all parts."""

    def __init__(self, rows: PartRows, smooth_curves: tuple[Floats, Floats], spots: Floats) -> None:
        self.rows, self.smooth_curves, self.spots = rows, smooth_curves, spots
        self.rough = rows.take(rows.bumps.v < SMOOTH_VOL)

    @property
    def found(self) -> tuple[flips.Crossings, Ints]:
        """All crossings and the signs that each part's curve takes."""
        brackets, signs = self._brackets()
        uniform = search_grid()[1:-1]
        is_read = (brackets.low >= uniform[0]) & (brackets.high <= uniform[-1])
        is_read &= brackets.high - brackets.low <= SEARCH_STEP * (1 + 1e-9)
        found = [self._refined(brackets.take(is_read)), self._repriced(brackets.take(~is_read))]
        names = ("group", "x", "is_up", "slope_usd")
        return flips.Crossings(*(np.concatenate([getattr(f, n) for f in found]) for n in names)), signs

    def _refined(self, brackets: flips.Brackets) -> flips.Crossings:
        """Roots inside one cell of the grid: its smooth curve, and the narrow contracts re-priced."""
        net = sums(self.smooth_curves[0])
        rest = Polynomials.through(net.reshape(-1, net.shape[-1]), brackets.group, brackets.guess)
        return _refine(brackets, self.rough, rest)

    def _repriced(self, brackets: flips.Brackets) -> flips.Crossings:
        """Roots in the cells at the ends, or in a stretch where the curve counts as zero: all re-priced. Few."""
        return _refine(brackets, self.rows, None)

    def _brackets(self) -> tuple[flips.Brackets, Ints]:
        grid = search_grid()
        pairs = zip(self.smooth_curves, self.rough.curves(), strict=True)
        net, gross = (sums(smooth + rough).reshape(-1, len(grid)) for smooth, rough in pairs)
        counts = flips.is_above_floor(net, gross)
        brackets, signs = flips.Brackets.from_grid(grid, net, counts), flips.signs(net, counts)
        for t in np.unique(self.rough.cell[self.rough.bumps.v < flips.NARROW_VOL] // self.rows.shape[1]):
            groups = np.arange(len(signs)).reshape(2, *self.rows.shape)[:, t].reshape(-1)
            x, (values, largest) = self._around_strikes(int(t), (net[groups], gross[groups]))
            counts = flips.is_above_floor(values, largest)
            brackets = brackets.replace(groups, flips.Brackets.from_grid(x, values, counts))
            signs[groups] = flips.signs(values, counts)
        return brackets, signs

    def _around_strikes(self, t: int, on_grid: tuple[Floats, Floats]) -> tuple[Floats, list[Floats]]:
        """The grid with the points around strikes narrower than it, and net and gross of one snapshot's parts there."""
        n = self.rows.shape[1]
        cells = [self.rough.take(slice(*self.rough.edges[i : i + 2])) for i in range(t * n, (t + 1) * n)]
        here = self.rough.take(slice(*self.rough.edges[[t * n, (t + 1) * n]]))
        extra = flips.narrow_points(here.strike, float(self.spots[t]), here.bumps)
        rough = [flips.values_at(cell.bumps, cell.weight, extra) for cell in cells]
        x, order = np.unique(np.concatenate([search_grid(), extra]), return_index=True)
        values: list[Floats] = []
        for i, known in enumerate(on_grid):
            more = _between(self.smooth_curves[i][t], extra) + np.stack([pair[i] for pair in rough])
            parts = sums(more[None]).reshape(len(known), -1)
            values.append(np.concatenate([known, parts], axis=1)[:, order])
        return x, values


def _between(curves: Floats, x: Floats) -> Floats:
    """Curves (E, points) at points x: (E, len(x))."""
    row = np.repeat(np.arange(len(curves)), len(x))
    points = np.tile(x, len(curves))
    value, _ = Polynomials.through(curves, row, points).at(np.arange(len(row)), points)
    return (value * np.exp(points)).reshape(len(curves), -1)


def _refine(brackets: flips.Brackets, rows: PartRows, rest: Polynomials | None) -> flips.Crossings:
    first, last = rows.runs()
    return flips.refine(brackets, rows.bumps, rows.weight, first[brackets.group], last[brackets.group], rest)
