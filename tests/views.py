"""Views of the package on frames in memory: the same SQL and functions, without a warehouse."""

from __future__ import annotations

from collections.abc import Collection

import duckdb
import polars as pl

from gex_pipeline.schema import EXPOSURE, TABLES, Table
from gex_pipeline.schema.views import NEEDS
from gex_pipeline.store import udfs
from gex_pipeline.store.catalog import view_sql


def exposure(chain: pl.DataFrame) -> pl.DataFrame:
    """Rows of the view `exposure` over a frame of table `chain`, sorted by key."""
    return rows_of(EXPOSURE, chain=chain)


def rows_of(view: Table, **frames: pl.DataFrame) -> pl.DataFrame:
    """Rows of a view over frames of the tables below it, sorted by key; a frame may also stand for a view."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        udfs.register(con)
        for name, frame in frames.items():
            con.register(name, frame.with_columns(pl.col(pl.Enum).cast(pl.String)).to_arrow())
        _create(con, view, frames)
        return con.sql(f"FROM {view.name}").pl().sort(view.key)


def _create(con: duckdb.DuckDBPyConnection, view: Table, given: Collection[str]) -> None:
    for need in NEEDS[view.name]:
        if need not in given:
            _create(con, TABLES[need], given)
    con.execute(f"CREATE OR REPLACE VIEW {view.name} AS {view_sql(view)}")
