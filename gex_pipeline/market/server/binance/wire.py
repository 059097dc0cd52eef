"""Binance's refusals: code and msg with HTTP 400. Success has no envelope."""

from __future__ import annotations

from gex_pipeline.market.server.answers import JSON, Answer, Query, Refused, encode

_MANDATORY = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."


def error_answer(refused: Refused) -> Answer:
    """A refusal of Binance."""
    return Answer(refused.status, encode(refused.members), JSON)


def refuse(code: int, message: str) -> Refused:
    """A wrong request."""
    return Refused(400, code=code, msg=message)


def required(query: Query, *names: str) -> None:
    """Refuse a query that lacks a parameter: -1102."""
    for name in names:
        if not query.get(name):
            raise refuse(-1102, _MANDATORY.format(name))


def invalid_symbol() -> Refused:
    """A symbol, pair or underlying that does not exist: -1121."""
    return refuse(-1121, "Invalid symbol.")


def whole(query: Query, name: str, default: int) -> int:
    """A whole number of a query."""
    try:
        return int(query[name]) if query.get(name) else default
    except ValueError:
        raise refuse(-1130, f"Data sent for parameter '{name}' is not valid.") from None
