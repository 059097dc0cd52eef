"""A small made-up warehouse to run backtests on: two days of hourly chains with their levels, and candles."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl

from gex_pipeline.engine.build import build
from gex_pipeline.schema import CANDLES, CHAIN
from gex_pipeline.schema.types import polars_schema
from tests.unit.backtest.drifts import START
from tests.unit.store.build import OVER, chain, store

HOURS = 48


def fill(root: Path) -> Path:
    """The warehouse, made in a folder."""
    made = store(root, OVER)
    rows = chain(f"{START:%Y-%m-%d}T00:00", HOURS + 1, venue="deribit")
    made.merge(CHAIN, rows, {})
    made.merge(CANDLES, bars(rows), {})
    assert not build(root, workers=1).failures
    return root


def bars(rows: pl.DataFrame) -> pl.DataFrame:
    """Hourly candles from each index to the next."""
    spot = rows.group_by("snapshot_at").agg(pl.col("index_usd").median()).sort("snapshot_at")["index_usd"]
    fixed = {
        "venue": "okx",
        "market": "perp",
        "symbol": "BTC-PERP",
        "underlying": "BTC",
        "interval": "1h",
        "source": "t",
    }
    frame = pl.DataFrame(
        {
            "open_at": [START + timedelta(hours=i) for i in range(len(spot) - 1)],
            "close_at": [START + timedelta(hours=i + 1) for i in range(len(spot) - 1)],
            "open": spot[:-1],
            "close": spot[1:],
        }
    )
    frame = frame.with_columns(
        high=pl.max_horizontal("open", "close"),
        low=pl.min_horizontal("open", "close"),
        volume_coin=pl.lit(None, pl.Float64),
        **{name: pl.lit(value) for name, value in fixed.items()},
    )
    return frame.select(CANDLES.names).cast(dict(polars_schema(CANDLES)))
