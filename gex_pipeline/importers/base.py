"""What every importer takes and returns.

Belongs here: the shapes that importers share, and which options fit which source. Not here: any file format.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from gex_pipeline.core.instruments import underlying_of
from gex_pipeline.errors import UsageError, known
from gex_pipeline.importers.grid import check_grid
from gex_pipeline.importers.vocabulary import folder_name
from gex_pipeline.schema.market import MARKETS

if TYPE_CHECKING:
    from gex_pipeline.importers.mapping import Mapping

#: Source -> the options it uses beside ``underlying``, which every source takes.
_TAKES = {
    "chain": ("mapping", "every", "max_age"),
    "binance-eoh": ("every", "max_age"),
    "tardis-options-chain": ("every", "max_age"),
    "deribit-book-summary": ("every", "max_age", "instruments"),
    "binance-klines": ("market",),
    "candles": ("mapping",),
    "dvol": ("mapping",),
}
#: Grid of the sources whose rows share no instant by themselves: ticks would be a snapshot per update, and the
#: responses of one poll, milliseconds apart, one each.
_EVERY = {"tardis-options-chain": timedelta(hours=1), "deribit-book-summary": timedelta(minutes=1)}
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Options:
    """How to read a file: what the command line adds to the file itself.

    ``underlying`` keeps only rows of this coin (``BTC`` and ``BTCUSDT`` both mean BTC). ``every`` and ``max_age``
    override the mapping's. ``market`` is the kind of price of `binance-klines` files, which do not tell it themselves.
    ``instruments``: saved lists of instruments, for their contract sizes.
    What is None or empty was not given; :func:`check_options` says what a source needs and what it does not take.
    """

    mapping: Mapping | None = None
    underlying: str | None = None
    every: timedelta | None = None
    max_age: timedelta | None = None
    market: str | None = None
    instruments: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Imported:
    """What one file gave.

    ``tables``: table name -> frame with exactly the declared columns. ``rows``: rows of the source file.
    ``dropped``: reason -> number of source rows that are in no table. ``repeated``: rows of the tables beyond the first
    of one source row (a row may serve several grid instants). So always:
    ``rows == sum of table heights - repeated + sum(dropped.values())``. ``notes``: what else a person should know of
    the file, one line each.
    """

    tables: dict[str, pl.DataFrame]
    rows: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    notes: list[str] = field(default_factory=list)


Reader = Callable[[Path, Options], Imported]


def check_options(source: str, options: Options) -> None:
    """Whether a source can work with these options; needs no file, so that a run can ask before it reads one.

    Raises ``UsageError`` for an unknown source, an option the source does not use, a mapping or market that is missing
    or of another kind, an underlying that can be no coin, and a grid that :func:`grid_of` refuses.
    """
    taken = _TAKES[known(source, _TAKES, "source")]
    for name in ("mapping", "every", "max_age", "market", "instruments"):
        if name not in taken and getattr(options, name) not in (None, ()):
            raise UsageError(f"the source {source} does not take --{name.replace('_', '-')}: remove it")
    if "mapping" in taken:
        _check_mapping(source, options.mapping)
    if "market" in taken:
        _check_market(source, options.market)
    if options.underlying is not None:
        folder_name(underlying_of(options.underlying), "--underlying")
    grid_of(with_grid(source, options), options.mapping)


def with_grid(source: str, options: Options) -> Options:
    """The options with the source's own grid where they name none."""
    return options if options.every is not None else replace(options, every=_EVERY.get(source))


def _check_mapping(source: str, mapping: Mapping | None) -> None:
    needs = f"the source {source} needs --mapping with a [{source}] section"
    if mapping is None:
        raise UsageError(f"{needs}: it says which column is which")
    if mapping.target != source:
        raise UsageError(f"{needs}; the mapping {mapping.name} has [{mapping.target}]")


def _check_market(source: str, market: str | None) -> None:
    if market is None:
        raise UsageError(f"{source} needs --market spot or perp: the files do not say which")
    known(market, MARKETS, "market")


def grid_of(options: Options, mapping: Mapping | None) -> tuple[timedelta, timedelta] | None:
    """(every, max_age) of a run, options before mapping, or None without a grid.

    Raises ``UsageError`` for a grid that does not divide the day and for ``max_age`` without ``every``.
    """
    every = mapping.every if options.every is None and mapping is not None else options.every
    max_age = mapping.max_age if options.max_age is None and mapping is not None else options.max_age
    if every is not None:
        check_grid(every)
        return every, every if max_age is None else max_age
    if max_age is not None:
        raise UsageError("--max-age needs a grid: give --every as well (in a mapping: max_age and every)")
    return None


def parse_duration(text: str) -> timedelta:
    """``30s``, ``5m``, ``1h``, ``1d`` -> timedelta. Raises ``UsageError`` for anything else, zero included."""
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text.strip())
    if match is None or int(match[1]) == 0:
        raise UsageError(f"duration {text!r} is not of the form 30s, 5m, 1h or 1d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
