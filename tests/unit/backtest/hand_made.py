"""Histories of hourly bars and levels that a test writes by hand, and what the tests of rules ask of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl

from gex_backtest.bars import HOUR_US, Bars
from gex_backtest.history import History
from gex_backtest.panel import SCOPES
from gex_backtest.sessions import WALLS
from gex_backtest.study import Estimate, Study
from gex_pipeline.market.economy import simulate
from gex_pipeline.market.switches import Switches
from tests.unit.backtest.made_up_history import KNOWN_AFTER, START, bare, history

EIGHT = START + timedelta(hours=8)
Levels = Mapping[str, float]


def at(hours: float) -> datetime:
    return EIGHT + timedelta(hours=hours)


def us(instant: datetime) -> int:
    return round((instant - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


def bars(closes: Sequence[float], start: datetime = EIGHT) -> Bars:
    """Hourly bars between one price and the next; the first opens at the first price."""
    prices = np.array(closes, dtype=float)
    open_at = us(start) + HOUR_US * np.arange(len(prices) - 1)
    a, b = prices[:-1], prices[1:]
    return Bars(open_at, open_at + HOUR_US, a, np.maximum(a, b), np.minimum(a, b), b)


def levels(snapshots: Mapping[datetime, Mapping[str, Levels]]) -> pl.DataFrame:
    """Instant -> scope -> levels; a level that is not named is null."""
    rows = [
        {"snapshot_at": instant, "scope": scope, **{wall: found.get(scope, {}).get(wall) for wall in WALLS}}
        for instant, found in snapshots.items()
        for scope in SCOPES
    ]
    types = {"snapshot_at": pl.Datetime("us", "UTC"), "scope": pl.String, **dict.fromkeys(WALLS, pl.Float64)}
    frame = pl.DataFrame(rows, schema=types)
    return frame.with_columns(knowledge_time=pl.col("snapshot_at") + KNOWN_AFTER)


def books(instants: Sequence[datetime], strikes: Sequence[float]) -> pl.DataFrame:
    frame = pl.DataFrame({"snapshot_at": instants, "strikes": [list(strikes)] * len(instants)})
    return frame.with_columns(
        pl.col("snapshot_at").cast(pl.Datetime("us", "UTC")), pl.col("strikes").cast(pl.List(pl.Float64))
    ).with_columns(knowledge_time=pl.col("snapshot_at") + KNOWN_AFTER)


def daily(prices: Sequence[float], days: int, found: Mapping[str, Levels], strikes: Sequence[float] = ()) -> History:
    """Each day from 08:00 UTC goes through 24 prices, the first at 09:00, with the same levels at its begin."""
    mornings = [EIGHT + timedelta(days=i) for i in range(days)]
    made = bars([prices[-1], *np.tile(prices, days)])
    return bare("BTC", made, levels(dict.fromkeys(mornings, found)), books(mornings, strikes))


@cache
def market() -> History:
    """25 days that nobody wrote: a made-up market with hourly levels and bars of five minutes."""
    return history(simulate("BTC", START, 25, 3, Switches()), 3)


def estimate(found: Study, name: str, group: str) -> Estimate:
    (each,) = (each for each in found.estimates if (each.name, each.group) == (name, group))
    return each


def known(events: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """What was decided by an instant, with the outcomes that were known."""
    decided = events.filter(pl.col("decided_at") <= until)
    is_known = pl.col("ends_at") <= until
    return decided.with_columns(pl.when(is_known).then("value"), pl.when(is_known).then("ends_at"))
