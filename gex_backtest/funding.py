"""Funding instants -> what a position pays at each bar. Not: reading the rates."""

from __future__ import annotations

import numpy as np

from gex_backtest.bars import HOUR_US, Bars, Ints
from gex_backtest.errors import BacktestError
from gex_pipeline.core.groups import Floats, group_sum

#: Perpetuals pay at 00:00, 08:00 and 16:00 UTC, or more often.
_PERIOD_US = 8 * HOUR_US


def unknown_instants(bars: Bars, funding_at: Ints) -> Ints:
    """The ends of periods of 8 hours, while there are bars, in which no ``funding_at`` (ascending) lies."""
    first, last = bars.open_at[0] // _PERIOD_US + 1, bars.open_at[-1] // _PERIOD_US
    ends = _PERIOD_US * np.arange(first, last + 1)
    known = np.searchsorted(funding_at, ends, side="right") - np.searchsorted(funding_at, ends - _PERIOD_US, "right")
    return ends[known == 0]


def funding_per_bar(bars: Bars, funding_at: Ints, rate: Floats) -> Floats:
    """The share of notional that a long pays at each bar's open, (bars,).

    ``rate``: fraction of notional, positive: longs pay, at the instants ``funding_at`` (microseconds since 1970 UTC).
    It is due from the position held into the first bar that opens then or later: what is filled at 08:00 does not pay
    the funding of 08:00, and what is held through missing bars pays theirs. Instants up to the first bar's open and
    after the last one's fall away. Raises ``BacktestError`` for a rate that is missing.
    """
    if len(rate) != len(funding_at) or not np.isfinite(rate).all():
        raise BacktestError("a funding rate is missing: give one for each instant, or leave the instant out")
    bar = np.searchsorted(bars.open_at, funding_at)
    is_inside = (bar > 0) & (bar < len(bars))
    return group_sum(bar[is_inside], rate[is_inside], len(bars))
