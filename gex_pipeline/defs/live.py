"""The hourly snapshot: one step for all venues, which then brings the day up to date.

One step, because the venues are asked side by side and a venue that is down must not keep the others from being built.
Annotations are evaluated here: Dagster compares their classes, not their names.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    Failure,
    MaterializeResult,
    RetryRequested,
    multi_asset,
)

from gex_pipeline.core.instruments import VENUES
from gex_pipeline.defs.partitions import HOURS, hour_of
from gex_pipeline.defs.resources import Exchanges, Places
from gex_pipeline.defs.specs import IS_SOUND, polled, stored
from gex_pipeline.errors import GexError
from gex_pipeline.schema import BUILT

#: After a failure the venues that failed are asked again; a venue is rarely away for less than a minute.
_RETRIES, _RETRY_SECONDS = 2, 60
_SPECS = {venue: polled(venue) for venue in VENUES}
_SNAPSHOTS = stored("snapshots", "live", deps=[spec.key for spec in _SPECS.values()])
_CHECKS = [
    AssetCheckSpec(IS_SOUND, asset=spec.key, description="Every coin was stored, and no guard warns of a number.")
    for spec in _SPECS.values()
]


@multi_asset(
    name="snapshot_venues",
    specs=[*_SPECS.values(), _SNAPSHOTS],
    check_specs=_CHECKS,
    partitions_def=HOURS,
    can_subset=True,
)
def snapshots(
    context: AssetExecutionContext, places: Places, exchanges: Exchanges
) -> Iterator[MaterializeResult[Any] | AssetCheckResult]:
    """Poll the venues of the selection, then build the day."""
    from gex_pipeline.engine.hourly import build_day_of, snapshot_hour

    venues = [venue for venue in exchanges.venues if _SPECS[venue].key in context.selected_asset_keys]
    try:
        at, hours = snapshot_hour(places.root, exchanges.network(), venues, exchanges.underlyings, hour_of(context))
    except GexError as error:
        raise Failure(str(error), allow_retries=False) from None
    failed = [f"{venue} {line}" for venue, hour in hours.items() for line in hour.failed]
    if failed and context.retry_number < _RETRIES:
        raise RetryRequested(max_retries=_RETRIES, seconds_to_wait=_RETRY_SECONDS) from Failure("; ".join(failed))
    # before anything is yielded, as Dagster writes down what is logged at the next yield
    failed += _build(context, build_day_of(places.root, at, []), at)
    for venue, hour in hours.items():
        yield from _results(_SPECS[venue].key, hour)
    if _SNAPSHOTS.key in context.selected_asset_keys:
        yield MaterializeResult(_SNAPSHOTS.key, metadata={"dagster/row_count": sum(h.coins for h in hours.values())})
    if failed:
        raise Failure("\n".join(failed), allow_retries=False)


def _results(key: AssetKey, hour: Any) -> Iterator[MaterializeResult[Any] | AssetCheckResult]:
    lines = [*hour.failed, *hour.warned]
    severity = AssetCheckSeverity.ERROR if hour.failed else AssetCheckSeverity.WARN
    if not hour.failed:
        yield MaterializeResult(key, metadata=hour.facts)
    yield AssetCheckResult(
        asset_key=key,
        check_name=IS_SOUND,
        passed=not lines,
        severity=severity,
        description="\n".join(lines) or None,
        metadata=hour.facts,
    )


def _build(context: AssetExecutionContext, day: Any, at: datetime) -> list[str]:
    """Say in the log of each derived table that its day was made anew; returns what is wrong with it."""
    problems = [line for found in day.tables.values() for line in found.problems]
    if day.failures or problems:
        return [*day.failures, *problems]
    for table in BUILT:
        rows = day.tables[table.name].rows.total()
        metadata: Mapping[str, Any] = {"dagster/row_count": rows, "snapshot": f"{at:%Y-%m-%dT%H:%MZ}"}
        context.log_event(AssetMaterialization(table.name, metadata=metadata, partition=f"{at:%Y-%m-%d}"))
    return []
