"""What becomes of one watched level, bar after bar (module docstring of `gex_backtest.touches`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: Open, high, low and close of a bar that is over at an instant.
Bar = tuple[int, float, float, float, float]
DAYS_PER_YEAR = 365


@dataclass
class Fate:
    """None for what is not known by the last bar, or where there was no touch."""

    row: int | None = None
    touched: bool | None = None
    by_gap: bool | None = None
    bounced: bool | None = None
    held: bool | None = None
    known_us: int = 0
    resolved_us: int = 0


def fate(bars: Sequence[Bar], level: float, spot: float, row: int, end_us: int, barrier: float, length_us: int) -> Fate:
    """Of a level that is watched from the close of a bar on; ``barrier``: the log-distance of its two sides.

    ``length_us``: of a bar. With less than four fifths of the bars nothing is known that is not seen.
    """
    is_above = level > spot
    out = Fate(known_us=end_us, resolved_us=end_us)
    watched = [i for i in range(row + 1, len(bars)) if bars[i][0] <= end_us]
    asked = (end_us - bars[row][0]) / length_us
    is_over = bars[-1][0] >= end_us and len(watched) > 0 and len(watched) >= 0.8 * asked
    for i in watched:
        if reaches(bars[i], level, upward=is_above):
            out.row, out.touched, out.known_us = i, True, bars[i][0]
            out.by_gap = bars[i][1] > level if is_above else bars[i][1] < level
            break
    if out.row is None:
        out.touched = False if is_over else None
        return out
    last = bars[watched[-1]][4]
    is_near = last < level if is_above else last > level
    out.held = is_near if is_over else None
    resolution = resolved(bars, level, is_above, [i for i in watched if i >= out.row], barrier)
    if resolution is not None:
        out.bounced, out.resolved_us = resolution[0], bars[resolution[1]][0]
    elif is_over:
        out.bounced = is_near
    return out


def resolved(
    bars: Sequence[Bar], level: float, is_above: bool, rows: Sequence[int], barrier: float
) -> tuple[bool, int] | None:
    """Whether it bounced and the bar that said so; the first row is the touch, of which only the close counts."""
    up, down = level * math.exp(barrier), level * math.exp(-barrier)
    near, far = (down, up) if is_above else (up, down)
    for i in rows:
        close = bars[i][4]
        bar = bars[i] if i > rows[0] else (bars[i][0], close, close, close, close)
        if reaches(bar, far, upward=is_above):
            return False, i
        if reaches(bar, near, upward=not is_above):
            return True, i
    return None


def reaches(bar: Bar, price: float, upward: bool) -> bool:
    _, _, high, low, _ = bar
    return high >= price if upward else low <= price
