"""What rules know at a decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl

from gex_backtest.decisions import dvol
from gex_backtest.panel import Panel
from tests.unit.backtest.drifts import START, history


def test_a_value_of_dvol_after_a_hole_is_stale_as_soon_as_others() -> None:
    """Every hour for a day, then once on the fourth day: with a latency of a minute a value serves twice."""
    whole = history(96)
    hours = [*range(1, 25), 72]
    closes = pl.DataFrame({"close_at": [START + timedelta(hours=h) for h in hours], "close": [float(h) for h in hours]})
    found = dvol(Panel(replace(whole, dvol=closes.cast(dict(whole.dvol.schema)))))
    expected = np.full(96, np.nan)
    expected[1:25], expected[25], expected[72:74] = np.arange(1, 25) / 100, 0.24, 0.72
    assert np.array_equal(found, expected, equal_nan=True)
    assert np.isnan(dvol(Panel(whole))).all()
