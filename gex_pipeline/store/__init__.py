"""The only place that opens warehouse files or DuckDB.

`layout` names files (pure), `objects` touches the file system, `partitions` writes and reads partitions with their
manifests, `verify` checks them, `session` answers SQL.
"""
