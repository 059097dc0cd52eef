"""The first part of a span beside the last: where they end, and their numbers by hand."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from gex_backtest.samples import Sample, parts, samples
from tests.unit.backtest.hand_made import EIGHT, bars

DAYS = 20
HOURLY = bars([100.0] * (24 * DAYS + 1))
#: The first part is twelve days, then come three that belong to neither.
FIRST, LAST = 12 * 24, 15 * 24


def entered(*hours: int) -> pl.DataFrame:
    at = [EIGHT + timedelta(hours=hour) for hour in hours]
    return pl.DataFrame({"entered_at": at}, schema={"entered_at": pl.Datetime("us", "UTC")})


def test_the_parts_leave_a_gap() -> None:
    assert parts(HOURLY) == (slice(0, FIRST), slice(LAST, 24 * DAYS))


def test_one_jump_in_each_part() -> None:
    """One return j among n has mean j / n and deviation j / sqrt(n): a Sharpe of sqrt(8760 / n) whatever j is."""
    equity = np.ones(24 * DAYS)
    equity[100:] = 1.25
    equity[FIRST + 5 :] = 2.0  # in the gap
    equity[LAST:] = 2.2  # inside the first bar of the last part
    found = samples(HOURLY, equity, entered(0, FIRST - 1, FIRST, LAST - 1, LAST))
    assert (found.first.total_return, found.first.n_trades) == (pytest.approx(0.25), 2)
    assert (found.last.total_return, found.last.n_trades) == (pytest.approx(0.1), 1)
    assert found.first.sharpe == pytest.approx(math.sqrt(8760 / 288))
    assert found.last.sharpe == pytest.approx(math.sqrt(8760 / 120))


def test_what_cannot_be_told() -> None:
    flat, ruined = np.ones(24 * DAYS), np.ones(24 * DAYS)
    ruined[200:] = 0.0
    still = samples(HOURLY, flat, entered()).first
    assert (still.total_return, still.n_trades) == (0.0, 0) and math.isnan(still.sharpe)
    lost = samples(HOURLY, ruined, entered())
    assert lost.first.total_return == -1.0 and math.isnan(lost.last.total_return)
    short = samples(HOURLY[:72], flat[:72], entered(70)).last  # three days: the gap is the rest
    assert short.n_trades == 0 and math.isnan(short.total_return) and isinstance(short, Sample)
