"""Price turns at gamma walls: their first touches against those of placebo levels.

Walls are those of a session's first levels (`sessions`), all expiries and 0DTE; touch, bounce and break are those of
`touches`, placebos those of `placebo`. One event a level and session. A comparison with a kind of placebos takes the
walls that have one.

Headline: the mean move away from call_resistance and put_support of all expiries in the hours after their touch minus
that from all their placebos; the claim is that it is positive. It is 0 where price has no memory. Beside it the bounce
rates, which are about one half then.

Trading: at the open after the first touch of these two, a position against the move that led to it; stop at the far
side of the barrier, take at the near one, flat at the session's end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from gex_backtest.bars import Ints
from gex_backtest.bounds import require
from gex_backtest.estimates import count, difference, mean, share
from gex_backtest.holdings import Orders
from gex_backtest.panel import Panel
from gex_backtest.paths import event_path, price_path
from gex_backtest.placebo import KINDS, placebos
from gex_backtest.sessions import SUBJECTS, columns, per_session, sessions, walls, watch
from gex_backtest.study import Estimate, Rule, Study
from gex_backtest.touch_events import events
from gex_backtest.touches import Touches, TouchParameters, Watch, barrier, moved_away, touches
from gex_pipeline.core.black76 import Bools, Floats

_FIRST = columns("all_expiry", "call_resistance", "put_support")
_NAME = "call_resistance, put_support"
_EVERY = list(range(1, 1 + len(KINDS)))
_KIND_OF_LEVEL = np.array([["wall"], *([f"placebo: {kind}"] for kind in KINDS)])
_AWAY = "sigma sqrt(h)"
_NEVER = np.iinfo(np.int64).max
#: Subjects and kinds, by their numbers.
Chosen = tuple[list[int], list[int]]


@dataclass(frozen=True)
class Parameters(TouchParameters):
    """What is tested, beside the touch itself (`TouchParameters`).

    Attributes
    ----------
    away_hours
        Hours after a touch in which the move away from the level is measured.
    seed
        Of the random placebos; not negative.
    """

    away_hours: float = 4.0
    seed: int = 20_260_105

    def __post_init__(self) -> None:
        """Raise ``BacktestError`` for what cannot be."""
        super().__post_init__()
        require("away_hours", self.away_hours, 0.001, 1_000)
        require("seed", self.seed, 0, 2**32 - 1)


@dataclass(frozen=True, eq=False)
class _Seen:
    """Sessions with their levels, (sessions, 1 + kinds, subjects): the walls' (the first) and the placebos'."""

    day: Ints
    is_level: Bools

    def less_placebos(self, name: str, group: str, unit: str, values: Floats, at: Chosen) -> Estimate:
        """Walls that have a placebo of the chosen kinds, minus those placebos."""
        subjects, kinds = at
        is_compared = self.is_level[:, kinds][:, :, subjects].any(axis=1)
        wall = np.where(is_compared, values[:, 0, subjects], np.nan)
        both = np.concatenate([wall[:, None], values[:, kinds][:, :, subjects]], axis=1)
        is_wall = np.broadcast_to(np.arange(both.shape[1])[:, None] == 0, both.shape)
        day = np.broadcast_to(per_session(self.day, both), both.shape)
        return difference(name, group, unit, both.ravel(), is_wall.ravel(), day.ravel())


def headline(panel: Panel, p: Parameters) -> Estimate:
    """How much further price moves away from the two walls than from their placebos."""
    seen, watched = _watched(panel, p)
    found = touches(panel.bars, watched, p.barrier_sigmas)
    return _away_less(seen, moved_away(panel.bars, watched, found, p.away_hours)[0])


def study(panel: Panel, p: Parameters) -> Study:
    """Touches of walls and placebos and what followed; bounce rates beside each other."""
    seen, watched = _watched(panel, p)
    found = touches(panel.bars, watched, p.barrier_sigmas)
    away, away_us = moved_away(panel.bars, watched, found, p.away_hours)
    outcomes = [
        ("by_gap", "1", found.by_gap, found.known_us),
        ("bounced", "1", found.bounced, found.resolved_us),
        ("moved_away", _AWAY, away, away_us),
    ]
    table = events(panel.bars, watched, found, (_KIND_OF_LEVEL, np.array(SUBJECTS)), outcomes)
    path = _away_from_walls(panel, watched, found, p)
    return Study(table, [*_first_walls(seen, found, away), *_every_wall(seen, found)], {_NAME: path})


def _watched(panel: Panel, p: Parameters) -> tuple[_Seen, Watch]:
    at = sessions(panel, p.volatility_days)
    wall = walls(panel, at)
    made = placebos(panel, at, wall, barrier(at.sigma, p.barrier_sigmas), p.seed)
    watched = watch(at, np.concatenate([wall[:, None], made], axis=1))
    return _Seen(at.begin_us, np.isfinite(watched.level_usd)), watched


def _away_from_walls(panel: Panel, watched: Watch, found: Touches, p: Parameters) -> pl.DataFrame:
    """The price's path around touches of the walls of the headline; a day at most each way."""
    at, side, is_touched = found.known_us[:, 0, _FIRST], watched.side[:, 0, _FIRST], found.row[:, 0, _FIRST] >= 0
    hours = min(24, math.ceil(p.away_hours))
    return event_path(panel.bars, *price_path(panel.bars, hours), at[is_touched], -side[is_touched])


def _first_walls(seen: _Seen, found: Touches, away: Floats) -> Iterator[Estimate]:
    yield _away_less(seen, away)
    yield seen.less_placebos("bounced_less_placebos", _NAME, "1", found.bounced, (_FIRST, _EVERY))
    for i, kind in enumerate(KINDS, 1):
        yield seen.less_placebos("bounced_less_placebos", f"{_NAME}: {kind}", "1", found.bounced, (_FIRST, [i]))
    yield mean("moved_away", _NAME, _AWAY, away[:, 0, _FIRST].ravel())
    for i, kind in enumerate(("wall", *KINDS)):
        yield share("touched", f"{_NAME}: {kind}", found.touched[:, i, _FIRST].ravel())
        yield mean("bounced", f"{_NAME}: {kind}", "1", found.bounced[:, i, _FIRST].ravel()).untested()


def _away_less(seen: _Seen, away: Floats) -> Estimate:
    return seen.less_placebos("moved_away_less_placebos", _NAME, _AWAY, away, (_FIRST, _EVERY))


def _every_wall(seen: _Seen, found: Touches) -> Iterator[Estimate]:
    for i, subject in enumerate(SUBJECTS):
        yield mean("bounced", subject, "1", found.bounced[:, 0, i]).untested()
        yield seen.less_placebos("bounced_less_placebos", subject, "1", found.bounced, ([i], _EVERY))
    yield count("touched_by_gap", "all walls", int(np.nansum(found.by_gap[:, 0])))


def orders(panel: Panel, p: Parameters) -> Orders:
    """Against the move, from a touch until it is resolved or the session ends; a later touch replaces an earlier."""
    at = sessions(panel, p.volatility_days)
    return _at(panel, p, watch(at, walls(panel, at)[:, _FIRST]))


def placebo_orders(panel: Panel, p: Parameters) -> dict[str, Orders]:
    """The same at the placebos of these walls, by kind."""
    at = sessions(panel, p.volatility_days)
    made = placebos(panel, at, walls(panel, at), barrier(at.sigma, p.barrier_sigmas), p.seed)
    return {kind: _at(panel, p, watch(at, made[:, i, _FIRST])) for i, kind in enumerate(KINDS)}


def _at(panel: Panel, p: Parameters, watched: Watch) -> Orders:
    bars = panel.bars
    found = touches(bars, watched, p.barrier_sigmas)
    entered = _entered(found)
    row, resolved = found.row[entered], found.resolved_us[entered]
    distance = barrier(watched.sigma, p.barrier_sigmas)
    targets, stops, takes = (np.full(len(bars), np.nan) for _ in range(3))
    is_last = resolved <= np.append(bars.close_at[row[1:]], _NEVER)
    targets[_rows(bars.close_at, resolved[is_last])] = 0.0
    targets[row] = -watched.side[entered]
    stops[row], takes[row] = watched.price_at(distance)[entered], watched.price_at(-distance)[entered]
    return Orders(targets, stops, takes)


def _entered(found: Touches) -> tuple[Ints, ...]:
    """Where the touches are that are not resolved at once, in the order of time."""
    places = np.nonzero((found.row >= 0) & (found.resolved_us > found.known_us))
    order = np.argsort(found.row[places], kind="stable")
    return tuple(each[order] for each in places)


def _rows(close_at: Ints, instants: Ints) -> Ints:
    """The first bars that close at or after some instants; none for those after the last bar."""
    rows = np.searchsorted(close_at, instants)
    return rows[rows < len(close_at)]


RULE = Rule(
    "wall_bounce",
    "Price moves further away after its first touch of a gamma wall than after that of levels that are no walls.",
    Parameters,
    study,
    headline,
    claimed=0.25,
    orders=orders,
    placebo_orders=placebo_orders,
)
