"""What the quotes leave open, one contract after the other: volatilities are moved, the book is priced again."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import datetime

from tests.slow import black76
from tests.slow.exposure import Row, gross_gex
from tests.slow.profile import net_at

Group = tuple[str, datetime]
STEP = 1e-5


def half_spread(row: Row) -> float | None:
    """Half of what lies between bid and ask, in volatility; None where a side is missing or they are crossed."""
    if row.get("bid_iv") is not None and row.get("ask_iv") is not None:
        half = (row["ask_iv"] - row["bid_iv"]) / 2
    elif row.get("bid_usd") is not None and row.get("ask_usd") is not None:
        vega = black76.vega(row["forward_usd"], row["strike_usd"], row["tenor_years"], row["mark_iv"])
        half = (row["ask_usd"] - row["bid_usd"]) / 2 / vega
    else:
        return None
    return min(half, row["mark_iv"]) if half >= 0 else None


def half_spreads(rows: list[Row]) -> dict[Group, list[tuple[Row, float | None]]]:
    """Per venue and expiry its rows with their half spreads; where one is missing the mean by gamma."""
    groups: dict[Group, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["venue"], row["expiry_at"]].append(row)
    found = {}
    for group, members in groups.items():
        known = [(gross_gex(row), half) for row in members if (half := half_spread(row)) is not None]
        total = sum(weight for weight, _ in known)
        mean = sum(weight * half for weight, half in known) / total if total > 0 else None
        halves = [(row, half_spread(row)) for row in members]
        found[group] = [(row, mean if half is None else half) for row, half in halves]
    return found


def quoted_share(rows: list[Row]) -> float:
    """Share of gross gamma in rows that have a half spread, or a neighbour that has."""
    gross = sum(gross_gex(row) for row in rows)
    pairs = [pair for group in half_spreads(rows).values() for pair in group]
    return sum(gross_gex(row) for row, half in pairs if half is not None) / gross if gross > 0 else 0.0


def error_of_net(rows: list[Row], spot_now: float, spot_new: float) -> float:
    """Standard deviation of net gamma at a spot: each venue's expiry is off by a uniform share of its half spreads."""
    squares = 0.0
    for members in half_spreads(rows).values():
        up, down = (
            [{**row, "mark_iv": row["mark_iv"] + side * STEP * (half or 0.0)} for row, half in members]
            for side in (1, -1)
        )
        change = (net_at(up, spot_now, spot_new)[0] - net_at(down, spot_now, spot_new)[0]) / (2 * STEP)
        squares += change**2 / 3
    return math.sqrt(squares)


def band(rows: list[Row], spot_now: float, flip: float, slope_usd: float) -> tuple[float, float]:
    """95 % around a flip; ``slope_usd``: 0.01 d net / d ln S there."""
    reach = 1.959963984540054 * error_of_net(rows, spot_now, flip) / abs(slope_usd / 0.01)
    return flip * math.exp(-reach), flip * math.exp(reach)
