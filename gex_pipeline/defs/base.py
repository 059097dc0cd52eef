"""Assets of the base tables: what the configured archives have.

Annotations are evaluated here: Dagster compares their classes, not their names.
"""

from collections.abc import Iterator

from dagster import AssetExecutionContext, AssetsDefinition, BackfillPolicy, multi_asset

from gex_pipeline.core.instruments import VENUES
from gex_pipeline.defs.partitions import DAYS, days_of
from gex_pipeline.defs.resources import Places
from gex_pipeline.defs.results import Result, results
from gex_pipeline.defs.specs import checks, stored
from gex_pipeline.schema import MAY_BE_EMPTY


def _imported(table: str, venue: str | None = None) -> AssetsDefinition:
    """One step that imports a base table, `chain` of one venue together with its `chain_rejected`."""
    names = ("chain", "chain_rejected") if table == "chain" else (table,)
    specs = {name: stored(name, "base", venue) for name in names}
    keys = {name: spec.key for name, spec in specs.items()}

    @multi_asset(
        name=f"import_{table}_{venue}" if venue else f"import_{table}",
        specs=list(specs.values()),
        check_specs=[c for name, spec in specs.items() for c in checks(spec, may_be_empty=name in MAY_BE_EMPTY)],
        partitions_def=DAYS,
        backfill_policy=BackfillPolicy.single_run(),
    )
    def imported(context: AssetExecutionContext, places: Places) -> Iterator[Result]:
        from gex_pipeline.engine.stages import import_days

        outcome = import_days(places.root, places.archives_file, table, days_of(context), venue)
        yield from results(context, keys, outcome)

    return imported


BASE = [*(_imported("chain", venue) for venue in VENUES), _imported("candles"), _imported("dvol")]
