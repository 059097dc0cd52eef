"""A small rule and a small history for the tests of what runs rules. Not here: expectations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import polars as pl

from gex_backtest.bars import HOUR_US, Bars
from gex_backtest.errors import BacktestError
from gex_backtest.estimates import mean
from gex_backtest.history import History
from gex_backtest.holdings import Orders
from gex_backtest.panel import Panel
from gex_backtest.returns import move
from gex_backtest.study import EVENTS, Estimate, Rule, Study
from tests.instants import utc

START = utc("2026-03-02")
_TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Parameters:
    """``hours`` after a decision in which the price moves; ``side``: which way to trade."""

    hours: int = 4
    least: float = 0.0
    side: Literal["follow", "fade"] = "follow"
    lags: tuple[int, ...] = (1, 2)

    def __post_init__(self) -> None:
        if not 1 <= self.hours <= 48:
            raise BacktestError(f"hours = {self.hours} cannot be: from 1 to 48")


def study(panel: Panel, parameters: Parameters) -> Study:
    """Where the price moves after each decision at which net GEX is known."""
    at = panel.bars.close_at[panel.has_levels]
    end = at + parameters.hours * HOUR_US
    moved = move(panel.bars, at, end)
    columns = {
        "decided_at": pl.Series(at).cast(_TIME),
        "ends_at": pl.Series(end).cast(_TIME),
        "kind": ["hour"] * len(at),
        "subject": ["net_gex_usd"] * len(at),
        "level_usd": [None] * len(at),
        "spot_usd": panel.bars.close[panel.has_levels],
        "outcome": ["move"] * len(at),
        "unit": ["1"] * len(at),
        "value": pl.Series(moved).fill_nan(None),
    }
    found = [headline(panel, parameters), mean("move", "none", "1", moved[:0])]
    return Study(pl.DataFrame(columns, schema=EVENTS), found)


def headline(panel: Panel, parameters: Parameters) -> Estimate:
    """The mean move."""
    at = panel.bars.close_at[panel.has_levels]
    return mean("move", "all hours", "1", move(panel.bars, at, at + parameters.hours * HOUR_US), parameters.hours)


def orders(panel: Panel, parameters: Parameters) -> Orders:
    """Long where net GEX is positive, short where it is negative."""
    sign = np.sign(panel.level("net_gex_usd"))
    return Orders(sign if parameters.side == "follow" else -sign)


DRIFTS = Rule("drifts", "The price goes where net GEX points.", Parameters, study, headline, 0.1, orders=orders)
#: Needs what the small history lacks.
VOLS = Rule("vols", "DVOL tells the move.", Parameters, study, headline, 0.1, needs=("levels", "dvol"))
RULES = {rule.name: rule for rule in (DRIFTS, VOLS)}


def history(hours: int = 96, start: datetime = START) -> History:
    """Hourly bars of a swinging price, and levels every hour, known half a minute later."""
    open_at = round(start.timestamp() * 1e6) + HOUR_US * np.arange(hours)
    price = 100_000 * np.exp(0.02 * np.sin(np.arange(hours + 1) / 5))
    first, last = price[:-1], price[1:]
    bars = Bars(open_at, open_at + HOUR_US, first, np.maximum(first, last), np.minimum(first, last), last)
    times = [start + timedelta(hours=i) for i in range(hours)]
    levels = pl.DataFrame(
        {
            "snapshot_at": pl.Series(times).cast(_TIME),
            "knowledge_time": pl.Series([at + timedelta(seconds=30) for at in times]).cast(_TIME),
            "scope": ["all_expiry"] * hours,
            "net_gex_usd": np.where(np.arange(hours) % 7 < 4, 1e6, -1e6),
        }
    )
    empty = {
        "books": {"snapshot_at": _TIME, "knowledge_time": _TIME, "strikes": pl.List(pl.Float64)},
        "expiring": {"snapshot_at": _TIME, "knowledge_time": _TIME},
        "settlements": {"expiry_at": _TIME, "knowledge_time": _TIME},
        "funding": {"funding_at": _TIME, "funding_rate": pl.Float64, "period_hours": pl.Float64},
        "dvol": {"close_at": _TIME, "close": pl.Float64},
    }
    return History("BTC", bars, levels, **{name: pl.DataFrame(schema=schema) for name, schema in empty.items()})
