"""The seam of walks: replies from a table or a function, in the place of sockets. Not here: expectations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from gex_pipeline.schema.checks import violations
from gex_pipeline.venues.base import Request, VenueError
from gex_pipeline.venues.feeds import Feed, Haul, Span
from tests.unit.venues.replies import AT, reply

Answering = Callable[[Request], Any]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ms(text: str) -> int:
    return round(at(text).timestamp() * 1000)


def span(start: str, end: str, now: datetime = AT) -> Span:
    return Span(at(start), at(end), now)


def walked(feed: Feed, of: Span, answers: list[Any] | Answering) -> tuple[Haul, list[Request]]:
    """What a walk brings back and what it asked; ``answers`` in their order, or by request."""
    asked: list[Request] = []
    left = list(answers) if isinstance(answers, list) else []
    answer = (lambda _: left.pop(0)) if isinstance(answers, list) else answers
    walk = feed.walk(of)
    haul, request = None, next(walk)
    while haul is None:
        asked.append(request)
        try:
            request = walk.send(reply(request, answer(request)))
        except StopIteration as done:
            haul = done.value
    assert not left
    assert violations(feed.table, haul.frame) == []
    return haul, asked


def trouble(feed: Feed, of: Span, answers: list[Any] | Answering) -> str:
    """How a walk ends that must not succeed."""
    try:
        walked(feed, of, answers)
    except VenueError as error:
        return str(error)
    raise AssertionError("the walk came to an end")


def params(requests: list[Request], *names: str) -> list[tuple[str, ...]]:
    return [tuple(request.params[name] for name in names) for request in requests]
