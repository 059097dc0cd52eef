"""Re-priced books on the search grid: sums of the contracts' dollar gamma per group, where most of a build's time goes.

A contract is evaluated at every point, every second or every fourth one, as its width allows, and what lies between is
read off a polynomial through twelve points. That misses a Gaussian of width v by up to 0.57 (h / v)^12 of its peak, h
the step (Lagrange's error term): 3.4e-8 for v = SMOOTH h. Contracts that peak outside the range, of which a book may
have nothing but tails, are evaluated at every point. The points of the stored profile are every fourth, and exact.
Belongs here: on which points, and what lies between. Not: the evaluation (see `walks`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy  # as in black76: loaded once something is priced

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.groups import group_sum
from gex_pipeline.core.profile import (
    SEARCH_STEP,
    STEPS_PER_PROFILE_STEP,
    ZERO_INDEX,
    Gaussians,
    Ints,
    search_grid,
)
from gex_pipeline.core.walks import Uniform, sums

#: Steps of a grid from which a Gaussian's width on polynomials serve between its points.
SMOOTH = 4.0
#: Weights of the twelve points around a midpoint: the polynomial of degree eleven.
_HALF = np.array([-63, 847, -5445, 22869, -76230, 320166]) / 2**19
_BETWEEN = np.concatenate([_HALF, _HALF[::-1]])
_MARGIN = len(_BETWEEN) // 2 - 1  # points that a coarser grid has beyond a finer one, at either end


def _grids() -> tuple[Uniform, ...]:
    """Every fourth, every second and every point; the coarser reach far enough to say what lies between."""
    first, n, every = 1 - ZERO_INDEX, len(search_grid()) - 2, 1
    found: list[Uniform] = []
    while True:
        found.append(Uniform(first * SEARCH_STEP, every * SEARCH_STEP, n))
        if every == STEPS_PER_PROFILE_STEP:  # of the stored profile no point may lie between
            return tuple(reversed(found))
        # a finer grid begins and ends on points of the coarser one
        first, n, every = first - 2 * _MARGIN * every, n // 2 + 1 + 2 * _MARGIN, 2 * every


_GRIDS = _grids()


@dataclass(frozen=True)
class Samples:
    """Sums of contracts per group, each at the points that its width asks for; without the factor exp(x).

    ``parts``: groups that have any, ascending, and their sums (groups, points); of each grid, coarsest first, and last
    of the two ends of the search range.
    """

    parts: tuple[tuple[Ints, Floats], ...]

    @staticmethod
    def of(bumps: Gaussians, group: Ints) -> Samples:
        """Arguments as of :func:`curves`."""
        alive = bumps.c > 0
        bumps, group = bumps[alive], group[alive]
        tier = np.sum([bumps.v < SMOOTH * grid.step for grid in _GRIDS[:-1]], axis=0, dtype=np.intp)
        # Of a peak outside the range only the tail counts, of which the polynomials would miss too large a share.
        is_outside = (bumps.m < search_grid()[0]) | (bumps.m > search_grid()[-1])
        tier = np.where(is_outside, len(_GRIDS) - 1, tier)
        parts: list[tuple[Ints, Floats]] = []
        for i, grid in enumerate(_GRIDS):
            here = np.flatnonzero(tier == i)
            groups, number = _numbered(group[here])
            parts.append((groups, sums(bumps[here], number, len(groups), grid)))
        groups, number = _numbered(group)
        ends = [_at(bumps, number, len(groups), float(x)) for x in search_grid()[[0, -1]]]
        return Samples((*parts, (groups, np.stack(ends, axis=1))))

    def curves(self, to: Ints, n: int) -> Floats:
        """Sums of the groups on the search grid, (n, points), USD per 1 %; ``to``: the sum that each belongs to."""
        *tiers, (groups, ends) = self.parts
        out, inner = np.zeros((n, len(search_grid()))), None
        for (here, sums_here), grid in zip(tiers, _GRIDS, strict=True):
            if inner is not None:
                inner = _doubled(inner, grid.n)
            if len(here):
                more = _added(sums_here, to[here], n)[:, : grid.n]
                inner = more if inner is None else inner + more
        if inner is not None:
            out[:, 1:-1] = inner
        out[:, [0, -1]] = _added(ends, to[groups], n)
        out *= np.exp(search_grid())
        return out


def _numbered(group: Ints) -> tuple[Ints, Ints]:
    """The groups that occur, and the number of each row's among them; ``group`` ascends."""
    is_first = np.diff(group, prepend=-1) > 0
    return group[is_first], np.cumsum(is_first) - 1


def _added(values: Floats, to: Ints, n: int) -> Floats:
    """Rows added up by the sum they belong to, in their order: shape (n, points)."""
    columns = np.arange(len(to) + 1)
    adding = scipy.sparse.csc_array((np.ones(len(to)), to, columns), shape=(n, len(to)))
    return np.asarray(adding @ values)


def _doubled(values: Floats, n: int) -> Floats:
    """The ``n`` points of the finer grid, an odd number, from curves on the coarser one."""
    out, inner = np.empty((len(values), n)), slice(_MARGIN, _MARGIN + n // 2 + 1)
    out[:, ::2] = values[:, inner]
    out[:, 1::2] = scipy.ndimage.correlate1d(values, _BETWEEN, axis=1, origin=-1, mode="constant")[:, inner][:, :-1]
    return out


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
    return Samples.of(bumps, group).curves(np.arange(n_groups), n_groups)


def _at(bumps: Gaussians, group: Ints, n_groups: int, x: float) -> Floats:
    """The sum per group at one point, without the factor exp(x)."""
    with np.errstate(under="ignore"):
        g = bumps.c * np.exp(-0.5 * ((x - bumps.m) / bumps.v) ** 2)
    return group_sum(group, g, n_groups)
