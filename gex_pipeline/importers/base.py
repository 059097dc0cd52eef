"""What every importer takes and returns. Belongs here: the shapes that importers share; not: any file format."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from gex_pipeline.errors import UsageError

if TYPE_CHECKING:
    from gex_pipeline.importers.mapping import Mapping

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Options:
    """How to read a file: what the command line adds to the file itself.

    ``underlying`` keeps only rows of this coin (``BTC`` and ``BTCUSDT`` both mean BTC). ``every`` and ``max_age``
    override the mapping's. ``market`` is the kind of price of `binance-klines` files, whose names do not tell it.
    """

    mapping: Mapping | None = None
    underlying: str | None = None
    every: timedelta | None = None
    max_age: timedelta | None = None
    market: str = "perp"


@dataclass(frozen=True)
class Imported:
    """What one file gave.

    ``tables``: table name -> frame with exactly the declared columns. ``rows``: rows of the source file.
    ``dropped``: reason -> number of source rows that are in no table. ``repeated``: rows of the tables beyond the first
    of one source row (a row may serve several grid instants). So always:
    ``rows == sum of table heights - repeated + sum(dropped.values())``.
    """

    tables: dict[str, pl.DataFrame]
    rows: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    repeated: int = 0


Reader = Callable[[Path, Options], Imported]


def parse_duration(text: str) -> timedelta:
    """``30s``, ``5m``, ``1h``, ``1d`` -> timedelta. Raises ``UsageError`` for anything else, zero included."""
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text.strip())
    if match is None or int(match[1]) == 0:
        raise UsageError(f"duration {text!r} is not of the form 30s, 5m, 1h or 1d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
