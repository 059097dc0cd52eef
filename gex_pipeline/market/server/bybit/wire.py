"""Bybit's envelope and refusals: HTTP 200 with a retCode."""

from __future__ import annotations

from gex_pipeline.market.server.answers import JSON, Answer, Moment, Query, Refused, encode


def envelope(moment: Moment, code: int, message: str, result: bytes) -> Answer:
    """A result as Bybit wraps it; ``time`` is the only timestamp of the snapshot endpoints."""
    head = encode({"retCode": code, "retMsg": message})[:-1] + b',"result":'
    return Answer(200, head + result + b',"retExtInfo":{},"time":%d}' % moment.now_ms, JSON)


def invalid(what: str) -> Refused:
    """A wrong parameter: retCode 10001."""
    return Refused(200, retCode=10001, retMsg=f"params error: {what}")


def one_of(query: Query, name: str, words: tuple[str, ...]) -> str:
    """A required word of a query."""
    if query.get(name) not in words:
        raise invalid(f"{name} invalid")
    return query[name]


def whole(query: Query, name: str, default: int, most: int = 2**62) -> int:
    """A whole number of a query between 1 and ``most``."""
    try:
        value = int(query[name]) if query.get(name) else default
    except ValueError:
        raise invalid(f"{name} invalid") from None
    if not 0 <= value <= most:
        raise invalid(f"{name} invalid")
    return value
