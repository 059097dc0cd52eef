"""Saved responses of Deribit's public API -> typed rows.

Belongs here: what is true of every method: the JSON-RPC envelope, one response or one a line, errors, the test network.
Not here: the fields of one method (deribit_book_summary.py, deribit_instruments.py).

A file is one response, over as many lines as it likes, or JSON lines. A response is an envelope or the bare list of its
``result``. Unknown keys are passed over, and an absent key is null. A file with one response that is none is refused
whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Generic, TypeVar

import msgspec

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers.cells import shown
from gex_pipeline.importers.read import json_bytes

#: Milliseconds or microseconds since 1970. Up to here a JSON number is exact, and 1000 times it fits 64 bits.
Epoch = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
RowT = TypeVar("RowT")


class Failure(msgspec.Struct):
    """What the venue says in place of a result."""

    code: int
    message: str = ""


class Envelope(msgspec.Struct, Generic[RowT]):
    """A JSON-RPC response whose result is a list. ``sent_us``: when the venue sent it, microseconds."""

    result: list[RowT] | None = None
    error: Failure | None = None
    sent_us: Epoch | None = msgspec.field(default=None, name="usOut")
    testnet: bool | None = None


@dataclass(frozen=True)
class Response(Generic[RowT]):
    """One response. ``place``: where its list stands, for messages: ``FILE line 3 $.result``."""

    rows: list[RowT]
    place: str
    sent_us: int | None = None


Decoder = msgspec.json.Decoder[Envelope[RowT] | list[RowT]]


def responses(path: Path, decoder: Decoder[RowT]) -> list[Response[RowT]]:
    """The responses of a file, .gz and .zip included, in its order.

    Raises ``ImportFileError`` for what is not whole, well-formed JSON with fields of the right types, for a response
    that is an error and for one of the test network, whose prices are made up.
    """
    return [response(place, text, decoder) for place, text in _documents(path, json_bytes(path))]


def _documents(path: Path, data: bytes) -> list[tuple[str, bytes]]:
    """Place and text of each response: of every line where the first is a response by itself, else of the file."""
    lines = [(number, line) for number, line in enumerate(data.splitlines(), start=1) if line.strip()]
    if len(lines) > 1 and _is_json(lines[0][1]):
        return [(f"{path} line {number}", line) for number, line in lines]
    return [(str(path), data)]


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def response(place: str, text: bytes, decoder: Decoder[RowT]) -> Response[RowT]:
    """One response; ``place`` names it in messages. Raises ``ImportFileError``, as :func:`responses` does."""
    found = _decoded(place, text, decoder)
    if isinstance(found, list):
        return Response(found, f"{place} $")
    if found.error is not None:
        message = shown(found.error.message)
        raise ImportFileError(f"{place}: the response is an error of the venue: {found.error.code} {message}")
    if found.testnet:
        raise ImportFileError(f"{place}: testnet is true: the test network's prices are not real")
    if found.result is None:
        raise ImportFileError(f"{place}: no response: it has neither a result nor an error")
    return Response(found.result, f"{place} $.result", found.sent_us)


def _decoded(place: str, text: bytes, decoder: Decoder[RowT]) -> Envelope[RowT] | list[RowT]:
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        raise ImportFileError(f"{place}: {error}") from None
    except msgspec.DecodeError as error:
        if "truncated" in str(error):
            raise ImportFileError(f"{place} is cut off: its JSON has no end at byte {len(text)}") from None
        raise ImportFileError(f"{place} is not JSON: {str(error).removeprefix('JSON is malformed: ')}") from None
    except UnicodeDecodeError:
        raise ImportFileError(f"{place} is not JSON: it is not UTF-8") from None
    except RecursionError:
        raise ImportFileError(f"{place} is not JSON: it is nested too deeply") from None
