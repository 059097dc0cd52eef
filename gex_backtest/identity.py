"""What a run is a function of: hashes of its inputs and of its code. The same ones give the same run, bit for bit.

Belongs here: hashing. Inputs are hashed as values and not as files, so that folding days into months, or a file that
only holds rows outside the span, changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np
import polars as pl

from gex_backtest.bars import Bars
from gex_backtest.config import Configuration
from gex_backtest.history import History
from gex_pipeline.store.manifest import source_hash

_LIBRARIES = ("gex-warehouse", "numpy", "scipy", "polars", "statsmodels", "arch", "duckdb", "matplotlib")
_ID_DIGITS = 10  # a thousand runs collide with a chance of one in two million


@dataclass(frozen=True, eq=False)
class Origin:
    """What a run is a function of.

    ``instruments``: venue, market, symbol and interval of the bars, and how many, the chosen one first; ``inputs``:
    name -> hash of its values.
    """

    configuration: Configuration
    instruments: Sequence[Mapping[str, Any]]
    inputs: Mapping[str, str]
    code_version: str

    @staticmethod
    def of(configuration: Configuration, history: History, instruments: Sequence[Mapping[str, Any]]) -> Origin:
        """That of a run of the code that is here."""
        return Origin(configuration, instruments, input_hashes(history), code_version())

    @cached_property
    def run_id(self) -> str:
        """Short name of the run. The coin comes first, so that no reader takes a folder of digits for a number."""
        whose = json.dumps([dict(each) for each in self.instruments])
        hashes = [self.configuration.sha256, self.code_version, whose, *self.inputs.values()]
        digest = hashlib.sha256(" ".join(hashes).encode()).hexdigest()
        return f"{self.configuration.underlying}-{digest[:_ID_DIGITS]}"


def code_version() -> str:
    """Hash of the source that reads, studies and simulates."""
    digest = hashlib.sha256(source_hash("core", "store").encode())
    for source in _sources(files("gex_backtest")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _sources(folder: Traversable) -> list[Traversable]:
    inside = sorted(folder.iterdir(), key=lambda each: each.name)
    # How a run is shown makes no other run of it.
    deeper = [source for each in inside if each.is_dir() and each.name != "report" for source in _sources(each)]
    return [each for each in inside if each.name.endswith((".py", ".sql"))] + deeper


def input_hashes(history: History) -> dict[str, str]:
    """Name of each input of a history -> hash of its values."""
    inputs = {field.name: getattr(history, field.name) for field in fields(history)}
    return {name: _hash(value) for name, value in inputs.items() if isinstance(value, Bars | pl.DataFrame)}


def _hash(value: Bars | pl.DataFrame) -> str:
    digest = hashlib.sha256()
    if isinstance(value, Bars):
        value = pl.DataFrame({field.name: getattr(value, field.name) for field in fields(value)})
    for column in value.get_columns():
        digest.update(f"{column.name} {len(column)} ".encode())
        _add(digest, column)
    return digest.hexdigest()


def _add(digest: Any, column: pl.Series) -> None:
    """Which values are missing, and the others; what lies in memory under a missing one does not count."""
    digest.update(np.packbits(column.is_null().to_numpy()))
    there = column.drop_nulls()
    if isinstance(there.dtype, pl.List):
        _add(digest, there.list.len())
        _add(digest, there.explode())
    elif there.dtype.is_numeric() or there.dtype.is_temporal():
        digest.update(np.ascontiguousarray(there.to_physical().to_numpy()))
    else:
        digest.update("\0".join(there.cast(pl.String)).encode())


def libraries() -> dict[str, str]:
    """Name -> version of what the numbers come from, Python and this package first."""
    return {"Python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}
