"""One column of a mapping file: where it comes from and how it is read.

Belongs here: checking a column's table. Not here: the file as a whole (mapping.py) or reading the column (columns.py).
"""

from __future__ import annotations

import math
import re
import zoneinfo
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gex_pipeline.core import instruments
from gex_pipeline.errors import UsageError, known, nearest
from gex_pipeline.importers.times import FORMATS, TimeFormat
from gex_pipeline.importers.vocabulary import FIELD_KEYS, KEYS, TARGETS, Word, folder_name
from gex_pipeline.schema.chain import SETTLEMENTS
from gex_pipeline.schema.market import INTERVALS, MARKETS

Constant = str | float
_CHOICES = {"interval": INTERVALS, "market": MARKETS, "settlement": SETTLEMENTS}


@dataclass(frozen=True)
class Field:
    """Where one canonical column comes from: exactly one of ``columns``, ``value``, ``build`` and ``file`` is set.

    ``columns``: candidates, the first that exists counts. ``value``: a constant, or constants by underlying.
    ``grammar``/``build``: the venue whose names are parsed or built. ``file``: regular expression on the file's name.
    """

    columns: tuple[str, ...] = ()
    value: Constant | dict[str, Constant] | None = None
    unit: str = ""
    time: TimeFormat = field(default_factory=TimeFormat)
    grammar: str = ""
    build: str = ""
    file: str = ""


def field_from(target: str, key: str, spec: Any) -> Field:
    """The source of one canonical column, from its text or table in the file. Raises ``UsageError``."""
    word = TARGETS[target][known(key, TARGETS[target], f"column of [{target}]")]
    if isinstance(spec, str):
        spec = {"column": spec}
    if not isinstance(spec, dict):
        raise UsageError(f"{key} must be a column name or a table, not {spec!r}")
    for name in spec:
        known(name, FIELD_KEYS, f"key of {key}")
    sources = [name for name in ("column", "columns", "value", "build", "file") if name in spec]
    if len(sources) != 1:
        raise UsageError(f"{key} needs exactly one of column, columns, value, build or file")
    _check_keys_fit(key, word, spec)
    return Field(
        columns=_columns(key, spec),
        value=_value(key, word, spec),
        unit=known(spec.get("unit", (*word.units, "")[0]), word.units or ("",), f"unit of {key}"),
        time=_time(key, spec),
        grammar=known(spec["grammar"], instruments.VENUES, f"grammar of {key}") if "grammar" in spec else "",
        build=known(spec["build"], instruments.VENUES, f"grammar of {key}") if "build" in spec else "",
        file=_pattern(key, spec),
    )


def _check_keys_fit(key: str, word: Word, spec: dict[str, Any]) -> None:
    allowed = {"column", "columns", *KEYS[word.kind]} - (set() if word.units else {"unit"})
    for name in spec:
        if name not in allowed:
            raise UsageError(f"{key} takes no {name!r}{nearest(name, sorted(allowed))}")


def _columns(key: str, spec: dict[str, Any]) -> tuple[str, ...]:
    names = [spec["column"]] if "column" in spec else spec.get("columns", [])
    is_list = isinstance(names, list) and all(isinstance(n, str) and n for n in names)
    if not is_list or ("columns" in spec and not names):
        raise UsageError(f"{key}: column names must be text, not {names!r}")
    return tuple(names)


def _value(key: str, word: Word, spec: dict[str, Any]) -> Constant | dict[str, Constant] | None:
    value = spec.get("value")
    if "value" not in spec:
        return value
    if isinstance(value, dict):
        if key == "underlying" or not value:
            raise UsageError(f"{key}: a constant per underlying makes no sense here")
        return {instruments.underlying_of(u): _constant(key, word, v) for u, v in value.items()}
    return _constant(key, word, value)


def _constant(key: str, word: Word, value: Any) -> Constant:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if word.kind == "number" and is_number:
        if key == "contract_size_coin" and value <= 0:
            raise UsageError(f"{key} = {value:g} must be above 0")
        if not math.isfinite(value):
            raise UsageError(f"{key}: the constant must be finite")
        return float(value)
    if word.kind == "number" or not isinstance(value, str):
        wanted = "a number" if word.kind == "number" else "text"
        raise UsageError(f"{key}: the constant must be {wanted}, not {value!r}")
    if key == "underlying":
        folder_name(instruments.underlying_of(value), key)
    return known(value, _CHOICES[key], key) if key in _CHOICES else value


def _time(key: str, spec: dict[str, Any]) -> TimeFormat:
    name = spec.get("format", "")
    if name and "%" not in str(name):
        known(name, FORMATS, f"time format of {key}")
    if "%" in str(name):
        _check_pattern(key, name)
    zone = spec.get("zone", "UTC")
    if "at" in spec and "zone" in spec:
        raise UsageError(f"{key}: at is in UTC and replaces the time of day: remove zone")
    if zone != "UTC":
        known(zone, zoneinfo.available_timezones(), f"zone of {key}")
    return TimeFormat(name, zone, _time_of_day(key, spec["at"]) if "at" in spec else None)


def _check_pattern(key: str, pattern: str) -> None:
    try:
        datetime.strptime("", pattern).replace(tzinfo=UTC)
    except ValueError as error:
        if "does not match" not in str(error):
            raise UsageError(f"{key}: format = {pattern!r}: {error}") from None


def _time_of_day(key: str, value: Any) -> timedelta:
    match = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", str(value))
    if match is None:
        raise UsageError(f"{key}: at = {value!r} is not a time of day such as 08:00")
    return timedelta(hours=int(match[1]), minutes=int(match[2]))


def _pattern(key: str, spec: dict[str, Any]) -> str:
    if "file" not in spec:
        return ""
    try:
        groups = re.compile(str(spec["file"])).groups
    except re.error as error:
        raise UsageError(f"{key}: file = {spec['file']!r} is not a regular expression: {error}") from None
    if groups != 1:
        raise UsageError(f"{key}: file = {spec['file']!r} needs exactly one group")
    return spec["file"]
