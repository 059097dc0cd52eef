"""Realised volatility of candles, one bar after the other (definitions, section 7)."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

Bar = dict[str, Any]
MINUTES = {"5m": 5, "15m": 15, "30m": 30, "1h": 60}
MARKETS = ["perp", "spot", "index", "mark"]
HOURS_PER_YEAR = 365 * 24
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def series(candles: list[Bar]) -> dict[tuple[str, str], list[Bar]]:
    """(instrument, interval) -> its bars in the order of time, each with its log-return ``move``."""
    found: dict[tuple[str, str], list[Bar]] = {}
    for bar in sorted(candles, key=lambda b: b["open_at"]):
        if bar["interval"] in MINUTES:
            name = f"{bar['venue']} {bar['market']} {bar['symbol']}"
            found.setdefault((name, bar["interval"]), []).append(dict(bar))
    for bars in found.values():
        for i, bar in enumerate(bars):
            follows = i > 0 and bars[i - 1]["close_at"] == bar["open_at"]
            bar["move"] = math.log(bar["close"] / (bars[i - 1]["close"] if follows else bar["open"]))
    return found


def realised_vol(candles: list[Bar], at: datetime) -> dict[str, Any]:
    """The row of view `realised_vol` of one underlying at a full hour."""
    all_series = series(candles)
    row: dict[str, Any] = {}
    for days in (1, 7, 30):
        chosen = choose(all_series, at, days)
        bars = window(all_series[chosen], at, days) if chosen else []
        row[f"rv{days}"] = annual(bars, chosen) if chosen else None
        row[f"rv{days}_instrument"], row[f"rv{days}_interval"] = chosen or (None, None)
        row[f"rv{days}_returns"] = len(bars) if chosen else None
        if days == 30:
            row |= of_a_month(all_series, chosen, bars, at)
    missing = [row[f"rv{days}"] is None for days in (1, 7, 30)]
    row["status"] = "empty" if all(missing) else "partial" if any(missing) else "ok"
    return row


def window(bars: list[Bar], at: datetime, days: int) -> list[Bar]:
    return [b for b in bars if at - days * DAY < b["close_at"] <= at]


def choose(all_series: dict[tuple[str, str], list[Bar]], at: datetime, days: int) -> tuple[str, str] | None:
    candidates = []
    for (name, interval), bars in all_series.items():
        asked = days * 24 * 60 // MINUTES[interval]
        inside = window(bars, at, days)
        if len(inside) >= 0.95 * asked and any(b["close_at"] == at for b in inside):
            covered = round(100 * len(inside) / asked)
            order = (MINUTES[interval], MARKETS.index(inside[0]["market"]), -covered, name)
            candidates.append((order, (name, interval)))
    return min(candidates)[1] if candidates else None


def annual(bars: list[Bar], chosen: tuple[str, str], sign: int = 0) -> float:
    """Root of the mean squared move per year; ``sign``: of moves of one sign, doubled."""
    per_year = HOURS_PER_YEAR * 60 / MINUTES[chosen[1]]
    moves = [b["move"] for b in bars]
    if sign:
        return math.sqrt(2 * sum(m * m for m in moves if m * sign > 0) / len(moves) * per_year)
    return math.sqrt(sum(m * m for m in moves) / len(moves) * per_year)


def of_a_month(
    all_series: dict[tuple[str, str], list[Bar]], chosen: tuple[str, str] | None, bars: list[Bar], at: datetime
) -> dict[str, float | None]:
    names = ("downside30", "upside30", "parkinson30", "garman_klass30", "yang_zhang30")
    if not chosen:
        return dict.fromkeys(names)
    hours = whole(bars, HOUR, 60 // MINUTES[chosen[1]])
    enough = len(hours) >= 0.95 * 720
    ranges = [math.log(h["high"] / h["low"]) ** 2 for h in hours]
    bodies = [math.log(h["close"] / h["open"]) ** 2 for h in hours]
    parkinson = sum(ranges) / len(ranges) / (4 * math.log(2)) if enough else None
    kept = [r / 2 - (2 * math.log(2) - 1) * b for r, b in zip(ranges, bodies, strict=True)]
    return {
        "downside30": annual(bars, chosen, -1),
        "upside30": annual(bars, chosen, 1),
        "parkinson30": math.sqrt(parkinson * HOURS_PER_YEAR) if parkinson is not None else None,
        "garman_klass30": math.sqrt(sum(kept) / len(kept) * HOURS_PER_YEAR) if enough else None,
        "yang_zhang30": yang_zhang(all_series[chosen], MINUTES[chosen[1]], at),
    }


def whole(bars: list[Bar], length: timedelta, least: float) -> list[Bar]:
    """Longer bars made of those that have at least so many parts."""
    groups: dict[datetime, list[Bar]] = {}
    for bar in bars:
        start = bar["open_at"] - (bar["open_at"] - datetime(1970, 1, 1, tzinfo=UTC)) % length
        groups.setdefault(start, []).append(bar)
    return [
        {
            "open_at": start,
            "close_at": start + length,
            "open": parts[0]["open"],
            "high": max(p["high"] for p in parts),
            "low": min(p["low"] for p in parts),
            "close": parts[-1]["close"],
        }
        for start, parts in groups.items()
        if len(parts) >= least
    ]


def yang_zhang(bars: list[Bar], minutes: int, at: datetime) -> float | None:
    """Of the 30 whole days of UTC up to the last midnight."""
    midnight = at.replace(hour=0)
    all_days = whole(whole([b for b in bars if b["close_at"] <= midnight], HOUR, 60 // minutes), DAY, 0.95 * 24)
    jumps, moves, inner = [], [], []
    for i, day in enumerate(all_days):
        if day["close_at"] <= midnight - 30 * DAY:
            continue
        before = all_days[i - 1]["close"] if i and all_days[i - 1]["close_at"] == day["open_at"] else day["open"]
        o, h, low, c = (day[name] for name in ("open", "high", "low", "close"))
        jumps.append(math.log(o / before))
        moves.append(math.log(c / o))
        inner.append(math.log(h / c) * math.log(h / o) + math.log(low / c) * math.log(low / o))
    n = len(jumps)
    if n < 0.95 * 30 or not any(d["close_at"] == midnight for d in all_days):
        return None
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    return math.sqrt(365 * (variance(jumps) + k * variance(moves) + (1 - k) * sum(inner) / n))


def variance(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return sum((v - mean) ** 2 for v in values) / (len(values) - 1)
