"""How far dealer gamma may be off as far as the quotes say: nobody knows an implied volatility closer than bid and ask.

The model: within a venue's expiry all volatilities are off alike, by a share of half the spread that may be anything
between -1 and 1; venues and expiries are off on their own. So a book's error is the root of the sum of squares over its
(venue, expiry) groups, each the sum of its contracts' slopes in volatility times their half spreads, over root 3.
Not here: what else may be wrong, above all who holds what.
"""

from __future__ import annotations

import numpy as np

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.groups import group_sum
from gex_pipeline.core.profile import Gaussians, Ints
from gex_pipeline.core.ratios import ratio

#: Standard deviation of a uniform error of half-width 1.
UNIFORM_SD = 1.0 / np.sqrt(3.0)
#: Half-width of a 95 % interval of a sum of many such errors, in its standard deviations.
REACH_95 = 1.959963984540054


def half_spreads(bid_iv: Floats, ask_iv: Floats, bid_usd: Floats, ask_usd: Floats, vega: Floats, iv: Floats) -> Floats:
    """Half of what lies between bid and ask, in volatility (1.00 = 100 %), per contract; at most its volatility.

    Of the volatilities where the venue states both, else of the prices over ``vega`` (USD per 1.00, NaN where it is not
    needed); NaN where one side is missing or they are crossed.
    """
    stated, priced = 0.5 * (ask_iv - bid_iv), 0.5 * (ask_usd - bid_usd)
    with np.errstate(invalid="ignore"):
        by_price = np.divide(priced, vega, out=np.full(vega.shape, np.nan), where=vega > 0)
    half = np.where(np.isnan(stated), by_price, stated)
    return np.where(half >= 0, np.minimum(half, iv), np.nan)


def filled(half: Floats, weight: Floats, group: Ints, n_groups: int) -> Floats:
    """Half spreads, those that are missing as the group's mean, weighted by what its contracts matter (gamma).

    NaN in groups of which nothing is quoted.
    """
    known = ~np.isnan(half) & (weight > 0)
    total = group_sum(group[known], weight[known], n_groups)
    mean = group_sum(group[known], (weight * half)[known], n_groups)
    return np.where(np.isnan(half), ratio(mean, total)[group], half)


def iv_slopes(bumps: Gaussians, root_tenor: Floats, x: Floats) -> Floats:
    """d gex / d volatility of each contract at spot S exp(x): USD per 1 % per 1.00 of volatility, unsigned position.

    With v = s sqrt t and q = (x - m) / v: gex = e^x c e^(-q^2/2), c as 1 / v, dm/dv = -v, so that
    d ln gex / dv = (q^2 - 1) / v - q.
    """
    q = (x - bumps.m) / bumps.v
    with np.errstate(under="ignore", over="ignore"):
        height = bumps.c * np.exp(x - 0.5 * q * q)
        return np.where(height > 0, height * ((q * q - 1.0) / bumps.v - q) * root_tenor, 0.0)


def errors(change: Floats, group: Ints, owner: Ints, n_owners: int) -> Floats:
    """Standard deviation of the sums of each owner, USD per 1 %.

    ``change``: of each contract, signed, over half its spread; ``owner``: of each group, 0 .. n_owners - 1.
    """
    of_group = group_sum(group, change, len(owner)) * UNIFORM_SD
    return np.sqrt(group_sum(owner, of_group * of_group, n_owners))
