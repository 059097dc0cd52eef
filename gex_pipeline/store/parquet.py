"""Frames <-> Parquet bytes of a declared table: encoding, order, checks. Where files go is `partitions`' matter."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from gex_pipeline.errors import StoreError
from gex_pipeline.schema.checks import is_sorted, violations
from gex_pipeline.schema.model import Table
from gex_pipeline.schema.types import polars_schema, to_arrow

# Small enough that a filter on the sort columns skips most of a month, large enough to compress.
_ROW_GROUP = 32_768
#: Polars panics on a file that gets shorter under its hands.
_ERRORS = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
_ATTEMPTS = 8  # writers replace a file some times a second at most
_LEVEL = 1  # zstd: 3 saves 5 % of the bytes and takes twice the time


def prepared(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """The declared columns of a frame, sorted and checked.

    Raises ``StoreError`` with the first broken rule: a frame that breaks one is a defect of whoever made it.
    """
    frame = frame.select(table.names)
    if not is_sorted(frame, table.sort):
        frame = frame.sort(table.sort)
    broken = violations(table, frame, is_ordered=True)
    if broken:
        raise StoreError(f"refusing to store rows that break a rule: {'; '.join(map(str, broken[:3]))}")
    return frame


def write(path: Path, table: Table, frame: pl.DataFrame) -> None:
    """Write a prepared frame; the same rows give the same bytes.

    Floats are stored plainly: a dictionary of doubles costs time and compresses worse than zstd alone.
    """
    arrow = to_arrow(table, frame)
    categories = [c.name for c in table.file_columns if c.dtype in ("category", "timestamp", "string")]
    pq.write_table(
        arrow,
        path,
        row_group_size=_ROW_GROUP,
        compression="zstd",
        compression_level=_LEVEL,
        use_dictionary=categories,  # pyright: ignore[reportArgumentType]
        write_statistics=True,
    )


def read(
    path: Path,
    table: Table,
    hive: dict[str, str],
    columns: tuple[str, ...] | None = None,
    where: pl.Expr | None = None,
    *,
    is_coded: bool = False,
) -> pl.DataFrame:
    """Rows of one file, hive columns added; ``where`` skips row groups that cannot match.

    Categories are strings, or with ``is_coded`` `Categorical`, which takes a fifth less time of a chain.
    Columns that may be null and that a file was written without are null. A file that is replaced meanwhile is read
    again: Polars opens it more than once.
    """
    schema, names = polars_schema(table, is_coded=is_coded), columns or table.names
    outside = [pl.lit(value).alias(name) for name, value in hive.items()]
    for _ in range(_ATTEMPTS):
        before = version_of(path)
        try:
            lazy = pl.scan_parquet(path, hive_partitioning=False, glob=False)
            lazy = lazy.with_columns(_lacking(table, lazy.collect_schema().names()))
            lazy = lazy if where is None else lazy.filter(where)
            lazy = lazy.with_columns(outside).select(pl.col(n).cast(schema[n]) for n in names)
            frame = lazy.collect(engine="in-memory")
        except _ERRORS as error:
            if version_of(path) == before:
                raise StoreError(f"cannot read {path}: {str(error).splitlines()[0]}; run `gex verify`") from error
            continue
        if version_of(path) == before:
            return frame
    raise StoreError(f"cannot read {path}: it is being replaced again and again; ask again")


def can_be_read(path: Path, table: Table) -> bool:
    """Whether a file is one, and lacks nothing but columns that came after it and may be null."""
    try:
        there = pq.read_schema(path).names
    except (pa.ArrowInvalid, OSError):
        return False
    return all(c.is_nullable or c.name in there for c in table.file_columns)


def _lacking(table: Table, there: list[str]) -> list[pl.Expr]:
    """Nulls for the columns that came after a file, of those that may be null."""
    return [pl.lit(None).alias(c.name) for c in table.file_columns if c.is_nullable and c.name not in there]


def version_of(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
