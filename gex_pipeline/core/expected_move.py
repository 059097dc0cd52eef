"""The move an expiry prices: at-the-money IV and the straddle at the forward.

Belongs here: interpolation in strike and the straddle's formula. Arrays have shape (expiries, strikes) over ascending
strikes, NaN where a strike has no value, and shape (expiries,) for per-expiry figures.
"""

from __future__ import annotations

import numpy as np
import scipy

from gex_pipeline.core.black76 import Bools, Floats, phi
from gex_pipeline.core.profile import Ints


def neighbours(strikes: Floats, is_usable: Bools, f: Floats) -> tuple[Ints, Ints]:
    """Indices of the nearest usable strikes at or below and at or above the forward; -1 where there is none."""
    n: int = strikes.shape[-1]
    index: Ints = np.arange(n)
    below: Ints = np.where(is_usable & (strikes <= f[:, None]), index, -1).max(axis=1)
    above: Ints = np.where(is_usable & (strikes >= f[:, None]), index, n).min(axis=1)
    return below, np.where(above == n, -1, above)


def pick(values: Floats, index: Ints) -> Floats:
    """``values[row, index]`` of every row, NaN where the index is -1."""
    picked = values[np.arange(len(index)), np.maximum(index, 0)]
    return np.where(index >= 0, picked, np.nan)


def interpolate_variance(k_low: Floats, k_high: Floats, w_low: Floats, w_high: Floats, f: Floats) -> Floats:
    """Total variance at K = f, linear in strike; NaN in, NaN out. Equal strikes give their own value."""
    width = k_high - k_low
    share = np.divide(f - k_low, width, out=np.zeros_like(width), where=width > 0)
    return w_low + share * (w_high - w_low)


def straddle_usd(f: Floats, k: Floats, v: Floats) -> Floats:
    """Call + put at total volatility v = s sqrt(t) > 0."""
    a = np.log(f / k) / v + 0.5 * v
    return f * (2.0 * scipy.special.ndtr(a) - 1.0) - k * (2.0 * scipy.special.ndtr(a - v) - 1.0)


def straddle_vol(price: Floats, f: Floats, k: Floats, *, max_iterations: int = 60) -> Floats:
    """Total volatility v that prices a straddle; NaN where price <= |f - k| or price >= f + k, or NaN input.

    Newton from the larger of the inflection v = sqrt(2 |ln f/k|), from where it converges (S. Manaster and G. Koehler,
    J. Finance 37 (1982), doi:10.1111/j.1540-6261.1982.tb01105.x), and the root at the money, price / f sqrt(pi / 2).
    """
    with np.errstate(invalid="ignore"):
        good = (price > np.abs(f - k)) & (price < f + k)
    out = np.full(price.shape, np.nan)
    p, f, k = price[good], f[good], k[good]
    v = np.maximum(np.sqrt(2.0 * np.abs(np.log(f / k))), np.sqrt(0.5 * np.pi) * p / f)
    for _ in range(max_iterations):
        a = np.log(f / k) / v + 0.5 * v
        excess = straddle_usd(f, k, v) - p
        step = excess / (2.0 * f * phi(a))
        v = np.maximum(v - step, 0.1 * v)
        # A price whose time value is a rounding error of the forward has no better volatility.
        if np.all((np.abs(step) <= 1e-12 * v) | (np.abs(excess) <= 2e-16 * f)):
            break
    out[good] = v
    return out
