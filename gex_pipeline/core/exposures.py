"""Delta, vanna and charm of contracts, plain and premium-adjusted: what dealers' exposures are sums of.

Belongs here: greeks per coin of option. Not: signs, open interest or sums.

With V the Black-76 price, delta - V/F, vanna - vega/F and charm - theta/F have short forms: the adjusted delta of a
call is (K/F) N(d2), of a put -(K/F) N(-d2), and in vanna and charm d1 takes the place of d2. Hedgers of coin-settled
options, whose premium is a coin position itself, hold the adjusted delta. Source: D. Reiswich and U. Wystup, A guide to
FX options quoting conventions, J. Derivatives 18 (2010), doi:10.3905/jod.2010.18.2.058.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy  # as in black76: loaded once something is priced

from gex_pipeline.core.black76 import Bools, Floats, d1, phi


class Greeks(NamedTuple):
    """Shape (rows,): delta in coins of forward, vanna per 1.00 of volatility, charm per year; `_pa` adjusted."""

    delta: Floats
    vanna: Floats
    charm: Floats
    delta_pa: Floats
    vanna_pa: Floats
    charm_pa: Floats


def greeks(f: Floats, k: Floats, t: Floats, s: Floats, is_call: Bools, is_inverse: Bools) -> Greeks:
    """Greeks of contracts with t > 0 and s > 0. Only inverse rows are adjusted, the others repeat the plain greeks."""
    v = s * np.sqrt(t)
    a = d1(f, k, t, s)
    b, density, side = a - v, phi(a), np.where(is_call, 1.0, -1.0)
    adjusted = np.where(is_inverse, a, b)
    delta = side * scipy.special.ndtr(side * a)
    return Greeks(
        delta=delta,
        vanna=-density * b / s,
        charm=density * b / (2.0 * t),
        delta_pa=np.where(is_inverse, side * (k / f) * scipy.special.ndtr(side * b), delta),
        vanna_pa=-density * adjusted / s,
        charm_pa=density * adjusted / (2.0 * t),
    )
