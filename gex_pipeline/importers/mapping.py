"""Mapping files: TOML that says which column of a vendor's file is which column of ours, and in which unit.

Belongs here: reading and checking such a file. Not here: its words (vocabulary.py), a single column (fields.py) or
applying it (columns.py).

A mapping has one section, named like its target table (``[chain]``, ``[candles]`` or ``[dvol]``), whose keys are our
column names. A column is either the name of the source's column, or a table::

    venue = "deribit"            # top level: name (default: the file's stem), venue, format, every, max_age
    every = "5m"                 # chain: resample onto this grid; max_age (default: every) is the oldest row it takes

    [chain]
    received_at = { column = "ts", format = "ms", zone = "UTC" }  # iso, s, ms, us, ns, unix, native or a %-pattern
    instrument  = { column = "name", grammar = "deribit" }        # or { build = "deribit" }, or a plain column name
    forward_usd = { columns = ["underlying_price", "fwd"] }       # the first that exists: vendors rename columns
    mark_usd    = { column = "mark", unit = "by_settlement" }     # inverse rows in coin, linear rows in USD
    mark_iv     = { column = "iv", unit = "percent" }
    open_interest_coin = { column = "oi", unit = "contract" }     # times contract_size_coin
    contract_size_coin = { value = { BTC = 1, SOL = 10 } }        # a constant, here one per underlying

A chain without forwards says ``forward = "parity"`` (put-call parity per expiry) in place of ``forward_usd``.
``underlying = { file = "^([A-Z]+)_" }`` takes the coin from the file's name.
Files whose rows lie exactly on the grid should have no ``every``, as a row exactly ``max_age`` old still serves.
With ``max_age`` above ``every`` the end of one file overlaps the start of the next, which is reported as a conflict.
Anything that is not understood is an error: a misspelt key that is ignored is a wrong number later.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from gex_pipeline.core import instruments
from gex_pipeline.errors import UsageError, known, not_toml
from gex_pipeline.importers.base import parse_duration
from gex_pipeline.importers.fields import Field, field_from
from gex_pipeline.importers.read import FORMATS
from gex_pipeline.importers.vocabulary import FROM_NAME, TARGETS, TOP, folder_name

PARITY = "parity"


@dataclass(frozen=True)
class Mapping:
    """One checked mapping file.

    ``fields``: canonical column -> where it comes from. ``is_parity``: forwards come from put-call parity.
    """

    target: str
    name: str
    venue: str
    fields: dict[str, Field]
    file_format: str | None = None
    every: timedelta | None = None
    max_age: timedelta | None = None
    is_parity: bool = False


def load_mapping(path: Path) -> Mapping:
    """Read and check a mapping file. Raises ``UsageError`` naming the file, the key and the nearest valid one."""
    if path.exists() and not path.is_file():
        raise UsageError(f"mapping {path} is not a regular file")
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"mapping {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"mapping {path} {not_toml(error)}") from None
    try:
        return mapping_from(document, path.stem)
    except UsageError as error:
        raise UsageError(f"mapping {path}: {error}") from None


def mapping_from(document: dict[str, Any], name: str) -> Mapping:
    """A mapping from its parsed TOML; ``name`` where it gives none. Raises ``UsageError``."""
    sections = [key for key, value in document.items() if isinstance(value, dict)]
    for key in document:
        known(key, (*TOP, *TARGETS), "key")
    if len(sections) != 1 or sections[0] not in TARGETS:
        raise UsageError(f"needs exactly one section of [{'], ['.join(TARGETS)}], has {len(sections)}")
    target = sections[0]
    section = dict(document[target])
    is_parity = target == "chain" and _is_parity(section)
    fields = {key: field_from(target, key, value) for key, value in section.items()}
    mapping = Mapping(
        target=target,
        name=_string(document, "name", name),
        venue=_string(document, "venue", ""),
        fields=fields,
        file_format=known(document["format"], FORMATS, "format") if "format" in document else None,
        every=_duration(document, "every"),
        max_age=_duration(document, "max_age"),
        is_parity=is_parity,
    )
    _check_complete(mapping)
    return mapping


def _string(document: dict[str, Any], key: str, default: str) -> str:
    value = document.get(key, default)
    if not isinstance(value, str) or (key in document and not value):
        raise UsageError(f"{key} must be text, not {value!r}")
    return value


def _duration(document: dict[str, Any], key: str) -> timedelta | None:
    return parse_duration(_string(document, key, "")) if key in document else None


def _is_parity(section: dict[str, Any]) -> bool:
    """Take the key `forward` out of a chain section; it names how forwards are made, not a column."""
    if "forward" not in section:
        return False
    if section.pop("forward") != PARITY or "forward_usd" in section:
        raise UsageError(f'forward can only be "{PARITY}", and then without forward_usd')
    return True


def _check_complete(mapping: Mapping) -> None:
    words = TARGETS[mapping.target]
    missing = [k for k, w in words.items() if w.is_required and k not in mapping.fields]
    if mapping.is_parity:
        missing.remove("forward_usd")
    if not mapping.venue:
        missing.insert(0, "venue (top level)")
    if missing:
        raise UsageError(f"[{mapping.target}] lacks {', '.join(missing)}")
    folder_name(mapping.venue, "venue")
    if mapping.target == "chain":
        known(mapping.venue, instruments.VENUES, "venue")
        _check_chain(mapping)
    else:
        _check_bars(mapping)


def _check_chain(mapping: Mapping) -> None:
    fields = mapping.fields
    given = [k for k in FROM_NAME if k in fields]
    absent = [k for k in FROM_NAME if k not in fields and k != "underlying"]
    if fields["instrument"].grammar and given:
        raise UsageError(f"{given[0]} comes from the name (instrument has a grammar): remove it")
    if not fields["instrument"].grammar and absent:
        raise UsageError(f"[chain] lacks {', '.join(absent)} (or a grammar for instrument)")
    for key in ("open_interest_coin", "volume_24h_coin", "mark_usd", "bid_usd", "ask_usd"):
        if (
            key in fields
            and fields[key].unit in ("contract", "usd_per_contract")
            and "contract_size_coin" not in fields
        ):
            raise UsageError(f"{key} is per contract: contract_size_coin is needed")
    if mapping.is_parity and "mark_usd" not in fields:
        raise UsageError("a parity forward needs mark_usd")


def _check_bars(mapping: Mapping) -> None:
    if mapping.every is not None or mapping.max_age is not None:
        raise UsageError(f"every and max_age belong to a chain, not to [{mapping.target}]")
    if ("open_at" in mapping.fields) == ("close_at" in mapping.fields):
        raise UsageError(f"[{mapping.target}] needs exactly one of open_at and close_at")
    for key in ("interval", "market"):
        if key in mapping.fields and not isinstance(mapping.fields[key].value, str):
            raise UsageError(f"{key} must be a constant: {key} = {{ value = ... }}")
