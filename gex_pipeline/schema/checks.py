"""Row checks generated from a table's declaration: nulls, ranges, choices, finite floats, unique key."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from gex_pipeline.schema.model import Column, Table


@dataclass(frozen=True)
class Violation:
    """One broken rule: which column, which rule, how many rows."""

    table: str
    column: str
    rule: str
    count: int

    def __str__(self) -> str:
        return f"{self.table}.{self.column}: {self.rule} in {self.count} row(s)"


def violations(table: Table, frame: pl.DataFrame, *, is_ordered: bool = False) -> list[Violation]:
    """Every rule of the table that the frame breaks; empty when it obeys them all.

    ``is_ordered``: its rows are known to be in the table's order.
    Raises ``ValueError`` when a declared column is missing.
    """
    missing = [n for n in table.names if n not in frame.columns]
    if missing:
        raise ValueError(f"{table.name}: column(s) missing from the frame: {', '.join(missing)}")
    rules = {(c.name, text): expr for c in table.columns for text, expr in _rules(c).items()}
    counts = frame.select(expr.sum().alias(f"{i}") for i, expr in enumerate(rules.values())).row(0)
    broken = [Violation(table.name, name, text, n) for (name, text), n in zip(rules, counts, strict=True) if n]
    duplicates = _duplicates(table, frame, is_ordered)
    return broken + ([Violation(table.name, ", ".join(table.key), "duplicate key", duplicates)] if duplicates else [])


def _duplicates(table: Table, frame: pl.DataFrame, is_ordered: bool) -> int:
    """Rows whose key an earlier row has. A frame in the order of its key needs only neighbours compared."""
    key = [n for n in table.key if n not in table.hive]
    if not key:  # all of it is in the path: a file has one row
        return max(frame.height - 1, 0)
    if set(key) == set(table.sort) and (is_ordered or is_sorted(frame, table.sort)):
        is_same = pl.all_horizontal(pl.col(n).eq_missing(pl.col(n).shift(1)) for n in key)
        return frame.select(is_same.slice(1).sum()).item() if frame.height else 0
    last = frame.schema[key[-1]]
    if len(key) == 2 and isinstance(last, pl.Enum) and is_sorted(frame, (key[0],)):
        # one number a key, as numbers are compared ten times faster than pairs
        code = pl.col(key[1]).to_physical().cast(pl.Int64).fill_null(len(last.categories))
        number = pl.col(key[0]).rle_id().cast(pl.Int64) * (len(last.categories) + 1) + code
        return frame.height - frame.select(number.n_unique()).item()
    return frame.height - frame.select(key).n_unique()


def is_sorted(frame: pl.DataFrame, columns: tuple[str, ...]) -> bool:
    """True when the rows ascend by the columns, nulls first, as `sort` leaves them (cheaper than sorting)."""
    if frame.height < 2:
        return True
    descends = pl.lit(False)
    for name in reversed(columns):
        this, before = pl.col(name), pl.col(name).shift(1)
        is_less = (this < before).fill_null(False) | (this.is_null() & before.is_not_null())
        descends = is_less | (this.eq_missing(before) & descends)
    return not frame.select(descends.slice(1).any()).item()


def _rules(column: Column) -> dict[str, pl.Expr]:
    """Rule text -> expression that is true where the rule is broken."""
    col = pl.col(column.name)
    rules: dict[str, pl.Expr] = {}
    if not column.is_nullable:
        rules["null"] = col.is_null()
    if column.dtype == "float":
        rules["not finite"] = col.is_not_null() & ~col.is_finite()
    if column.minimum is not None:
        below = col <= column.minimum if column.is_minimum_open else col < column.minimum
        rules[f"{'not above' if column.is_minimum_open else 'below'} {column.minimum:g}"] = below
    if column.maximum is not None:
        above = col >= column.maximum if column.is_maximum_open else col > column.maximum
        rules[f"{'not below' if column.is_maximum_open else 'above'} {column.maximum:g}"] = above
    if column.choices:
        known = col.cast(pl.Enum(column.choices), strict=False)  # not strings: of an Enum of these it costs nothing
        rules[f"not one of {', '.join(column.choices)}"] = col.is_not_null() & known.is_null()
    return rules
