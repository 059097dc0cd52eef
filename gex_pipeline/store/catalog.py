"""The views of a session: one per table, over exactly the files that count, created when a query names them.

Belongs here: table declarations and file lists -> CREATE VIEW and COMMENT statements. Not: connections.
"""

from __future__ import annotations

import re
from importlib.resources import files

from gex_pipeline.core.units import FLOOR
from gex_pipeline.schema import BACKTESTS, TABLES
from gex_pipeline.schema.common import SIDED
from gex_pipeline.schema.derived import LEVELS_ODTE
from gex_pipeline.schema.model import Table
from gex_pipeline.schema.types import duckdb_type
from gex_pipeline.schema.views import NEEDS, OF_RUNS
from gex_pipeline.store.quoting import text

#: Views that call the session's functions.
USES_FUNCTIONS = {"exposure", "gamma_twap", "expiries"}

_WORD = re.compile(r"[a-z_][a-z0-9_]*")
#: Sign of net gamma, null where it counts as zero.
_REGIME = f"""CASE
        WHEN abs(net_gex_usd) < {FLOOR} * gross_gex_usd OR net_gex_usd = 0 THEN NULL
        WHEN net_gex_usd > 0 THEN 'positive'
        ELSE 'negative'
    END"""
#: Queries about the catalog itself see every view.
_CATALOG = re.compile(
    r"information_schema|sqlite_master|\b(duckdb|pragma|pg)_\w+|\b(show|describe|summarize)\b", re.IGNORECASE
)


def mentioned(sql: str) -> list[str]:
    """The tables a query may read, with the tables that those read, dependencies first."""
    words = set(_WORD.findall(sql.lower()))
    names = set(TABLES) if _CATALOG.search(sql) else words & set(TABLES)
    while more := {need for name in names for need in NEEDS.get(name, ())} - names:
        names |= more
    return sorted(names, key=lambda n: (_depth(n), n))


def _depth(name: str) -> int:
    """How many views lie on each other below a table."""
    return max((1 + _depth(need) for need in NEEDS.get(name, ())), default=0)


def statements(table: Table, paths: list[str]) -> list[str]:
    """SQL that (re)creates the view of a table over its files, with a comment for the view and each column."""
    body = view_sql(table) if table.period is None else _over_files(table, paths)
    comments = [
        f"COMMENT ON COLUMN {table.name}.{c.name} IS {text(_comment(c.description, c.unit))}" for c in table.columns
    ]
    return [
        f"CREATE OR REPLACE VIEW {table.name} AS {body}",
        f"COMMENT ON VIEW {table.name} IS {text(table.description)}",
        *comments,
    ]


def _over_files(table: Table, paths: list[str]) -> str:
    columns = ", ".join(f"NULL::{duckdb_type(c)} AS {c.name}" for c in table.columns)
    nothing = f"SELECT {columns} WHERE false"
    if not paths:
        return nothing
    names = ", ".join(table.names)
    listed = ", ".join(text(p) for p in paths)
    types = ", ".join(f"{text(h)}: VARCHAR" for h in table.hive)
    is_counted = " WHERE run_id IN (SELECT run_id FROM backtest_runs)" if table.name in OF_RUNS else ""
    # Names come from the declarations and the store's own listing, quoted: nothing a user types gets here.
    options = f"hive_partitioning=true, hive_types={{{types}}}"
    if table not in BACKTESTS:
        return f"SELECT {names} FROM read_parquet([{listed}], {options})"  # noqa: S608
    rows = f"FROM read_parquet([{listed}], {options}, union_by_name=true)"  # of whatever version
    return f"SELECT {names} FROM ({nothing} UNION ALL BY NAME {rows}){is_counted}"  # noqa: S608


def view_sql(table: Table) -> str:
    """The query behind a view."""
    body = files("gex_pipeline.store").joinpath(f"sql/{table.name}.sql").read_text()
    return body.format(sided=_sided(), levels=_levels(), regime=_REGIME) if "{" in body else body


def _sided() -> str:
    """Call, put and net sums of every exposure."""
    parts: list[str] = []
    for name, _, _ in SIDED:
        kernel = name.removesuffix("_pa_usd") + "_pa" if name.endswith("_pa_usd") else name.removesuffix("_usd")
        net = f"net_{name}" if name == "gex_usd" else name
        for side, letter in (("call", "C"), ("put", "P")):
            parts.append(f"coalesce(sum({kernel}) FILTER (option_type = '{letter}'), 0) AS {side}_{name}")
        parts.append(f"coalesce(sum({kernel}), 0) AS {net}")
    return ",\n    ".join(parts)


def _levels() -> str:
    return ",\n    ".join(f"max(value_usd) FILTER (level = '{level}') AS {level}" for level in LEVELS_ODTE)


def _comment(description: str, unit: str) -> str:
    return f"{description} [{unit}]" if unit else description
