"""0DTE walls hold better than those of all expiries until the 08:00 UTC settlement.

The levels are a session's first (`sessions`), with touch, bounce and break of `touches`. They are watched twice: until
their own session ends, and, unchanged, over the session that follows, where one that price has passed by its begin is
left out. Holding is measured by the bounce, and by the close of the watched session: was a level that was touched not
passed at its end? A strike that is a level of both scopes on one side says nothing about either: it is left out and
counted.

Headline: until the settlement, the bounce rate of the three walls a side of 0DTE minus that of all expiries; the claim
is that it is positive. Beside it the same over the session after, where those of all expiries are said to hold better.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gex_backtest.bars import DAY_US, Bars, Ints
from gex_backtest.estimates import count, difference, mean
from gex_backtest.panel import Panel
from gex_backtest.sessions import Sessions, columns, per_session, sessions, walls, watch
from gex_backtest.study import Estimate, Rule, Study
from gex_backtest.touch_events import events
from gex_backtest.touches import Touches, TouchParameters, Watch, touches
from gex_pipeline.core.black76 import Floats

_SCOPES = ("odte", "all_expiry")
_NAMES = ("call_resistance", "call_wall_2", "call_wall_3", "put_support", "put_wall_2", "put_wall_3")
_IS_CALL = np.array([name.startswith("call") for name in _NAMES])
#: Names of the levels that are compared -> their numbers.
_GROUPS = {"walls 1 to 3": list(range(6)), "call_resistance, put_support": [0, 3]}
_WATCHES = ("until settlement", "session after")


def headline(panel: Panel, p: TouchParameters) -> Estimate:
    """Bounce rate of 0DTE walls less that of all expiries' until the settlement."""
    at, levels = _levels(panel, p)
    watched = watch(at, levels)
    bounced = touches(panel.bars, watched, p.barrier_sigmas).bounced
    return _less("bounced", _WATCHES[0], "walls 1 to 3", watched.level_usd, bounced, at.begin_us)


def study(panel: Panel, p: TouchParameters) -> Study:
    """Touches of both scopes' levels until the settlement and over the session after."""
    at, levels = _levels(panel, p)
    watched = _both(watch(at, levels), _after(panel.bars, at, levels))
    found = touches(panel.bars, watched, p.barrier_sigmas)
    kinds = np.array([[[f"{scope}: {when}"] for scope in _SCOPES] for when in _WATCHES])
    outcomes = [
        ("by_gap", "1", found.by_gap, found.known_us),
        ("bounced", "1", found.bounced, found.resolved_us),
        ("held", "1", found.held, watched.end_us),
    ]
    table = events(panel.bars, watched, found, (kinds, np.array(_NAMES)), outcomes)
    return Study(table, list(_estimates(at.begin_us, watched.level_usd, found)))


def _levels(panel: Panel, p: TouchParameters) -> tuple[Sessions, Floats]:
    """Sessions and their first levels, shape (sessions, scopes, names)."""
    at = sessions(panel, p.volatility_days)
    found = walls(panel, at)
    return at, np.stack([found[:, columns(scope, *_NAMES)] for scope in _SCOPES], axis=1)


def _after(bars: Bars, at: Sessions, level_usd: Floats) -> Watch:
    """The same levels from the first close at or after their session's end, for a day."""
    row = np.searchsorted(bars.close_at, at.end_us)
    is_there, row = row < len(bars), np.minimum(row, len(bars) - 1)
    spot = per_session(bars.close[row], level_usd)
    is_ahead = (level_usd - spot) * (level_usd - per_session(at.spot_usd, level_usd)) > 0
    level = np.where(is_ahead & per_session(is_there, level_usd), level_usd, np.nan)
    begun = Sessions(row, at.end_us, at.end_us + DAY_US, bars.close[row], at.sigma)
    return watch(begun, level)


def _both(now: Watch, after: Watch) -> Watch:
    """Two watches beside each other, shape (sessions, watches, ...)."""
    parts = (np.stack([getattr(each, name) for each in (now, after)], axis=1) for name in Watch.__dataclass_fields__)
    return Watch(*parts)


def _estimates(day: Ints, level_usd: Floats, found: Touches) -> Iterator[Estimate]:
    """By watch and group of levels, arrays of shape (sessions, watches, scopes, names)."""
    for group, names in _GROUPS.items():
        is_shared = _is_shared(level_usd[..., names], _IS_CALL[names])
        for i, when in enumerate(_WATCHES):
            for outcome in ("bounced", "held"):
                yield _less(outcome, when, group, level_usd[:, i], getattr(found, outcome)[:, i], day)
                values = np.where(is_shared, np.nan, getattr(found, outcome)[..., names])[:, i]
                for j, scope in enumerate(_SCOPES):
                    yield mean(outcome, f"{group}: {when}, {scope}", "1", values[:, j].ravel()).untested()
            left_out = is_shared[:, i, 0] & (found.row[:, i, 0][..., names] >= 0)
            yield count("touched_strike_of_both", f"{group}: {when}", int(left_out.sum()))


def _is_shared(level_usd: Floats, is_call: np.ndarray) -> np.ndarray:
    """Levels that are one of the other scope's on the same side."""
    other = level_usd[..., ::-1, :]
    is_same = (level_usd[..., :, None] == other[..., None, :]) & (is_call[:, None] == is_call)
    return is_same.any(axis=-1)


def _less(outcome: str, when: str, group: str, level_usd: Floats, values: Floats, day: Ints) -> Estimate:
    """0DTE less all expiries in one watch, arrays of shape (sessions, scopes, names)."""
    names = _GROUPS[group]
    values = np.where(_is_shared(level_usd[..., names], _IS_CALL[names]), np.nan, values[..., names])
    is_odte = np.broadcast_to(np.array([[True], [False]]), values.shape)
    days = np.broadcast_to(per_session(day, values), values.shape)
    name = f"{outcome}_odte_less_all"
    return difference(name, f"{group}: {when}", "1", values.ravel(), is_odte.ravel(), days.ravel())


RULE = Rule(
    "odte_vs_all",
    "Price turns at 0DTE walls more often than at those of all expiries until the 08:00 UTC settlement.",
    TouchParameters,
    study,
    headline,
    claimed=0.15,
)
