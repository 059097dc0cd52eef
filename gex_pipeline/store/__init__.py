"""The only place that opens warehouse files or DuckDB.

`partitions` has the `Store`, which reads, replaces and merges the files of tables. It rests on `layout`, which names
files (pure), `objects`, which touches the file system, `marker`, which tells real warehouses from made-up ones,
`commits`, which replaces a file with its `manifest`, and `merge`, which compares rows (pure). `verify` checks all
files, `session` answers SQL.
"""
