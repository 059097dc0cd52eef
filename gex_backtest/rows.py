"""What a variant found -> rows of the tables of backtests, without the name of the run. Pure."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from gex_backtest.bars import DAY_US, Bars
from gex_backtest.study import OK
from gex_backtest.suite import Outcome

#: Metric of a simulation -> its unit; of the others 1.
_UNITS = {
    "annual_return": "1 per year",
    "annual_vol": "1 per year",
    "break_even_bps": "basis points a side",
    "turnover": "times equity",
}
_NOT_NUMBERS = ("note", "is_ruined", "n_trades")
_NO_ERROR = dict.fromkeys(("standard_error", "low", "high", "p_value", "detectable"))


def events(outcome: Outcome, _: Bars) -> pl.DataFrame | None:
    """Rows of `backtest_events`, None for none."""
    return _of_case(outcome.study.events, outcome, "event") if outcome.study else None


def trades(outcome: Outcome, _: Bars) -> pl.DataFrame | None:
    """Rows of `backtest_trades`, None for none."""
    return _of_case(outcome.trading.trades, outcome, "trade") if outcome.trading else None


def equity(outcome: Outcome, bars: Bars) -> pl.DataFrame | None:
    """Rows of `backtest_equity`, None for none: the last bar of each day."""
    if outcome.trading is None:
        return None
    last = np.append(np.flatnonzero(np.diff(bars.open_at // DAY_US)), len(bars) - 1)
    at = pl.Series(bars.close_at[last]).cast(pl.Datetime("us", "UTC"))
    return _of_case(pl.DataFrame({"close_at": at, "equity": outcome.trading.equity[last]}), outcome)


def stats(outcome: Outcome, _: Bars) -> pl.DataFrame | None:
    """Rows of `backtest_stats`, None for none: the estimates, of which the first is the headline, then the metrics."""
    rows = [*_estimates(outcome), *_metrics(outcome)]
    if not rows:
        return None
    frame = _of_case(pl.DataFrame(rows, infer_schema_length=None), outcome, "place")
    return frame.with_columns(parameters=pl.lit(json.dumps(asdict(outcome.parameters))))


def _of_case(rows: pl.DataFrame, outcome: Outcome, number: str | None = None) -> pl.DataFrame:
    """Rows with the rule and variant they are of, numbered from 1."""
    numbered = rows.with_row_index(number, offset=1) if number else rows
    return numbered.with_columns(rule=pl.lit(outcome.rule.name), variant=pl.lit(outcome.variant))


def _estimates(outcome: Outcome) -> list[dict[str, Any]]:
    found = outcome.study.estimates if outcome.study else ()
    return [{"kind": "estimate", "sample": estimate.group, **estimate.document()} for estimate in found]


def _metrics(outcome: Outcome) -> list[dict[str, Any]]:
    if outcome.trading is None:
        return []
    found = outcome.trading.metrics
    numbers = {name: value for name, value in asdict(found).items() if name not in _NOT_NUMBERS}
    shared = {"kind": "metric", "sample": "trades", "n": found.n_trades, "method": "simulation", **_NO_ERROR}
    return [
        shared | {"name": name, "unit": _UNITS.get(name, "1"), "value": value, "status": _status(value, found.note)}
        for name, value in numbers.items()
    ]


def _status(value: float, note: str | None) -> str:
    return OK if math.isfinite(value) else note or "no finite number"
