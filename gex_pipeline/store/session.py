"""One DuckDB session over a warehouse: read-only, UTC, views and functions on demand.

The only place that makes a connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from duckdb.sqltypes import DuckDBPyType

from gex_pipeline.errors import GexError
from gex_pipeline.schema import MACROS, TABLES, Table
from gex_pipeline.store import catalog, udfs
from gex_pipeline.store.damage import damage
from gex_pipeline.store.interruptible import interruptible
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.macros import Answering, Macros
from gex_pipeline.store.parquet import version_of
from gex_pipeline.store.partitions import Store
from gex_pipeline.store.quoting import quoted, text

#: Listings of the files that one query may need while other processes fold months.
_ATTEMPTS = 12
_FUNCTION = re.compile("|".join(udfs.NAMES), re.IGNORECASE)
_MACRO = re.compile("|".join(m.name for m in MACROS) + "|duckdb_functions", re.IGNORECASE)
_SELECT, _MULTI = duckdb.StatementType.SELECT, duckdb.StatementType.MULTI

#: Errors in a statement, whatever the files are.
_OF_SQL = (
    duckdb.ParserException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
)

_TEXT = "VARCHAR"
#: DuckDB's types that Polars lacks or misreads -> what they become.
_CASTS = {
    "interval": _TEXT,  # the difference of two instants
    "union": _TEXT,
    "variant": _TEXT,
    "bit": _TEXT,
    "bignum": _TEXT,
    "time with time zone": _TEXT,
    "timestamp_s": "TIMESTAMP",  # seconds overflow as milliseconds
}
#: Python's datetime, and with it everything that prints a frame, knows these days from 1970-01-01, no infinity.
_FIRST_DAY, _LAST_DAY = ((d - date(1970, 1, 1)).days for d in (date.min, date.max))
_PER_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


class Session:
    """A connection whose views follow the files. Not for several threads at once: open one session each.

    ``functions``: what the table macros compute, by name; a macro without one is not there. ``since``: files of days,
    months and years before it are not there, so that questions about today cost the same in a warehouse of ten years;
    ``underlying``: nor those of other coins, so that what is broken there does not matter.
    """

    def __init__(
        self,
        root: Path,
        functions: Mapping[str, Answering] | None = None,
        since: date | None = None,
        underlying: str | None = None,
    ) -> None:
        self.store = Store(root)
        self.store.require()
        self._con = duckdb.connect(
            config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        )
        self._con.execute("SET TimeZone = 'UTC'")
        # else a few rows are held against every row of the other side, one by one
        self._con.execute("SET asof_loop_join_threshold = 0")
        self._con.execute(f"SET allowed_directories = [{text(f'{self.store.objects.root}/')}]")
        self._con.execute("SET enable_external_access = false")
        self._con.execute("SET lock_configuration = true")
        self._paths: dict[str, list[str]] = {}
        self._has_functions = self._has_macros = False
        self._macros = Macros(functions or {})
        self._since, self._underlying = f"{since or date.min}", underlying

    def query(self, sql: str, parameters: list[Any] | None = None) -> pl.DataFrame:
        """Rows of one reading statement.

        Types that Polars lacks, INTERVAL and UNION above all, come as text. Raises ``GexError`` in one line for an
        error in the SQL, for anything that is not a read, and for times that Python cannot say.
        """
        _require_read(sql)
        for attempt in range(_ATTEMPTS):
            before = None
            try:
                self.prepare(sql)
                before = self._versions(sql)
                with interruptible(self._con):
                    frame = _frame(self._con.sql(sql, params=parameters))
                if self._versions(sql) == before:
                    return frame
            except (duckdb.Error, UnicodeDecodeError) as error:  # text of a damaged page is no UTF-8
                self._raise_failure()
                is_of_files = isinstance(error, duckdb.IOException) or before is None or before != self._versions(sql)
                if not is_of_files or attempt == _ATTEMPTS - 1:
                    is_of_sql = before is not None and isinstance(error, _OF_SQL)
                    line = None if is_of_sql else damage(self.store, catalog.mentioned(sql))
                    raise GexError(line or _one_line(error)) from error
            # A month was folded or a file replaced between its listing and its last page: list again, read again.
            self._paths.clear()
        raise GexError("the files are being replaced again and again; ask again")

    def _versions(self, sql: str) -> list[tuple[int, int, int] | None]:
        """What changes when a file is replaced that a statement may read."""
        return [version_of(Path(path)) for name in catalog.mentioned(sql) for path in self._paths.get(name, [])]

    def _raise_failure(self) -> None:
        """Raise what stopped a macro, in its own words: DuckDB's are around it."""
        failure, self._macros.failure = self._macros.failure, None
        if isinstance(failure, GexError):
            raise GexError(str(failure)) from failure  # in a query a wrong argument is as any other error in the SQL
        if failure is not None:
            raise failure

    def prepare(self, sql: str) -> None:
        """Create or refresh the views, macros and functions that a statement may use."""
        if not self._has_macros and _MACRO.search(sql):
            self._macros.register(self._con)
            self._has_macros = True
        names = catalog.mentioned(sql)
        if not self._has_functions and (catalog.USES_FUNCTIONS & set(names) or _FUNCTION.search(sql)):
            udfs.register(self._con)
            self._has_functions = True
        for name in names:
            self._refresh(name)

    def _refresh(self, name: str) -> None:
        table = TABLES[name]
        root = self.store.objects
        paths = [str(root.path(p.path)) for p in self._files(table)]
        if self._paths.get(name) != paths:
            for statement in catalog.statements(table, paths):
                self._con.execute(statement)
            self._paths[name] = paths

    def _files(self, table: Table) -> list[Partition]:
        """The partitions of a table that this session sees; none of a view."""
        files = self.store.partitions(table) if table.period else []
        return [
            p
            for p in files
            if p.period >= self._since[: len(p.period)]
            and self._underlying in (None, dict(p.hive).get("underlying", self._underlying))
        ]

    def close(self) -> None:
        """Close the connection."""
        self._con.close()


def _require_read(sql: str) -> None:
    """Refuse anything but one statement that reads, or the explanation of one."""
    found = _parse(sql)
    if len(found) != 1:
        raise GexError(f"expected one SQL statement, got {len(found)}")
    body = _explained(sql)
    kind = _parse(body)[0].type
    # A PIVOT without its values is several statements to DuckDB, and so is any write that has one inside.
    if kind != _SELECT and not (kind == _MULTI and _is_parsed(f"FROM ({body})")):
        name = "a write" if kind == _MULTI else str(kind).rsplit(".", 1)[-1]
        raise GexError(f"the warehouse is read-only: {name} is not allowed, only SELECT, PIVOT and EXPLAIN are")


def _explained(sql: str) -> str:
    """The statement that an EXPLAIN explains; any other as it is; without a semicolon."""
    raw, words = sql.encode(), _words(sql)
    if words[0][1] == b"explain":
        words = words[2:] if words[1][1] == b"analyze" else words[1:]
        if words[0][1] == b"(" and not _is_parsed(raw[words[0][0] :].decode()):
            words = words[[word for _, word in words].index(b")") + 1 :]  # the options: (ANALYZE, FORMAT JSON)
    end = next((start for start, word in words if word == b";"), len(raw))
    return raw[words[0][0] : end].decode() + "\n"


def _words(sql: str) -> list[tuple[int, bytes]]:
    """First byte and text of every word, as DuckDB reads it: its comments nest, which no pattern can follow."""
    raw, tokens = sql.encode(), duckdb.tokenize(sql)
    ends = [start for start, _ in tokens[1:]] + [len(raw)]
    return [
        (start, raw[start:end].strip().lower())
        for (start, kind), end in zip(tokens, ends, strict=True)
        if kind != duckdb.token_type.comment
    ]


def _parse(sql: str) -> list[duckdb.Statement]:
    try:
        return duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise GexError(_one_line(error)) from error


def _is_parsed(sql: str) -> bool:
    """Whether the text is one statement."""
    try:
        return len(duckdb.extract_statements(sql)) == 1
    except duckdb.Error:
        return False


def _frame(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """The rows, with what Polars has no type for as text."""
    casts = [_cast(kind) for kind in relation.types]
    if any(casts):
        columns = enumerate(zip(relation.columns, casts, strict=True), 1)
        relation = relation.project(", ".join(f"#{i}{f'::{c}' if c else ''} AS {quoted(n)}" for i, (n, c) in columns))
    try:
        frame = relation.pl()
    except pl.exceptions.PolarsError as error:
        raise GexError(f"{_unreadable(relation)} has a type that Polars lacks: CAST it AS VARCHAR") from error
    for column in frame.get_columns():
        if not all(map(_is_sayable, _times(column))):
            raise GexError(
                f"column {column.name} has a time that is infinite or not within the years 1 to 9999: "
                "leave it out with isfinite(...), or CAST it AS VARCHAR"
            )
    return frame


def _cast(kind: DuckDBPyType) -> str | None:
    """What a column of the type is cast to, None where it stays; a list or struct of foreign values is text."""
    if kind.id in _CASTS:
        return _CASTS[kind.id]
    if kind.id in ("list", "array", "struct", "map"):
        inner = (child for _, child in kind.children if isinstance(child, DuckDBPyType))
        return _TEXT if any(map(_cast, inner)) else None
    return None


def _unreadable(relation: duckdb.DuckDBPyRelation) -> str:
    """The first column that Polars refuses, with its type."""
    for i, (name, kind) in enumerate(zip(relation.columns, relation.types, strict=True), 1):
        try:
            relation.project(f"#{i}").pl()
        except pl.exceptions.PolarsError:
            return f"column {name} ({kind})"
    return "a column"


def _times(values: pl.Series) -> Iterator[pl.Series]:
    """The dates and instants in a column, those inside lists, maps and structs too."""
    if isinstance(values.dtype, pl.Date | pl.Datetime):
        yield values
    elif isinstance(values.dtype, pl.List | pl.Array):
        yield from _times(values.explode())
    elif isinstance(values.dtype, pl.Map):
        yield from _times(values.map.entries())
    elif isinstance(values.dtype, pl.Struct):
        for field in values.struct.unnest().get_columns():
            yield from _times(field)


def _is_sayable(times: pl.Series) -> bool:
    unit = _PER_DAY[times.dtype.time_unit] if isinstance(times.dtype, pl.Datetime) else 1
    days = times.to_physical() // unit
    return bool(days.is_between(_FIRST_DAY, _LAST_DAY).all())


def _one_line(error: Exception) -> str:
    """The first line of DuckDB's message, and its suggestions, which may stand on the line below their title."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    hints = [
        f"{line} {below}" if line.endswith(":") else line
        for line, below in pairwise([*lines[1:], ""])
        if line.startswith(("Candidate", "Did you mean"))
    ]
    return " ".join([lines[0], *hints]) if lines else "SQL error"
