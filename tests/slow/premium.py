"""The volatility premium and regimes of one snapshot at a time (definitions, sections 4 and 7)."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

Row = dict[str, Any]
FLOOR = 1e-6


def premiums(implied: list[Row], realised: list[Row]) -> list[tuple[datetime, float | None]]:
    """(snapshot, 100 x (iv30 - rv30)) in the order of time; the realised one is less than two hours old."""
    found = []
    for row in sorted(implied, key=lambda r: r["snapshot_at"]):
        at = row["snapshot_at"]
        past = [r for r in realised if r["hour_at"] <= at]
        last = max(past, key=lambda r: r["hour_at"], default=None)
        rv = last["rv30"] if last and at - last["hour_at"] < timedelta(hours=2) else None
        found.append((at, None if rv is None or row["iv30"] is None else 100 * (row["iv30"] - rv)))
    return found


def compared(found: list[tuple[datetime, float | None]], at: datetime) -> dict[str, float | int | None]:
    """Count, z-score and percentile of the premium at a snapshot among those of the 365 days up to it."""
    year = [(t, x) for t, x in found if at - timedelta(days=365) < t <= at and x is not None]
    mine = dict(found)[at]
    if mine is None:
        return {"vrp_count": None, "vrp_z": None, "vrp_percentile": None}
    n, values = len(year), [x for _, x in year]
    if len({t.date() for t, _ in year}) < 30:
        return {"vrp_count": n, "vrp_z": None, "vrp_percentile": None}
    mean = sum(values) / n
    deviation = math.sqrt(sum((x - mean) ** 2 for x in values) / (n - 1))
    z = (mine - mean) / deviation if deviation > 1e-4 else None
    return {"vrp_count": n, "vrp_z": z, "vrp_percentile": 100 * sum(x <= mine for x in values) / n}


def dvol_at(dvol: list[Row], at: datetime) -> float | None:
    """Close of the last bar by an instant, of two that end then the shorter; None when older than two bars."""
    closed = [b for b in dvol if b["close_at"] <= at]
    if not closed:
        return None
    last = min(closed, key=lambda b: (at - b["close_at"], b["close_at"] - b["open_at"]))
    return last["close"] if at - last["close_at"] <= 2 * (last["close_at"] - last["open_at"]) else None


def regime(net: float, gross: float) -> str | None:
    if net == 0 or abs(net) < FLOOR * gross:
        return None
    return "positive" if net > 0 else "negative"


def labels(totals: Row, flip: float | None, flip_status: str, z: float | None) -> Row:
    """What view `regime` says of a book: totals are of `exposure_totals`."""
    spot, sign = totals["spot_usd"], regime(totals["net_gex_usd"], totals["gross_gex_usd"])
    dist = None if flip is None else (spot - flip) / spot * 100
    confidence = confidence_of(dist, flip_status)
    is_aligned = sign == "positive" and totals["vex_usd"] < 0
    return {
        "regime": sign,
        "dist_to_flip_pct": dist,
        "confidence": confidence,
        "vanna_aligned": is_aligned,
        "cell": cell(sign, z),
        "meaning": meaning(sign, is_aligned, confidence),
    }


def confidence_of(dist: float | None, flip_status: str) -> str | None:
    if flip_status == "empty":
        return None
    if flip_status in ("none_positive", "none_negative"):
        return "high"
    assert dist is not None
    return "high" if abs(dist) > 2 else "moderate" if abs(dist) > 0.5 else "low"


def cell(sign: str | None, z: float | None) -> str | None:
    if z is None:
        return None
    return {(True, True): "A", (False, True): "B", (True, False): "C", (False, False): "D"}[sign == "positive", z >= 1]


def meaning(sign: str | None, is_aligned: bool, confidence: str | None) -> str | None:
    if confidence == "low":
        return "near_flip"
    if sign is None or confidence is None:
        return None
    if sign == "negative":
        return "amplified"
    if not is_aligned:
        return "dampened_adverse"
    return "strongly_dampened" if confidence == "high" else None


def transitions(totals: list[Row]) -> list[Row]:
    """Rows of view `regime_transitions` of one underlying, from rows of `exposure_totals` of all expiries."""
    whole = sorted((r for r in totals if r["venues"] == "all"), key=lambda r: r["snapshot_at"])
    known = [(r, regime(r["net_gex_usd"], r["gross_gex_usd"])) for r in whole]
    signed = [(r, s) for r, s in known if s]
    gaps: list[timedelta] = []
    found: list[Row] = []
    for (before, old), (after, new) in pairwise(signed):
        at, gap = after["snapshot_at"], after["snapshot_at"] - before["snapshot_at"]
        if old != new:
            last = found[-1]["snapshot_at"] if found else None
            found.append(
                {
                    "snapshot_at": at,
                    "from_regime": old,
                    "to_regime": new,
                    "previous_at": before["snapshot_at"],
                    "hours_since_last": (at - last).total_seconds() / 3600 if last else None,
                    "net_gex_before_usd": before["net_gex_usd"],
                    "net_gex_after_usd": after["net_gex_usd"],
                    "has_gap": gap > 2 * usual(gaps),
                    "has_other_venues": venues_at(totals, at) != venues_at(totals, before["snapshot_at"]),
                }
            )
        gaps.append(gap)
    return found


def venues_at(totals: list[Row], at: datetime) -> set[str]:
    """The single venues that have a book at a snapshot."""
    return {r["venues"] for r in totals if r["snapshot_at"] == at and r["venues"] != "all"}


def usual(gaps: list[timedelta]) -> timedelta:
    """Median of the last five intervals."""
    ordered = sorted(gaps[-5:])
    n = len(ordered)
    if not n:
        return timedelta(hours=1)
    return ordered[n // 2] if n % 2 else (ordered[n // 2 - 1] + ordered[n // 2]) / 2
