"""Jobs and schedules."""

from __future__ import annotations

from datetime import timedelta

from dagster import AssetSelection, RunRequest, ScheduleEvaluationContext, define_asset_job, schedule

from gex_pipeline.defs.around import market
from gex_pipeline.defs.backtests import backtests
from gex_pipeline.defs.base import BASE
from gex_pipeline.defs.derived import derived
from gex_pipeline.defs.live import snapshots

_IMPORTS, _BUILD = AssetSelection.assets(*BASE), AssetSelection.assets(derived)

#: dagster.yaml lets a snapshot begin while a long import runs.
_LIVE, _BATCH = {"gex/kind": "live"}, {"gex/kind": "batch"}

everything = define_asset_job("everything", _IMPORTS | _BUILD, tags=_BATCH, description="Import archives, then build.")
imports = define_asset_job("imports", _IMPORTS, tags=_BATCH, description="Import what the configured archives have.")
build = define_asset_job("build", _BUILD, tags=_BATCH, description="Bring the derived tables up to date with chain.")
hourly = define_asset_job(
    "hourly", AssetSelection.assets(snapshots), tags=_LIVE, description="Take a snapshot of the venues, build its day."
)
around = define_asset_job(
    "around", AssetSelection.assets(market), tags=_LIVE, description="Fetch candles, trades, funding and settlements."
)
backtest = define_asset_job(
    "backtest", AssetSelection.assets(backtests), tags=_BATCH, description="Confront the rules with what is stored."
)
JOBS = [everything, imports, build, hourly, around, backtest]


@schedule(job=hourly, cron_schedule="0 * * * *", execution_timezone="UTC")
def every_hour(context: ScheduleEvaluationContext) -> RunRequest:
    """The hour that begins."""
    return RunRequest(partition_key=f"{context.scheduled_execution_time:%Y-%m-%d-%H}:00")


@schedule(job=everything, cron_schedule="30 6 * * *", execution_timezone="UTC")
def daily(context: ScheduleEvaluationContext) -> RunRequest:
    """Yesterday, at 06:30 UTC: archives of a day are published from 04:00 to 06:00 UTC of the next."""
    yesterday = context.scheduled_execution_time - timedelta(days=1)
    return RunRequest(partition_key=f"{yesterday:%Y-%m-%d}")


@schedule(job=around, cron_schedule="20 * * * *", execution_timezone="UTC")
def around_every_hour() -> RunRequest:
    """What came since the last time; between two snapshots, as some venues keep trades for a short while only."""
    return RunRequest()


@schedule(job=backtest, cron_schedule="30 9 * * 6", execution_timezone="UTC")
def weekly() -> RunRequest:
    """Saturday, at 09:30 UTC: a week's options expire on Friday, and their day has been imported by then."""
    return RunRequest()


SCHEDULES = [daily, every_hour, around_every_hour, weekly]
