"""The term structure of implied volatility: the IV of a constant maturity.

Belongs here: interpolation between expiries. Not: the IV of one expiry (see `expected_move`, `wings`).
"""

from __future__ import annotations

import numpy as np

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.expected_move import interpolate_variance, neighbours, pick
from gex_pipeline.core.units import DAYS_PER_YEAR


def constant_maturity(tenors: Floats, iv: Floats, days: float) -> Floats:
    """IV at a maturity of ``days``, linear in total variance between the nearest expiries that have an IV.

    Parameters
    ----------
    tenors
        Years, shape (n, expiries), ascending; NaN where there is no expiry.
    iv
        Same shape, a fraction; NaN where an expiry has none.

    Returns
    -------
    Shape (n,), a fraction; an expiry at the maturity gives its own; NaN where the maturity is not between expiries.
    """
    target = np.full(len(tenors), days / DAYS_PER_YEAR)
    low, high = neighbours(tenors, ~np.isnan(iv), target)
    variance = iv**2 * tenors
    ends = (pick(tenors, low), pick(tenors, high), pick(variance, low), pick(variance, high))
    return np.sqrt(interpolate_variance(*ends, target) / target)
