"""OKX's envelope and refusals: every value a string, never null."""

from __future__ import annotations

from gex_pipeline.market.server.answers import JSON, Answer, Query, Refused, encode


def envelope(data: bytes) -> Answer:
    """Data as OKX wraps it."""
    return Answer(200, b'{"code":"0","msg":"","data":' + data + b"}", JSON)


def error_answer(refused: Refused) -> Answer:
    """A refusal: code and message with empty data."""
    return Answer(refused.status, encode({**refused.members, "data": []}), JSON)


def refuse(status: int, code: str, message: str) -> Refused:
    """A refusal of OKX."""
    return Refused(status, code=code, msg=message)


def required(query: Query, *names: str) -> None:
    """Refuse a query that lacks a parameter: 50014."""
    for name in names:
        if not query.get(name):
            raise refuse(400, "50014", f"Parameter {name} can not be empty")


def wrong(name: str) -> Refused:
    """A parameter with a value that means nothing: 51000."""
    return refuse(400, "51000", f"Parameter {name} error")


def whole(query: Query, name: str, default: int) -> int:
    """A whole number of a query."""
    try:
        return int(query[name]) if query.get(name) else default
    except ValueError:
        raise wrong(name) from None


NO_INSTRUMENT = ("51001", "Instrument ID doesn't exist")
NO_INDEX = ("51014", "Index doesn't exist")
