"""What all venues share: a request, a reply, what can be wrong with one, and the shape of a venue.

Belongs here: the words. Not here: sockets (http.py), anything of one venue.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Protocol

import polars as pl

from gex_pipeline.errors import GexError
from gex_pipeline.importers.mapping import Mapping as ChainMapping
from gex_pipeline.venues.guards import Finding

#: Endpoint -> (requests, seconds).
Limits = Mapping[str, tuple[float, float]]


class VenueError(GexError):
    """A venue did not give what was asked; the message names endpoint and cause."""


class ReplyError(VenueError):
    """One reply is no answer.

    ``is_retryable``: the same request may succeed, not before ``wait_seconds``. ``is_ban``: no request at all may be
    sent to the venue before ``wait_seconds`` are over.
    """

    def __init__(self, text: str, *, wait_seconds: float = 0.0, is_retryable: bool = False, is_ban: bool = False):
        super().__init__(text)
        self.wait_seconds, self.is_retryable, self.is_ban = wait_seconds, is_retryable, is_ban


@dataclass(frozen=True)
class Request:
    """One GET. ``endpoint`` is its path below the venue's address; ``host`` names which of the venue's addresses."""

    endpoint: str
    params: Mapping[str, str] = field(default_factory=dict)
    host: str = ""

    @property
    def label(self) -> str:
        """How messages name it: ``public/get_index_price index_name=btc_usd``."""
        return " ".join([self.endpoint, *(f"{k}={v}" for k, v in self.params.items())])


@dataclass(frozen=True)
class Reply:
    """What came back for one request, as received: a row of table `raw`.

    ``status`` is None and ``error`` says why where nothing came back. ``body`` is as sent, after the transport's
    compression. ``retry_at``: the venue is not to be asked before, as it has banned the sender. ``is_kept``: the answer
    is an earlier snapshot's.
    """

    request: Request
    url: str
    status: int | None
    sent_at: datetime
    received_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    error: str | None = None
    retry_at: datetime | None = None
    is_kept: bool = False


@dataclass(frozen=True)
class Book:
    """The rows of one coin at one venue before they are mapped.

    ``frame``: cells named as in ``mapping``. ``listed``: names that the venue's list of instruments has for the coin
    and that have not expired. ``findings``: what the venue's own checks found. ``uncounted``: rows whose open interest
    the venue may leave out.
    """

    frame: pl.DataFrame
    mapping: ChainMapping
    listed: frozenset[str]
    findings: Sequence[Finding] = ()
    uncounted: int = 0


class Asker(Protocol):
    """Sends requests, keeps every reply, and tries again where that may help."""

    async def get(self, request: Request) -> Reply:
        """The reply that answers a request. Raises ``ReplyError`` where there is none in time."""
        ...

    def keep(self, reply: Reply) -> None:
        """Take the answer of an earlier snapshot for this one's."""
        ...


class Venue(ABC):
    """One exchange.

    ``name``: as in `chain`. ``limits``: endpoint -> (requests, seconds); "" stands for all others together.
    """

    name: ClassVar[str]
    limits: ClassVar[Limits]

    @abstractmethod
    def trouble(self, reply: Reply) -> ReplyError | None:
        """What is wrong with a reply that arrived whole, None where it is an answer."""

    @abstractmethod
    async def poll(self, ask: Asker, coins: Sequence[str], known: Answers) -> None:
        """Ask for everything that a snapshot of the coins needs; ``known``: lists of instruments still fresh.

        What does not depend on a request in trouble is asked for all the same; :meth:`book` says what is missing.
        """

    @abstractmethod
    def is_specification(self, request: Request) -> bool:
        """Whether an answer holds for hours: lists of instruments."""

    @abstractmethod
    def book(self, answers: Answers, coin: str, snapshot_at: datetime) -> Book | None:
        """The rows of a coin, None where the venue does not list it.

        Raises ``VenueError`` where an answer that it needs is missing or is not what it should be.
        """


class Answers:
    """The replies of a snapshot by request. Pure: the same replies give the same answers, today and in ten years."""

    def __init__(self, venue: Venue, replies: Sequence[Reply]) -> None:
        self._replies: dict[str, Reply] = {}
        self._troubles: dict[str, ReplyError] = {}
        for reply in replies:
            trouble = transport_trouble(reply) or venue.trouble(reply)
            label = reply.request.label
            if trouble is None:
                self._replies[label] = reply
            else:
                self._troubles[label] = trouble

    def find(self, request: Request) -> Reply | None:
        """The answer to a request, None where there is none."""
        return self._replies.get(request.label)

    def get(self, request: Request) -> Reply:
        """The answer to a request. Raises ``VenueError`` that says why there is none."""
        found = self.find(request)
        if found is None:
            raise self._troubles.get(request.label) or VenueError(self._unanswered(request))
        return found

    def of(self, endpoint: str) -> list[Reply]:
        """All answers of an endpoint, in the order of their first requests."""
        return [r for r in self._replies.values() if r.request.endpoint == endpoint]

    def _unanswered(self, request: Request) -> str:
        """A request that was never sent is explained by what came before it."""
        return next(map(str, self._troubles.values()), f"{request.label}: not answered before the snapshot's deadline")


async def settled(*asked: Coroutine[Any, Any, object]) -> None:
    """Wait for all; a request in trouble is in the replies and does not stop the others."""
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, ReplyError):
            raise outcome


#: How the error of a reply begins that is too large: it would be too large again.
TOO_LARGE = "its body is above"
_REDIRECT = range(300, 400)
_SERVER_ERROR = 500
#: Longest wait that is believed: the venues ban for three days at most, and a larger number may not fit a date.
_LONGEST_WAIT = 7 * 86_400.0


def transport_trouble(reply: Reply) -> ReplyError | None:
    """What is wrong with a reply at every venue alike, None where its body has to be looked at."""
    label = reply.request.label
    if reply.error is not None:
        text = f"{label}: {reply.error}" if label else reply.error
        return ReplyError(text, is_retryable=not reply.error.startswith(TOO_LARGE))
    if reply.status in _REDIRECT:
        target = reply.headers.get("location", "nowhere")
        return ReplyError(f"{label}: HTTP {reply.status} to {target[:80]!r}: redirects are not followed")
    return None


def http_trouble(reply: Reply, *, default_wait: float = 0.0) -> ReplyError | None:
    """The plain meaning of a status, for a body that says nothing more. ``Retry-After`` counts, in seconds."""
    if reply.status == 200:
        return None
    text = f"{reply.request.label}: HTTP {reply.status}"
    is_busy = reply.status == 429 or (reply.status or 0) >= _SERVER_ERROR
    return ReplyError(text, is_retryable=is_busy, wait_seconds=retry_after(reply, default_wait) if is_busy else 0.0)


def retry_after(reply: Reply, default: float) -> float:
    """Seconds that the header ``Retry-After`` asks for, a number or a date: a week at most.

    The default where it is absent, neither, or not above 0.
    """
    sent = reply.headers.get("retry-after", "")
    try:
        seconds = float(sent)
    except ValueError:
        seconds = _seconds_until(sent, reply.received_at)
    return min(seconds, _LONGEST_WAIT) if seconds > 0 else default


def _seconds_until(date: str, now: datetime) -> float:
    try:
        return (parsedate_to_datetime(date).astimezone(UTC) - now).total_seconds()
    except (ValueError, OverflowError):
        return 0.0
