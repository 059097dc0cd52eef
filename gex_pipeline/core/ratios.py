"""Quotients that may have nothing to be divided by."""

from __future__ import annotations

import numpy as np

from gex_pipeline.core.black76 import Floats


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """The quotient of arrays of one shape; NaN where the denominator is not above 0."""
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)
