"""Deribit's envelope and refusals (JSON-RPC 2.0)."""

from __future__ import annotations

from gex_pipeline.market.server.answers import JSON, Answer, Moment, Query, Refused, encode

_DURATION_US = 421  # any number: a venue that answers at once


def envelope(moment: Moment, query: Query, member: str, value: bytes) -> bytes:
    """A result or an error as Deribit wraps it; ``id`` comes back only where one was sent."""
    head = b'{"jsonrpc":"2.0",' + (b'"id":' + encode(query["id"]) + b"," if "id" in query else b"")
    usual = {"usIn": moment.now_us - _DURATION_US, "usOut": moment.now_us, "usDiff": _DURATION_US, "testnet": False}
    return head + b'"' + member.encode() + b'":' + value + b"," + encode(usual)[1:]


def error_answer(moment: Moment, query: Query, refused: Refused) -> Answer:
    """A refusal in Deribit's envelope."""
    return Answer(refused.status, envelope(moment, query, "error", encode(refused.members)), JSON)


def invalid(param: str, reason: str) -> Refused:
    """The error of a wrong parameter: -32602 with HTTP 400."""
    return Refused(400, code=-32602, message="Invalid params", data={"param": param, "reason": reason})


def required(query: Query, *names: str) -> None:
    """Refuse a query that lacks a parameter."""
    for name in names:
        if not query.get(name):
            raise invalid(name, "is required")


def whole(query: Query, name: str, default: int) -> int:
    """A whole number of a query."""
    try:
        return int(query[name]) if query.get(name) else default
    except ValueError:
        raise invalid(name, "value must be an integer") from None
