"""Numbers as people read them: prices, dollars, ages. Belongs here: single values; not: tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_SCALES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def price(value: float | None) -> str:
    """A price or strike with the decimals its size deserves; empty when missing."""
    if value is None or not math.isfinite(value):
        return ""
    size = abs(value)
    decimals = 0 if size >= 10_000 or value == round(value) else 2 if size >= 10 else 4
    return f"{value:,.{decimals}f}"


def amount(value: float | None, separator: str = " ", is_signed: bool = False) -> str:
    """Three significant digits and a scale letter: 12.3 M; empty when missing."""
    if value is None or not math.isfinite(value):
        return ""
    sign = "+" if is_signed else "-"
    rounded = float(f"{value:.3g}") + 0.0  # no negative zero
    for scale, letter in _SCALES:
        if abs(rounded) >= scale:
            return f"{_three(rounded / scale, sign)}{separator}{letter}"
    return _three(rounded, sign)


def _three(value: float, sign: str) -> str:
    """Three significant digits of a number below 1,000, without an exponent."""
    decimals = max(0, min(2, 2 - math.floor(math.log10(abs(value))))) if value else 0
    return f"{value:{sign}.{decimals}f}" if value else "0"


def percent(value: float | None) -> str:
    """A signed percentage, the value being a fraction: +2.1 %; empty when missing."""
    return "" if value is None or not math.isfinite(value) else f"{value:+.1%}".replace("%", " %")


def age(seconds: float | None) -> str:
    """The two largest units: 2 h 5 min; empty when missing."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    rest, parts = int(max(seconds, 0)), []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(p for p in parts[:2] if p) or "0 s"


def instant(value: datetime | None) -> str:
    """2026-03-17 16:28 UTC, with seconds only where they are not zero; empty when missing."""
    if value is None:
        return ""
    moment = value.astimezone(UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment.second else f"{moment:%Y-%m-%d %H:%M} UTC"


def day(value: datetime) -> str:
    """The date of an expiry as traders write it: 27MAR26."""
    return f"{value.astimezone(UTC):%d%b%y}".upper()


#: Status of a coverage -> why positions by the trades are not the whole truth.
_LACKS = {
    "reconstructed": "reconstructed: some contracts are older than the trades",
    "partial": "partial: some venues have no trades",
}


def coverage(row: Mapping[str, Any]) -> str:
    """What a row of `taker_coverage` says, in one line."""
    share = "none" if row["share_of_oi"] is None else _share(row["share_of_oi"])
    parts = [
        f"trades since {instant(row['first_trade_at'])} explain {share} of open interest",
        f"{_share(row['share_of_contracts'])} of contracts have any",
        *([f"{row['hours_without_trades']} hours since have none"] if row["hours_without_trades"] else []),
        *([_LACKS[row["status"]]] if row["status"] in _LACKS else []),
    ]
    return "; ".join(parts)


def _share(value: float) -> str:
    return f"{value:.1%}".replace("%", " %")
