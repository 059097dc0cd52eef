"""Jobs and schedules."""

from __future__ import annotations

from datetime import timedelta

from dagster import AssetSelection, RunRequest, ScheduleEvaluationContext, define_asset_job, schedule

from gex_pipeline.defs.base import BASE
from gex_pipeline.defs.derived import derived

_IMPORTS, _BUILD = AssetSelection.assets(*BASE), AssetSelection.assets(derived)

everything = define_asset_job("everything", _IMPORTS | _BUILD, description="Import the archives, then build.")
imports = define_asset_job("imports", _IMPORTS, description="Import what the configured archives have.")
build = define_asset_job("build", _BUILD, description="Bring the derived tables up to date with chain.")
JOBS = [everything, imports, build]


@schedule(job=everything, cron_schedule="30 6 * * *", execution_timezone="UTC")
def daily(context: ScheduleEvaluationContext) -> RunRequest:
    """Yesterday, at 06:30 UTC: archives of a day are published from 04:00 to 06:00 UTC of the next."""
    yesterday = context.scheduled_execution_time - timedelta(days=1)
    return RunRequest(partition_key=f"{yesterday:%Y-%m-%d}")


SCHEDULES = [daily]
