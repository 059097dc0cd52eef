"""Levels that are no walls, as far from spot as the walls are: what a wall's bounces are compared with. Pure.

Distances are log-prices from spot, so that those of one session are in units of its sigma sqrt(h). Per wall there is
one placebo of each kind:

random
    The wall's distance times a number between 0.8 and 1.25, drawn by the seed and the session's date.
mirror
    As far on the other side of spot.
strike
    Of the listed strikes on the same side that are no walls, the one nearest in distance.
round
    The nearest round number: of the roundest of three steps that has one. BTC: 10,000, 5,000 and 1,000 USD; other
    coins: 10, 5 and 1 times the largest power of ten that is at most 2 % of spot.
prior_day
    The high (walls above) or low (below) of the UTC day before.

None where it would be closer to any wall of the session than a tenth of the barrier, or where its distance is more than
1.5 times the wall's, or less than 1/1.5 of it.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from gex_backtest.bars import DAY_US, Bars
from gex_backtest.panel import Panel
from gex_backtest.returns import COVERED
from gex_backtest.sessions import Sessions
from gex_pipeline.core.black76 import Bools, Floats

KINDS = ("random", "mirror", "strike", "round", "prior_day")
CLOSE, FAR = 0.1, 1.5
_STRETCHED = (0.8, 1.25)
_ROUNDEST, _BTC_STEP, _OF_SPOT = (10.0, 5.0, 1.0), 1_000.0, 0.02
_MOST_NUMBERS = 100_000


def placebos(panel: Panel, at: Sessions, walls: Floats, barrier: Floats, seed: int) -> Floats:
    """Placebos of the walls of some sessions (USD), NaN for none.

    Parameters
    ----------
    walls
        Shape (sessions, walls), USD, NaN for none.
    barrier
        Shape (sessions,): log-distance.

    Returns
    -------
    Shape (sessions, ``KINDS``, walls).
    """
    out = np.full((len(walls), len(KINDS), walls.shape[1]), np.nan)
    listed = panel.history.books["strikes"]
    for i, spot in enumerate(at.spot_usd.tolist()):
        row, wall = int(at.row[i]), np.log(walls[i] / spot)
        number, gap = int(at.begin_us[i] // DAY_US), CLOSE * barrier[i]
        strikes = _strikes(listed, int(panel.book_rows[row]))
        made = [
            wall * np.random.default_rng((seed, number)).uniform(*_STRETCHED, len(wall)),
            -wall,
            _nearest(np.log(strikes / spot), wall, gap),
            _round(panel.history.underlying, spot, wall, gap),
            np.where(wall > 0, *np.log(_day_before(panel.bars, row) / spot)),
        ]
        sides = [np.sign(wall) if kind != "mirror" else -np.sign(wall) for kind in KINDS]
        is_good = [
            _is_apart(each, wall, gap) & _is_within_reach(side * each, np.abs(wall))
            for each, side in zip(made, sides, strict=True)
        ]
        out[i] = spot * np.exp(np.where(is_good, made, np.nan))
    return out


def _is_apart(placebo: Floats, walls: Floats, gap: float) -> Bools:
    return ~np.asarray((np.abs(placebo[:, None] - walls) < gap).any(axis=1))


def _is_within_reach(placebo: Floats, wall: Floats) -> Bools:
    return (placebo <= FAR * wall) & (wall <= FAR * placebo)


def _nearest(candidates: Floats, walls: Floats, gap: float) -> Floats:
    """Per wall the nearest candidate on its side that is a placebo, NaN for none."""
    free = np.append(candidates[_is_apart(candidates, walls, gap)], np.nan)
    side = np.sign(walls)[:, None]
    is_good = _is_within_reach(side * free, side * walls[:, None])
    place = np.where(is_good, np.abs(free - walls[:, None]), np.inf).argmin(axis=1)
    return np.where(is_good.any(axis=1), free[place], np.nan)


def _strikes(listed: pl.Series, row: int) -> Floats:
    return np.asarray(listed[row], dtype=np.float64) if row >= 0 else np.empty(0)


def _round(underlying: str, spot: float, walls: Floats, gap: float) -> Floats:
    unit = _BTC_STEP if underlying == "BTC" else 10.0 ** np.floor(np.log10(_OF_SPOT * spot))
    farthest = spot * np.exp(FAR * np.nanmax(np.abs(walls), initial=0.0))
    found = np.full(len(walls), np.nan)
    for step in _ROUNDEST:
        if farthest > _MOST_NUMBERS * step * unit:
            continue  # levels of another scale than prices
        numbers = step * unit * np.arange(1.0, farthest / (step * unit) + 1.0)
        found = np.where(np.isnan(found), _nearest(np.log(numbers / spot), walls, gap), found)
    return found


def _day_before(bars: Bars, row: int) -> Floats:
    """High and low of the UTC day before a bar closes, NaN where bars are missing."""
    today = bars.close_at[row] // DAY_US * DAY_US
    first, end = np.searchsorted(bars.open_at, [today - DAY_US, today])
    if (end - first) * bars.length_us < COVERED * DAY_US:
        return np.full(2, np.nan)
    return np.array([bars.high[first:end].max(), bars.low[first:end].min()])
