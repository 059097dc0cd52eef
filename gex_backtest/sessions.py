"""Sessions from one 08:00 UTC to the next, and the walls as they stood when a session's first levels were known. Pure.

A session is decided at the first close, at or after 08:00 UTC plus the panel's latency, that sees a snapshot taken
since 08:00: an older one still holds the options that have just expired, and its 0DTE levels are over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gex_backtest.bars import DAY_US, HOUR_US, Ints
from gex_backtest.panel import SCOPES, Panel
from gex_backtest.returns import realised
from gex_backtest.touches import Watch
from gex_pipeline.core.black76 import Floats

_ABOVE = ("call_resistance", "call_wall_2", "call_wall_3")
_ABOVE_NET = ("call_resistance_net", "call_resistance_net_2", "call_resistance_net_3")
_BELOW = ("put_support", "put_wall_2", "put_wall_3", "put_support_net", "put_support_net_2", "put_support_net_3")
WALLS = (*_ABOVE, *_ABOVE_NET, *_BELOW)
#: Every wall that a session has: scope/level, in the order of the columns of :func:`walls`.
SUBJECTS = tuple(f"{scope}/{wall}" for scope in SCOPES for wall in WALLS)
_SETTLEMENT_US = 8 * HOUR_US


@dataclass(frozen=True, eq=False)
class Sessions:
    """Sessions that have levels, ascending, arrays of shape (sessions,).

    ``row``: the bar whose close decides, and ``spot_usd`` that close; ``begin_us``, ``end_us``: its 08:00 UTC and the
    next; ``sigma``: annual realised volatility (a fraction) of the days before the decision.
    """

    row: Ints
    begin_us: Ints
    end_us: Ints
    spot_usd: Floats
    sigma: Floats


def sessions(panel: Panel, volatility_days: float) -> Sessions:
    """Sessions of a panel; one whose volatility is unknown or 0 is left out."""
    bars = panel.bars
    number = (bars.close_at - _SETTLEMENT_US - panel.latency_us) // DAY_US
    begin = number * DAY_US + _SETTLEMENT_US
    rows = np.flatnonzero((panel.snapshot_us() >= begin) & (bars.close_at < begin + DAY_US))
    row = rows[np.unique(number[rows], return_index=True)[1]]
    decided = bars.close_at[row]
    sigma = realised(bars, decided - round(volatility_days * DAY_US), decided)
    row, sigma = row[sigma > 0], sigma[sigma > 0]
    return Sessions(row, begin[row], begin[row] + DAY_US, bars.close[row], sigma)


def walls(panel: Panel, at: Sessions) -> Floats:
    """Walls of each session (USD), shape (sessions, ``SUBJECTS``); NaN where there is none or spot has passed it."""
    is_new = np.stack([panel.snapshot_us(scope)[at.row] >= at.begin_us for scope in SCOPES], axis=1)
    found = np.stack([panel.level(wall, scope)[at.row] for scope in SCOPES for wall in WALLS], axis=1)
    side = np.array([-1.0 if wall in _BELOW else 1.0 for _ in SCOPES for wall in WALLS])
    return np.where(is_new.repeat(len(WALLS), axis=1) & (side * (found - at.spot_usd[:, None]) > 0), found, np.nan)


def columns(scope: str, *names: str) -> list[int]:
    """Columns of :func:`walls`."""
    return [SUBJECTS.index(f"{scope}/{name}") for name in names]


def watch(at: Sessions, level_usd: Floats) -> Watch:
    """Levels of shape (sessions, ...) from the decision to the end of their session."""
    return Watch.of(level_usd, *(per_session(each, level_usd) for each in (at.spot_usd, at.row, at.end_us, at.sigma)))


def per_session(values: Any, like: Floats) -> Any:
    """Values of shape (sessions,) so that they broadcast with an array of shape (sessions, ...)."""
    return values.reshape(-1, *(1,) * (like.ndim - 1))
