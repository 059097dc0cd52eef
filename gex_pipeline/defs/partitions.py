"""The days and hours of the assets."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from dagster import AssetExecutionContext, DailyPartitionsDefinition, HourlyPartitionsDefinition

if TYPE_CHECKING:
    from gex_pipeline.engine.days import Days

#: UTC days from where the oldest public archives of option chains begin (Tardis, Deribit) to the current one, which
#: `end_offset` includes: its chain grows while it lasts.
DAYS = DailyPartitionsDefinition(start_date="2019-03-30", end_offset=1, timezone="UTC")

#: Hours of live snapshots, the current one included. An hour that was missed cannot be had any more.
HOURS = HourlyPartitionsDefinition(start_date="2026-11-01-00:00", end_offset=1, timezone="UTC")


def hour_of(context: AssetExecutionContext) -> datetime:
    """The hour of a run."""
    return datetime.strptime(context.partition_key, "%Y-%m-%d-%H:%M").replace(tzinfo=UTC)


def days_of(context: AssetExecutionContext) -> Days:
    """The days of a run, which is of one partition or a range."""
    from gex_pipeline.engine.days import Days

    keys = context.partition_key_range
    return Days(date.fromisoformat(keys.start), date.fromisoformat(keys.end))
