"""What OKX's answers beside the chain have in common: the list of rows, and errors that mean "no such thing"."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from gex_pipeline.venues.base import Reply, VenueError
from gex_pipeline.venues.bodies import DECODE_ERRORS

#: No such instrument, no such index.
_UNLISTED = ("51001", "51014")
_PARAMETER_ERROR = "51000"

RowT = TypeVar("RowT")


class Rows(msgspec.Struct, Generic[RowT]):
    """An answer."""

    data: list[RowT]


class _Refusal(msgspec.Struct):
    code: str = ""
    msg: str = ""


_REFUSAL = msgspec.json.Decoder(_Refusal)


def is_unlisted(reply: Reply) -> bool:
    """Whether an error says that there is no such instrument, index or family."""
    try:
        refusal = _REFUSAL.decode(reply.body)
    except DECODE_ERRORS:
        return False
    is_family = refusal.code == _PARAMETER_ERROR and "instFamily" in refusal.msg
    return refusal.code in _UNLISTED or is_family


def only(reply: Reply, rows: list[RowT]) -> RowT:
    """The one row of an answer. Raises ``VenueError`` where there are none or more."""
    if len(rows) != 1:
        raise VenueError(f"{reply.request.label}: $.data has {len(rows)} rows, not one")
    return rows[0]
