"""Black-76 with discount 1, one contract at a time (definitions, section 2)."""

from __future__ import annotations

import math


def phi(x: float) -> float:
    """Standard normal density."""
    return math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


def cdf(x: float) -> float:
    """Standard normal distribution; by erfc, so that the left tail keeps its digits."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def d1(f: float, k: float, t: float, s: float) -> float:
    return (math.log(f / k) + s * s * t / 2.0) / (s * math.sqrt(t))


def d2(f: float, k: float, t: float, s: float) -> float:
    return d1(f, k, t, s) - s * math.sqrt(t)


def price(f: float, k: float, t: float, s: float, option_type: str) -> float:
    """USD per coin."""
    a, b = d1(f, k, t, s), d2(f, k, t, s)
    return f * cdf(a) - k * cdf(b) if option_type == "C" else k * cdf(-b) - f * cdf(-a)


def delta(f: float, k: float, t: float, s: float, option_type: str) -> float:
    a = d1(f, k, t, s)
    return cdf(a) if option_type == "C" else -cdf(-a)


def delta_at_expiry(f: float, k: float, option_type: str) -> float:
    """0 or +-1, one half at k = f."""
    call = 0.5 if f == k else (1.0 if f > k else 0.0)
    return call if option_type == "C" else call - 1.0


def gamma(f: float, k: float, t: float, s: float) -> float:
    """Per 1 USD of forward."""
    return phi(d1(f, k, t, s)) / (f * s * math.sqrt(t))


def vega(f: float, k: float, t: float, s: float) -> float:
    """Per 1.00 of volatility."""
    return f * phi(d1(f, k, t, s)) * math.sqrt(t)


def vanna(f: float, k: float, t: float, s: float) -> float:
    """d delta / d volatility, per 1.00."""
    return -phi(d1(f, k, t, s)) * d2(f, k, t, s) / s


def charm(f: float, k: float, t: float, s: float) -> float:
    """d delta / d calendar time, per year; call = put."""
    return phi(d1(f, k, t, s)) * d2(f, k, t, s) / (2.0 * t)


def theta(f: float, k: float, t: float, s: float) -> float:
    """Per year."""
    return -f * phi(d1(f, k, t, s)) * s / (2.0 * math.sqrt(t))


def implied_vol(value: float, f: float, k: float, t: float, option_type: str) -> float | None:
    """Bisection on the volatility; None at or below intrinsic value and at or above the upper bound."""
    intrinsic = max(f - k, 0.0) if option_type == "C" else max(k - f, 0.0)
    bound = f if option_type == "C" else k
    if not (intrinsic < value < bound) or t <= 0:
        return None
    return bisect_total_vol(lambda v: price(f, k, 1.0, v, option_type), value) / math.sqrt(t)


def straddle(f: float, k: float, v: float) -> float:
    """Call plus put for a total volatility v = s sqrt t."""
    return price(f, k, 1.0, v, "C") + price(f, k, 1.0, v, "P")


def straddle_total_vol(value: float, f: float, k: float) -> float | None:
    """The v that prices call + put; None at or below |f - k| and at or above f + k."""
    if not (abs(f - k) < value < f + k):
        return None
    return bisect_total_vol(lambda v: straddle(f, k, v), value)


def bisect_total_vol(price_of, value: float) -> float:
    """The v in (1e-9, 80) at which an increasing price meets a value."""
    low, high = 1e-9, 80.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        if price_of(middle) < value:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
