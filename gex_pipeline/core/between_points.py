"""Re-priced curves between the points of the search grid, where re-pricing whole books again and again would cost.

Belongs here: interpolation of curves that are smooth on the scale of the grid. Not: the curves (see `curves`), the
search for crossings (see `flips`).

A polynomial through eight points of step h misses a Gaussian of width v by up to 0.11 (h / v)^8 of its peak between
the middle two and 1.4 (h / v)^8 between the outer two (the error term of Lagrange's formula); for v >= SMOOTH_VOL that
is 7e-8 and 9e-7. Beyond the uniform grid, in the two cells at the ends of the range, it may be 1e-4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.profile import SEARCH_STEP, ZERO_INDEX, Ints, search_grid

#: Contracts whose s sqrt(t) is at least this are read off the grid; the others are re-priced.
SMOOTH_VOL = 6.0 * SEARCH_STEP

_NODES = np.arange(8) - 3.5
#: Row j: the coefficients, constant first, of the polynomial that is 1 at node j and 0 at the others.
_BASIS = np.linalg.inv(np.vander(_NODES, increasing=True)).T


@dataclass(frozen=True)
class Polynomials:
    """A polynomial of degree seven per row, in (x - centre) / SEARCH_STEP: ``centre`` (n,), ``coefficients`` (n, 8)."""

    centre: Floats
    coefficients: Floats

    @staticmethod
    def through(curves: Floats, row: Ints, x: Floats) -> Polynomials:
        """Through the eight points around ``x`` of the curves ``row``; both of shape (n,).

        ``curves`` has the points of the search grid and holds sums with their factor exp(x), as `curves.curves` gives
        them; the polynomials stand for the sums without it, as `flips.refine` takes them.
        """
        grid = search_grid()
        first = np.floor(x / SEARCH_STEP).astype(np.intp) + ZERO_INDEX - 3
        # The two ends of the range are no points of the uniform grid.
        first = np.clip(first, 1, len(grid) - 1 - len(_NODES))
        points = first[:, None] + np.arange(len(_NODES))
        samples = curves[row[:, None], points] * np.exp(-grid[points])
        coefficients = np.zeros_like(samples)
        for j in range(len(_NODES)):  # not a matrix product: its order of summation is the BLAS library's choice
            coefficients += samples[:, j, None] * _BASIS[j]
        return Polynomials(grid[first] - _NODES[0] * SEARCH_STEP, coefficients)

    def at(self, rows: Ints, x: Floats) -> tuple[Floats, Floats]:
        """Value and derivative in x of the polynomials ``rows``, each at its own point."""
        u, coefficients = (x - self.centre[rows]) / SEARCH_STEP, self.coefficients[rows]
        value, slope = coefficients[:, -1], np.zeros_like(u)
        for j in range(len(_NODES) - 2, -1, -1):
            slope = slope * u + value
            value = value * u + coefficients[:, j]
        return value, slope / SEARCH_STEP

    def roots(self, low: Floats, high: Floats, guess: Floats) -> Floats:
        """The root of each polynomial near ``guess``; ``guess`` itself where Newton's method leaves low .. high."""
        x, rows = guess, np.arange(len(guess))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for _ in range(3):
                value, slope = self.at(rows, x)
                x = x - value / slope
        return np.where((x > low) & (x < high), x, guess)
