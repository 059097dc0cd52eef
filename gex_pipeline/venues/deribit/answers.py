"""What Deribit's answers beside the chain have in common: the envelope, its time, errors that mean "no such thing"."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from gex_pipeline.venues.base import Reply, VenueError
from gex_pipeline.venues.bodies import DECODE_ERRORS, decoded
from gex_pipeline.venues.feeds import Span

_ResultT = TypeVar("_ResultT")

_NOT_FOUND, _INVALID_PARAMS = (13020, 10020), -32602
#: What the reason of an invalid parameter says of a coin or instrument that is not there.
_REASONS = ("not found", "invalid currency", "invalid index", "invalid instrument")
#: Microseconds since 1970, before the year 2100.
_MOST_US = 4_102_444_800_000_000


class Dated(msgspec.Struct, Generic[_ResultT]):
    """A result, and when it was sent."""

    result: _ResultT
    sent_us: int | None = msgspec.field(default=None, name="usOut")
    testnet: bool = False

    @property
    def sent_ms(self) -> int | None:
        """When it was sent, milliseconds."""
        is_time = self.sent_us is not None and 0 <= self.sent_us < _MOST_US
        return self.sent_us // 1000 if self.sent_us is not None and is_time else None


class _Data(msgspec.Struct):
    param: str = ""
    reason: str = ""


class _Failure(msgspec.Struct):
    code: int = 0
    data: _Data | None = None


class _Refusal(msgspec.Struct):
    error: _Failure | None = None


_REFUSAL = msgspec.json.Decoder(_Refusal)


def result(reply: Reply, decoder: msgspec.json.Decoder[Dated[_ResultT]]) -> Dated[_ResultT]:
    """The answer in a body. Raises ``VenueError`` naming the field, and for the test network, whose prices are none."""
    answer = decoded(reply, decoder)
    if answer.testnet:
        raise VenueError(f"{reply.request.label}: testnet is true: the test network's prices are not real")
    return answer


def is_unlisted(reply: Reply) -> bool:
    """Whether an error says that there is no such instrument, index or currency."""
    try:
        error = _REFUSAL.decode(reply.body).error
    except DECODE_ERRORS:
        return False
    if error is None:
        return False
    reason = error.data.reason if error.data else ""
    return error.code in _NOT_FOUND or (error.code == _INVALID_PARAMS and any(word in reason for word in _REASONS))


def window(span: Span) -> dict[str, str]:
    """The two parameters of a span; both ends are within."""
    return {"start_timestamp": str(span.start_ms), "end_timestamp": str(span.last_ms)}
