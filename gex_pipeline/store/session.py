"""One DuckDB session over a warehouse: read-only, UTC, views and functions on demand.

The only place that makes a connection.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from gex_pipeline.errors import GexError
from gex_pipeline.schema import TABLES
from gex_pipeline.store import catalog, udfs
from gex_pipeline.store.partitions import Store

_EXPLAIN = re.compile(r"^(?:\s|--[^\n]*\n|/\*.*?\*/)*explain\s+(analyze\s+)?", re.IGNORECASE | re.DOTALL)
#: Listings of the files that one query may need while other processes fold months.
_ATTEMPTS = 5
_FUNCTION = re.compile("|".join(udfs.NAMES), re.IGNORECASE)


class Session:
    """A connection whose views follow the files. Not for several threads at once: open one session each."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root)
        self.store.require()
        self._refuse_hive_names()
        self._con = duckdb.connect(
            config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        )
        self._con.execute("SET TimeZone = 'UTC'")
        self._con.execute(
            f"SET allowed_directories = ['{str(self.store.objects.root).replace(chr(39), chr(39) * 2)}/']"
        )
        self._con.execute("SET enable_external_access = false")
        self._con.execute("SET lock_configuration = true")
        self._paths: dict[str, list[str]] = {}
        self._has_functions = False

    def _refuse_hive_names(self) -> None:
        """DuckDB would take a column's values from a parent folder such as `venue=x`."""
        columns = {h for t in TABLES.values() for h in t.hive}
        for name in self.store.objects.root.parts:
            if name.split("=")[0] in columns and "=" in name:
                raise GexError(f"the folder {name} above the warehouse looks like a column of it: rename or move it")

    def query(self, sql: str, parameters: list[Any] | None = None) -> pl.DataFrame:
        """Rows of one reading statement.

        Raises ``GexError`` in one line for an error in the SQL and for anything that is not a read.
        """
        self._require_read(sql)
        for attempt in range(_ATTEMPTS):
            try:
                self.prepare(sql)
                return self._con.sql(sql, params=parameters).pl()
            except duckdb.IOException as error:
                # A month may have been folded between listing its days and reading them: list again.
                if attempt == _ATTEMPTS - 1:
                    raise GexError(f"{_one_line(error)}; run `gex verify`") from error
                self._paths.clear()
            except duckdb.Error as error:
                raise GexError(_one_line(error)) from error
        raise AssertionError("unreachable")

    def prepare(self, sql: str) -> None:
        """Create or refresh the views and functions that a statement may use."""
        names = catalog.mentioned(sql)
        if not self._has_functions and (catalog.USES_FUNCTIONS & set(names) or _FUNCTION.search(sql)):
            udfs.register(self._con)
            self._has_functions = True
        for name in names:
            self._refresh(name)

    def _refresh(self, name: str) -> None:
        table = TABLES[name]
        root = self.store.objects
        paths = [str(root.path(p.path)) for p in self.store.partitions(table)] if table.period else []
        if self._paths.get(name) != paths:
            for statement in catalog.statements(table, paths):
                self._con.execute(statement)
            self._paths[name] = paths

    def _require_read(self, sql: str) -> None:
        try:
            found = duckdb.extract_statements(_EXPLAIN.sub("", sql))
        except duckdb.Error as error:
            raise GexError(_one_line(error)) from error
        if len(found) != 1:
            raise GexError(f"expected one SQL statement, got {len(found)}")
        if found[0].type != duckdb.StatementType.SELECT:
            kind = str(found[0].type).rsplit(".", 1)[-1]
            raise GexError(f"the warehouse is read-only: {kind} is not allowed, only SELECT and EXPLAIN are")

    def close(self) -> None:
        """Close the connection."""
        self._con.close()


def _one_line(error: duckdb.Error) -> str:
    """The first line of DuckDB's message, and its suggestions."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    hints = [line for line in lines[1:] if line.startswith(("Candidate", "Did you mean"))]
    return " ".join([lines[0], *hints]) if lines else "SQL error"
