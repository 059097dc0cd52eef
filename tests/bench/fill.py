"""Fill a warehouse with synthetic hourly chains of four venues and three coins; and with trades and candles."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from gex_pipeline.core.instruments import VENUES
from gex_pipeline.engine.pool import run_all
from gex_pipeline.market import books, chains
from gex_pipeline.market.server.answers import as_us
from gex_pipeline.market.world import World
from gex_pipeline.schema import CANDLES, TRADES
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store
from tests import taker_truth

COINS = ("BTC", "ETH", "SOL")
FIRST_YEAR = 2023
_SEED = 7


def fill(root: Path, year: int) -> int:
    """Write all chains of one year; returns the number of rows."""
    Store(root).create("synthetic")
    items = [(venue, coin, year) for coin in COINS for venue in VENUES]
    counts = []
    for _, rows in run_all(partial(write_year, root), items):
        if isinstance(rows, Exception):
            raise rows
        counts.append(rows)
    return sum(counts)


def write_year(root: Path, item: tuple[str, str, int]) -> int:
    """Write the chains of one venue and coin, month by month."""
    venue, coin, year = item
    world, store, total = World(_SEED, date(year, 1, 1), 366), Store(root), 0
    for month in range(1, 13):
        frame = chains.chain(venue, coin, world, chains.hours(*_hours(year, month)))
        partition = Partition("chain", (("underlying", coin), ("venue", venue)), f"{year}-{month:02d}")
        store.replace(partition, frame, {"synthetic": f"seed {_SEED}"})
        total += frame.height
    return total


def add_trades(root: Path, year: int) -> int:
    """Write the trades of a year's January, of all books of all coins; returns their number."""
    world, end = World(_SEED, date(year, 1, 1), 366), as_us(datetime(year, 2, 1, tzinfo=UTC))
    frames = [taker_truth.trades_of(world, books.of(coin), end) for coin in COINS]
    for frame in frames:
        Store(root).merge(TRADES, frame, {})
    return sum(frame.height for frame in frames)


def add_candles(root: Path, year: int) -> None:
    """Five-minute candles of a random walk for every coin: what realised volatility is made of."""
    end = datetime(year + 1, 1, 1, tzinfo=UTC)
    open_at = pl.datetime_range(datetime(year, 1, 1, tzinfo=UTC), end, "5m", closed="left", time_unit="us", eager=True)
    for i, coin in enumerate(COINS):
        walk = np.exp(np.cumsum(np.random.default_rng(i).normal(0.0, 1e-3, len(open_at))))
        rows = {
            "venue": "binance",
            "market": "perp",
            "symbol": f"{coin}USDT",
            "interval": "5m",
            "underlying": coin,
            "open_at": open_at,
            "close_at": open_at + timedelta(minutes=5),
            "close": walk,
            "volume_coin": 1.0,
            "open": np.append(1.0, walk[:-1]),
            "high": walk * 1.01,
            "low": walk * 0.99,
            "source": "synthetic",
        }
        Store(root).merge(CANDLES, pl.DataFrame(rows).select(CANDLES.names).cast(polars_schema(CANDLES)), {})


def _hours(year: int, month: int) -> tuple[datetime, int]:
    """The first hour of a month, and how many it has."""
    first = datetime(year, month, 1, tzinfo=UTC)
    return first, (datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC) - first).days * 24
