"""The data dictionary: every declared table as Markdown.

`python -m gex_pipeline.schema.dictionary` rewrites the page.
"""

from __future__ import annotations

from pathlib import Path

from gex_pipeline.schema import TABLES
from gex_pipeline.schema.model import Column, Table

PAGE = Path(__file__).parent.parent / "docs" / "data-dictionary.md"

_HEAD = """# Data dictionary

Generated from `gex_pipeline/schema`; do not edit. Every table is hive-partitioned Parquet below the warehouse folder,
or a view over such tables. Times are UTC with microseconds. Missing is null, never 0 and never NaN.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(t) for t in TABLES.values())])


def _section(table: Table) -> str:
    rows = [f"| `{c.name}` | {c.dtype} | {c.unit or '-'} | {_rules(c)} | {c.description} |" for c in table.columns]
    kind = "view, computed when read" if table.period is None else f"Parquet, one file per {_span(table)}"
    if table.hive:
        kind += f"; in the path: {', '.join(table.hive)}"
    return "\n".join(
        [
            f"## `{table.name}`\n",
            f"{table.description}\n",
            f"{kind}. Key: {', '.join(table.key)}. Schema version {table.version}.\n",
            "| column | type | unit | rules | meaning |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _span(table: Table) -> str:
    return "day, folded into months" if table.period == "day" else "year"


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
