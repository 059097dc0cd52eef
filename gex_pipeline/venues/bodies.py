"""Bodies -> typed rows, with the place of whatever is wrong.

Belongs here: what is the same for every venue that sends numbers as text. Not here: the fields of one (wire.py).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, TypeVar

import msgspec

from gex_pipeline.venues.base import Reply, VenueError

_NUMBER = r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?"
#: A number as text.
Number = Annotated[str, msgspec.Meta(pattern=rf"\A{_NUMBER}\Z")]
#: The same, or nothing.
Cell = Annotated[str, msgspec.Meta(pattern=rf"\A({_NUMBER})?\Z")]
#: Milliseconds since 1970 as text: up to thirteen digits, every one is an instant.
Stamp = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,13}\Z")]
#: Milliseconds since 1970, before the year 2100: every one is an instant.
Milliseconds = Annotated[int, msgspec.Meta(ge=0, lt=4_102_444_800_000)]

#: What decoding a hostile body can raise: text that is no UTF-8 is found last, nesting without end never.
DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

#: Decoded answers to keep: one is read to ask on, and again for every coin that is in it.
KEPT_ANSWERS = 64

_AnswerT = TypeVar("_AnswerT")


def decoded(reply: Reply, decoder: msgspec.json.Decoder[_AnswerT]) -> _AnswerT:
    """The answer in a body. Raises ``VenueError`` naming the request and the field."""
    try:
        return _decoded(reply.body, decoder)
    except DECODE_ERRORS as error:
        raise VenueError(f"{reply.request.label}: {error}") from None


@lru_cache(maxsize=KEPT_ANSWERS)
def _decoded(body: bytes, decoder: msgspec.json.Decoder[_AnswerT]) -> _AnswerT:
    return decoder.decode(body)


def is_of(coin: str, name: str) -> bool:
    """Whether a name is of a coin, be it a name that cannot be read."""
    return name.startswith((f"{coin}-", f"{coin}_"))
