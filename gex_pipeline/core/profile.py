"""The re-priced book: dealer gamma as a function of a hypothetical spot.

With IV, tenor and forward/spot kept, a contract's dollar gamma at spot S exp(x) is a Gaussian in x:

    gex(x) = exp(x) * c * exp(-((x - m) / v)^2 / 2),   v = s sqrt(t),  m = ln(K/F) - v^2/2,
    c = f * oi * 0.01 / (v sqrt(2 pi))

which does not depend on S. So curves of venues add up on one grid, whatever the spot of the venue set.

On a uniform grid of step h a Gaussian needs no exponential: g(x+h) = g(x) r(x), r(x+h) = r(x) q with
q = exp(-(h/v)^2). Rounding grows with the square of the steps, and g underflows far from its peak; so wide
Gaussians restart in every block of the grid, and narrow ones (the last hours of a tenor) are evaluated directly
around their peak.
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

_BLOCK = 147  # points of the grid between restarts; 3 blocks cover it
# exp(-d^2/2) is 0 in double precision beyond 38.6 and below 1e-18 of the peak beyond 9: a wide Gaussian whose block
# centre underflows must be negligible at the block's edge.
_NARROW = (_BLOCK // 2 + 1) * SEARCH_STEP / (38.0 - 9.0)
_REACH = 9.0
_CHUNK = 16_384  # contracts at a time: g, r and q stay in the second-level cache


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


def curves(bumps: Gaussians, group: Ints, n_groups: int) -> Floats:
    """Sum of the contracts' dollar gamma on the search grid, per group.

    Parameters
    ----------
    bumps
        Contracts, in any order but best sorted by ``group`` (sums run in the given order, so the same order gives
        the same bits).
    group
        Shape (n,), the group of each contract, ascending.

    Returns
    -------
    Shape (n_groups, len(search_grid())), USD per 1 %, unsigned.
    """
    grid = search_grid()
    out = np.zeros((n_groups, len(grid)))
    alive = bumps.c > 0
    narrow = alive & (bumps.v < _NARROW)
    wide = alive & ~narrow
    _add_wide(out, bumps[wide], group[wide])
    _add_narrow(out, bumps[narrow], group[narrow], grid)
    for column in (0, -1):
        out[:, column] = _at(bumps[alive], group[alive], n_groups, float(grid[column]))
    out *= np.exp(grid)
    return out


def _at(bumps: Gaussians, group: Ints, n_groups: int, x: float) -> Floats:
    """The sum per group at one point, without the factor exp(x)."""
    with np.errstate(under="ignore"):
        g = bumps.c * np.exp(-0.5 * ((x - bumps.m) / bumps.v) ** 2)
    return np.bincount(group, g, n_groups)


def _add_wide(out: Floats, bumps: Gaussians, group: Ints) -> None:
    for start in range(0, len(group), _CHUNK):
        part = slice(start, start + _CHUNK)
        _add_chunk(out, bumps[part], group[part])


def _add_chunk(out: Floats, bumps: Gaussians, group: Ints) -> None:
    """All blocks of the uniform part of the grid for one chunk of wide bumps."""
    n = out.shape[1]
    for first in range(1, n - 1, _BLOCK):
        last = min(first + _BLOCK, n - 1)
        middle = (first + last) // 2
        x = (middle - ZERO_INDEX) * SEARCH_STEP
        half = _BLOCK * SEARCH_STEP / 2
        near = np.flatnonzero(np.abs(x - bumps.m) <= half + _REACH * bumps.v)
        if len(near):
            _add_block(out[:, first:last], bumps[near], group[near], x, middle - first)


def _add_block(out: Floats, bumps: Gaussians, group: Ints, x: float, middle: int) -> None:
    """One block: start at its middle point ``x`` with an exponential, walk to both ends with products."""
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    step = SEARCH_STEP / bumps.v
    d = (x - bumps.m) / bumps.v
    with np.errstate(under="ignore"):
        q = np.exp(-step * step)
        right = np.exp(-step * (d + 0.5 * step))
        left = q / right
        g = bumps.c * np.exp(-0.5 * d * d)
        block = np.empty((out.shape[1], len(starts)))
        np.add.reduceat(g, starts, out=block[middle])
        _walk(block[middle + 1 :], g.copy(), right, q, starts)
        _walk(block[:middle][::-1], g, left, q, starts)
    out[group[starts]] += block.T


def _walk(block: Floats, g: Floats, r: Floats, q: Floats, starts: Ints) -> None:
    """Fill the rows of ``block`` one grid step after another; ``g`` and ``r`` are used up."""
    for row in block:
        np.multiply(g, r, out=g)
        np.multiply(r, q, out=r)
        np.add.reduceat(g, starts, out=row)


def _add_narrow(out: Floats, bumps: Gaussians, group: Ints, grid: Floats) -> None:
    """Direct evaluation within _REACH widths of each peak; the ends of the grid are not touched."""
    if not len(group):
        return
    n = out.shape[1]
    low = np.ceil((bumps.m - _REACH * bumps.v) / SEARCH_STEP).astype(np.intp) + ZERO_INDEX
    high = np.floor((bumps.m + _REACH * bumps.v) / SEARCH_STEP).astype(np.intp) + ZERO_INDEX
    low, high = np.clip(low, 1, n - 1), np.clip(high, 0, n - 2)
    counts = np.maximum(high - low + 1, 0)
    owner = np.repeat(np.arange(len(group)), counts)
    point = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts) + low[owner]
    z = (grid[point] - bumps.m[owner]) / bumps.v[owner]
    with np.errstate(under="ignore"):
        g = bumps.c[owner] * np.exp(-0.5 * z * z)
    out += np.bincount(group[owner] * n + point, g, out.size).reshape(out.shape)
