"""The only place that opens a socket to a venue: limits, retries, bans, and bounds on time and size.

Belongs here: what HTTP is. Not here: what an answer means (each venue's client.py).
Every reply is kept as it came, those that were no answer included.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import httpx2
import stamina
from aiolimiter import AsyncLimiter
from stamina.instrumentation import set_on_retry_hooks

from gex_pipeline.venues.base import TOO_LARGE, Answers, Limits, Reply, ReplyError, Request, Venue, transport_trouble

set_on_retry_hooks(())  # they would write to standard error; what was tried is in the replies

#: Two venues refuse requests without one.
USER_AGENT = "gex-warehouse (open option warehouse)"
#: Largest body, decompressed: some ten times the largest answer that the fact sheets lead to expect.
MAX_BYTES = 16 * 1024 * 1024
#: All bodies of a venue in one snapshot, or in one step of a history.
MAX_TOTAL_BYTES = 4 * MAX_BYTES
_ATTEMPTS = 5
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0


Client = httpx2.AsyncClient


def new_client(timeout_seconds: float) -> Client:
    """A client that follows no redirect and reads no proxy setting or password file of the machine's owner."""
    return Client(
        timeout=httpx2.Timeout(timeout_seconds),
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"},
        limits=httpx2.Limits(max_connections=64, max_keepalive_connections=64),
    )


class Session:
    """Requests to one venue during one snapshot. ``replies``: everything that came back, in order of arrival.

    ``hosts``: host name of a request -> address. ``deadline``: time of ``clock`` after which no retry begins.
    ``limits``: those of endpoints that the venue's own do not name.
    """

    def __init__(
        self,
        venue: Venue,
        hosts: Mapping[str, str],
        client: Client,
        clock: Callable[[], datetime],
        deadline: datetime,
        timeout_seconds: float,
        limits: Limits | None = None,
    ) -> None:
        self.replies: list[Reply] = []
        self._venue, self._hosts, self._client = venue, hosts, client
        self._clock, self._deadline, self._timeout_seconds = clock, deadline, timeout_seconds
        every = {**venue.limits, **(limits or {})}
        self._limiters = {endpoint: AsyncLimiter(*limit) for endpoint, limit in every.items()}
        self._ban: ReplyError | None = None
        self._bytes = 0

    async def get(self, request: Request) -> Reply:
        """The reply that answers a request; raises ``ReplyError`` where none does."""
        context = stamina.retry_context(
            on=self._wait, attempts=_ATTEMPTS, timeout=None, wait_initial=_FIRST_WAIT, wait_max=_LONGEST_WAIT
        )
        async for attempt in context:
            with attempt:
                return await self._once(request)
        raise AssertionError("a retry context ends with a result or an error")

    def extend(self, deadline: datetime) -> None:
        """Another deadline and room for more bytes: work of many requests has them for each."""
        self._deadline, self._bytes = deadline, 0

    def keep(self, reply: Reply) -> None:
        """Take the answer of an earlier snapshot for this one's."""
        self.replies.append(replace(reply, is_kept=True))

    def _wait(self, error: Exception) -> bool | timedelta:
        """Whether to try again, and when: as the venue said, else after growing, jittered waits."""
        if not isinstance(error, ReplyError) or not error.is_retryable or self._ban is not None:
            return False
        if self._clock() + timedelta(seconds=error.wait_seconds) >= self._deadline:
            return False
        return timedelta(seconds=error.wait_seconds) if error.wait_seconds else True

    async def _once(self, request: Request) -> Reply:
        async with self._limiter(request):
            if self._ban is not None:
                raise self._ban
            reply = await self._exchange(request)
        trouble = self._trouble(reply)
        if trouble is not None and trouble.is_ban:
            self._ban = trouble
            reply = replace(reply, retry_at=reply.received_at + timedelta(seconds=trouble.wait_seconds))
        self.replies.append(reply)
        if trouble is not None:
            raise trouble
        return reply

    def _limiter(self, request: Request) -> AsyncLimiter:
        return self._limiters.get(request.endpoint) or self._limiters[""]

    def _trouble(self, reply: Reply) -> ReplyError | None:
        return transport_trouble(reply) or self._venue.trouble(reply)

    async def _exchange(self, request: Request) -> Reply:
        url = httpx2.URL(f"{self._hosts[request.host].rstrip('/')}/{request.endpoint}", params=dict(request.params))
        sent_at = self._clock()
        status, headers, body, error = None, {}, b"", None
        try:
            async with asyncio.timeout(self._timeout_seconds), self._client.stream("GET", url) as response:
                status, headers = response.status_code, dict(response.headers)
                body = await _bounded(response, min(MAX_BYTES, MAX_TOTAL_BYTES - self._bytes))
        except _TooLarge:
            error = f"{TOO_LARGE} {MAX_BYTES // 2**20} MB, or all of them above {MAX_TOTAL_BYTES // 2**20} MB"
        except TimeoutError:
            error = f"no whole answer within {self._timeout_seconds:g} s"
        except httpx2.HTTPError as reason:
            error = _said(reason, self._timeout_seconds)
        self._bytes += len(body)
        return Reply(request, str(url), status, sent_at, self._clock(), headers, body, error)


async def ask(
    venue: Venue, coins: Sequence[str], known: Sequence[Reply], session: Session, seconds: float
) -> list[Reply]:
    """Everything a venue answers within some seconds; what is missing then is missing."""
    with suppress(TimeoutError, ReplyError):  # a trouble is in the replies
        async with asyncio.timeout(seconds):
            await venue.poll(session, coins, Answers(venue, known))
    return session.replies


class _TooLarge(Exception):  # noqa: N818 - never leaves this file
    """A body went over the bound."""


async def _bounded(response: httpx2.Response, most: int) -> bytes:
    """The body, given up as soon as it is too large, whatever its headers say of its length."""
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > most:
            raise _TooLarge
        parts.append(part)
    return b"".join(parts)


def _said(reason: httpx2.HTTPError, timeout_seconds: float) -> str:
    """One line about a request that failed below HTTP."""
    if isinstance(reason, httpx2.TimeoutException):
        return f"no answer within {timeout_seconds:g} s"
    if isinstance(reason, httpx2.ConnectError):
        return f"cannot connect: {str(reason) or type(reason).__name__}"
    if isinstance(reason, httpx2.DecodingError):
        return "its compression is broken"
    return f"the connection broke: {str(reason) or type(reason).__name__}"
