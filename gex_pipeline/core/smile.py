"""The smile between and beyond its strikes: total variance as a smooth function of log-moneyness.

Belongs here: interpolation of one expiry's quotes, many smiles at once. Not: what a smile says of prices (see
`density`).

Between strikes: the shape-preserving cubic of F. N. Fritsch and J. Butland, SIAM J. Sci. Stat. Comput. 5 (1984),
doi:10.1137/0905021 ("PCHIP"): it has no extremum that the quotes do not have. Beyond the outermost strikes: the line
that goes on with the cubic's slope where variance rises outwards, up to the steepest that any distribution allows
(R. Lee, Mathematical Finance 14 (2004), doi:10.1111/j.0960-1627.2004.00200.x), else a constant. A constant throughout
would bend a rising wing down at its last strike, where the distribution would fall.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.profile import Ints

#: The steepest slope of total variance in log-moneyness far from the money (Lee 2004).
STEEPEST = 2.0


@dataclass(frozen=True)
class Smile:
    """Quotes of n smiles: ``x`` = ln(K/F) ascending, total variance ``w``, shape (n, m); row i has ``count[i]`` >= 3.

    What is right of the last quote of a row is not looked at, but must be numbers.
    """

    x: Floats
    w: Floats
    count: Ints

    @staticmethod
    def from_quotes(x: Floats, w: Floats) -> Smile:
        """Rows of quotes in ascending ``x`` with gaps, where ``w`` is NaN."""
        is_quote = ~np.isnan(w)
        count: Ints = is_quote.sum(axis=1)
        order = np.argsort(~is_quote, axis=1, kind="stable")[:, : int(count.max(initial=0))]
        index: Ints = np.arange(int(order.shape[1]))
        is_kept: Bools = index < count[:, None]
        x, w = (np.take_along_axis(values, order, axis=1) for values in (x, w))
        return Smile(np.where(is_kept, x, index), np.where(is_kept, w, 1.0), count)

    @cached_property
    def _segments(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Base point and coefficients of the curve left of quote 0, between quotes, right of the last: (n, m + 1)."""
        h, slope = np.diff(self.x, axis=1), np.diff(self.w, axis=1)
        slope /= h
        d = _slopes(h, slope, self.count)
        start, zero = d[:, :-1], np.zeros((len(d), 1))
        square = (3.0 * slope - 2.0 * start - d[:, 1:]) / h
        cube = (start + d[:, 1:] - 2.0 * slope) / (h * h)
        line = np.column_stack([np.clip(d[:, 0], -STEEPEST, 0.0), d])
        square, cube = (np.column_stack([zero, values, zero]) for values in (square, cube))
        rows, last = np.arange(len(d)), self.count
        line[rows, last] = np.clip(line[rows, last], 0.0, STEEPEST)
        square[rows, last], cube[rows, last] = 0.0, 0.0
        base, constant = (np.column_stack([values[:, :1], values]) for values in (self.x, self.w))
        return base, constant, line, square, cube

    def at(self, points: Floats) -> tuple[Floats, Floats]:
        """Total variance and its slope at ascending ``points`` of each row, both of shape (n, points).

        At an outermost quote, where the slope may jump, that from below.
        """
        n_before: Ints = (points[:, None, :] <= self.x[:, :, None]).sum(axis=2)
        return self._at(points, n_before)

    def on_grid(self, start: Floats, step: Floats, n_points: int) -> tuple[Floats, Floats]:
        """The same on a grid of its own for each row: start + j step, j < n_points."""
        points = start[:, None] + np.arange(n_points) * step[:, None]
        n_before = np.ceil((self.x - start[:, None]) / step[:, None]).astype(np.intp)
        return self._at(points, np.clip(n_before, 0, n_points))

    def _at(self, points: Floats, n_before: Ints) -> tuple[Floats, Floats]:
        """``n_before``: how many points lie before each quote, shape (n, m)."""
        n_points = int(points.shape[1])
        index: Ints = np.arange(int(n_before.shape[1]))
        is_kept: Bools = index < self.count[:, None]
        edges = np.where(is_kept, n_before, n_points)
        repeats = np.diff(edges, axis=1, prepend=0, append=n_points).reshape(-1)
        base, a, b, c, d = (np.repeat(s.reshape(-1), repeats).reshape(points.shape) for s in self._segments)
        u = points - base
        return a + u * (b + u * (c + u * d)), b + u * (2.0 * c + 3.0 * u * d)


def _slopes(h: Floats, slope: Floats, count: Ints) -> Floats:
    """Slopes at the quotes: weighted harmonic means of the neighbouring secants, 0 at extrema."""
    rows, last = np.arange(len(h)), count - 1
    d = np.zeros((len(h), h.shape[1] + 1))
    left, right = slope[:, :-1], slope[:, 1:]
    w_left, w_right = 2.0 * h[:, 1:] + h[:, :-1], h[:, 1:] + 2.0 * h[:, :-1]
    is_monotone = left * right > 0
    inverse = np.divide(w_left, left, out=np.ones_like(left), where=is_monotone)
    inverse += np.divide(w_right, right, out=np.ones_like(left), where=is_monotone)
    d[:, 1:-1] = np.where(is_monotone, (w_left + w_right) / np.where(is_monotone, inverse, 1.0), 0.0)
    d[:, 0] = _end_slope(h[:, 0], h[:, 1], slope[:, 0], slope[:, 1])
    ends = (values[rows, last - back] for values in (h, slope) for back in (1, 2))
    h1, h2, s1, s2 = ends
    d[rows, last] = _end_slope(h1, h2, s1, s2)
    return d


def _end_slope(h1: Floats, h2: Floats, s1: Floats, s2: Floats) -> Floats:
    """Three-point slope at an end, held to the shape of the two outermost secants ``s1`` and ``s2``."""
    d = ((2.0 * h1 + h2) * s1 - h1 * s2) / (h1 + h2)
    d = np.where(d * s1 <= 0, 0.0, d)
    is_steep: Bools = (s1 * s2 < 0) & (np.abs(d) > 3.0 * np.abs(s1))
    return np.where(is_steep, 3.0 * s1, d)
