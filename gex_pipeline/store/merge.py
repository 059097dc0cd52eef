"""Stored rows and rows that come: which are new, which are there already, which contradict stored ones. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from gex_pipeline.schema.model import Table
from gex_pipeline.store.layout import Partition

#: Optional column of rows to merge: the file they come from, named in conflicts.
ORIGIN = "_origin"


@dataclass(frozen=True)
class Conflict:
    """Rows that are stored already with other values; the stored ones were kept."""

    partition: Partition
    count: int
    example: str
    origins: tuple[str, ...]


@dataclass(frozen=True)
class MergeReport:
    """What a merge did: rows that were new, rows that were there alike, rows that contradict stored ones."""

    new: int = 0
    same: int = 0
    conflicts: tuple[Conflict, ...] = ()
    written: tuple[Partition, ...] = ()

    def __add__(self, other: MergeReport) -> MergeReport:
        return MergeReport(
            self.new + other.new,
            self.same + other.same,
            self.conflicts + other.conflicts,
            self.written + other.written,
        )


def merge_rows(
    table: Table, partition: Partition, before: pl.DataFrame, rows: pl.DataFrame
) -> tuple[pl.DataFrame, MergeReport]:
    """Stored rows plus the new ones among ``rows``, and what was found."""
    names, key, time = list(table.names), list(table.key), table.period_column
    if time in key:  # rows of other instants have other keys: most stored rows are out of the question
        is_near = pl.col(time).is_in(rows[time].unique().implode())
        apart, before = before.filter(~is_near), before.filter(is_near)
    else:
        apart = before.clear()
    offered = pl.concat([before, rows.select(names)])
    # nearly always no key is there twice, and all columns take long to compare
    if offered.n_unique([n for n in key if n not in table.hive]) == offered.height:
        return pl.concat([apart, offered]), MergeReport(rows.height)
    # Two archives may hold the same row: what it says counts, not which of them it came through.
    compared = [n for n in names if n != "source"]
    distinct = rows.unique(subset=compared, keep="first", maintain_order=True)
    merged = pl.concat([before, distinct.select(names)]).unique(subset=key, keep="first", maintain_order=True)
    new = merged.height - before.height
    # Everything offered that is not among the kept rows, value for value, contradicts one of them: of equal rows from
    # several files each, so that all of the files are named.
    other = rows.join(merged, on=compared, how="anti", nulls_equal=True)
    conflicts = (_conflict(table, partition, other),) if other.height else ()
    return pl.concat([apart, merged]), MergeReport(new, rows.height - new - other.height, conflicts)


def _conflict(table: Table, partition: Partition, rows: pl.DataFrame) -> Conflict:
    origins = tuple(rows[ORIGIN].unique().sort()) if ORIGIN in rows.columns else ()
    example = ", ".join(f"{name} {rows[name][0]}" for name in table.key)
    return Conflict(partition, rows.height, example, origins)
