"""Rows as the frame that the package reads, and the package's frames as the twins' shapes.

The only file of this folder that knows the package: it uses the table declarations, no mathematics.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl

from gex_pipeline.schema import CHAIN, Table
from gex_pipeline.schema.types import polars_schema
from tests.slow.exposure import Row

_DEFAULTS: dict[str, Any] = {
    "venue_time": None,
    "contract_size_coin": 1.0,
    "forward_source": "venue",
    "index_source": "venue",
    "settlement_estimate_usd": None,
    "bid_iv": None,
    "ask_iv": None,
    "bid_usd": None,
    "ask_usd": None,
    "volume_24h_coin": None,
    "source": "test",
}


def chain_frame(rows: list[Row]) -> pl.DataFrame:
    """Rows as a frame of table `chain`; knowledge_time is two seconds after the snapshot where a row does not say."""
    full = [{**_DEFAULTS, "knowledge_time": r["snapshot_at"] + timedelta(seconds=2), **r} for r in rows]
    return pl.DataFrame(full, schema=polars_schema(CHAIN), orient="row")


def assert_declared(table: Table, frame: pl.DataFrame) -> None:
    """The frame has exactly the declared columns and types (categories may be String, Enum or Categorical)."""
    declared = polars_schema(table)
    assert set(frame.columns) == set(declared), sorted(set(frame.columns) ^ set(declared))
    for name, dtype in declared.items():
        actual = frame.schema[name]
        is_category = dtype == pl.String and isinstance(actual, pl.Enum | pl.Categorical)
        assert actual == dtype or is_category, (name, actual)


def as_plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Categories as strings."""
    return frame.with_columns(pl.col(pl.Categorical).cast(pl.String), pl.col(pl.Enum).cast(pl.String))


def venue_sets(rows: list[Row]) -> dict[str, list[Row]]:
    """`all` and each venue -> its rows."""
    sets = {venue: [r for r in rows if r["venue"] == venue] for venue in sorted({r["venue"] for r in rows})}
    return {"all": rows, **sets}


def level_rows(frame: pl.DataFrame, venues: str, scope: str) -> dict[str, tuple[Any, Any, Any, str]]:
    """Frame of `levels` -> level -> (value, strength, share, status)."""
    part = frame.filter(pl.col("venues").cast(pl.String) == venues, pl.col("scope").cast(pl.String) == scope)
    columns = ("level", "value_usd", "strength_usd", "share_of_gross", "status")
    return {level: (v, s, g, status) for level, v, s, g, status in part.select(columns).iter_rows()}
