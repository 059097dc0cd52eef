"""Decisions on a grid of hours and what rules know at them: trailing volatility, calendar, IV. Pure.

Everything is of bars that are over and rows that were known; see `panel`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gex_backtest import returns
from gex_backtest.as_of import known_rows
from gex_backtest.bars import DAY_US, HOUR_US, Ints
from gex_backtest.panel import Panel, micros
from gex_pipeline.core.black76 import Bools, Floats

#: What regimes are judged by: the sign of net GEX, or spot against a level.
LINES = ("net_gex", "zero_gamma", "hvl", "hvl_slope")
#: Days of the trailing volatilities of a HAR model (Corsi 2009, doi:10.1093/jjfinec/nbp001).
HAR_DAYS = (1, 7, 30)
#: The epoch was a Thursday.
_THURSDAY = 3


@dataclass(frozen=True, eq=False)
class Decisions:
    """Some of a panel's decisions: ``rows`` of its bars, shape (decisions,)."""

    panel: Panel
    rows: Ints

    @property
    def at(self) -> Ints:
        """When they are taken, microseconds."""
        return self.panel.bars.close_at[self.rows]

    @property
    def day(self) -> Ints:
        """Days since 1970, UTC."""
        return self.at // DAY_US

    @property
    def spot(self) -> Floats:
        """Price at the decision, USD."""
        return self.panel.bars.close[self.rows]

    def ago(self, hours: float) -> Ints:
        """The instants so many hours before; a negative number is after."""
        return self.at - round(hours * HOUR_US)

    def trailing(self, hours: float) -> Floats:
        """Realised volatility of the hours before, annual."""
        return returns.realised(self.panel.bars, self.ago(hours), self.at)

    def following(self, hours: float) -> Floats:
        """Realised volatility of the hours after, annual: known then."""
        return returns.realised(self.panel.bars, self.at, self.ago(-hours))

    def moved(self, hours: float) -> Floats:
        """Log-return of the hours before."""
        return returns.move(self.panel.bars, self.ago(hours), self.at)

    def moves(self, hours: float) -> Floats:
        """Log-return of the hours after, from the next open on: known then."""
        return returns.move(self.panel.bars, self.at, self.ago(-hours))

    def har(self) -> list[Floats]:
        """Logarithms of the trailing volatilities of a day, a week and a month."""
        return [np.log(positive(self.trailing(24 * days))) for days in HAR_DAYS]

    def iv(self) -> Floats:
        """30-day implied volatility, a fraction: DVOL where it is stored, else that of the chain."""
        index = dvol(self.panel)[self.rows]
        return np.where(np.isfinite(index), index, self.panel.book("iv30")[self.rows])

    def calendar(self, hours: int = 1) -> list[Floats]:
        """Columns that are 1 in so many hours of the day, but for the first such span, and on weekends."""
        hour, weekday = self.at // HOUR_US % 24 // hours, (self.day + _THURSDAY) % 7
        spans = [(hour == each).astype(float) for each in np.unique(hour)[1:]]
        return [*spans, (weekday >= 5).astype(float)]


def every(panel: Panel, hours: int) -> Decisions:
    """The decisions on a grid of hours since midnight UTC."""
    return Decisions(panel, np.flatnonzero(panel.bars.close_at % (hours * HOUR_US) == 0))


def regime(panel: Panel, line: str) -> Floats:
    """1 in positive gamma by a line, -1 in negative, NaN where it is unknown; shape (bars,)."""
    if line == "net_gex":
        return _sign(panel.level("net_gex_usd"))
    return _sign(panel.bars.close - panel.level(line))


def dvol(panel: Panel) -> Floats:
    """DVOL known at every decision, a fraction; NaN where it is absent or as old as a stale level."""
    table = panel.history.dvol
    at = micros(table["close_at"])
    rows = known_rows(at, at, panel.bars.close_at, panel.latency_us)
    return np.append(table["close"].to_numpy() / 100.0, np.nan)[rows]  # row -1 is the last: none


def positive(values: Floats) -> Floats:
    """The values, NaN where they are not above 0."""
    return np.where(values > 0, values, np.nan)


def is_known(*columns: Floats) -> Bools:
    """Rows in which no column is NaN."""
    return np.asarray(np.isfinite(np.stack(columns)).all(axis=0))


def _sign(values: Floats) -> Floats:
    return np.where(values == 0, np.nan, np.sign(values))
