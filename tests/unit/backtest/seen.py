"""Hourly histories that a test writes decision by decision: what each close sees of levels, books and DVOL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate, repeat

import numpy as np
import polars as pl

from gex_backtest.bars import HOUR_US
from gex_backtest.history import History
from tests.unit.backtest.hand_made import bars
from tests.unit.backtest.made_up_history import KNOWN_AFTER, START, bare

Columns = Mapping[str, Sequence[float]]
_HALF_AN_HOUR_US = HOUR_US // 2
_TIME = pl.Datetime("us", "UTC")


def prices(steps: Sequence[float], first: float = 100.0) -> list[float]:
    """Prices whose log-returns are some steps."""
    return [first * float(np.exp(moved)) for moved in accumulate(steps, initial=0.0)]


def calm(hours: int, step: float = 0.001) -> list[float]:
    """Steps up and down in turn, which come back to where they began after every second one."""
    return [step, -step] * (hours // 2)


def history(
    steps: Sequence[float], levels: Columns, books: Columns | None = None, dvol: Sequence[float] = ()
) -> History:
    """Bars from 5 January, a Monday, at 00:00 UTC on, one a step; a value of a column each: what its close sees.

    It is that of half an hour before, NaN for what is not known; ``dvol`` in vol points.
    """
    made = bars(prices(steps), START)
    at = pl.Series(made.close_at - _HALF_AN_HOUR_US).cast(_TIME)
    told = _table(at, levels).with_columns(scope=pl.lit("all_expiry"))
    index = pl.DataFrame({"close_at": at, "close": pl.Series(dvol, dtype=pl.Float64)}) if len(dvol) else None
    return bare("BTC", made, told, _table(at, {"iv30": [float("nan")] * len(at)} | dict(books or {})), dvol=index)


def every(values: Sequence[float], hours: int, other: float) -> list[float]:
    """A column whose values the decisions on a grid of hours see; those between see another."""
    return [each for value in values for each in (*repeat(other, hours - 1), value)]


def at_close(row: int) -> datetime:
    """When a bar ends."""
    return START + timedelta(hours=row + 1)


def _table(at: pl.Series, columns: Columns) -> pl.DataFrame:
    frame = pl.DataFrame({"snapshot_at": at, **{name: pl.Series(column) for name, column in columns.items()}})
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None), knowledge_time=pl.col("snapshot_at") + KNOWN_AFTER)
