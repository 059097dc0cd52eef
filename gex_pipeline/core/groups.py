"""Sums over groups of rows."""

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


def run_sums(values: Floats, counts: Ints) -> Floats:
    """Sums of consecutive runs of ``values``, which have ``counts`` rows each; 0 for runs without rows."""
    out, some = np.zeros(len(counts)), np.flatnonzero(counts)
    if len(some):
        out[some] = np.add.reduceat(values, (np.cumsum(counts) - counts)[some])
    return out


def stable_order(code: Ints) -> Ints:
    """Stable argsort of small non-negative codes; 16-bit integers are sorted by radix, in linear time."""
    return np.argsort(code.astype(np.uint16) if code.max(initial=0) < 2**16 else code, kind="stable")
