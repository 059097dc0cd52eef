"""Options on the average of the last minutes, one contract at a time (definitions, section 2)."""

from __future__ import annotations

import math
from datetime import date

from tests.slow import black76

MINUTES_PER_YEAR = 365 * 1_440


def window_minutes(venue: str, expiry: date) -> int:
    """An hour at OKX for expiries before 2026-03-18, half an hour else."""
    return 60 if venue == "okx" and expiry < date(2026, 3, 18) else 30


def gamma(f: float, k: float, t: float, s: float, window: float, average: float) -> float:
    """Per 1 USD of forward; window in years, the running average in USD."""
    if t >= window:
        total = s * s * (t - 2.0 * window / 3.0)
        return black76.gamma(f, k, 1.0, math.sqrt(total))
    w = t / window
    strike = (k - (1.0 - w) * average) / w
    if strike <= 0.0:
        return 0.0
    return w * black76.gamma(f, strike, 1.0, math.sqrt(s * s * t / 3.0))


def price(f: float, k: float, t: float, s: float, window: float, average: float) -> float:
    """The call as an integral over the normal distribution behind the average that is still open."""
    w = min(t / window, 1.0)
    fixed = (1.0 - w) * average
    v = math.sqrt(s * s * (t / 3.0 if t < window else t - 2.0 * window / 3.0))
    if k <= fixed:
        return w * f + fixed - k
    kink = (math.log((k - fixed) / (w * f)) + 0.5 * v * v) / v

    def value(z: float) -> float:
        return (w * f * math.exp(v * z - 0.5 * v * v) + fixed - k) * black76.phi(z)

    return simpson(value, max(kink, -12.0), 12.0)


def simpson(function, low: float, high: float, panels: int = 4_000) -> float:
    """Simpson's rule; 0 for an empty interval."""
    if low >= high:
        return 0.0
    h = (high - low) / panels
    inner = math.fsum((4 if i % 2 else 2) * function(low + i * h) for i in range(1, panels))
    return (function(low) + inner + function(high)) * h / 3.0
