"""What a table declaration is made of. Belongs here: the vocabulary; not: any particular table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DType = Literal["timestamp", "float", "int", "string", "category", "bool", "binary"]


@dataclass(frozen=True)
class Column:
    """One column: its type, its unit, what it means and what its values must obey.

    ``minimum`` and ``maximum`` are inclusive unless marked open; ``choices`` closes the set of a category column.
    Floats are never NaN or infinite in the warehouse: missing is null.
    """

    name: str
    dtype: DType
    unit: str
    description: str
    is_nullable: bool = False
    minimum: float | None = None
    is_minimum_open: bool = False
    maximum: float | None = None
    is_maximum_open: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table: grain, columns, where its files lie and how they are sorted.

    ``hive``: columns that live in the path (``underlying=BTC``), not in the file.
    ``period``: the span of one file. ``snapshot`` files are written once and stay; ``day`` files are folded into one
    file per month when the month is over; ``year`` files are rewritten as they grow; ``None`` marks a view, which has
    no files.
    ``sort``: the order of rows in a file, chosen so that the usual filters skip row groups; it ends in the key.
    ``version`` counts changes of the columns: a stored partition of another version is rebuilt or re-imported. A run of
    a backtest, which cannot be, is read as it is: columns that it lacks are null.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    hive: tuple[str, ...] = ()
    period: Literal["snapshot", "day", "year"] | None = None
    period_column: str = "snapshot_at"
    sort: tuple[str, ...] = ()
    is_base: bool = False
    version: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """All column names, hive columns included, in declaration order."""
        return tuple(c.name for c in self.columns)

    @property
    def file_columns(self) -> tuple[Column, ...]:
        """The columns that are inside the file."""
        return tuple(c for c in self.columns if c.name not in self.hive)

    def __getitem__(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)


@dataclass(frozen=True)
class Argument:
    """One argument of a macro: its SQL type, its default as SQL (empty: it must be given) and what it means."""

    name: str
    sql_type: str
    default: str
    description: str


@dataclass(frozen=True)
class Macro:
    """A table macro: the columns it returns, declared as a table without files, and the arguments it takes."""

    table: Table
    arguments: tuple[Argument, ...]

    @property
    def name(self) -> str:
        """Name in SQL."""
        return self.table.name
