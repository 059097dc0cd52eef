"""Events as a table: one row each and outcome, see `study.EVENTS`."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from gex_backtest.bars import HOUR_US, Ints
from gex_backtest.decisions import Decisions
from gex_backtest.study import EVENTS
from gex_pipeline.core.black76 import Floats


def events(
    made: Decisions,
    hours: float,
    kind: Sequence[str] | str,
    subject: str,
    outcome: str,
    unit: str,
    value: Floats,
    level: Floats | None = None,
) -> pl.DataFrame:
    """Events at some decisions whose outcomes are known so many hours later."""
    n = len(made.rows)
    columns = {
        "decided_at": times(made.at),
        "ends_at": times(made.at + round(hours * HOUR_US)),
        "kind": [kind] * n if isinstance(kind, str) else kind,
        "subject": [subject] * n,
        "level_usd": level if level is not None else [None] * n,
        "spot_usd": made.spot,
        "outcome": [outcome] * n,
        "unit": [unit] * n,
        "value": value,
    }
    return table(columns)


def table(columns: dict[str, object]) -> pl.DataFrame:
    """The columns in their order and types; NaN becomes null, and so does the end of what has no value."""
    frame = pl.DataFrame({name: columns[name] for name in EVENTS}, schema=dict(EVENTS))
    known = frame.with_columns(pl.col(pl.Float64).fill_nan(None))
    return known.with_columns(pl.when(pl.col("value").is_not_null()).then("ends_at"))


def times(us: Ints) -> pl.Series:
    """Microseconds since 1970 as instants."""
    return pl.Series(us).cast(pl.Datetime("us", "UTC"))
