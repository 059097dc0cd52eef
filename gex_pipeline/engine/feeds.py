"""`gex candles` and `gex market`: what the venues have around the chain -> base tables, asked page by page.

Belongs here: what to ask for, sockets through `venues.http`, and storing. Not here: what a page means (`venues`), what
is known already (known.py). Venues go side by side, the feeds of one in turn. A stretch is stored when it was walked to
its end, some seconds' worth at a time: whatever stops a run, the next one asks for the rest. Replies are not kept:
unlike a snapshot's, they can be asked for again.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from gex_pipeline.engine.bans import BANNED, banned_until, note_ban
from gex_pipeline.engine.known import note
from gex_pipeline.engine.plans import Plan, plan_of
from gex_pipeline.engine.polls import Network, now, run
from gex_pipeline.engine.progress import Progress, Silent
from gex_pipeline.engine.spans import Stretch, united
from gex_pipeline.errors import StoreError, UsageError
from gex_pipeline.schema.chain import SYNTHETIC
from gex_pipeline.store.merge import Conflict
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues.around import AROUND
from gex_pipeline.venues.base import Reply, ReplyError, Request, VenueError
from gex_pipeline.venues.feeds import Feed, Haul, Span
from gex_pipeline.venues.http import Session, new_client
from gex_pipeline.venues.raw import is_synthetic
from gex_pipeline.venues.registry import VENUES

#: Rows and seconds of walking to collect before they are stored: each time rewrites the partitions it touches.
_BATCH_ROWS, _BATCH_SECONDS = 50_000, 5.0
#: No stretch needs more requests: a list without end is none.
_MOST_PAGES = 10_000
#: Stands for all addresses of a venue, which a ban concerns.
_EVERY_HOST = "*"


@dataclass
class FetchSummary:
    """What was fetched.

    ``rows``, ``same``: new and known rows per table; ``requests``: per venue. ``done``: feeds that were walked to their
    end. ``failures``, ``conflicts`` and ``holes``, which cannot be filled, make the result partial; ``notes`` are worth
    knowing; ``unlisted``: what a venue does not have.
    """

    rows: Counter[str] = field(default_factory=Counter)
    same: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    done: int = 0
    failures: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)


def fetch(
    store: Store,
    network: Network,
    feeds: Sequence[Feed],
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    progress: Progress | None = None,
    clock: Callable[[], datetime] = now,
) -> FetchSummary:
    """Fetch what is missing of some feeds from ``start`` (default: since what is stored) to ``end`` (now).

    Raises ``UsageError`` for a start that is still to come.
    """
    summary, progress, at = FetchSummary(), progress or Silent(), clock()
    if start is not None and start > at:
        raise UsageError(f"--from {start:%Y-%m-%dT%H:%MZ} is still to come: a venue says only what was")
    plans = [plan for plan in (plan_of(store, feed, start, end, at) for feed in feeds) if plan.spans]
    progress.start("fetch", sum(len(plan.spans) for plan in plans))
    try:
        run(_fetch(store, network, plans, summary, progress, clock))
    finally:
        progress.close()
    summary.done += len(feeds) - len(plans)
    return summary


async def _fetch(
    store: Store,
    network: Network,
    plans: Sequence[Plan],
    summary: FetchSummary,
    progress: Progress,
    clock: Callable[[], datetime],
) -> None:
    async with new_client(network.timeout_seconds) as client:

        async def one(name: str) -> None:
            deadline, limits = clock(), AROUND[name].limits
            hosts, seconds = network.hosts[name], network.timeout_seconds
            session = Session(VENUES[name], hosts, client, clock, deadline, seconds, limits)
            walker = _Walker(store, session, summary, progress, clock, network.deadline_seconds)
            await walker.all([plan for plan in plans if plan.feed.venue == name])

        await asyncio.gather(*map(one, dict.fromkeys(plan.feed.venue for plan in plans)))


class _Walker:
    """Walks the feeds of one venue. ``_down``: host that does not answer any more -> why."""

    def __init__(
        self,
        store: Store,
        session: Session,
        summary: FetchSummary,
        progress: Progress,
        clock: Callable[[], datetime],
        patience_seconds: float,
    ) -> None:
        self._store, self._session, self._summary, self._progress = store, session, summary, progress
        self._clock, self._patience = clock, timedelta(seconds=patience_seconds)
        self._down: dict[str, str] = {}
        self._unasked = Counter[str]()

    async def all(self, plans: Sequence[Plan]) -> None:
        """Walk them all; a feed that fails costs only itself, an address that is down all that is asked there."""
        venue = plans[0].feed.venue
        if (until := banned_until(self._store, venue, self._clock())) is not None:
            self._summary.failures.append(f"{venue}: {BANNED.format(until)}")
            self._progress.advance(sum(len(plan.spans) for plan in plans))
            return
        for plan in plans:
            batch = _Batch(self._store, plan, self._summary)
            is_whole = False
            try:
                is_whole = await self._feed(plan, batch)
            finally:
                self._summary.done += batch.store() and is_whole
        for host, text in self._down.items():
            rest = f"; {self._unasked[host]} more not asked" if self._unasked[host] else ""
            self._summary.failures.append(f"{venue}: {text}{rest}")

    async def _feed(self, plan: Plan, batch: _Batch) -> bool:
        """Walk one; whether it was walked to its end."""
        left = len(plan.spans)
        try:
            for span in plan.spans:
                batch.take(span, *await self._walked(plan.feed, span))
                self._progress.advance(note=f"{plan.feed.label} {span.start:%Y-%m-%d}")
                left -= 1
            batch.remark()
            return True
        except _DownError as down:
            self._unasked[down.host] += 1
        except ReplyError as error:
            self._refused(plan.feed, error)
        except VenueError as error:
            self._summary.failures.append(f"{plan.feed.venue}: {error}")
        self._progress.advance(left, note=plan.feed.label)
        return False

    def _refused(self, feed: Feed, error: ReplyError) -> None:
        """A request without an answer: there is no such thing, its address is down, or it is wrong."""
        last = self._session.replies[-1] if self._session.replies else None
        if last is not None and AROUND[feed.venue].is_unlisted(last):
            self._summary.unlisted.append(feed.label)
        elif error.is_ban:
            self._down[_EVERY_HOST] = str(error)
            note_ban(self._store, feed.venue, self._session.replies)
        elif last is None or (error.is_retryable and _is_of_the_host(last, error)):
            self._down[_EVERY_HOST if last is None else last.request.host] = str(error)
        else:
            self._summary.failures.append(f"{feed.venue}: {error}")

    async def _walked(self, feed: Feed, span: Span) -> tuple[Haul, bool]:
        """What a walk brings back, and whether it is made up. Raises ``VenueError`` for one that goes in a circle."""
        walk, asked, made_up = feed.walk(span), set[str](), False
        try:
            request = next(walk)
            while True:
                if request.label in asked or len(asked) == _MOST_PAGES:
                    raise VenueError(f"{request.label}: the pages repeat or do not end: asked for before")
                asked.add(request.label)
                reply = await self._asked(feed.venue, request)
                made_up = made_up or is_synthetic(reply)
                self._progress.advance(0, note=request.label)  # a span may take a request for every contract
                request = walk.send(reply)
        except StopIteration as done:
            return done.value, made_up

    async def _asked(self, venue: str, request: Request) -> Reply:
        for host in (_EVERY_HOST, request.host):
            if host in self._down:
                raise _DownError(host)
        self._summary.requests[venue] += 1
        self._session.replies.clear()  # histories are long
        self._session.extend(self._clock() + self._patience)
        return await self._session.get(request)


class _DownError(Exception):
    """An address does not answer any more; never leaves this file."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


class _Batch:
    """Stretches of one feed that are walked and not yet stored."""

    def __init__(self, store: Store, plan: Plan, summary: FetchSummary) -> None:
        self._store, self._feed, self._since, self._summary = store, plan.feed, plan.since, summary
        self._frames: list[pl.DataFrame] = []
        self._walked: list[Stretch] = []
        self._dropped, self._absent = Counter[str](), 0
        self._unknown: list[Stretch] = []
        self._began = time.monotonic()

    def take(self, span: Span, haul: Haul, is_made_up: bool) -> None:
        """Take the rows of a stretch; store what there is when it is much or old."""
        self._store.create(SYNTHETIC if is_made_up else "real")
        source = pl.concat_str(pl.lit(f"{SYNTHETIC}-"), "source") if is_made_up else pl.col("source")
        self._frames.append(haul.frame.with_columns(source=source))
        self._walked.append(self._known(span, haul))
        self._dropped.update(haul.dropped)
        if self._feed.step is not None:
            self._absent += (span.end - span.start) // self._feed.step - haul.frame.height
        if sum(f.height for f in self._frames) >= _BATCH_ROWS or time.monotonic() - self._began > _BATCH_SECONDS:
            self.store()

    def _known(self, span: Span, haul: Haul) -> Stretch:
        """The stretch of a span after which nothing more of it is to come."""
        start, end = span.start, min(span.end, span.now - self._feed.lag)
        if haul.since is not None and haul.since > start:
            self._unknown.append((start, min(haul.since, span.end)))
            start = haul.since
        return start, max(start, end)

    def store(self) -> bool:
        """Store the rows, then note what was walked; whether there was room."""
        frames, walked = self._frames, self._walked
        self._frames, self._walked, self._began = [], [], time.monotonic()
        if not frames:
            return True
        name = self._feed.table.name
        try:
            report = self._store.merge(self._feed.table, pl.concat(frames), {})
            if self._feed.step is None and not self._feed.is_now:
                note(self._store, self._feed, walked)
        except StoreError as error:
            self._summary.failures.append(f"{self._feed.label}: {error}")
            return False
        self._summary.rows[name] += report.new
        self._summary.same[name] += report.same
        self._summary.conflicts += [_conflict_line(self._feed, conflict) for conflict in report.conflicts]
        return True

    def remark(self) -> None:
        """Say what is worth knowing of the rows, and what will never be known."""
        label, notes = self._feed.label, self._summary.notes
        if self._dropped:
            reasons = ", ".join(f"{reason} {n:,}" for reason, n in sorted(self._dropped.items()))
            notes.append(f"{label}: rows that cannot be used: {reasons}")
        if self._absent > 0:
            notes.append(f"{label}: {self._absent:,} bars of the range are not there")
        for start, end in united(self._unknown):
            if self._since == "first":
                notes.append(f"{label}: whole from {end:%Y-%m-%dT%H:%MZ} on: the venue keeps no more")
            else:
                self._summary.holes.append(self._hole(start, end))

    def _hole(self, start: datetime, end: datetime) -> str:
        advice = "; ask more often" if self._since == "last" else ""
        known = f"not all is known from {start:%Y-%m-%dT%H:%MZ} to {end:%Y-%m-%dT%H:%MZ}"
        return f"{self._feed.label}: {known}: the venue keeps no more{advice}"


def _conflict_line(feed: Feed, conflict: Conflict) -> str:
    return (
        f"{feed.label}: {conflict.count} row(s) contradict what is stored in {conflict.partition.path}, first: "
        f"{conflict.example}; the stored rows were kept"
    )


def _is_of_the_host(reply: Reply, error: ReplyError) -> bool:
    """Whether a trouble is that of an address and not of what was asked: no answer, overload, limits."""
    return reply.status is None or reply.status == 429 or reply.status >= 500 or error.wait_seconds > 0
