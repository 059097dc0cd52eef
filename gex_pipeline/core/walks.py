"""Sums of Gaussians at the points of a uniform grid.

On a uniform grid of step h a Gaussian needs no exponential: g(x+h) = g(x) r(x), r(x+h) = r(x) q with
q = exp(-(h/v)^2). Rounding grows with the square of the steps, and g underflows far from its peak; so wide
Gaussians restart in every block of the grid, and narrow ones (the last hours of a tenor) are evaluated directly
around their peak. Belongs here: how they are evaluated. Not: on which grid (see `curves`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.groups import group_sum, run_starts
from gex_pipeline.core.profile import REACH, Gaussians, Ints

_BLOCK = 63  # points of a grid between restarts
# exp(-d^2/2) is 0 in double precision beyond 38.6 and below 1.3e-14 of the peak beyond REACH: a wide Gaussian whose
# block centre underflows must be negligible at the block's edge.
_NARROW = (_BLOCK // 2 + 1) / (38.0 - REACH)  # steps
_PAIRS = 24_576  # (block, contract) pairs at a time: g, r and q stay in the second-level cache


@dataclass(frozen=True)
class Uniform:
    """The points ``first`` + i ``step``, i = 0 .. ``n`` - 1."""

    first: float
    step: float
    n: int


def sums(bumps: Gaussians, group: Ints, n_groups: int, grid: Uniform) -> Floats:
    """Sum of Gaussians per group at the points of a grid, shape (n_groups, points). ``group`` ascends.

    There may be points beyond the last of the grid, to the end of a block.
    """
    n_blocks = -(-grid.n // _BLOCK)
    out = np.zeros((n_groups, n_blocks * _BLOCK))
    narrow = bumps.v < _NARROW * grid.step
    wide = ~narrow
    _add_wide(out.reshape(n_groups, n_blocks, _BLOCK), bumps[wide], group[wide], grid)
    if narrow.any():
        _add_narrow(out, bumps[narrow], group[narrow], grid)
    return out


def _add_wide(blocks: Floats, bumps: Gaussians, group: Ints, grid: Uniform) -> None:
    """Add wide bumps to all blocks of the grid, a cache-full of (block, contract) pairs at a time."""
    size = max(1, _PAIRS // blocks.shape[1])
    for start in range(0, len(group), size):
        part = slice(start, start + size)
        _add_pairs(blocks, bumps[part], group[part], grid)


def _add_pairs(blocks: Floats, bumps: Gaussians, group: Ints, grid: Uniform) -> None:
    """Start every pair at the middle of its block with an exponential, walk to both ends with products.

    ``blocks``: the sums, shape (groups, blocks, points).
    """
    half = _BLOCK // 2
    middles: Floats = grid.first + grid.step * (np.arange(float(blocks.shape[1])) * _BLOCK + half)
    is_near = np.abs(middles[:, None] - bumps.m) <= _BLOCK * grid.step / 2 + REACH * bumps.v
    block, row = np.nonzero(is_near)
    if not len(row):
        return
    starts = run_starts(block * len(blocks) + group[row])
    steps = grid.step / bumps.v
    ratios = np.exp(-steps * steps)
    step, q = steps[row], ratios[row]
    d: Floats = (middles[block] - bumps.m[row]) / bumps.v[row]
    points = np.empty((_BLOCK, len(starts)))
    with np.errstate(under="ignore"):
        right = np.exp(-step * (d + 0.5 * step))
        left = q / right
        g = bumps.c[row] * np.exp(-0.5 * d * d)
        np.add.reduceat(g, starts, out=points[half])
        _walk(points[half + 1 :], g.copy(), right, q, starts)
        _walk(points[:half][::-1], g, left, q, starts)
    blocks[group[row[starts]], block[starts]] += points.T


def _walk(points: Floats, g: Floats, r: Floats, q: Floats, starts: Ints) -> None:
    """Fill the rows of ``points`` one grid step after another; ``g`` and ``r`` are used up."""
    for out in points:
        np.multiply(g, r, out=g)
        np.multiply(r, q, out=r)
        np.add.reduceat(g, starts, out=out)


def _add_narrow(out: Floats, bumps: Gaussians, group: Ints, grid: Uniform) -> None:
    """Direct evaluation within REACH widths of each peak."""
    n = out.shape[1]
    low = np.ceil((bumps.m - REACH * bumps.v - grid.first) / grid.step)
    high = np.floor((bumps.m + REACH * bumps.v - grid.first) / grid.step)
    low, high = (np.clip(x, least, least + n).astype(np.intp) for x, least in ((low, 0), (high, -1)))
    counts = np.maximum(high - low + 1, 0)
    owner = np.repeat(np.arange(len(group)), counts)
    point = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts) + low[owner]
    z = (grid.first + grid.step * point - bumps.m[owner]) / bumps.v[owner]
    with np.errstate(under="ignore"):
        g = bumps.c[owner] * np.exp(-0.5 * z * z)
    out += group_sum(group[owner] * n + point, g, out.size).reshape(out.shape)
