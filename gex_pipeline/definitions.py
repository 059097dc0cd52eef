"""The entry point of Dagster: `workspace.yaml` names it."""

from __future__ import annotations

from typing import Any

from dagster import Definitions, in_process_executor

from gex_pipeline.defs.alerts import failed_run
from gex_pipeline.defs.around import market
from gex_pipeline.defs.backtests import backtests
from gex_pipeline.defs.base import BASE
from gex_pipeline.defs.derived import derived
from gex_pipeline.defs.jobs import JOBS, SCHEDULES
from gex_pipeline.defs.live import snapshots
from gex_pipeline.defs.resources import resources
from gex_pipeline.defs.views import VIEW_SPECS


def build_defs(**overrides: Any) -> Definitions:
    """All definitions; ``overrides`` replace resources by name, as tests do."""
    return Definitions(
        assets=[snapshots, market, *BASE, derived, backtests, *VIEW_SPECS],
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=[failed_run],
        resources={**resources(), **overrides},
        # A run is a process of its own and its steps are few and coarse; inside, the engine's pool uses all cores.
        executor=in_process_executor,
    )


defs = build_defs()
