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
    column: Ints = np.where(is_set, np.arange(int(values.shape[1])), -1)
    previous: Ints = np.full_like(column, -1)
    previous[:, 1:] = np.maximum.accumulate(column[:, :-1], axis=1)
    before = np.take_along_axis(values, np.maximum(previous, 0), axis=1)
    row, high = np.nonzero(is_set & (previous >= 0) & ((values > 0) != (before > 0)))
    return row, previous[row, high], high
