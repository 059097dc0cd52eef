"""The archives a warehouse is filled from, listed in one TOML file, and importing those of some days.

    [[archive]]
    source = "binance-eoh"             # as in `gex import`
    files = "binance/**/*.zip"         # relative to the TOML file
    underlying = "BTC"                 # and mapping, every, max_age, market, instruments, where the source takes them
    venue = "deribit"                  # only where the source does not tell it

What is already stored is left alone, so that importing days again costs little and changes nothing.
"""

from __future__ import annotations

import glob
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from gex_pipeline.core.instruments import VENUES
from gex_pipeline.engine.days import Days, period_days
from gex_pipeline.engine.imports import SUFFIXES, ImportSummary, import_files
from gex_pipeline.engine.progress import Progress
from gex_pipeline.errors import UsageError, known, not_toml
from gex_pipeline.importers import (
    READERS,
    Mapping,
    Options,
    check_options,
    contract_sizes,
    grid_of,
    load_mapping,
    parse_duration,
    with_grid,
)

#: Sources of one venue's own files.
_VENUE = {"binance-eoh": "binance", "binance-klines": "binance", "deribit-book-summary": "deribit"}
#: Sources that fill another table than `chain`.
_TABLE = {"binance-klines": "candles", "candles": "candles", "dvol": "dvol"}
#: Sources whose rows describe the end of a span, and its length: the last of a day is of the next midnight.
_NAMED_BY_ITS_END = {"binance-eoh": timedelta(hours=1)}
_KEYS = ("source", "files", "mapping", "venue", "underlying", "every", "max_age", "market", "instruments")
_DATE = re.compile(r"(?<!\d)(20\d\d)([-/]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)")
#: An option of the command line, which in the list is a key.
_OPTION = re.compile(r"(?<!\S)--(mapping|underlying|every|max-age|market|instruments)\b")
_DAY = timedelta(days=1)
_MONTH = re.compile(r"(?<!\d)(20\d\d)-(0[1-9]|1[0-2])(?![\d])")


@dataclass(frozen=True)
class Archive:
    """Files of one source, and how they are read. ``folder``: what ``files``, a glob pattern, is relative to."""

    folder: Path
    source: str
    files: str
    venue: str
    options: Options

    @property
    def table(self) -> str:
        """The table it fills: `chain` (and `chain_rejected`), `candles` or `dvol`."""
        return _TABLE.get(self.source, "chain")

    @property
    def reach(self) -> timedelta:
        """How long after the days its paths name it may have rows: what is last on a day serves the next midnight."""
        grid = grid_of(with_grid(self.source, self.options), self.options.mapping)
        return _NAMED_BY_ITS_END.get(self.source, timedelta(0)) + (grid[1] if grid else timedelta(0))


def load_archives(path: Path) -> list[Archive]:
    """Read the list. Raises ``UsageError`` in one line that names the file and the word that is wrong."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the list of archives {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} {not_toml(error)}") from None
    try:
        for key in document:
            known(key, ("archive",), "key")
        return [_archive(path.parent, table) for table in _tables(document)]
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _tables(document: dict[str, Any]) -> list[dict[str, Any]]:
    tables = document.get("archive", [])
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise UsageError("archives are written as [[archive]], with two brackets")
    return tables


def _archive(folder: Path, table: dict[str, Any]) -> Archive:
    for key, value in table.items():
        known(key, _KEYS, "key")
        if not isinstance(value, str) or not value:
            raise UsageError(f"{key} must be text, not {value!r}")
    for key in ("source", "files"):
        if key not in table:
            raise UsageError(f"an [[archive]] needs {key}")
    source = known(table["source"], sorted(READERS), "source")
    options = _options(folder, table)
    return Archive(folder, source, table["files"], _venue(table, source, options.mapping), options)


def _options(folder: Path, table: dict[str, Any]) -> Options:
    return Options(
        mapping=load_mapping(folder / table["mapping"]) if "mapping" in table else None,
        underlying=table.get("underlying"),
        every=parse_duration(table["every"]) if "every" in table else None,
        max_age=parse_duration(table["max_age"]) if "max_age" in table else None,
        market=table.get("market"),
        instruments=(folder / table["instruments"],) if "instruments" in table else (),
    )


def _venue(table: dict[str, Any], source: str, mapping: Mapping | None) -> str:
    told = mapping.venue if mapping else _VENUE.get(source)
    given = table.get("venue")
    if told is None and given is None:
        raise UsageError(f"an archive of {source} needs venue: its files do not say whose they are")
    if told is not None and given not in (None, told):
        raise UsageError(f"venue is {given!r}, but files of {source} are {told}'s: remove it")
    venue = told or str(given)
    return known(venue, VENUES, "venue") if _TABLE.get(source) is None else venue


def files_of(archive: Archive, days: Days | None = None) -> list[Path]:
    """The archive's files that may have rows of these days (None: all), sorted.

    A path tells its days: 2026-01-05, 20260105, 2026/01/05, or 2026-01 for the whole month; two days are a range.
    A path without a date belongs to every day. A day's 00:00 may lie in the file of the day before.
    """
    return _of_days(archive, _all_files(archive), days)


def _all_files(archive: Archive) -> list[str]:
    """Names of the archive's files, as its pattern has them, sorted."""
    names = sorted(glob.glob(archive.files, root_dir=archive.folder, recursive=True))  # noqa: PTH207 (absolute too)
    return [name for name in names if name.endswith(SUFFIXES) and (archive.folder / name).is_file()]


def _of_days(archive: Archive, names: list[str], days: Days | None) -> list[Path]:
    return [archive.folder / name for name in names if days is None or _may_have(name, archive, days)]


def _may_have(name: str, archive: Archive, days: Days) -> bool:
    told = _told(name)
    return told is None or days.meets(told.first, told.last + -(-archive.reach // _DAY) * _DAY)


def _told(name: str) -> Days | None:
    """The days a path names. A day says more than the month it is in."""
    spans = [period_days("-".join(m.group(1, 3, 4))) for m in _DATE.finditer(name) if _is_date(m)]
    spans = spans or [period_days("-".join(m.groups())) for m in _MONTH.finditer(name)]
    return Days(min(s.first for s in spans), max(s.last for s in spans)) if spans else None


def _is_date(match: re.Match[str]) -> bool:
    try:
        date.fromisoformat("-".join(match.group(1, 3, 4)))
    except ValueError:  # 2026-02-30
        return False
    return True


def import_archives(
    root: Path, archives: Sequence[Archive], days: Days | None = None, progress: Progress | None = None
) -> ImportSummary:
    """Import the files that may have rows of these days (None: all files); the summary is of all archives together.

    Raises ``UsageError``, before any file is read, for an archive that cannot be read as it says.
    """
    for archive in archives:
        _check(archive)
    total = ImportSummary()
    for archive in archives:
        part = _import(root, archive, days, progress)
        total = ImportSummary(**{f.name: getattr(total, f.name) + getattr(part, f.name) for f in fields(part)})
    return total


def _check(archive: Archive) -> None:
    """Raise ``UsageError``, in the words of the list, where the options or the files they name do not fit."""
    try:
        check_options(archive.source, archive.options)
        contract_sizes(archive.options.instruments)
    except UsageError as error:
        words = _OPTION.sub(lambda option: option[1].replace("-", "_"), str(error))
        raise UsageError(f"archive {archive.files}: {words}") from None


def _import(root: Path, archive: Archive, days: Days | None, progress: Progress | None) -> ImportSummary:
    """One archive. A pattern that matches no file at all is a failure: it is misspelt, or the files are elsewhere."""
    files = _all_files(archive)
    if not files:
        return ImportSummary(failures=[f"no file matches {archive.folder / archive.files}: is the pattern right?"])
    venue = archive.venue if archive.table == "chain" else None
    return import_files(root, archive.source, _of_days(archive, files, days), archive.options, venue, progress)
