"""Saved responses of Deribit's `get_instruments` -> contract sizes.

Belongs here: what the list of instruments adds to a chain, and whether it agrees with the names. Strike, expiry and
type come from the name, as everywhere; a list that says something else about a name is refused.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import msgspec

from gex_pipeline.core import instruments
from gex_pipeline.errors import ImportFileError, UsageError
from gex_pipeline.importers.deribit_json import Decoder, Envelope, responses

_TYPES = {"C": "call", "P": "put"}


class Listed(msgspec.Struct):
    """One instrument. ``contract_size``: coins; ``expiration_timestamp``: ms; futures have no strike and no type."""

    instrument_name: str
    contract_size: float | None = None
    strike: float | None = None
    expiration_timestamp: int | None = None
    option_type: str | None = None


DECODER: Decoder[Listed] = msgspec.json.Decoder(Envelope[Listed] | list[Listed])


def contract_sizes(paths: tuple[Path, ...]) -> dict[str, float]:
    """Option name -> coins per contract, of all files together; a name they do not size is not in it.

    Read once for all the files of a run. Raises ``UsageError`` for a file that cannot be used, and for one that
    contradicts its names or another file.
    """
    return _sizes(paths, tuple(_version(path) for path in paths))


def _version(path: Path) -> tuple[int, int]:
    """What differs once a file has changed: a process may live longer than a list of instruments."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0  # reading it says why
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1)
def _sizes(paths: tuple[Path, ...], versions: tuple[tuple[int, int], ...]) -> dict[str, float]:  # noqa: ARG001 - a key
    sizes: dict[str, float] = {}
    try:
        for path in paths:
            for place, row in _rows(path):
                _add(sizes, place, row)
    except ImportFileError as error:
        raise UsageError(f"--instruments {error}") from None
    return sizes


def _rows(path: Path) -> list[tuple[str, Listed]]:
    """The instruments of a file, each with its place."""
    rows = [(f"{found.place}[{i}]", row) for found in responses(path, DECODER) for i, row in enumerate(found.rows)]
    if not rows:
        raise ImportFileError(f"{path} lists no instruments: its result is empty")
    if all(row.contract_size is None for _, row in rows):
        raise ImportFileError(f"{path} is no get_instruments response: no contract_size (a book summary is a PATH)")
    return rows


def _add(sizes: dict[str, float], place: str, row: Listed) -> None:
    name, size = row.instrument_name, row.contract_size
    if instruments.parse("deribit", name) is None:  # a future or a combo
        return
    text = contradiction(row)
    if text is not None:
        raise ImportFileError(f"{place}: {name}: {text}")
    if size is not None and sizes.setdefault(name, size) != size:
        raise ImportFileError(f"{place}: contract_size = {size:g} of {name} is {sizes[name]:g} in another place")


def contradiction(row: Listed) -> str | None:
    """What an option's row says against its name, or a size that none can have; None where it is sound."""
    contract = instruments.parse("deribit", row.instrument_name)
    if contract is None:
        return None
    named = {
        "strike": contract.strike_usd,
        "expiration_timestamp": int(contract.expiry_at.timestamp()) * 1000,
        "option_type": _TYPES[contract.option_type],
    }
    for key, value in named.items():
        stated = getattr(row, key)
        if stated is not None and stated != value:
            return f"{key} = {repr(stated)[:60]} contradicts the name: {value!r}"
    if row.contract_size is not None and row.contract_size <= 0:
        return f"contract_size = {row.contract_size:g} is not above 0"
    return None
