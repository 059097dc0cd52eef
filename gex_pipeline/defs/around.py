"""What is around the chain, fetched every hour: one step, as the feeds of a venue go in turn.

The first run after 08:00 UTC has the day's settlement prices. Annotations are evaluated here: Dagster compares their
classes, not their names.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetMaterialization,
    Failure,
    MaterializeResult,
    multi_asset,
)

from gex_pipeline.defs.resources import Exchanges, Places
from gex_pipeline.defs.specs import IS_SOUND, stored

_SPECS = {name: stored(name, "live") for name in ("trades", "perps", "funding", "settlements")}
#: Tables that archives fill too, day by day.
_SHARED = ("candles", "dvol")
_CHECKS = [
    AssetCheckSpec(
        IS_SOUND, asset=spec.key, description="Every feed was fetched whole, and no row contradicts a stored one."
    )
    for spec in _SPECS.values()
]


@multi_asset(name="fetch_market", specs=list(_SPECS.values()), check_specs=_CHECKS)
def market(
    context: AssetExecutionContext, places: Places, exchanges: Exchanges
) -> Iterator[MaterializeResult[Any] | AssetCheckResult]:
    """Fetch what came since the last time."""
    from gex_pipeline.engine.market import fetch_all

    done = fetch_all(places.root, exchanges.network(), exchanges.venues, exchanges.underlyings)
    for name in _SHARED:
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        context.log_event(AssetMaterialization(name, metadata={"new rows": done.rows[name]}, partition=today))
    for name, spec in _SPECS.items():
        yield MaterializeResult(spec.key, metadata={"new rows": done.rows[name], "requests": dict(done.requests)})
        yield AssetCheckResult(
            asset_key=spec.key,
            check_name=IS_SOUND,
            passed=not [*done.failures, *done.conflicts, *done.holes],
            severity=AssetCheckSeverity.ERROR if done.failures else AssetCheckSeverity.WARN,
            description="\n".join([*done.failures, *done.conflicts, *done.holes, *done.notes]) or None,
        )
    if done.failures:
        raise Failure("\n".join(done.failures), allow_retries=False)
