"""Assets of the derived tables: one step for all, as they are computed from one book.

Annotations are evaluated here: Dagster compares their classes, not their names.
"""

from collections.abc import Iterator

from dagster import AssetExecutionContext, AssetKey, BackfillPolicy, Config, multi_asset

from gex_pipeline.defs.partitions import DAYS, days_of
from gex_pipeline.defs.resources import Places
from gex_pipeline.defs.results import Result, results
from gex_pipeline.defs.specs import CHAINS, checks, stored
from gex_pipeline.schema import BUILT, MAY_BE_EMPTY

_SPECS = {table.name: stored(table.name, "derived", deps=[*CHAINS, AssetKey("trades")]) for table in BUILT}


class Build(Config):
    """Which coins to build; all when empty."""

    underlyings: list[str] = []  # noqa: RUF012 - pydantic copies it


@multi_asset(
    name="build_derived",
    specs=list(_SPECS.values()),
    check_specs=[c for name, spec in _SPECS.items() for c in checks(spec, may_be_empty=name in MAY_BE_EMPTY)],
    partitions_def=DAYS,
    backfill_policy=BackfillPolicy.single_run(),
)
def derived(context: AssetExecutionContext, config: Build, places: Places) -> Iterator[Result]:
    """Bring the derived tables up to date with `chain` and `trades`."""
    from gex_pipeline.engine.stages import build_days

    outcome = build_days(places.root, days_of(context), config.underlyings)
    yield from results(context, {name: spec.key for name, spec in _SPECS.items()}, outcome)
