"""The data dictionary: every declared table and macro as Markdown.

`python -m gex_pipeline.schema.dictionary` rewrites the page.
"""

from __future__ import annotations

from pathlib import Path

from gex_pipeline.schema import MACROS, TABLES
from gex_pipeline.schema.model import Argument, Column, Macro, Table

PAGE = Path(__file__).parent.parent / "docs" / "data-dictionary.md"

_HEAD = """# Data dictionary

Generated from `gex_pipeline/schema`; do not edit. A table is hive-partitioned Parquet below the warehouse folder, a
view is computed from such tables when it is read, a macro is a view with arguments. Times are UTC with microseconds.
Missing is null, never 0 and never NaN. `category` is text from a small set. A unit of 1 is a plain ratio or fraction.
"""

#: A bar inside a cell.
_BAR = r"\|"
_COLUMNS = ("| column | type | unit | rules | meaning |", "|---|---|---|---|---|")


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(t) for t in TABLES.values()), *(_macro(m) for m in MACROS)])


def _section(table: Table) -> str:
    kind = "View, computed when read" if table.period is None else f"Parquet, one file per {_span(table)}"
    if table.hive:
        kind += f"; in the path: {', '.join(table.hive)}"
    key = ", ".join(table.key)
    return _joined(table, [f"{kind}. Key: {key}. Schema version {table.version}.\n", *_columns(table)])


def _macro(macro: Macro) -> str:
    return _joined(
        macro.table,
        [
            f"Macro: `FROM {macro.name}('BTC', at := now())`. Key: {', '.join(macro.table.key)}.\n",
            "| argument | type | default | meaning |",
            "|---|---|---|---|",
            *map(_argument, macro.arguments),
            "",
            *_columns(macro.table),
        ],
    )


def _joined(table: Table, lines: list[str]) -> str:
    return "\n".join([f"## `{table.name}`\n", f"{table.description}\n", *lines, ""])


def _columns(table: Table) -> list[str]:
    return [*_COLUMNS, *map(_column, table.columns)]


def _column(c: Column) -> str:
    return _row(f"`{c.name}`", c.dtype, c.unit or "-", _rules(c), c.description)


def _argument(a: Argument) -> str:
    return _row(f"`{a.name}`", a.sql_type, a.default or "-", a.description)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', _BAR) for cell in cells)} |"


def _span(table: Table) -> str:
    return {"snapshot": "snapshot", "day": "day, folded into months"}.get(str(table.period), "year")


def _rules(column: Column) -> str:
    rules = ["null allowed"] if column.is_nullable else []
    if column.minimum is not None:
        rules.append(f"{'>' if column.is_minimum_open else '>='} {column.minimum:g}")
    if column.maximum is not None:
        rules.append(f"{'<' if column.is_maximum_open else '<='} {column.maximum:g}")
    if column.choices:
        rules.append("one of " + ", ".join(f"`{c}`" for c in column.choices))
    return "; ".join(rules) or "-"


if __name__ == "__main__":
    PAGE.write_text(page())
