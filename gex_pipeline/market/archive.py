"""Synthetic chains as a vendor would sell them: other column names, percent, prices in coin, one CSV file a day.

`archive.toml` beside this file is the mapping that turns such files back into `chain`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path

import polars as pl

from gex_pipeline.market import chains
from gex_pipeline.market.world import World

#: The coins of the demo, and the venue whose names and units its archive uses.
COINS = ("BTC", "ETH")
VENUE = "deribit"
_COLUMNS = ("ts", "name", "underlying_price", "index", "iv_pct", "mark", "bid", "ask", "open_interest", "volume")


def mapping_path() -> Path:
    """The mapping of these files."""
    return Path(str(files("gex_pipeline.market").joinpath("archive.toml")))


def days(start: datetime, n_days: int, seed: int) -> dict[str, pl.DataFrame]:
    """File name -> rows, for every coin and day from ``start`` on."""
    out: dict[str, pl.DataFrame] = {}
    world = World(seed, start.date(), n_days)
    for coin in COINS:
        for day in (start + timedelta(days=i) for i in range(n_days)):
            rows = chains.chain(VENUE, coin, world, chains.hours(day, 24))
            out[f"synthetic-{coin}-{day:%Y-%m-%d}.csv"] = vendor_rows(rows)
    return out


def vendor_rows(chain: pl.DataFrame) -> pl.DataFrame:
    """Rows of `chain` in the vendor's words and units: IV in percent, prices of inverse options in coin."""
    per = pl.when(pl.col("settlement") == "inverse").then(pl.col("forward_usd")).otherwise(1.0)
    return chain.select(
        ts=pl.col("snapshot_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        name=pl.col("instrument").cast(pl.String),
        underlying_price=pl.col("forward_usd").round(4),
        index=pl.col("index_usd").round(4),
        iv_pct=(100 * pl.col("mark_iv")).round(2),
        mark=(pl.col("mark_usd") / per).round(6),
        bid=(pl.col("bid_usd").fill_null(0) / per).round(4),
        ask=(pl.col("ask_usd") / per).round(4),
        open_interest="open_interest_coin",
        volume="volume_24h_coin",
    ).select(_COLUMNS)
