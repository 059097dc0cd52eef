"""The snapshot that a decision may use, by going through all of them: the twin of `gex_backtest.as_of`."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

HOUR_US = 3_600_000_000


def known_row(snapshots: list[tuple[int, int]], decided: int, latency: int) -> int:
    """Row of (instant, known at) that a decision uses, -1 for none."""
    heard = sorted((known, row) for row, (_, known) in enumerate(snapshots) if known + latency <= decided)
    if not heard:
        return -1
    headlines: list[int] = []
    for _, row in heard:
        if not headlines or row > headlines[-1]:
            headlines.append(row)
    gaps = [snapshots[b][0] - snapshots[a][0] for a, b in pairwise(headlines)]
    usual = int(median(gaps[-5:])) if gaps else HOUR_US
    row = headlines[-1]
    return row if decided - snapshots[row][0] <= 2 * usual else -1
