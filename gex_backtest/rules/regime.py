"""Positive gamma dampens and negative gamma amplifies: volatility after a regime, beyond what is known without it.

The outcome is the logarithm of realised volatility over the hours that follow, at decisions that do not overlap. Four
lines draw the regime: the sign of net GEX, and spot against `zero_gamma`, `hvl` and `hvl_slope`. As gamma is large when
volatility is low, what counts is what a regime adds to trailing volatility (HAR), IV, hour of day and weekend. Regimes
last for days, so chance is what regimes do that are moved around the sample (`shifts`). Beside it stands what a regime
gains in forecasts of what was not fitted (`forecasts`).

Headline: that coefficient for the line of the parameters, net GEX if none is asked; the claim is that it is negative.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from gex_backtest.bars import HOUR_US
from gex_backtest.bounds import require_divisor
from gex_backtest.decisions import HAR_DAYS, LINES, Decisions, every, is_known, positive, regime
from gex_backtest.estimates import coefficient, gain
from gex_backtest.events import events
from gex_backtest.forecasts import out_of_sample
from gex_backtest.holdings import Orders
from gex_backtest.panel import Panel
from gex_backtest.shifts import shifted
from gex_backtest.study import Estimate, Rule, Study
from gex_pipeline.core.black76 import Floats


@dataclass(frozen=True)
class Parameters:
    """What is tested.

    Attributes
    ----------
    horizon_hours
        Hours between decisions, and of the outcome; a divisor of 24.
    line
        What draws the regime of the headline and of what is traded: net_gex, zero_gamma, hvl or hvl_slope.
    """

    horizon_hours: int = 4
    line: Literal["net_gex", "zero_gamma", "hvl", "hvl_slope"] = "net_gex"

    def __post_init__(self) -> None:
        """Raise ``BacktestError`` for what cannot be."""
        require_divisor("horizon_hours", self.horizon_hours)


class _Seen(NamedTuple):
    """What is the same whatever draws the regime, arrays of shape (decisions, ...).

    ``vol``: of the hours that follow; ``controls``: logarithms of trailing and implied volatility; ``before``,
    ``after``: returns.
    """

    vol: Floats
    controls: Floats
    before: Floats
    after: Floats

    @staticmethod
    def of(made: Decisions, hours: int) -> _Seen:
        controls = np.column_stack([*made.har(), np.log(positive(made.iv()))])
        return _Seen(made.following(hours), controls, made.moved(hours), made.moves(hours))


def study(panel: Panel, p: Parameters) -> Study:
    """Volatility and autocorrelation after positive and negative regimes by each line, that of the parameters first."""
    made = every(panel, p.horizon_hours)
    seen = _Seen.of(made, p.horizon_hours)
    parts = [_of_line(made, seen, p, line) for line in sorted(LINES, key=lambda line: line != p.line)]
    return Study(pl.concat([found for found, _ in parts]), [each for _, of_line in parts for each in of_line])


def headline(panel: Panel, p: Parameters) -> Estimate:
    """What the positive regime adds to the logarithm of the volatility that follows."""
    made = every(panel, p.horizon_hours)
    return _beyond_controls(p.line, *_where_known(made, _Seen.of(made, p.horizon_hours), p.line))


def _where_known(made: Decisions, seen: _Seen, line: str) -> tuple[Decisions, Floats, _Seen]:
    """Decisions whose regime by a line is known, with it."""
    state = regime(made.panel, line)[made.rows]
    known = is_known(state)
    return Decisions(made.panel, made.rows[known]), state[known], _Seen(*(each[known] for each in seen))


def _of_line(made: Decisions, seen: _Seen, p: Parameters, line: str) -> tuple[pl.DataFrame, list[Estimate]]:
    made, state, seen = _where_known(made, seen, line)
    kinds = np.where(state > 0, "positive", "negative")
    table = events(made, p.horizon_hours, kinds, line, "realised_vol", "1, annual", seen.vol)
    found = [_beyond_controls(line, made, state, seen), *_volatility(made, p, line, state, seen)]
    return table, [*found, *_autocorrelation(line, state, seen)]


def _beyond_controls(line: str, made: Decisions, state: Floats, seen: _Seen) -> Estimate:
    controls = [*seen.controls.T, *made.calendar()]
    return shifted("vol_beyond_controls", line, "log", np.log(positive(seen.vol)), (state > 0).astype(float), controls)


def _volatility(made: Decisions, p: Parameters, line: str, state: Floats, seen: _Seen) -> Iterator[Estimate]:
    is_long, log_vol = state > 0, np.log(positive(seen.vol))
    controls = [*seen.controls.T, *made.calendar()]
    yield gain("r_squared_gain", line, log_vol, is_long.astype(float), controls)
    yield from out_of_sample(line, "log", log_vol, is_long.astype(float), controls, made.at, p.horizon_hours * HOUR_US)
    yield shifted("vol_positive_minus_negative", line, "1, annual", seen.vol, is_long.astype(float), [])


def _autocorrelation(line: str, state: Floats, seen: _Seen) -> Iterator[Estimate]:
    """Slope of the next return on the last one: below 0 where moves are faded."""
    for kind, sign in (("positive", 1.0), ("negative", -1.0)):
        mine = state == sign
        yield coefficient("return_autocorrelation", f"{line}, {kind}", "1", seen.after[mine], seen.before[mine], [])


def orders(panel: Panel, p: Parameters) -> Orders:
    """Fade the last move in positive gamma, follow it in negative; flat where the regime is unknown."""
    made = every(panel, p.horizon_hours)
    wanted = -regime(panel, p.line)[made.rows] * np.sign(made.moved(p.horizon_hours))
    targets = np.full(len(panel.bars), np.nan)
    targets[made.rows] = np.where(np.isfinite(wanted), wanted, 0.0)
    return Orders(targets)


RULE = Rule(
    "regime",
    "In positive gamma the next hours are calmer than past volatility, IV and the calendar say, in negative wilder.",
    Parameters,
    study,
    headline,
    claimed=-0.10,
    looks_back_days=HAR_DAYS[-1],
    orders=orders,
)
