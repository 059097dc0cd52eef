"""What a variant found -> rows of the tables of backtests, without the name of the run. Pure."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import polars as pl

from gex_backtest.bars import Bars
from gex_backtest.family import documents
from gex_backtest.metrics import Metrics
from gex_backtest.sharpe import TrackRecord
from gex_backtest.study import OK
from gex_backtest.suite import Outcome

#: Metric of a simulation -> its unit; of the others 1.
_UNITS = {
    "annual_return": "1 per year",
    "annual_vol": "1 per year",
    "break_even_bps": "basis points a side",
    "least_record_days": "days",
    "turnover": "times equity",
}
_NOT_NUMBERS = ("note", "is_ruined", "n_trades", "days")
_NO_ERROR = dict.fromkeys(("standard_error", "low", "high", "p_value", "q_value", "detectable"))


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
    at = pl.Series(bars.close_at[bars.day_ends]).cast(pl.Datetime("us", "UTC"))
    return _of_case(pl.DataFrame({"close_at": at, "equity": outcome.trading.equity[bars.day_ends]}), outcome)


def stats(outcome: Outcome, _: Bars) -> pl.DataFrame | None:
    """Rows of `backtest_stats`, None for none: the estimates, of which the first is the headline, then the metrics."""
    rows = [*_estimates(outcome), *_metrics(outcome), *_record(outcome)]
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
    return [{"kind": "estimate", "sample": each["group"], **each} for each in documents(found)]


def _metrics(outcome: Outcome) -> list[dict[str, Any]]:
    if outcome.trading is None:
        return []
    return _numbers(outcome.trading.metrics, "trades", outcome.trading.metrics.n_trades, "simulation")


def _record(outcome: Outcome) -> list[dict[str, Any]]:
    if outcome.record is None:
        return []
    return _numbers(outcome.record, "daily returns", outcome.record.days, "Bailey and Lopez de Prado")


def _numbers(found: Metrics | TrackRecord, sample: str, n: int, method: str) -> list[dict[str, Any]]:
    """A row of each number."""
    shared = {"kind": "metric", "sample": sample, "n": n, "method": method, **_NO_ERROR}
    return [
        shared | {"name": name, "unit": _UNITS.get(name, "1"), "value": value, "status": _status(value, found.note)}
        for name, value in asdict(found).items()
        if name not in _NOT_NUMBERS
    ]


def _status(value: float, note: str | None) -> str:
    return OK if math.isfinite(value) else note or "no finite number"
