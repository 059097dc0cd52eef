"""Building the frames of derived tables from arrays over books.

Belongs here: key columns (snapshot, set, scope, sign model) and null handling. NaN in a kernel's result means "there is
none" and becomes null in the frame.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import polars as pl

from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.profile import Ints
from gex_pipeline.schema.common import SCOPES, SIGN_MODELS
from gex_pipeline.transforms.book import Book

_UTC_MICROSECONDS = pl.Datetime("us", "UTC")


def present_books(book: Book) -> tuple[Ints, Ints, Ints]:
    """Indices (set, scope, snapshot) of all books that exist, in the order in which tables are sorted."""
    n_snapshots, n_sets, n_scopes = book.shape
    sets, scopes, snapshots = np.meshgrid(np.arange(n_sets), np.arange(n_scopes), np.arange(n_snapshots), indexing="ij")
    kept = np.broadcast_to(book.is_present.T[:, None, :], sets.shape)
    return sets[kept], scopes[kept], snapshots[kept]


def flat(book: Book, sets: Ints, scopes: Ints, snapshots: Ints) -> Ints:
    """Flat numbers of books."""
    return (snapshots * book.shape[1] + sets) * book.shape[2] + scopes


def set_columns(book: Book, sets: Ints, snapshots: Ints) -> dict[str, pl.Series | np.ndarray]:
    """snapshot_at, knowledge_time, underlying and venues of rows that belong to (set, snapshot)."""
    c = book.contracts
    return {
        "snapshot_at": instants(c.snapshots_us[snapshots]),
        "knowledge_time": instants(c.knowledge[snapshots, sets]),
        "underlying": constant(c.underlying, len(sets), (c.underlying,)),
        "venues": category(sets, c.sets),
    }


def expiry_columns(book: Book) -> dict[str, pl.Series | np.ndarray]:
    """The key columns of tables with a row per venue set, snapshot and expiry."""
    sets, snapshots, expiries = book.expiries.present
    return {**set_columns(book, sets, snapshots), "expiry_at": instants(book.expiries.expiries_us[expiries])}


def scoped_columns(
    book: Book, sets: Ints, scopes: Ints, snapshots: Ints, sign_model: str
) -> dict[str, pl.Series | np.ndarray]:
    """The key columns of tables by scope and sign model."""
    return {
        **set_columns(book, sets, snapshots),
        "scope": category(scopes, SCOPES),
        "sign_model": constant(sign_model, len(sets), SIGN_MODELS),
    }


def instants(micros: np.ndarray) -> pl.Series:
    """Microseconds since 1970 as UTC timestamps."""
    return pl.Series(micros.astype(np.int64)).cast(_UTC_MICROSECONDS)


def category(codes: Ints, names: tuple[str, ...]) -> pl.Series:
    """Category column from codes into a list of names."""
    return _values(names)[codes]


def optional_category(codes: Ints, names: tuple[str, ...]) -> pl.Series:
    """Category column from codes into a list of names, null where the code is -1."""
    known = pl.Series(np.where(codes < 0, 0, codes)).set(pl.Series(codes < 0), None)
    return _values(names).gather(known.cast(pl.UInt32))


def constant(name: str, length: int, names: tuple[str, ...]) -> pl.Series:
    """Category column with one value."""
    return _values(names).new_from_index(names.index(name), length)


@lru_cache(maxsize=256)
def _values(names: tuple[str, ...]) -> pl.Series:
    return pl.Series(names, dtype=pl.Enum(names))


def floats(values: Floats, is_missing: Bools | None = None) -> pl.Series:
    """Float column; NaN and ``is_missing`` become null."""
    if is_missing is not None:
        values = np.where(is_missing, np.nan, values)
    return pl.Series(values, nan_to_null=True)


def frame(columns: dict[str, pl.Series | np.ndarray]) -> pl.DataFrame:
    """A frame of columns in the given order (a list of series is built several times faster than a dict)."""
    return pl.DataFrame([(c if isinstance(c, pl.Series) else pl.Series(c)).alias(name) for name, c in columns.items()])
