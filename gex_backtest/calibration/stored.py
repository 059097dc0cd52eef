"""Rows that were measured: those that come with the package, and files of them. Not: drawing them."""

from __future__ import annotations

import hashlib
import io
from functools import cache
from importlib.resources import files
from pathlib import Path

import polars as pl

from gex_backtest.calibration.judge import ROWS
from gex_backtest.identity import code_version
from gex_pipeline.present.files import write_atomically
from gex_pipeline.store.manifest import source_hash

_MEASURED = files("gex_backtest.calibration") / "measured.parquet"
#: Rows as a file has them: numbers of seven digits, and which code drew them.
_STORED = {name: pl.Float32 if dtype == pl.Float64 else dtype for name, dtype in ROWS.items()} | {"code": pl.String}


@cache
def version() -> str:
    """Hash of all that the numbers of a calibration come from: the backtester's code and the market's."""
    return hashlib.sha256(f"{code_version()} {source_hash('market')}".encode()).hexdigest()[:16]


def measured() -> pl.DataFrame:
    """The rows that come with the package."""
    return pl.read_parquet(io.BytesIO(_MEASURED.read_bytes()))


def read(path: Path) -> pl.DataFrame:
    """The rows of a file, none where there is no file. Raises ``OSError`` and ``pl.exceptions.PolarsError``."""
    return pl.read_parquet(path).select(*_STORED) if path.exists() else none()


def none() -> pl.DataFrame:
    """No rows."""
    return pl.DataFrame(schema=_STORED)


def write(path: Path, rows: pl.DataFrame) -> None:
    """All of them, in one order whatever came first."""
    buffer = io.BytesIO()
    rows.select(*_STORED).sort("effect", "seed", "days", "rule").write_parquet(buffer, compression_level=9)
    write_atomically(path, buffer.getvalue())


def of_now(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `judge`, as this code drew them."""
    return rows.with_columns(code=pl.lit(version())).select(pl.col(name).cast(dtype) for name, dtype in _STORED.items())
