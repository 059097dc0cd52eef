"""Words on the command line -> values: underlyings, instants, names out of a closed set.

Every function raises :class:`UsageError` with one line that says what was typed and what is expected.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gex_pipeline.core.calendar import FIRST_YEAR
from gex_pipeline.errors import UsageError, shown
from gex_pipeline.present.choices import Expiry, expiry_of

INCLUDES = ("candles", "expected_move", "max_pain", "ranked", "spot", "zones")


@dataclass(frozen=True)
class Context:
    """What the global options say; every command receives it."""

    warehouse: Path
    is_verbose: bool = False


def underlying(text: str) -> str:
    """``btc``, ``BTC``, ``BTCUSDT``, ``BTC-USD`` -> ``BTC``."""
    from gex_pipeline.core.instruments import is_coin, underlying_of

    name = underlying_of(text)
    if not is_coin(name):
        raise UsageError(f"{shown(text)} is not an underlying; type it like BTC or BTCUSDT")
    return name


def underlying_or_none(text: str) -> str | None:
    """The same, None where the text is no underlying."""
    try:
        return underlying(text)
    except UsageError:
        return None


def instant(text: str) -> datetime:
    """An ISO 8601 date or time -> an aware UTC datetime; without a zone the text is UTC."""
    try:
        value = datetime.fromisoformat(text.strip())
        value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):  # the last evening of 9999 in New York has no UTC
        raise UsageError(f"{text!r} is not a time; type it like 2026-03-17T16:00Z or 2026-03-17") from None
    if value.year < FIRST_YEAR:
        raise UsageError(f"{text!r} is before any market; type a time from {FIRST_YEAR} on")
    return value


def folder(what: str, path: Path) -> Path:
    """The folder as it is; an address of an object store would become a folder of that name."""
    if re.match(r"[a-z0-9]+:/", str(path)):
        raise UsageError(f"{what} {path} is no folder: object stores are not supported yet")
    return path


def whole_number(text: str) -> int:
    """A number as it is typed; Cyclopts would round 1.5."""
    if not re.fullmatch(r"-?\d+", text.strip(), re.ASCII):
        raise UsageError(f"{text!r} is not a whole number")
    return int(text)


def one_of(what: str, text: str, valid: Sequence[str]) -> str:
    """The name when it is valid, whatever its case; otherwise an error that names the nearest valid one."""
    name = text.strip().lower()
    if name in valid:
        return name
    nearest = difflib.get_close_matches(name, valid, n=1, cutoff=0.0)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise UsageError(f"unknown {what} {text!r}: {hint}valid are {', '.join(valid)}")


def names(what: str, texts: Iterable[str], valid: Sequence[str]) -> tuple[str, ...]:
    """Names from repeated and comma-separated words, checked, in the order of first mention, without doubles."""
    words = [word for text in texts for word in text.split(",") if word.strip()]
    if not words:
        raise UsageError(f"a {what} is missing: valid are {', '.join(valid)}")
    return tuple(dict.fromkeys(one_of(what, word, valid) for word in words))


# Cyclopts calls a converter with the declared type and the tokens of one parameter.


def to_underlying(_: Any, tokens: Sequence[Any]) -> str:
    """Converter of a single underlying."""
    return underlying(tokens[0].value)


def to_underlyings(_: Any, tokens: Sequence[Any]) -> tuple[str, ...]:
    """Converter of several underlyings; commas are accepted."""
    words = [word for token in tokens for word in token.value.split(",") if word.strip()]
    return tuple(dict.fromkeys(underlying(word) for word in words))


def to_whole_number(_: Any, tokens: Sequence[Any]) -> int:
    """Converter of a count."""
    return whole_number(tokens[0].value)


def to_instant(_: Any, tokens: Sequence[Any]) -> datetime:
    """Converter of an instant."""
    return instant(tokens[0].value)


def to_duration(_: Any, tokens: Sequence[Any]) -> timedelta:
    """Converter of a duration."""
    from gex_pipeline.importers.base import parse_duration

    return parse_duration(tokens[0].value)


def to_expiry(_: Any, tokens: Sequence[Any]) -> Expiry:
    """Converter of the choice of expiry."""
    return expiry_of(tokens[0].value)


def to_venues(_: Any, tokens: Sequence[Any]) -> tuple[str, ...]:
    """Converter of the venue filter."""
    from gex_pipeline.core.instruments import VENUES

    return names("venue", (token.value for token in tokens), VENUES)


def to_includes(_: Any, tokens: Sequence[Any]) -> tuple[str, ...]:
    """Converter of the sections to include."""
    return names("section", (token.value for token in tokens), INCLUDES)


def to_sign_model(_: Any, tokens: Sequence[Any]) -> str:
    """Converter of the sign model."""
    from gex_pipeline.schema.common import SIGN_MODELS

    return one_of("sign model", tokens[0].value, SIGN_MODELS)


def to_interval(_: Any, tokens: Sequence[Any]) -> str:
    """Converter of the length of candles."""
    from gex_pipeline.schema.market import interval_of

    return interval_of(tokens[0].value)


def to_market(_: Any, tokens: Sequence[Any]) -> str:
    """Converter of the kind of candles."""
    from gex_pipeline.schema.market import MARKETS

    return one_of("market", tokens[0].value, MARKETS)
