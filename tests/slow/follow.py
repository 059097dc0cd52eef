"""Moves of some hours and how price went on after them: one decision after another, from hourly steps in log-price."""

from __future__ import annotations

import math
from collections.abc import Sequence

WEEK = 168


def moves(steps: Sequence[float], hours: int, least_sigmas: float, direction: float) -> dict[int, float | None]:
    """Number of each step that ends a move in a direction -> how far it went on in it, sigmas.

    None where that is not over. A week of which less than four fifths are there has no sigma.
    """
    found: dict[int, float | None] = {}
    for row in range(hours - 1, len(steps), hours):
        week = steps[max(0, row + 1 - WEEK) : row + 1]
        if len(week) < 0.8 * WEEK:
            continue
        sigma = math.sqrt(sum(step**2 for step in week) / len(week) * hours)
        if direction * sum(steps[row + 1 - hours : row + 1]) < least_sigmas * sigma:
            continue
        after = steps[row + 1 : row + 1 + hours]
        found[row] = direction * sum(after) / sigma if len(after) == hours else None
    return found
