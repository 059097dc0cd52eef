"""The recipes of plain-readers.md, run on any warehouse and asked what they made of its tables.

They are taken from the page, with a question put behind each: page and tests cannot drift apart. The page names the
demo's warehouse; a link of that name leads to the one that is read.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from gex_pipeline import open_warehouse
from gex_pipeline.schema.model import Table
from tests.pages import ROOT, commands

PAGE = "gex_pipeline/docs/plain-readers.md"
READERS = ("duckdb", "polars", "pandas")

_MARK = "-- the test asks --"
_ASK_PYTHON = """
import json
found = table("{name}"){collected}
print("{mark}")
print(json.dumps({{"n": len(found), "latest": str(found["snapshot_at"].max()), "day": str(found["day"].max())}}))
for column in found.columns:
    print(json.dumps({{"column_name": column, "column_type": str(found[column].dtype)}}))
"""
#: Rows, last instant and last day of a table, then its columns.
_ASK = {
    "duckdb": """
.print {mark}
.mode jsonlines
SELECT count(*) AS n, max(snapshot_at)::VARCHAR AS latest, max(day)::VARCHAR AS day FROM {name};
SELECT column_name, column_type FROM (DESCRIBE {name});
""",
    "polars": _ASK_PYTHON.replace("{collected}", ".collect()"),
    "pandas": _ASK_PYTHON.replace("{collected}", ""),
}
#: Declared type -> type in the reader, and those of the two columns that are not declared.
_TYPES = {
    "duckdb": {
        "timestamp": "TIMESTAMP WITH TIME ZONE",
        "float": "DOUBLE",
        "category": "VARCHAR",
        "bool": "BOOLEAN",
        "month": "VARCHAR",
        "day": "DATE",
    },
    "polars": {
        "timestamp": "Datetime(time_unit='us', time_zone='UTC')",
        "float": "Float64",
        "category": "Categorical",
        "bool": "Boolean",
        "month": "String",
        "day": "Date",
    },
    "pandas": {
        "timestamp": "datetime64[us, UTC]",
        "float": "float64",
        "category": "category",
        "bool": "object",
        "month": "str",
        "day": "date32[day][pyarrow]",
    },
}


def recipe(reader: str) -> str:
    """The commands of one reader, as the page has them."""
    begin = {"duckdb": "duckdb ", "polars": "python ", "pandas": "python "}[reader]
    found = [c.text for c in commands((ROOT / PAGE).read_text(encoding="utf-8"), PAGE)]
    return next(t for t in found if t.startswith(begin) and (begin == "duckdb " or f"import {reader} " in t))


def check(reader: str, table: Table, warehouse: Path, folder: Path) -> None:
    """The recipe finds the rows that the package finds, with the types that the page promises."""
    printed = run(reader, warehouse, folder, _ASK[reader].format(name=table.name, mark=_MARK))
    first, *columns = (json.loads(line) for line in printed.split(_MARK)[1].strip().splitlines())
    with open_warehouse(warehouse) as opened:
        n, latest = opened.query(f"SELECT count(*), max(snapshot_at) FROM {table.name}").row(0)
    assert n > 0
    assert first["n"] == n
    assert first["latest"].startswith(f"{latest:%Y-%m-%d %H:%M:%S}")
    assert first["latest"].endswith(("+00", "+00:00"))
    assert first["day"] == f"{latest:%Y-%m-%d}"
    types = _TYPES[reader]
    expected = {c.name: types[c.dtype] for c in table.columns} | {n: types[n] for n in ("month", "day")}
    if (reader, table.name) == ("duckdb", "chain"):
        expected["option_type"] = "ENUM('C', 'P')"
    assert {c["column_name"]: c["column_type"] for c in columns} == expected


def run(reader: str, warehouse: Path, folder: Path, ask: str = "") -> str:
    """What a recipe prints, with a question behind it in the same session, on a machine in Tokyo."""
    link = folder / "data" / "demo" / "warehouse"
    link.parent.mkdir(parents=True)
    link.symlink_to(warehouse, target_is_directory=True)
    *lines, end = recipe(reader).splitlines()
    path = f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", "\n".join([*lines, *ask.splitlines(), end])],
        cwd=folder,
        env={**os.environ, "PATH": path, "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    return done.stdout
