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
from gex_pipeline.core.groups import group_sum
from gex_pipeline.core.units import ONE_PERCENT

Ints = NDArray[np.intp]

#: Step of the stored profile and of the search grid (definitions: step <= 0.25 %).
PROFILE_STEP = float(np.log(1.01))
STEPS_PER_PROFILE_STEP = 4
SEARCH_STEP = PROFILE_STEP / STEPS_PER_PROFILE_STEP
#: Search range 0.5 S .. 1.5 S.
X_MIN, X_MAX = float(np.log(0.5)), float(np.log(1.5))

_BLOCK = 63  # points of the grid between restarts
_N_BLOCKS = 7  # 7 x 63 = 441 points: the whole uniform part of the grid
# exp(-d^2/2) is 0 in double precision beyond 38.6 and below 1.3e-14 of the peak beyond 8: a wide Gaussian whose block
# centre underflows must be negligible at the block's edge.
#: Widths beyond which a Gaussian is left out: 1.3e-14 of its peak.
REACH = 8.0
_NARROW = (_BLOCK // 2 + 1) * SEARCH_STEP / (38.0 - REACH)
_PAIRS = 24_576  # (block, contract) pairs at a time: g, r and q stay in the second-level cache


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
    return group_sum(group, g, n_groups)


def _add_wide(out: Floats, bumps: Gaussians, group: Ints) -> None:
    """Add wide bumps to all blocks of the uniform grid, a cache-full of (block, contract) pairs at a time."""
    size = max(1, _PAIRS // _N_BLOCKS)
    blocks = out[:, 1:-1].reshape(len(out), _N_BLOCKS, _BLOCK)
    for start in range(0, len(group), size):
        part = slice(start, start + size)
        _add_pairs(blocks, bumps[part], group[part])


def _add_pairs(blocks: Floats, bumps: Gaussians, group: Ints) -> None:
    """Start every pair at the middle of its block with an exponential, walk to both ends with products.

    ``blocks`` is the view (groups, blocks, points) of the grid that is added to.
    """
    middles = (np.arange(_N_BLOCKS) * _BLOCK + _BLOCK // 2 + 1 - ZERO_INDEX) * SEARCH_STEP
    is_near = np.abs(middles[:, None] - bumps.m) <= _BLOCK * SEARCH_STEP / 2 + REACH * bumps.v
    block, row = np.nonzero(is_near)
    if not len(row):
        return
    starts = np.flatnonzero(np.diff(block * len(blocks) + group[row], prepend=-1))
    steps = SEARCH_STEP / bumps.v
    ratios = np.exp(-steps * steps)
    step, q = steps[row], ratios[row]
    d = (middles[block] - bumps.m[row]) / bumps.v[row]
    points = np.empty((_BLOCK, len(starts)))
    with np.errstate(under="ignore"):
        right = np.exp(-step * (d + 0.5 * step))
        left = q / right
        g = bumps.c[row] * np.exp(-0.5 * d * d)
        middle = _BLOCK // 2
        np.add.reduceat(g, starts, out=points[middle])
        _walk(points[middle + 1 :], g.copy(), right, q, starts)
        _walk(points[:middle][::-1], g, left, q, starts)
    blocks[group[row[starts]], block[starts]] += points.T


def _walk(points: Floats, g: Floats, r: Floats, q: Floats, starts: Ints) -> None:
    """Fill the rows of ``points`` one grid step after another; ``g`` and ``r`` are used up."""
    for out in points:
        np.multiply(g, r, out=g)
        np.multiply(r, q, out=r)
        np.add.reduceat(g, starts, out=out)


def _add_narrow(out: Floats, bumps: Gaussians, group: Ints, grid: Floats) -> None:
    """Direct evaluation within REACH widths of each peak; the ends of the grid are not touched."""
    if not len(group):
        return
    n = out.shape[1]
    low = np.ceil((bumps.m - REACH * bumps.v) / SEARCH_STEP).astype(np.intp) + ZERO_INDEX
    high = np.floor((bumps.m + REACH * bumps.v) / SEARCH_STEP).astype(np.intp) + ZERO_INDEX
    low, high = np.clip(low, 1, n - 1), np.clip(high, 0, n - 2)
    counts = np.maximum(high - low + 1, 0)
    owner = np.repeat(np.arange(len(group)), counts)
    point = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts) + low[owner]
    z = (grid[point] - bumps.m[owner]) / bumps.v[owner]
    with np.errstate(under="ignore"):
        g = bumps.c[owner] * np.exp(-0.5 * z * z)
    out += group_sum(group[owner] * n + point, g, out.size).reshape(out.shape)
