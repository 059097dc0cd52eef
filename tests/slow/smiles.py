"""What a smile and its expiry's positions say, one expiry after the other.

The smile between strikes is SciPy's PCHIP, its distribution is worked out point by point.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import NormalDist
from typing import Any

from scipy.interpolate import PchipInterpolator

from tests.slow import black76, levels
from tests.slow.expiry import expected_move, interpolate, mean
from tests.slow.exposure import Row, gross_gex, median, spot

Summary = dict[str, Any]


def by_expiry(rows: list[Row]) -> dict[datetime, list[Row]]:
    return {e: [r for r in rows if r["expiry_at"] == e] for e in sorted({r["expiry_at"] for r in rows})}


def ivs(rows: list[Row], kinds: str) -> dict[float, float]:
    """strike -> mean IV of the rows of one type; of both types the mean of the two means."""
    result = {}
    for k in sorted({r["strike_usd"] for r in rows}):
        sides = [[r["mark_iv"] for r in rows if r["strike_usd"] == k and r["option_type"] == kind] for kind in kinds]
        if any(sides):
            result[k] = mean([mean(side) for side in sides if side])
    return result


def iv_at_delta(rows: list[Row], kind: str, target: float) -> float | None:
    """Go out of the money until |delta| is at most the target; total variance linear in delta to the strike before."""
    f, t = median([r["forward_usd"] for r in rows]), rows[0]["tenor_years"]
    before: tuple[float, float] | None = None
    for k, iv in sorted(ivs(rows, kind).items(), reverse=kind == "P"):
        here = (abs(black76.delta(f, k, t, iv, kind)), iv * iv * t)
        if here[0] == target:
            return iv
        if here[0] < target:
            return None if before is None else math.sqrt((interpolate(target, dict([before, here])) or 0.0) / t)
        before = here
    return None


def difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def ratio(a: float | None, b: float | None) -> float | None:
    return None if a is None or not b else a / b


def total(rows: list[Row], kind: str, name: str) -> float | None:
    stated = [r[name] for r in rows if r["option_type"] == kind and r.get(name) is not None]
    return sum(stated) if stated else None


def expiry_type(day: datetime) -> str:
    if day.weekday() != 4:
        return "daily"
    if (day + timedelta(days=7)).month == day.month:
        return "weekly"
    return "quarterly" if day.month % 3 == 0 else "monthly"


def wings(rows: list[Row]) -> Summary:
    atm = expected_move(rows)["atm_iv"]
    found: Summary = {"forward_usd": median([r["forward_usd"] for r in rows]), "atm_iv": atm}
    for delta in (25, 10):
        put, call = (iv_at_delta(rows, kind, delta / 100) for kind in "PC")
        middle = None if put is None or call is None else (put + call) / 2
        found |= {f"put_{delta}d_iv": put, f"call_{delta}d_iv": call}
        found |= {f"skew_{delta}d": difference(put, call), f"butterfly_{delta}d": difference(middle, atm)}
    ivs_found = [found[n] for n in ("atm_iv", "put_25d_iv", "call_25d_iv", "put_10d_iv", "call_10d_iv")]
    missing = ivs_found.count(None)
    return {**found, "smile_status": "ok" if missing == 0 else "empty" if missing == 5 else "partial"}


def summary(rows: list[Row], *, is_repriced: bool) -> dict[datetime, Summary]:
    """expiry -> the columns of table `expiry_summary` of one venue set; re-priced ones null unless asked for."""
    gross = sum(map(gross_gex, rows))
    opex = [e for e in by_expiry(rows) if expiry_type(e) in ("monthly", "quarterly")]
    table = {}
    for expiry_at, part in by_expiry(rows).items():
        call, put = (sum(gross_gex(r) for r in part if r["option_type"] == kind) for kind in "CP")
        oi = {kind: total(part, kind, "open_interest_coin") or 0.0 for kind in "CP"}
        volume = {kind: total(part, kind, "volume_24h_coin") for kind in "CP"}
        others = [r for r in rows if r["expiry_at"] != expiry_at]
        table[expiry_at] = {
            **wings(part),
            "expiry_type": expiry_type(expiry_at),
            "is_opex": expiry_at in opex,
            "is_anchor": expiry_at in opex[:1],
            "call_oi_coin": oi["C"],
            "put_oi_coin": oi["P"],
            "put_call_oi_ratio": ratio(oi["P"], oi["C"]),
            "call_volume_24h_coin": volume["C"],
            "put_volume_24h_coin": volume["P"],
            "put_call_volume_ratio": ratio(volume["P"], volume["C"]),
            "call_gex_usd": call,
            "put_gex_usd": -put,
            "net_gex_usd": call - put,
            "gross_gex_usd": call + put,
            "share_of_gross": ratio(call + put, gross),
            "net_gex_without_usd": sum(gross_gex(r) * (1 if r["option_type"] == "C" else -1) for r in others),
            **flip(others, spot(rows), "without", is_repriced=is_repriced),
            **flip([r for r in rows if r["expiry_at"] <= expiry_at], spot(rows), "to", is_repriced=is_repriced),
        }
    return table


def flip(rows: list[Row], spot_now: float, name: str, *, is_repriced: bool) -> Summary:
    price, _, _, status = levels.zero_gamma(rows, spot_now, "naive") if is_repriced else (None, None, None, None)
    return {f"zero_gamma_{name}_usd": price, f"zero_gamma_{name}_status": status}


class Distribution:
    """P(price < K) of one expiry; None where its quotes do not reach."""

    def __init__(self, rows: list[Row]) -> None:
        self.f, self.t = median([r["forward_usd"] for r in rows]), rows[0]["tenor_years"]
        calls, puts, both = (ivs(rows, kinds) for kinds in ("C", "P", "CP"))
        quotes = {k: v for k, v in puts.items() if k < self.f} | {k: v for k, v in calls.items() if k > self.f}
        quotes |= {k: v for k, v in both.items() if k == self.f}
        self.x = [math.log(k / self.f) for k in sorted(quotes)]
        self.w = [quotes[k] ** 2 * self.t for k in sorted(quotes)]
        self.is_empty = len(self.x) < 5 or self.x[0] > 0 or self.x[-1] < 0
        if not self.is_empty:
            self.curve = PchipInterpolator(self.x, self.w)
            self.slope = self.curve.derivative()
            self.sd = (expected_move(rows)["atm_iv"] or math.nan) * math.sqrt(self.t)

    def smile(self, x: float) -> tuple[float, float]:
        """Total variance and its slope."""
        if x <= self.x[0]:
            slope = min(max(float(self.slope(self.x[0])), -2.0), 0.0)
            return self.w[0] + slope * (x - self.x[0]), slope
        if x > self.x[-1]:
            slope = max(min(float(self.slope(self.x[-1])), 2.0), 0.0)
            return self.w[-1] + slope * (x - self.x[-1]), slope
        return float(self.curve(x)), float(self.slope(x))

    def below(self, x: float) -> float:
        w, slope = self.smile(x)
        v = math.sqrt(w)
        d2 = -x / v - v / 2
        return black76.cdf(-d2) + black76.phi(d2) * slope / (2 * v)

    def ladder(self, per_sd: int) -> tuple[list[tuple[float, float]], float]:
        """(x, P made non-decreasing) within six standard deviations, and the largest repair."""
        highest, repair, points = 0.0, 0.0, []
        for i in range(-6 * per_sd, 6 * per_sd + 1):
            x = i / per_sd * self.sd
            stated = self.below(x)
            highest = max(highest, min(max(stated, 0.0), 1.0))
            repair = max(repair, abs(highest - stated))
            points.append((x, highest))
        return points, max(repair, points[0][1], 1.0 - points[-1][1])


def quantile(points: list[tuple[float, float]], p: float) -> float:
    """x at which the probability reaches p; its normal quantile is linear between the points."""
    score = NormalDist().inv_cdf
    for (x0, p0), (x1, p1) in pairwise(points):
        if p0 < p <= p1:
            if p0 <= 0.0 or p1 >= 1.0:
                return x1 if p1 < 1.0 else x0
            return x0 + (x1 - x0) * (score(p) - score(p0)) / (score(p1) - score(p0))
    return math.nan


QUANTILES = {
    "lower_68_usd": 0.16,
    "upper_68_usd": 0.84,
    "lower_95_usd": 0.025,
    "upper_95_usd": 0.975,
    "median_usd": 0.5,
}
PROBABILITIES = ("p_between_walls", "p_above_call_wall", "p_below_put_wall")


def density(rows: list[Row], walls: tuple[float | None, float | None]) -> Summary:
    """The columns of table `density` of one expiry; ``walls``: put_support and call_resistance."""
    nothing = dict.fromkeys((*QUANTILES, *PROBABILITIES))
    smile = Distribution(rows)
    if smile.is_empty:
        return {**nothing, "status": "empty"}
    points, repair = smile.ladder(10)
    if repair > 0.02:
        return {**nothing, "status": "arbitrage"}
    below = [None if k is None else min(max(smile.below(math.log(k / smile.f)), 0.0), 1.0) for k in walls]
    put, call = below
    return {
        **{name: smile.f * math.exp(quantile(points, p)) for name, p in QUANTILES.items()},
        "p_between_walls": None if put is None or call is None else max(call - put, 0.0),
        "p_above_call_wall": None if call is None else 1.0 - call,
        "p_below_put_wall": put,
        "status": "ok",
    }


def walls(rows: list[Row]) -> tuple[float | None, float | None]:
    """put_support and call_resistance of the whole book."""
    book = levels.ladder(rows, spot(rows), "naive")
    put = levels.walls(book, "put", "put_support", "put_wall")["put_support"][0]
    return put, levels.walls(book, "call", "call_resistance", "call_wall")["call_resistance"][0]


def constant_maturity(ivs_by_tenor: dict[float, float | None], days: int) -> float | None:
    """IV at a maturity, linear in total variance between the expiries around; None outside them."""
    variances = {t: iv * iv * t for t, iv in ivs_by_tenor.items() if iv is not None}
    w = interpolate(days / 365, variances)
    return None if w is None else math.sqrt(w / (days / 365))


def implied_vol(rows: list[Row]) -> Summary:
    """The columns of table `implied_vol` of one venue set."""
    parts = {part[0]["tenor_years"]: wings(part) for part in by_expiry(rows).values()}

    def at(name: str, days: int) -> float | None:
        return constant_maturity({t: w[name] for t, w in parts.items()}, days)

    has_atm = any(w["atm_iv"] is not None for w in parts.values())
    iv30 = at("atm_iv", 30)
    return {
        **{f"iv{days}": at("atm_iv", days) for days in (7, 30, 90, 180)},
        "iv30_put_25d": at("put_25d_iv", 30),
        "iv30_call_25d": at("call_25d_iv", 30),
        "status": "ok" if iv30 is not None else "outside" if has_atm else "empty",
    }
