"""Views of the package on frames in memory: the same SQL and functions, without a warehouse."""

from __future__ import annotations

import duckdb
import polars as pl

from gex_pipeline.schema import EXPOSURE
from gex_pipeline.store import udfs
from gex_pipeline.store.catalog import view_sql


def exposure(chain: pl.DataFrame) -> pl.DataFrame:
    """Rows of the view `exposure` over a frame of table `chain`, sorted by key."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        udfs.register(con)
        con.register("chain", chain.with_columns(pl.col(pl.Enum).cast(pl.String)).to_arrow())
        return con.sql(view_sql(EXPOSURE)).pl().sort(EXPOSURE.key)
