"""Max pain and expected move of one expiry (definitions, section 5)."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from tests.slow import black76
from tests.slow.exposure import Row, median


def decimal(x: float) -> Fraction:
    """The decimal number that was written, so that 0.1 + 0.2 and 0.3 are a tie."""
    return Fraction(repr(float(x)))


def pain_curve(rows: list[Row]) -> list[tuple[float, Fraction]]:
    """(strike, holders' payout in USD) at every listed strike of one expiry, ascending, in exact arithmetic."""
    curve = []
    for p in sorted({r["strike_usd"] for r in rows}):
        payout = Fraction(0)
        for row in rows:
            away = decimal(p) - decimal(row["strike_usd"])
            worth = away if row["option_type"] == "C" else -away
            payout += decimal(row["open_interest_coin"]) * max(worth, Fraction(0))
        curve.append((p, payout))
    return curve


def max_pain(rows: list[Row]) -> tuple[float | None, float | None, float | None, str]:
    """(strike, payout in USD, strike of the lowest payout in coins, status) of one expiry; ties: the lowest."""
    curve = pain_curve(rows)
    if len(curve) < 3 or sum(r["open_interest_coin"] for r in rows) == 0:
        return None, None, None, "empty"
    strike, payout = min(curve, key=lambda point: point[1])
    coin_strike, _ = min(curve, key=lambda point: point[1] / decimal(point[0]))
    return strike, float(payout), coin_strike, "ok"


def expected_move(rows: list[Row]) -> dict[str, Any]:
    """The columns of table `expected_move` for the rows of one expiry."""
    f, t = median([r["forward_usd"] for r in rows]), rows[0]["tenor_years"]
    atm_variance = interpolate(f, {k: iv * iv * t for k, iv in smile(rows).items()})
    variance = straddle_variance(f, rows)
    atm_iv = None if atm_variance is None else math.sqrt(atm_variance / t)
    straddle = None if variance is None else black76.straddle(f, f, math.sqrt(variance))
    band = variance if variance is not None else atm_variance
    s = None if band is None else math.sqrt(band)
    return {
        "forward_usd": f,
        "atm_iv": atm_iv,
        "em_1sd_usd": None if atm_iv is None else f * atm_iv * math.sqrt(t),
        "em_straddle_usd": straddle,
        "em_1sd_straddle_usd": None if straddle is None else math.sqrt(math.pi / 2.0) * straddle,
        **{f"upper_{n}sd": None if s is None else f * math.exp(n * s) for n in (1, 2)},
        **{f"lower_{n}sd": None if s is None else f * math.exp(-n * s) for n in (1, 2)},
        "status": "empty" if s is None else "ok",
    }


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def smile(rows: list[Row]) -> dict[float, float]:
    """strike -> mean of the call IV and the put IV; each is first the mean over its rows; one side alone serves."""
    result = {}
    for k in sorted({r["strike_usd"] for r in rows}):
        sides = [[r["mark_iv"] for r in rows if r["strike_usd"] == k and r["option_type"] == kind] for kind in "CP"]
        result[k] = mean([mean(side) for side in sides if side])
    return result


def straddle_variance(f: float, rows: list[Row]) -> float | None:
    """Total variance at K = F implied by the straddles at the nearest strikes with both marks above zero."""
    straddles = {}
    for k in sorted({r["strike_usd"] for r in rows}):
        at_k = [r for r in rows if r["strike_usd"] == k and r["mark_usd"] is not None]
        sides = [[r["mark_usd"] for r in at_k if r["option_type"] == kind] for kind in "CP"]
        if all(sides) and all(mean(side) > 0 for side in sides):
            straddles[k] = mean(sides[0]) + mean(sides[1])
    around = bracket(f, straddles)
    if around is None:
        return None
    total_vols = {k: black76.straddle_total_vol(straddles[k], f, k) for k in around}
    if any(v is None for v in total_vols.values()):
        return None
    return interpolate(f, {k: v * v for k, v in total_vols.items() if v is not None})


def bracket(f: float, points: dict[float, Any]) -> tuple[float, float] | None:
    """The nearest keys at or below and at or above f."""
    below, above = [k for k in points if k <= f], [k for k in points if k >= f]
    return (max(below), min(above)) if below and above else None


def interpolate(f: float, points: dict[float, float]) -> float | None:
    """Linear between the bracketing keys; None outside them."""
    around = bracket(f, points)
    if around is None:
        return None
    low, high = around
    if low == high:
        return points[low]
    return points[low] + (points[high] - points[low]) * (f - low) / (high - low)
