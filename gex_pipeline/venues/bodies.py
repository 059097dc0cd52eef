"""Bodies -> typed rows, with the place of whatever is wrong.

Belongs here: what is the same for every venue. Not here: the fields of one (wire.py).
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from gex_pipeline.venues.base import Reply, VenueError

#: What decoding a hostile body can raise: text that is no UTF-8 is found last, nesting without end never.
DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_AnswerT = TypeVar("_AnswerT")


def decoded(reply: Reply, decoder: msgspec.json.Decoder[_AnswerT]) -> _AnswerT:
    """The answer in a body. Raises ``VenueError`` naming the request and the field."""
    try:
        return decoder.decode(reply.body)
    except DECODE_ERRORS as error:
        raise VenueError(f"{reply.request.label}: {error}") from None


def is_of(coin: str, name: str) -> bool:
    """Whether a name is of a coin, be it a name that cannot be read."""
    return name.startswith((f"{coin}-", f"{coin}_"))
