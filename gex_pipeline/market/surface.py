"""Implied volatility of a made-up market: one surface without arbitrage for every level of volatility.

Expected variance falls back from its present level to the usual one, so that total variance grows with tenor. Across
strikes it is the SSVI of Gatheral and Jacquier with phi = eta / sqrt(theta), free of butterfly and calendar arbitrage
where eta (1 + |rho|) <= 2 (doi:10.1080/14697688.2013.819986, theorem 4.2 and corollary 4.1).
"""

from __future__ import annotations

import numpy as np

from gex_pipeline.core.black76 import Floats

#: Years in which a distance from the usual variance decays to 1/e.
_RECALL = 20.0 / 365.0
ETA, RHO = 0.9, -0.25


def at_the_money(now: Floats | float, usual: float, tenor: Floats) -> Floats:
    """Volatility at the forward (a fraction), by tenor in years; ``now`` of the next instant, ``usual`` of far ones."""
    x = np.maximum(tenor, 1e-9) / _RECALL
    return np.sqrt(usual**2 + (now**2 - usual**2) * -np.expm1(-x) / x)


def smile(atm: Floats, tenor: Floats, log_moneyness: Floats) -> Floats:
    """Volatility at ln(K / F); arguments broadcast. Tenor above 0."""
    theta = atm**2 * tenor
    k = ETA / np.sqrt(theta) * log_moneyness
    variance = 0.5 * theta * (1.0 + RHO * k + np.sqrt((k + RHO) ** 2 + 1.0 - RHO**2))
    return np.sqrt(variance / tenor)
