"""The asset graph as text: what a reviewer of a change wants to see of it.

python -m tests.asset_graph      # writes tests/golden/asset_graph.txt
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dagster import AssetKey, Definitions
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy

from gex_pipeline.definitions import build_defs

GOLDEN = Path(__file__).parent / "golden" / "asset_graph.txt"


def text() -> str:
    """The whole graph, sorted."""
    defs = build_defs()
    graph = defs.resolve_asset_graph()
    lines = [line for key in sorted(graph.get_all_asset_keys()) for line in _asset(graph, key)]
    return "\n".join([*lines, *_jobs(defs)]) + "\n"


def _asset(graph: AssetGraph, key: AssetKey) -> Iterator[str]:
    node = graph.get(key)
    yield key.to_user_string()
    yield f"  group {node.group_name}; kinds {', '.join(sorted(node.kinds))}"
    yield f"  made by {node.assets_def.op.name if node.is_executable else 'nothing, it is read'}"
    if node.parent_keys:
        yield f"  from {', '.join(sorted(k.to_user_string() for k in node.parent_keys))}"
    if node.partitions_def:
        backfill = node.backfill_policy.policy_type.name if node.backfill_policy else "one run each"
        yield f"  partitions {node.partitions_def}; backfill {backfill}"
    for check in sorted(node.check_keys, key=lambda c: c.name):
        spec = graph.get_check_spec(check)
        yield f"  check {check.name}{', blocking' if spec.blocking else ''}"
    policy = node.freshness_policy
    if isinstance(policy, TimeWindowFreshnessPolicy):
        yield f"  late after {policy.warn_window.to_timedelta()}, failed after {policy.fail_window.to_timedelta()}"
    yield ""


def _jobs(defs: Definitions) -> Iterator[str]:
    repository = defs.get_repository_def()
    for job in sorted(repository.get_all_jobs(), key=lambda j: j.name):
        if not job.name.startswith("__"):
            keys = sorted(k.to_user_string() for k in job.asset_layer.executable_asset_keys)
            yield f"job {job.name}: {', '.join(keys)}"
    for schedule in sorted(repository.schedule_defs, key=lambda s: s.name):
        state = f"{schedule.default_status.value.lower()} at first"
        yield f"schedule {schedule.name}: {schedule.job_name} at {schedule.cron_schedule} UTC, {state}"
    for sensor in sorted(repository.sensor_defs, key=lambda s: s.name):
        yield f"sensor {sensor.name}: {sensor.default_status.value.lower()} at first"


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(text())
