"""Funding instants -> what a position pays at each bar, and the time that no rate is of. Not: reading the rates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gex_backtest.bars import HOUR_US, Bars, Ints
from gex_backtest.errors import BacktestError
from gex_pipeline.core.groups import Floats, group_sum

#: What is assumed is paid at 00:00, 08:00 and 16:00 UTC; a rate of which no period is stored is of as many hours.
PERIOD_HOURS = 8
_PERIOD_US = PERIOD_HOURS * HOUR_US
_MINUTE_US = 60_000_000


class Periods(NamedTuple):
    """The periods of 8 hours that end while there are bars, ascending, arrays of shape (periods,).

    ``end_at``: microseconds since 1970 UTC; ``hours``: of each, the first from the first bar's open on;
    ``unknown_hours``: those of them that no rate is known of.
    """

    end_at: Ints
    hours: Floats
    unknown_hours: Floats


def periods(bars: Bars, funding_at: Ints, period_hours: Floats) -> Periods:
    """What is known of the time of the bars.

    A rate is known of the ``period_hours`` (NaN: 8) before its ``funding_at`` (microseconds, ascending), but of no time
    before the rate that precedes it.
    """
    first, last = bars.open_at[0] // _PERIOD_US + 1, bars.open_at[-1] // _PERIOD_US
    ends = _PERIOD_US * np.arange(first, last + 1)
    starts = np.maximum(ends - _PERIOD_US, bars.open_at[0])
    known = _known_before(ends, funding_at, period_hours) - _known_before(starts, funding_at, period_hours)
    return Periods(ends, (ends - starts) / HOUR_US, (ends - starts - known) / HOUR_US)


def _known_before(at: Ints, funding_at: Ints, period_hours: Floats) -> Floats:
    """Microseconds before each instant of which a rate is known."""
    # Binance pays some milliseconds late, which is no time without a rate.
    ends = (funding_at + _MINUTE_US // 2) // _MINUTE_US * _MINUTE_US
    longest = np.where(np.isfinite(period_hours), period_hours, PERIOD_HOURS) * HOUR_US
    lengths = np.minimum(longest, np.diff(ends, prepend=-np.inf))
    known = np.cumsum(lengths)
    instants, so_far = (np.stack(pair, axis=1).ravel() for pair in ((ends - lengths, ends), (known - lengths, known)))
    return np.interp(at, instants, so_far) if len(ends) else np.zeros(len(at))


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
