"""Dagster's SQLite event log with one transaction per batch of events, in place of several per event.

A run writes two events a day and table. Dagster's own class opens two databases and commits three times for each, which
took longer than building a year of days; here a batch is one commit in each database.
What is written, and where, is the same: taking the entry out of dagster.yaml gives back Dagster's own class.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy
from dagster._core.events import ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData, serialize_value

if TYPE_CHECKING:
    from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned

#: Dagster hands over events in batches where this says so. It is read at every batch, in each of its processes.
_BATCH_VARIABLE, _BATCH = "DAGSTER_EVENT_BATCH_SIZE", "1000"
_NEWEST = sqlalchemy.text("SELECT last_insert_rowid()")


class BatchedSqliteEventLog(SqliteEventLogStorage):
    """Dagster's event log; ``base_dir`` is DAGSTER_HOME, and files lie in it where Dagster puts them."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(str(Path(base_dir) / "history" / "runs"), inst_data)
        os.environ[_BATCH_VARIABLE] = _BATCH

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> BatchedSqliteEventLog:
        """As Dagster makes it from dagster.yaml."""
        return cls(inst_data=inst_data, **config_value)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of one run: those of assets together, others one by one."""
        of_assets: list[EventLogEntry] = []
        for event in events:
            if event.is_dagster_event and event.dagster_event_type in ASSET_EVENTS:
                of_assets.append(event)
            else:
                self.store_event(event)
        if of_assets:
            self._store_asset_events(of_assets)

    def _store_asset_events(self, events: Sequence[EventLogEntry]) -> None:
        """What `store_event` does for each, in one transaction per database; of an asset's events the last counts."""
        rows = [self._event_to_row(event) for event in events]
        insert = SqlEventLogStorageTable.insert()
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(insert, rows)
        with self.index_transaction() as connection:
            connection.execute(insert, rows)
            newest: int = connection.execute(_NEWEST).scalar_one()
            ids = range(newest - len(rows) + 1, newest + 1)  # nobody else writes in between
            self._store_asset_event_tags(connection, events, ids)
            last = {event.get_dagster_event().asset_key: (event, id_) for event, id_ in zip(events, ids, strict=True)}
            for event, id_ in last.values():
                self._store_asset_event(connection, event, id_)

    def _store_asset_check_evaluation_planned(self, event: EventLogEntry, event_id: int | None) -> None:
        """The rows that Dagster writes, one a partition, of which it serializes the event and compiles the SQL anew."""
        planned = cast("AssetCheckEvaluationPlanned", event.get_dagster_event().event_specific_data)
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": serialize_value(event),
            "evaluation_event_timestamp": self._event_insert_timestamp(event),
            "evaluation_event_storage_id": event_id,
        }
        keys = planned.partitions_subset.get_partition_keys() if planned.partitions_subset else [None]
        with self.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.insert(), [{**row, "partition": key} for key in keys])
