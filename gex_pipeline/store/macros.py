"""Table macros of a session: SQL arguments -> a function that answers -> rows.

Belongs here: the bridge. What a macro takes and returns is declared in ``schema``, what it computes is handed in: the
same function serves the commands. Each call sees one snapshot, read by the function itself, so that a macro costs the
same in a warehouse of one year and of ten; in a lateral join it is called once per row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from inspect import Parameter, Signature
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from gex_pipeline.errors import GexError
from gex_pipeline.schema import MACROS
from gex_pipeline.schema.model import Argument, Macro
from gex_pipeline.schema.types import duckdb_type, polars_schema
from gex_pipeline.store.quoting import quoted, text

#: Named arguments -> the rows of the macro's table.
Answering = Callable[..., pl.DataFrame]


class Macros:
    """The macros of one connection. ``failure``: what stopped the last call; DuckDB keeps only its text."""

    def __init__(self, functions: Mapping[str, Answering]) -> None:
        self._functions = functions
        self.failure: BaseException | None = None

    def register(self, con: duckdb.DuckDBPyConnection) -> None:
        """Create every macro that has a function, and its comment."""
        for macro in MACROS:
            if macro.name in self._functions:
                self._create(con, macro)

    def _create(self, con: duckdb.DuckDBPyConnection, macro: Macro) -> None:
        types: list[Any] = [a.sql_type for a in macro.arguments]
        fields = ", ".join(f"{quoted(c.name)} {duckdb_type(c)}" for c in macro.table.columns)
        con.create_function(
            _rows_name(macro),
            _counted(len(types), partial(self._call, macro)),
            types,
            f"STRUCT({fields})[]",
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
            side_effects=True,  # new files change the answer
        )
        con.execute(macro_sql(macro))
        con.execute(f"COMMENT ON MACRO TABLE {macro.name} IS {text(macro.table.description)}")

    def _call(self, macro: Macro, *columns: pa.ChunkedArray) -> pa.Array:
        """A list of rows for each row of arguments."""
        names = [a.name for a in macro.arguments]
        try:
            frames = [
                self._answer(macro, dict(zip(names, values, strict=True)))
                for values in zip(*(_values(c) for c in columns), strict=True)
            ]
        except BaseException as error:
            self.failure = error
            raise
        return _lists(macro, frames)

    def _answer(self, macro: Macro, arguments: dict[str, Any]) -> pl.DataFrame:
        missing = [a.name for a in macro.arguments if not a.default and not arguments[a.name]]
        if missing:
            raise GexError(f"{macro.name}: {missing[0]} is NULL or empty")
        return self._functions[macro.name](**arguments)


def macro_sql(macro: Macro) -> str:
    """CREATE MACRO; an argument that is NULL has its default, so that a query can hand on what it has."""
    parameters = ", ".join(f"{quoted(a.name)} := {a.default}" if a.default else quoted(a.name) for a in macro.arguments)
    values = ", ".join(_value(a) for a in macro.arguments)
    # Names come from the declarations: nothing a user types gets here.
    body = f"SELECT unnest({_rows_name(macro)}({values}), recursive := true)"
    return f"CREATE OR REPLACE MACRO {macro.name}({parameters}) AS TABLE {body}"


def _value(argument: Argument) -> str:
    default = "now()" if argument.name == "at" else argument.default or "NULL"
    return f"coalesce({quoted(argument.name)}, {default})::{argument.sql_type}"


def _rows_name(macro: Macro) -> str:
    return f"{macro.name}_rows"


def _counted(n: int, call: Callable[..., pa.Array]) -> Callable[..., pa.Array]:
    """The function with n parameters to its name, which DuckDB counts."""

    def counted(*columns: pa.ChunkedArray) -> pa.Array:
        return call(*columns)

    parameters = [Parameter(f"a{i}", Parameter.POSITIONAL_ONLY) for i in range(n)]
    counted.__signature__ = Signature(parameters)
    return counted


def _values(column: pa.ChunkedArray) -> list[Any]:
    try:
        return column.to_pylist()
    except (OverflowError, ValueError) as error:
        raise GexError("a time is infinite or not within the years 1 to 9999") from error


def _lists(macro: Macro, frames: list[pl.DataFrame]) -> pa.Array:
    """The frames as one list of rows each."""
    schema = polars_schema(macro.table)
    whole = pl.concat([frame.select(pl.col(n).cast(dtype) for n, dtype in schema.items()) for frame in frames])
    rows = whole.to_struct("rows").to_arrow(compat_level=pl.CompatLevel.oldest())
    offsets = [0]
    for frame in frames:
        offsets.append(offsets[-1] + frame.height)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), rows)
