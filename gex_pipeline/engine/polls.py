"""Asking the venues: one poll of each, side by side, stored as it came.

Belongs here: clock, sockets and the files of table `raw`. Not: what the replies mean (`venues`), the rows they become
(`poll_rows`).
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from gex_pipeline.engine.bans import BANNED, banned_until, note_ban
from gex_pipeline.errors import StoreError
from gex_pipeline.schema import RAW
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.marker import UNDECIDED
from gex_pipeline.store.objects import STOPS
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues.base import Reply, Request, Venue
from gex_pipeline.venues.http import Client, Session, ask, new_client
from gex_pipeline.venues.raw import Poll, from_frame, to_frame
from gex_pipeline.venues.registry import VENUES

#: How long a list of instruments is taken for the venue's present one; a name it lacks refreshes it at once.
_SPECIFICATION_AGE = timedelta(hours=12)
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Network:
    """How the venues are reached: venue -> host of a request -> address, and how long to wait for them."""

    hosts: Mapping[str, Mapping[str, str]]
    timeout_seconds: float
    deadline_seconds: float


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def run(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run to the end. The first Ctrl-C cancels the work, so that it stops where it waits, and is raised after that.

    Anywhere else it would leave coroutines that nobody waits for, and a second one threads that still write.
    """
    if threading.current_thread() is not threading.main_thread():
        return asyncio.run(work)
    heard: list[int] = []
    whole = _cancelled_once(work, heard)
    before = {number: signal.getsignal(number) for number in STOPS}
    try:
        return asyncio.run(whole)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        whole.close()
        work.close()
        if heard:
            signal.raise_signal(heard[0])


async def _cancelled_once(work: Coroutine[Any, Any, ResultT], heard: list[int]) -> ResultT:
    task = asyncio.ensure_future(work)

    def stop(number: int) -> None:
        heard.append(number)
        if len(heard) == 1:
            task.cancel()

    for number in STOPS:
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    return await task


def poll_all(
    store: Store,
    network: Network,
    venues: Mapping[str, bool],
    coins: Sequence[str],
    snapshot_at: datetime,
    then: Callable[[Poll, Partition], ResultT],
) -> dict[str, ResultT | StoreError]:
    """Poll the venues, store what each replied, and give that to ``then``; its results, or why there is none.

    ``venues``: whether lists of instruments of earlier polls still count. A venue is stored and handed on in a thread
    as soon as it has replied: a slow one keeps no other waiting.
    """
    return run(_poll_all(store, network, venues, coins, snapshot_at, then))


async def _poll_all(
    store: Store,
    network: Network,
    venues: Mapping[str, bool],
    coins: Sequence[str],
    snapshot_at: datetime,
    then: Callable[[Poll, Partition], ResultT],
) -> dict[str, ResultT | StoreError]:
    def stored(poll: Poll) -> ResultT | StoreError:
        try:
            return then(poll, _kept(store, poll))
        except StoreError as error:
            return error

    # one thread: there is one interpreter to share, and what it has begun is finished after a Ctrl-C
    with ThreadPoolExecutor(1) as writer:
        async with new_client(network.timeout_seconds) as client:

            async def one(name: str) -> ResultT | StoreError:
                known = last_replies(store, name) if venues[name] else ()
                replies = await _poll(store, network, client, VENUES[name], coins, known)
                poll = Poll(snapshot_at, name, tuple(coins), tuple(replies))
                return await asyncio.get_running_loop().run_in_executor(writer, stored, poll)

            found = await asyncio.gather(*map(one, venues), return_exceptions=True)
    # a defect costs no other venue its replies: it is raised once all of them are stored
    for result in found:
        if isinstance(result, BaseException) and not isinstance(result, StoreError):
            raise result
    return dict(zip(venues, found, strict=True))  # pyright: ignore[reportReturnType]


async def _poll(
    store: Store, network: Network, client: Client, venue: Venue, coins: Sequence[str], before: Sequence[Reply]
) -> list[Reply]:
    began = store.clock()
    until = banned_until(store, venue.name, began)
    if until is not None:
        return [Reply(Request(""), "", None, began, began, error=BANNED.format(until), retry_at=until)]
    known = [r for r in before if venue.is_specification(r.request) and began - r.received_at < _SPECIFICATION_AGE]
    deadline = began + timedelta(seconds=network.deadline_seconds)
    session = Session(venue, network.hosts[venue.name], client, store.clock, deadline, network.timeout_seconds)
    return await ask(venue, coins, known, session, network.deadline_seconds)


def _kept(store: Store, poll: Poll) -> Partition:
    """Store the replies of a poll in a file of their own. Without any answer it is not known whose market it is."""
    store.create("synthetic" if poll.is_synthetic else "real" if poll.is_answered else UNDECIDED)
    note_ban(store, poll.venue, poll.replies)
    return store.add(RAW, {"venue": poll.venue}, poll.snapshot_at, to_frame(poll))


def last_replies(store: Store, venue: str) -> Sequence[Reply]:
    """The replies of the venue's last poll; none where there was none for a month, or where they are damaged."""
    files = store.recent(RAW, {"venue": venue}, store.clock())
    with suppress(StoreError):
        return from_frame(store.read(files[-1])).replies if files else ()
    return ()
