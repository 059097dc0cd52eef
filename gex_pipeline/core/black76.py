"""Black-76 on the expiry's forward with discount 1: price, greeks, implied volatility.

Belongs here: closed formulas of one contract. Not: signs, open interest or sums (see the SQL view `exposure`).

Arguments broadcast; all are float arrays but ``is_call`` (bool). Units: prices in USD per coin, gamma per 1 USD of
forward, vega and vanna per 1.00 of volatility, charm and theta per year of calendar time going forward. Tenor or
volatility of 0 gives the limit: delta 0, +-1, or one half at k = f; the other greeks 0. NaN in, NaN out.

Source: F. Black, The pricing of commodity contracts, J. Financial Economics 3 (1976),
doi:10.1016/0304-405X(76)90024-6.
"""

from __future__ import annotations

import numpy as np
import scipy  # not scipy.special, a quarter of a second: it is loaded once something is priced
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

INV_SQRT_2PI = 1.0 / np.sqrt(2.0 * np.pi)


def phi(x: Floats) -> Floats:
    """Standard normal density; underflows to 0 without a warning."""
    with np.errstate(under="ignore", over="ignore"):
        return INV_SQRT_2PI * np.exp(-0.5 * x * x)


def d1(f: Floats, k: Floats, t: Floats, s: Floats) -> Floats:
    """[ln(f/k) + s^2 t / 2] / (s sqrt t); +-inf where s sqrt t is 0, and 0 there at k = f."""
    v = s * np.sqrt(t)
    m = np.log(f / k)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        x = m / v + 0.5 * v
    return np.where((v == 0) & (m == 0), 0.0, x)


def price(f: Floats, k: Floats, t: Floats, s: Floats, is_call: Bools) -> Floats:
    """USD per coin. Computed out of the money and carried over by parity, so that wings keep their digits."""
    out = _out_of_the_money(f, k, t, s)
    return out + np.where(is_call, np.maximum(f - k, 0.0), np.maximum(k - f, 0.0))


def _out_of_the_money(f: Floats, k: Floats, t: Floats, s: Floats) -> Floats:
    """The time value: price of the call where k >= f, else of the put. Never negative."""
    a = d1(f, k, t, s)
    b = a - s * np.sqrt(t)
    sign = np.where(np.asarray(k) >= f, 1.0, -1.0)
    return np.maximum(sign * (f * scipy.special.ndtr(sign * a) - k * scipy.special.ndtr(sign * b)), 0.0)


def delta(f: Floats, k: Floats, t: Floats, s: Floats, is_call: Bools) -> Floats:
    """Coins of forward per coin of option: N(d1) for calls, N(d1) - 1 for puts."""
    side = np.where(is_call, 1.0, -1.0)
    return side * scipy.special.ndtr(side * d1(f, k, t, s))


def gamma(f: Floats, k: Floats, t: Floats, s: Floats) -> Floats:
    """Change of delta per 1 USD of forward."""
    return _over(phi(d1(f, k, t, s)), f * s * np.sqrt(t))


def vega(f: Floats, k: Floats, t: Floats, s: Floats) -> Floats:
    """USD per 1.00 of volatility."""
    return f * phi(d1(f, k, t, s)) * np.sqrt(t)


def vanna(f: Floats, k: Floats, t: Floats, s: Floats) -> Floats:
    """d delta / d volatility, per 1.00."""
    a = d1(f, k, t, s)
    return _over(_times(-phi(a), a - s * np.sqrt(t)), s)


def charm(f: Floats, k: Floats, t: Floats, s: Floats) -> Floats:
    """d delta / d calendar time, per year; the same for call and put (no rate)."""
    a = d1(f, k, t, s)
    return _over(_times(phi(a), a - s * np.sqrt(t)), 2.0 * t)


def theta(f: Floats, k: Floats, t: Floats, s: Floats) -> Floats:
    """USD per year of calendar time; never positive."""
    return _over(-f * phi(d1(f, k, t, s)) * s, 2.0 * np.sqrt(t))


def _over(numerator: Floats, denominator: Floats) -> Floats:
    """Quotient, 0 where the denominator is 0 (an option at its end has no greeks left) or the numerator is."""
    n, d = np.broadcast_arrays(numerator, denominator)
    return np.divide(n, d, out=np.where(np.isnan(n), n, 0.0), where=(d != 0) & (n != 0))


def _times(density: Floats, x: Floats) -> Floats:
    """density * x with 0 * inf = 0."""
    return np.where(density == 0, 0.0, density * np.where(np.isinf(x), 0.0, x))


def implied_vol(price: Floats, f: Floats, k: Floats, t: Floats, is_call: Bools, *, max_iterations: int = 60) -> Floats:
    """The volatility that gives a price, by bracketed Newton steps in the total volatility v on the log of time value.

    Returns
    -------
    Array of the broadcast shape. NaN where there is no solution: price at or below intrinsic value, at or above its
    upper bound (f for a call, k for a put), tenor <= 0, or NaN input. Relative accuracy about 1e-10 as far as
    the digits of the price allow it.
    """
    p, f, k, t, call = np.broadcast_arrays(price, f, k, t, is_call)
    intrinsic = np.where(call, np.maximum(f - k, 0.0), np.maximum(k - f, 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        value = (p - intrinsic) / np.minimum(f, k)
        good = (value > 0) & (value < 1) & (t > 0) & (f > 0) & (k > 0)
    result = np.full(p.shape, np.nan)
    if good.any():
        v = _total_vol(value[good], np.abs(np.log(f[good] / k[good])), max_iterations)
        result[good] = v / np.sqrt(t[good])
    return result


def _total_vol(value: Floats, m: Floats, max_iterations: int) -> Floats:
    """Solve for v: value = N(-m/v + v/2) - exp(m) N(-m/v - v/2), the out-of-the-money option over min(f, k).

    The log of the value is concave and increasing in v, so Newton on the log converges from the left; steps that
    leave the bracket are replaced by bisection.
    """
    target = np.log(value)
    low, high = np.zeros_like(value), np.full_like(value, 80.0)
    v = np.where(m > 0, np.sqrt(2.0 * m), 2.0 * scipy.special.ndtri((value + 1.0) / 2.0))
    for _ in range(max_iterations):
        g, slope = _log_value(v, m)
        low, high = np.where(g < target, v, low), np.where(g < target, high, v)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            step = v - (g - target) / slope
        inside = np.isfinite(step) & (step > low) & (step < high)
        new = np.where(inside, step, 0.5 * (low + high))
        if np.all(np.abs(new - v) <= 1e-13 * new):
            return new
        v = new
    return v


def _log_value(v: Floats, m: Floats) -> tuple[Floats, Floats]:
    """Log of the normalised out-of-the-money value and its derivative in v."""
    a = -m / v + 0.5 * v
    la, lb = scipy.special.log_ndtr(a), m + scipy.special.log_ndtr(a - v)
    with np.errstate(under="ignore", divide="ignore", invalid="ignore", over="ignore"):
        log_value = la + np.log(-np.expm1(np.minimum(lb - la, 0.0)))
        slope = INV_SQRT_2PI * np.exp(-0.5 * a * a - log_value)
    return log_value, slope
