"""Sums and medians over groups of rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def group_sum(group: Ints, values: Floats, n_groups: int) -> Floats:
    """Sum of ``values`` per group, in the order of the rows: the same order gives the same bits.

    ``group`` has the shape of ``values`` and holds 0 .. n_groups - 1; groups without rows are 0.
    """
    return np.bincount(group, values, n_groups).astype(np.float64, copy=False)


def run_starts(code: NDArray[np.int64]) -> Ints:
    """First row of each run of equal neighbours."""
    return np.flatnonzero(np.diff(code, prepend=code[:1] - 1) != 0)


def group_sum_of_runs(group: Ints, values: Floats, n_groups: int) -> Floats:
    """As :func:`group_sum`, several times as fast where the rows of a group stand together in one run or a few."""
    starts = run_starts(group)
    return group_sum(group[starts], np.add.reduceat(values, starts) if len(starts) else values, n_groups)


def group_medians(group: Ints, values: Floats, n_groups: int) -> Floats:
    """Median of ``values`` per group, NaN for groups without rows; fast where neighbouring rows mostly are equal."""
    is_new = (np.diff(group, prepend=-1) != 0) | (np.diff(values, prepend=np.nan) != 0)
    starts = np.flatnonzero(is_new)
    group, values, count = group[starts], values[starts], np.diff(starts, append=len(values))
    order = np.lexsort((values, group))
    values, end = values[order], np.cumsum(count[order])
    rows = np.bincount(group, count, n_groups).astype(np.intp)
    out, some = np.full(n_groups, np.nan), np.flatnonzero(rows)
    first, rows = (np.cumsum(rows) - rows)[some], rows[some]
    middle = (np.searchsorted(end, first + i, side="right") for i in ((rows - 1) // 2, rows // 2))
    out[some] = 0.5 * sum(values[i] for i in middle)
    return out


def run_sums(values: Floats, counts: Ints) -> Floats:
    """Sums of consecutive runs of ``values``, which have ``counts`` rows each; 0 for runs without rows."""
    out, some = np.zeros(len(counts)), np.flatnonzero(counts)
    if len(some):
        out[some] = np.add.reduceat(values, (np.cumsum(counts) - counts)[some])
    return out


def stable_order(code: Ints) -> Ints:
    """Stable argsort of small non-negative codes; 16-bit integers are sorted by radix, in linear time."""
    return np.argsort(code.astype(np.uint16) if code.max(initial=0) < 2**16 else code, kind="stable")
