"""Fill a warehouse with synthetic hourly chains: four venues, three coins, about 6,000 contracts a snapshot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from gex_pipeline.engine.pool import run_all
from gex_pipeline.market import chains
from gex_pipeline.market.ladder import VENUES
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store

COINS = ("BTC", "ETH", "SOL")
FIRST_YEAR = 2023
_HOUR = timedelta(hours=1)
_SEED = 7


def fill(root: Path, year: int) -> int:
    """Write all chains of one year; returns the number of rows."""
    Store(root).create("synthetic")
    items = [(coin, year, month) for coin in COINS for month in range(1, 13)]
    counts = []
    for _, rows in run_all(partial(write_month, root), items):
        if isinstance(rows, Exception):
            raise rows
        counts.append(rows)
    return sum(counts)


def write_month(root: Path, item: tuple[str, int, int]) -> int:
    """Write the chains of one coin and month at all venues."""
    coin, year, month = item
    path = month_path(coin, year, month)
    store, total = Store(root), 0
    for venue in VENUES:
        frame = chains.chain(venue, coin, path, _SEED)
        partition = Partition("chain", (("underlying", coin), ("venue", venue)), f"{year}-{month:02d}")
        store.replace(partition, frame, {"synthetic": f"seed {_SEED}"})
        total += frame.height
    return total


def month_path(coin: str, year: int, month: int) -> chains.Path:
    """The hours of a month out of one long path, so that months join."""
    start = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    first = datetime(year, month, 1, tzinfo=UTC)
    last = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    whole = chains.spot_path(coin, start, (last - start) // _HOUR, _HOUR, _SEED)
    hours = slice((first - start) // _HOUR, None)
    return chains.Path(whole.instants_us[hours], whole.spot[hours])
