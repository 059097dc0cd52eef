"""Events as a table: one row each and outcome, see `study.EVENTS`."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gex_backtest.bars import HOUR_US
from gex_backtest.decisions import Decisions
from gex_backtest.study import EVENTS
from gex_pipeline.core.black76 import Floats


def events(
    made: Decisions,
    hours: float,
    kind: NDArray[np.str_] | str,
    subject: str,
    outcome: str,
    unit: str,
    value: Floats,
    level: Floats | None = None,
) -> pl.DataFrame:
    """Events at some decisions whose outcomes are known so many hours later."""
    ends = made.at + round(hours * HOUR_US)
    at = {"decided_at": made.at, "ends_at": ends, "level_usd": level, "spot_usd": made.spot}
    return table(at | {"kind": kind, "subject": subject, "outcome": outcome, "unit": unit, "value": value})


def table(columns: dict[str, Any]) -> pl.DataFrame:
    """The columns in their order and types, from arrays with instants in microseconds since 1970.

    A text or None is that of every row. NaN becomes null, and so does the end of what has no value.
    """
    frame = pl.DataFrame({name: columns[name] for name in EVENTS}, schema=EVENTS)
    known = frame.with_columns(pl.col(pl.Float64).fill_nan(None))
    return known.with_columns(pl.when(pl.col("value").is_not_null()).then("ends_at"))
