"""Replies made by hand, and the seam of `poll`: an asker with a table of answers. Not here: expectations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from gex_pipeline.core import black76
from gex_pipeline.venues.base import Answers, Reply, ReplyError, Request, Venue, VenueError
from gex_pipeline.venues.rows import Rows, venue_rows

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
AT_MS = round(AT.timestamp() * 1000)
RECEIVED = AT + timedelta(seconds=3)
#: 35 days less four hours from AT.
DEC_25_MS = round(datetime(2026, 12, 25, 8, tzinfo=UTC).timestamp() * 1000)
DEC_25_YEARS = (34 * 24 + 20) / (365 * 24)


def reply(request: Request, body: Any, status: int = 200, **changes: Any) -> Reply:
    """What came back; ``body`` as bytes or as what its JSON says."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    made = Reply(request, f"http://venue/{request.endpoint}", status, AT, RECEIVED, {}, sent)
    return replace(made, **changes)


def rows(venue: Venue, replies: Sequence[Reply], coin: str) -> Rows:
    """The rows of a coin as a snapshot makes them."""
    return venue_rows(venue, Answers(venue, replies), [coin], AT, is_synthetic=False)[coin]


def price_and_gamma(forward: float, strike: float, iv: float, kind: str, tenor: float = DEC_25_YEARS) -> list[float]:
    """Black-76, per coin."""
    f, k, t, s = (np.array([x]) for x in (forward, strike, tenor, iv))
    return [float(black76.price(f, k, t, s, np.array([kind == "C"]))[0]), float(black76.gamma(f, k, t, s)[0])]


class Table:
    """An asker that answers from a table of label -> body or reply; without an entry the connection breaks."""

    def __init__(self, venue: Venue, bodies: Mapping[str, Any]) -> None:
        self.asked: list[str] = []
        self.replies: list[Reply] = []
        self._venue, self._bodies = venue, bodies

    @property
    def kept(self) -> list[str]:
        return [r.request.label for r in self.replies if r.is_kept]

    async def get(self, request: Request) -> Reply:
        self.asked.append(request.label)
        body = self._bodies.get(request.label)
        if body is None:
            raise ReplyError(f"{request.label}: the connection broke")
        found = body if isinstance(body, Reply) else reply(request, body)
        self.replies.append(found)
        trouble = self._venue.trouble(found)
        if trouble is not None:
            raise trouble
        return found

    def keep(self, reply: Reply) -> None:
        self.replies.append(replace(reply, is_kept=True))


def polled(venue: Venue, bodies: Mapping[str, Any], coins: Sequence[str], known: Sequence[Reply] = ()) -> Table:
    """What a poll asked and got."""
    table = Table(venue, bodies)
    asyncio.run(venue.poll(table, coins, Answers(venue, known)))
    return table


def book_error(venue: Venue, replies: Sequence[Reply], coin: str) -> str:
    """Why a coin has no book; empty where it has one."""
    try:
        venue.book(Answers(venue, replies), coin, AT)
    except VenueError as error:
        return str(error)
    return ""
