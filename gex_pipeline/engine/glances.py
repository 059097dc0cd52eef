"""The rows behind a glance at a table: those of the last day a run was about."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from gex_pipeline.engine.days import Days, period_days
from gex_pipeline.engine.inspection import Inspection
from gex_pipeline.present import glances
from gex_pipeline.schema import TABLES
from gex_pipeline.store.partitions import Store


def glance(root: Path, name: str, found: Inspection, venue: str | None = None) -> dict[str, str]:
    """Title -> Markdown: a few rows, and a picture where the table has one; empty when there are no sound rows."""
    if not found.rows or found.problems:
        return {}
    store, table, last = Store(root), TABLES[name], max(found.rows)
    parts = [p for p in store.partitions(table) if venue in (None, dict(p.hive).get("venue"))]
    here = [p for p in parts if period_days(p.period).meets(last, last)]
    frame = pl.concat(store.read(p, where=Days(last, last).holds(table.period_column)) for p in here)
    shown = {"rows": glances.rows_markdown(table, frame), "picture": glances.picture_markdown(table, frame)}
    return {title: text for title, text in shown.items() if text}
