"""Asking the venues: one poll of each, side by side, stored as it came.

Belongs here: clock, sockets and the files of table `raw`. Not: what the replies mean (`venues`), the rows they become
(`live`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from gex_pipeline.schema import RAW
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues.base import Reply, Request, Venue
from gex_pipeline.venues.http import Client, Session, ask, new_client
from gex_pipeline.venues.raw import Poll, from_frame, to_frame
from gex_pipeline.venues.registry import VENUES

#: How long a list of instruments is taken for the venue's present one; a name it lacks refreshes it at once.
_SPECIFICATION_AGE = timedelta(hours=12)
ResultT = TypeVar("ResultT")
_BANNED = "not asked: it has banned us until {:%Y-%m-%dT%H:%MZ}"


@dataclass(frozen=True)
class Network:
    """How the venues are reached: venue -> host of a request -> address, and how long to wait for them."""

    hosts: Mapping[str, Mapping[str, str]]
    timeout_seconds: float
    deadline_seconds: float


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def poll_all(
    store: Store,
    network: Network,
    venues: Sequence[str],
    coins: Sequence[str],
    snapshot_at: datetime,
    then: Callable[[Poll, Partition | None], ResultT],
) -> list[ResultT]:
    """Poll the venues, store what each replied, and give that to ``then``; its results in the order of ``venues``.

    A venue is stored and handed on in a thread as soon as it has replied: a slow one keeps no other waiting.
    """
    return asyncio.run(_poll_all(store, network, venues, coins, snapshot_at, then))


async def _poll_all(
    store: Store,
    network: Network,
    venues: Sequence[str],
    coins: Sequence[str],
    snapshot_at: datetime,
    then: Callable[[Poll, Partition | None], ResultT],
) -> list[ResultT]:
    def stored(poll: Poll) -> ResultT:
        return then(poll, _kept(store, poll))

    # one thread: there is one interpreter to share, and what it has begun is finished after a Ctrl-C
    with ThreadPoolExecutor(1) as writer:
        async with new_client(network.timeout_seconds) as client:

            async def one(name: str) -> ResultT:
                replies = await _poll(store, network, client, VENUES[name], coins)
                poll = Poll(snapshot_at, name, tuple(coins), tuple(replies))
                return await asyncio.get_running_loop().run_in_executor(writer, stored, poll)

            return await asyncio.gather(*map(one, venues))


async def _poll(store: Store, network: Network, client: Client, venue: Venue, coins: Sequence[str]) -> list[Reply]:
    began, before = store.clock(), last_replies(store, venue.name)
    until = max((r.retry_at for r in before if r.retry_at is not None), default=began)
    if until > began:
        return [Reply(Request(""), "", None, began, began, error=_BANNED.format(until), retry_at=until)]
    known = [r for r in before if venue.is_specification(r.request) and began - r.received_at < _SPECIFICATION_AGE]
    deadline = began + timedelta(seconds=network.deadline_seconds)
    session = Session(venue, network.hosts[venue.name], client, store.clock, deadline, network.timeout_seconds)
    return await ask(venue, coins, known, session, network.deadline_seconds)


def _kept(store: Store, poll: Poll) -> Partition | None:
    """Store the replies of a poll in a file of their own.

    Without any answer it is not known whether the market is real, so that no warehouse is made for it.
    """
    if poll.is_answered:
        store.create("synthetic" if poll.is_synthetic else "real")
    elif not store.is_made:
        return None
    return store.add(RAW, {"venue": poll.venue}, poll.snapshot_at, to_frame(poll))


def last_replies(store: Store, venue: str) -> Sequence[Reply]:
    """The replies of the venue's last poll, none where there was none for a month."""
    files = store.recent(RAW, {"venue": venue}, store.clock())
    return from_frame(store.read(files[-1])).replies if files else ()
