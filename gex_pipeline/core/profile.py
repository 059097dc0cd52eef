"""The re-priced book: dealer gamma as a function of a hypothetical spot.

With IV, tenor and forward/spot kept, a contract's dollar gamma at spot S exp(x) is a Gaussian in x:

    gex(x) = exp(x) * c * exp(-((x - m) / v)^2 / 2),   v = s sqrt(t),  m = ln(K/F) - v^2/2,
    c = f * oi * 0.01 / (v sqrt(2 pi))

which does not depend on S. So curves of venues add up on one grid, whatever the spot of the venue set.
Belongs here: the Gaussians and the grid. Not: their sums (see `curves`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gex_pipeline.core.black76 import INV_SQRT_2PI, Floats
from gex_pipeline.core.units import ONE_PERCENT

Ints = NDArray[np.intp]

#: Step of the stored profile and of the search grid (definitions: step <= 0.25 %).
PROFILE_STEP = float(np.log(1.01))
STEPS_PER_PROFILE_STEP = 4
SEARCH_STEP = PROFILE_STEP / STEPS_PER_PROFILE_STEP
#: Search range 0.5 S .. 1.5 S.
X_MIN, X_MAX = float(np.log(0.5)), float(np.log(1.5))

#: Widths beyond which a Gaussian is left out: 1.3e-14 of its peak.
REACH = 8.0


@dataclass(frozen=True)
class Gaussians:
    """Contracts as bumps in x = ln(spot / S): peak m, width v, height c (USD per 1 %), all of shape (n,)."""

    m: Floats
    v: Floats
    c: Floats

    @staticmethod
    def from_contracts(f: Floats, k: Floats, v: Floats, oi: Floats) -> Gaussians:
        """``v`` = s sqrt(t) > 0; the height is unsigned."""
        c = INV_SQRT_2PI * ONE_PERCENT * f * oi / v
        return Gaussians(np.log(k / f) - 0.5 * v * v, v, c)

    def __getitem__(self, index: slice | Ints | NDArray[np.bool_]) -> Gaussians:
        return Gaussians(self.m[index], self.v[index], self.c[index])


def search_grid() -> Floats:
    """Points x of the search: multiples of SEARCH_STEP inside the range, and the two ends of the range.

    Point ``ZERO_INDEX`` is x = 0, and every fourth point counted from it is a point of the stored profile.
    """
    low, high = int(np.ceil(X_MIN / SEARCH_STEP)), int(np.floor(X_MAX / SEARCH_STEP))
    return np.concatenate(([X_MIN], np.arange(low, high + 1) * SEARCH_STEP, [X_MAX]))


ZERO_INDEX = 1 - int(np.ceil(X_MIN / SEARCH_STEP))


def profile_indices() -> Ints:
    """Indices in the search grid of the stored profile: x = k ln 1.01 within 0.5 S .. 1.5 S."""
    n = len(search_grid())
    first = ZERO_INDEX - (ZERO_INDEX - 1) // STEPS_PER_PROFILE_STEP * STEPS_PER_PROFILE_STEP
    return np.arange(first, n - 1, STEPS_PER_PROFILE_STEP)
