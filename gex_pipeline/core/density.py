"""The risk-neutral distribution of the price at expiry that a smile implies.

    P(price < K) = 1 + dC/dK = N(-d2) + phi(d2) dv/dx,   v = sqrt(w) = s sqrt(t),  x = ln(K/F),  d2 = -x/v - v/2

Source: D. T. Breeden and R. H. Litzenberger, J. Business 51 (1978), doi:10.1086/296025; the second term is the smile's
own slope. Belongs here: the distribution function and its quantiles. Not: the smile itself (see `smile`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from gex_pipeline.core.black76 import Floats, phi
from gex_pipeline.core.smile import Smile

# The distribution is laid out over this many at-the-money standard deviations either side, in steps of a tenth.
_REACH, _STEPS = 6, 10
_N_POINTS = 2 * _REACH * _STEPS + 1
# Probabilities whose normal quantile is still a number.
_LEAST, _MOST = 1e-300, 1.0 - 2.0**-53


def cdf(x: Floats, w: Floats, slope: Floats) -> Floats:
    """P(price < F exp(x)) where total variance is ``w`` and its slope dw/dx is ``slope``; arrays broadcast.

    As the quotes have it: outside [0, 1] or falling where they allow arbitrage.
    """
    v = np.sqrt(w)
    d2 = -x / v - 0.5 * v
    return scipy.special.ndtr(-d2) + phi(d2) * slope / (2.0 * v)


@dataclass(frozen=True)
class Distribution:
    """Distributions of n smiles on their own grids in x = ln(price/F).

    ``probability``: P(price < F exp(x)), made non-decreasing, shape (n, points). ``repair``: the largest amount by
    which it had to be raised, or exceeds 0 at the low end or falls short of 1 at the high one, shape (n,).
    """

    x: Floats
    probability: Floats
    repair: Floats

    @staticmethod
    def from_smile(smile: Smile, sd: Floats) -> Distribution:
        """Lay the distribution out around the forward; ``sd``: s sqrt(t) at the money, shape (n,)."""
        step = sd / _STEPS
        start = -sd * _REACH
        x = start[:, None] + np.arange(_N_POINTS) * step[:, None]
        stated = cdf(x, *smile.on_grid(start, step, _N_POINTS))
        rising = np.maximum.accumulate(np.clip(stated, 0.0, 1.0), axis=1)
        repair = np.abs(rising - stated).max(axis=1)
        return Distribution(x, rising, np.maximum(repair, np.maximum(rising[:, 0], 1.0 - rising[:, -1])))

    def quantiles(self, probabilities: tuple[float, ...]) -> Floats:
        """x at each probability, shape (n, probabilities); NaN where the grid does not reach it.

        Between points the normal quantile of the probability is linear in x: exact for a flat smile.
        """
        return np.column_stack([self._quantile(p) for p in probabilities])

    def _quantile(self, p: float) -> Floats:
        rows = np.arange(len(self.x))
        high = (self.probability >= p).argmax(axis=1)
        is_inside = high > 0  # else the first is above p, or none
        high = np.maximum(high, 1)
        ends = np.clip(np.stack([self.probability[rows, high - 1], self.probability[rows, high]]), _LEAST, _MOST)
        low_score, high_score = scipy.special.ndtri(ends)
        width = high_score - low_score
        share = np.divide(scipy.special.ndtri(p) - low_score, width, out=np.zeros_like(width), where=width > 0)
        low_x, high_x = self.x[rows, high - 1], self.x[rows, high]
        return np.where(is_inside, low_x + share * (high_x - low_x), np.nan)
