"""A made-up market as a history, for tests: as if its chain had been stored every hour, or seldom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl

from gex_backtest import made_up
from gex_backtest.history import History
from gex_pipeline.market.economy import Market

START = datetime(2026, 1, 5, tzinfo=UTC)
#: Of each snapshot, after the instant it describes.
KNOWN_AFTER = timedelta(seconds=30)
bare = made_up.bare


def history(market: Market, seed: int, minutes: int = 5, every: str = "1h") -> History:
    """With candles of so many minutes and a snapshot ``every`` so often; without funding and DVOL."""
    hourly = made_up.history(market, seed, minutes)
    is_kept = pl.col("snapshot_at") == pl.col("snapshot_at").dt.truncate(every)
    return replace(hourly, **{name: getattr(hourly, name).filter(is_kept) for name in ("levels", "books", "expiring")})
