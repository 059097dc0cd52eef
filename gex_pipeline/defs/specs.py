"""Declared tables -> asset and check specs: what the catalog shows comes from `gex_pipeline.schema`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from dagster import AssetCheckSpec, AssetKey, AssetSpec, FreshnessPolicy, TableColumn, TableSchema
from dagster import TableColumnConstraints as Constraints

from gex_pipeline.core.instruments import VENUES
from gex_pipeline.schema import TABLES, Table

#: The daily run starts at 06:30 UTC: late is when the next one should be over, failed when two are missing.
_DAILY = FreshnessPolicy.time_window(fail_window=timedelta(hours=50), warn_window=timedelta(hours=26))
#: A snapshot is due every hour: one may be missing before it is red.
_HOURLY = FreshnessPolicy.time_window(fail_window=timedelta(minutes=130), warn_window=timedelta(minutes=70))
#: Check names.
HAS_DATA, IS_SOUND = "has_data", "is_sound"
CHAINS = [AssetKey(["chain", venue]) for venue in VENUES]


def stored(name: str, group: str, venue: str | None = None, *, deps: Iterable[AssetKey] = ()) -> AssetSpec:
    """The asset of a stored table, or of one venue's share of it.

    ``skippable``: a step that failed its checks does not count as having made anything.
    """
    table = TABLES[name]
    return AssetSpec(
        AssetKey([name, venue] if venue else [name]),
        deps=list(deps),
        description=f"{table.description} Venue: {venue}." if venue else table.description,
        metadata={"dagster/column_schema": columns(table), "dagster/table_name": name},
        group_name=group,
        # The graph shows the last part of a key alone: the badge tells the two tables of a venue apart.
        kinds={"parquet", "polars", *([name] if venue else [])},
        freshness_policy=_DAILY if group == "derived" or name == "chain" else None,
        skippable=True,
    )


def polled(venue: str) -> AssetSpec:
    """The asset of a venue's replies; its rows of chain and chain_rejected are made from them at once."""
    spec = stored("raw", "live", venue)
    return spec.replace_attributes(freshness_policy=_HOURLY, kinds={"parquet", "raw"})


def view(name: str, deps: Iterable[AssetKey]) -> AssetSpec:
    """The asset of a view: nothing runs for it, it shows in the graph."""
    table = TABLES[name]
    return AssetSpec(
        name,
        deps=list(deps),
        description=table.description,
        metadata={"dagster/column_schema": columns(table), "dagster/table_name": name},
        group_name="views",
        kinds={"duckdb", "sql"},
    )


def checks(spec: AssetSpec, *, may_be_empty: bool) -> list[AssetCheckSpec]:
    """The checks of a stored table, run in the step that makes it.

    An unsound table stops what is downstream. A venue without data on a day does not stop the others.
    """
    table = TABLES[spec.key.path[0]]
    sound = AssetCheckSpec(
        IS_SOUND,
        asset=spec.key,
        blocking=True,
        description=(
            f"All files of the days could be used; the stored rows, read back, obey the rules of {len(table.columns)} "
            f"columns and have the unique key ({', '.join(table.key)}); files hold what their manifests say."
        ),
    )
    data = AssetCheckSpec(HAS_DATA, asset=spec.key, description=f"Every day of the run has rows in {table.name}.")
    return [sound] if may_be_empty else [sound, data]


def columns(table: Table) -> TableSchema:
    """Columns with types, units and rules."""
    return TableSchema(
        columns=[
            TableColumn(
                c.name,
                "string" if c.dtype == "category" else c.dtype,
                description=f"{c.description} [{c.unit}]" if c.unit else c.description,
                constraints=Constraints(nullable=c.is_nullable),
            )
            for c in table.columns
        ]
    )
