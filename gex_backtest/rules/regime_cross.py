"""When spot crosses the line between the regimes, volatility is said to expand: the hours around.

An event is a decision at which spot has gone through the line, as it is now, since the bar before: a new snapshot whose
line is on the other side of spot is none. (Net GEX is no line that spot could go through: there it is a change of its
sign.) Events are the first after some quiet hours. What follows is measured from the next full hour on: its outcome,
the logarithm of realised volatility in the next hours, is compared with that of full hours in which neither spot nor
line have crossed the other for as long, beside trailing volatility (HAR, the last hours and the last one), the size of
the last moves, IV, hour of day and weekend: crossings happen when price moves, and moves cluster. Stored events and
paths begin at the crossing itself.

Headline: that coefficient for `zero_gamma`; the claim is that it is positive.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import polars as pl

from gex_backtest.bars import DAY_US, HOUR_US, Bars, Ints
from gex_backtest.bounds import require, require_divisor
from gex_backtest.decisions import HAR_DAYS, LINES, Decisions, every, positive, regime
from gex_backtest.estimates import difference
from gex_backtest.events import events
from gex_backtest.panel import Panel
from gex_backtest.paths import event_path
from gex_backtest.returns import realised
from gex_backtest.shifts import shifted
from gex_backtest.study import Estimate, Rule, Study
from gex_pipeline.core.black76 import Bools, Floats


@dataclass(frozen=True)
class Parameters:
    """What is tested.

    Attributes
    ----------
    horizon_hours
        Hours of the outcome, and without a crossing before a calm decision; a divisor of 24.
    quiet_hours
        Hours before an event without another one.
    path_hours
        Hours before and after an event whose volatility is shown one by one.
    """

    horizon_hours: int = 4
    quiet_hours: int = 4
    path_hours: int = 6

    def __post_init__(self) -> None:
        """Raise ``BacktestError`` for what cannot be."""
        require_divisor("horizon_hours", self.horizon_hours)
        for name in ("quiet_hours", "path_hours"):
            require(name, getattr(self, name), 1, 24)


def study(panel: Panel, p: Parameters) -> Study:
    """Volatility around crossings of each line; the headline's line first."""
    lines = ("zero_gamma", *(line for line in LINES if line != "zero_gamma"))
    tables, estimates, paths = zip(*(_of_line(panel, p, line) for line in lines), strict=True)
    return Study(pl.concat(tables), list(chain(*estimates)), dict(zip(lines, paths, strict=True)))


def crossings(crossed: Bools, at: Ints, quiet_us: int) -> Ints:
    """Of the decisions that are marked those that come within no time after another."""
    kept, last = [], -np.inf
    for row in np.flatnonzero(crossed).tolist():
        if at[row] - last > quiet_us:
            kept.append(row)
        last = at[row]
    return np.asarray(kept, dtype=np.int64)


def headline(panel: Panel, p: Parameters) -> Estimate:
    """What a crossing of zero gamma adds to the logarithm of the volatility that follows."""
    made, is_crossing = _beside_calm(panel, p, "zero_gamma", _crossed(panel, p, "zero_gamma"))
    return _expansion(made, p, "zero_gamma", is_crossing)


def _crossed(panel: Panel, p: Parameters, line: str) -> Decisions:
    at = panel.bars.close_at
    return Decisions(panel, crossings(_gone_through(panel, line), at, p.quiet_hours * HOUR_US))


def _gone_through(panel: Panel, line: str) -> Bools:
    """Decisions at which spot is on the other side of the line, as it is now, than at the bar before."""
    if line == "net_gex":
        return _changes(regime(panel, line))
    level, close = panel.level(line), panel.bars.close
    return (np.append(np.nan, close[:-1]) - level) * (close - level) < 0


def _changes(state: Floats) -> Bools:
    """Decisions whose known regime is not that of the decision before, be it that spot or that the line has moved."""
    return np.append(False, state[1:] * state[:-1] < 0)


def _of_line(panel: Panel, p: Parameters, line: str) -> tuple[pl.DataFrame, list[Estimate], pl.DataFrame]:
    crossed = _crossed(panel, p, line)
    kinds = np.where(regime(panel, line)[crossed.rows] > 0, "into positive", "into negative")
    vol = crossed.following(p.horizon_hours)
    level = None if line == "net_gex" else panel.level(line)[crossed.rows]
    table = events(crossed, p.horizon_hours, kinds, line, "realised_vol", "1, annual", vol, level)
    made, is_crossing = _beside_calm(panel, p, line, crossed)
    estimates = [_expansion(made, p, line, is_crossing), *_path(made, p, line, is_crossing)]
    hours = np.arange(-p.path_hours, p.path_hours)
    return table, estimates, event_path(panel.bars, hours, lambda at: _vol_path(panel.bars, at, hours), crossed.at)


def _beside_calm(panel: Panel, p: Parameters, line: str, crossed: Decisions) -> tuple[Decisions, Bools]:
    """Full hours after an hour with an event, or after so many hours in one regime; which are the former.

    What comes after a decision does not choose it.
    """
    hourly, at, state = every(panel, 1), panel.bars.close_at, regime(panel, line)
    is_crossing = _since(crossed.at, hourly.at) < HOUR_US
    any_change = at[_changes(state) | _gone_through(panel, line)]
    is_calm = _since(any_change, hourly.at) > p.horizon_hours * HOUR_US
    chosen = (is_crossing | is_calm) & np.isfinite(state[hourly.rows])
    return Decisions(panel, hourly.rows[chosen]), is_crossing[chosen]


def _since(instants: Ints, at: Ints) -> Ints:
    """Microseconds from the last of some instants, ages where there is none."""
    last = np.searchsorted(instants, at, side="right") - 1
    return at - np.append(instants, np.iinfo(np.int64).min // 2)[last]


def _expansion(made: Decisions, p: Parameters, line: str, is_crossing: Bools) -> Estimate:
    """What a crossing adds to the volatility that follows."""
    h = p.horizon_hours
    trailing = [np.log(positive(made.trailing(hours))) for hours in (1, h)]
    moved = [np.abs(made.moved(hours)) for hours in (1, h)]
    controls = [*trailing, *made.har(), *moved, np.log(positive(made.iv())), *made.calendar()]
    outcome = np.log(positive(made.following(h)))
    return shifted("vol_beyond_controls", line, "log", outcome, is_crossing.astype(float), controls)


def _path(made: Decisions, p: Parameters, line: str, is_crossing: Bools) -> Iterator[Estimate]:
    """Volatility hour by hour, relative to the day that ends before, of crossings less that of calm decisions."""
    hours = np.arange(-p.path_hours, p.path_hours)
    ratios = _vol_path(made.panel.bars, made.at, hours)
    for hour, ratio in zip(hours.tolist(), ratios.T, strict=True):
        found = difference("vol_path", f"{line}, hour {hour:+d}", "log", ratio, is_crossing, made.day)
        yield found.untested() if hour == -1 else found  # the crossing's own move is in it


def _vol_path(bars: Bars, at: Ints, hours: Ints) -> Floats:
    """Logarithm of the realised volatility of each hour over that of the day before them; shape (instants, hours)."""
    start = at[:, None] + hours * HOUR_US
    usual = realised(bars, start[:, :1] - DAY_US, start[:, :1])
    return np.log(positive(realised(bars, start, start + HOUR_US))) - np.log(positive(usual))


RULE = Rule(
    "regime_cross",
    "When spot crosses the line between the regimes, volatility expands beyond what the move itself explains.",
    Parameters,
    study,
    headline,
    claimed=0.10,
    looks_back_days=HAR_DAYS[-1],
)
