"""Where rows of numbers change sign: shared by every flip."""

from __future__ import annotations

import numpy as np

from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.groups import Ints


def sign_changes(values: Floats, is_set: Bools) -> tuple[Ints, Ints, Ints]:
    """Row, and the columns of the two neighbouring values of opposite sign, for every change of sign.

    Only values where ``is_set`` count; they must not be 0. What lies between two of them belongs to one change.
    Sorted by row and column.
    """
    n = int(values.shape[1])
    cell: Ints = np.flatnonzero(is_set)
    is_positive = (values > 0).reshape(-1)[cell]
    change: Ints = np.flatnonzero(is_positive[1:] != is_positive[:-1])
    low, high = cell[change], cell[change + 1]
    is_one_row = low // n == high // n
    low, high = low[is_one_row], high[is_one_row]
    return high // n, low % n, high % n
