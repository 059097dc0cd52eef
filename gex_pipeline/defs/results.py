"""What a stage did -> materialisations with their metadata, and check results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetKey,
    MaterializeResult,
    MetadataValue,
    Output,
)
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION as NO_EVENT

from gex_pipeline.defs.specs import HAS_DATA, IS_SOUND
from gex_pipeline.schema import MAY_BE_EMPTY

if TYPE_CHECKING:
    from gex_pipeline.engine.stages import Outcome

Result = MaterializeResult[Any] | Output[None] | AssetCheckResult
#: Days that are counted one by one: Dagster copies all it was told before at every call, 4 s for a year of six tables.
_COUNTED_DAYS = 100
_WARN, _ERROR = AssetCheckSeverity.WARN, AssetCheckSeverity.ERROR


def results(context: AssetExecutionContext, keys: Mapping[str, AssetKey], outcome: Outcome) -> Iterator[Result]:
    """Everything a step has to say, per table. A table that is not sound, or wants rows, is not materialised."""
    for table, key in keys.items():
        sound = _is_sound(table, key, outcome)
        if sound.passed or sound.severity == _WARN:
            yield _made(context, key, table, outcome)
        yield sound
        if table not in MAY_BE_EMPTY:
            yield _has_data(table, key, outcome)


def _made(context: AssetExecutionContext, key: AssetKey, table: str, outcome: Outcome) -> Result:
    """What lets the steps downstream run: a materialisation, or where rows were expected and none came, no event.

    Without the output Dagster would skip every step that also has other venues to go by; with a materialisation the
    asset would stay fresh, however long its archive has had nothing.
    """
    if table in outcome.blank and outcome.is_expected:
        name = context.assets_def.get_output_name_for_asset_key(key)
        return Output(None, name, metadata={NO_EVENT: True})
    _annotate(context, key, table, outcome)
    return MaterializeResult(key, metadata=_metadata(table, outcome))


def _is_sound(table: str, key: AssetKey, outcome: Outcome) -> AssetCheckResult:
    wrong = [*outcome.failures, *outcome.tables[table].problems]
    lines = wrong or outcome.conflicts
    return AssetCheckResult(
        asset_key=key,
        check_name=IS_SOUND,
        passed=not lines,
        severity=_ERROR if wrong else _WARN,
        description="\n".join(lines) or None,
        metadata={"rows": outcome.tables[table].rows.total()},
    )


def _has_data(table: str, key: AssetKey, outcome: Outcome) -> AssetCheckResult:
    line = outcome.empty.get(table)
    return AssetCheckResult(
        asset_key=key,
        check_name=HAS_DATA,
        passed=line is None,
        severity=_ERROR if table in outcome.blank and outcome.is_expected else _WARN,
        description=line,
    )


def _metadata(table: str, outcome: Outcome) -> dict[str, Any]:
    """Copied into the event of every partition of the run: a few numbers."""
    found = outcome.tables[table]
    reasons = {f"rejected: {reason}": rows for reason, rows in sorted(found.reasons.items())}
    return {"dagster/row_count": found.rows.total(), **outcome.facts, **outcome.own.get(table, {}), **reasons}


def _annotate(context: AssetExecutionContext, key: AssetKey, table: str, outcome: Outcome) -> None:
    """Each partition of a short run its rows; the last of any, which the asset's page shows, also the glance."""
    rows = outcome.tables[table].rows
    for day, count in rows.items() if len(rows) <= _COUNTED_DAYS else ():
        context.add_asset_metadata({"dagster/partition_row_count": count}, key, str(day))
    for title, markdown in outcome.glances[table].items():
        context.add_asset_metadata({title: MetadataValue.md(markdown)}, key, context.partition_key_range.end)
