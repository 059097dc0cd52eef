"""The local venues in a process of their own: one interpreter answers while the other asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import date, datetime
from functools import cached_property, partial
from multiprocessing import get_context
from typing import Any

from gex_pipeline.core.instruments import VENUES
from gex_pipeline.engine.pool import end_with_parent, interrupts_blocked
from gex_pipeline.errors import GexError
from gex_pipeline.market.server import VenueServer, serve


class Venues:
    """The four venues at an instant that stands still until another one is set."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe

    @cached_property
    def hosts(self) -> Mapping[str, Mapping[str, str]]:
        """Venue -> host of a request -> address. Raises ``GexError`` where they have ended."""
        return self._heard()

    def set(self, at: datetime) -> Counter[str]:
        """Let it be another instant; how often each venue was asked so far. Raises ``GexError`` as ``hosts`` does."""
        _ = self.hosts
        self._pipe.send(at)
        return self._heard()

    def _heard(self) -> Any:
        try:
            return self._pipe.recv()
        except EOFError:
            raise GexError("the local venues have ended: run with -v") from None


def still(at: datetime) -> datetime:
    """With its instant given, a clock that stands still: two demos have the same rows."""
    return at


@contextmanager
def venues_apart(seed: int, start: date, at: datetime) -> Generator[Venues]:
    """The venues of a market that begins on ``start``, on a free port; they have ended when the block has."""
    context = get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=_answer, args=(theirs, seed, start, at), daemon=True)
    with interrupts_blocked():
        process.start()
    theirs.close()
    try:
        yield Venues(pipe)
    finally:
        process.kill()  # it may be making its market, or ignore SIGTERM; it has nothing to put away
        process.join()
        pipe.close()


def _answer(pipe: Any, seed: int, start: date, at: datetime) -> None:
    """Answer for ever; until the other end of the pipe is gone, where its process was killed."""
    end_with_parent()  # which may be before the market is made
    with suppress(EOFError, OSError), serve(seed, at, start=start) as server:
        pipe.send(server.hosts)
        while True:
            server.now = partial(still, pipe.recv())
            pipe.send(Counter({venue: _asked(server, venue) for venue in VENUES}))


def _asked(server: VenueServer, venue: str) -> int:
    return sum(n for (asked, _), n in server.requests.items() if asked == venue)
