"""Sessions over real sockets: what is tried again, when, and what is kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from gex_pipeline.market.server.faults import Fault
from gex_pipeline.market.server.server import VenueServer, serve
from gex_pipeline.settings import load
from gex_pipeline.venues.base import Reply, ReplyError, Request, retry_after
from gex_pipeline.venues.http import MAX_BYTES, Session, new_client
from gex_pipeline.venues.registry import VENUES

STATUS = Request("public/status")
INDEX = Request("public/get_index_price", {"index_name": "btc_usd"})
T = TypeVar("T")


@pytest.fixture(scope="module")
def venues() -> Iterator[VenueServer]:
    with serve() as made:
        yield made


@pytest.fixture
def server(venues: VenueServer) -> VenueServer:
    venues.heal()
    venues.requests.clear()
    return venues


def now() -> datetime:
    return datetime.now(UTC)


def talk(
    server: VenueServer, do: Callable[[Session], Awaitable[T]], *, timeout: float = 2.0, deadline: float = 10.0
) -> T:
    """Let a session with the server do something."""

    async def run() -> T:
        async with new_client(timeout) as client:
            hosts = load(server.urls).hosts["deribit"]
            return await do(
                Session(VENUES["deribit"], hosts, client, now, now() + timedelta(seconds=deadline), timeout)
            )

    return asyncio.run(run())


def failure(server: VenueServer, request: Request = INDEX, **limits: float) -> tuple[ReplyError, list[Reply]]:
    """How a request fails, and what was kept of it."""

    async def ask(session: Session) -> tuple[ReplyError, list[Reply]]:
        with pytest.raises(ReplyError) as caught:
            await session.get(request)
        return caught.value, session.replies

    return talk(server, ask, **limits)


def asked(server: VenueServer) -> int:
    return sum(server.requests.values())


def test_an_answer_is_kept_as_it_came(server: VenueServer) -> None:
    before = now()
    reply = talk(server, lambda session: session.get(INDEX))
    assert reply.status == 200 and reply.body.startswith(b'{"jsonrpc"') and reply.error is None
    assert before <= reply.sent_at <= reply.received_at <= now()
    assert reply.url == f"{server.address}/api/v2/public/get_index_price?index_name=btc_usd"
    assert reply.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("kind", ["reset", "cut", "http_status", "html_200", "truncated_json"])
def test_what_may_pass_is_tried_again_and_kept(server: VenueServer, kind: str) -> None:
    async def ask(session: Session) -> list[Reply]:
        await session.get(INDEX)
        return session.replies

    server.inject(Fault("deribit", "", kind, times=1))
    replies = talk(server, ask)
    assert len(replies) == 2 == asked(server)
    assert replies[1].status == 200 and replies[1].error is None


@pytest.mark.parametrize(
    ("kind", "words"),
    [("redirect", "redirects are not followed"), ("gzip_bomb", "above 16 MB"), ("oversize", "above 16 MB"),
     ("maintenance", "11051")],
)  # fmt: skip
def test_what_will_not_pass_is_not_tried_again(server: VenueServer, kind: str, words: str) -> None:
    server.inject(Fault("deribit", "", kind, times=None, value=2 * MAX_BYTES if kind == "oversize" else None))
    error, replies = failure(server)
    assert words in str(error) and str(error).startswith(INDEX.label) and "\n" not in str(error)
    assert asked(server) == len(replies) == 1


def test_a_wrong_parameter_is_the_callers(server: VenueServer) -> None:
    error, _ = failure(server, Request("public/get_index_price", {"index_name": "nonsense"}))
    assert "-32602" in str(error) and asked(server) == 1


@pytest.mark.parametrize(("kind", "value"), [("slow", 30.0), ("drip", 0.2)])
def test_a_request_ends_in_time(server: VenueServer, kind: str, value: float) -> None:
    server.inject(Fault("deribit", "", kind, times=None, value=value))
    began = time.monotonic()
    error, replies = failure(server, timeout=0.5, deadline=1.0)
    assert "within 0.5 s" in str(error) and replies[0].error is not None
    assert time.monotonic() - began < 5


def test_a_venue_that_says_when_is_asked_then(server: VenueServer) -> None:
    """Deribit's rate limit asks for a second."""
    server.inject(Fault("deribit", "", "rate_limit", times=1))
    began = time.monotonic()
    talk(server, lambda session: session.get(INDEX))
    assert time.monotonic() - began >= 1.0


def test_no_retry_begins_after_the_deadline(server: VenueServer) -> None:
    server.inject(Fault("deribit", "", "rate_limit", times=None))
    _, replies = failure(server, deadline=0.5)
    assert len(replies) == 1


def test_proxies_of_the_machine_are_not_used(server: VenueServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert talk(server, lambda session: session.get(INDEX)).status == 200


def test_all_bodies_together_are_bounded(server: VenueServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(session: Session) -> list[Reply]:
        for _ in range(3):
            await session.get(INDEX)
        with pytest.raises(ReplyError, match="its body is above 16 MB, or all of them above "):
            await session.get(INDEX)
        return session.replies

    size = len(talk(server, lambda session: session.get(INDEX)).body)
    monkeypatch.setattr("gex_pipeline.venues.http.MAX_TOTAL_BYTES", 7 * size // 2)
    replies = talk(server, ask)
    assert [len(reply.body) > 0 for reply in replies] == [True, True, True, False]


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        *(("30", 30.0), ("0", 7.0), ("-5", 7.0), ("nan", 7.0), ("soon", 7.0), ("1e300", 7 * 86_400.0)),
        *(("Fri, 27 Nov 2026 05:00:00 GMT", 3600.0), ("Fri, 27 Nov 2026 03:00:00 GMT", 7.0)),
    ],
)
def test_how_long_a_venue_asks_to_wait(sent: str, seconds: float) -> None:
    at = datetime(2026, 11, 27, 4, tzinfo=UTC)
    assert retry_after(Reply(INDEX, "", 429, at, at, {"retry-after": sent}), 7.0) == seconds


def test_nobody_listens(server: VenueServer) -> None:
    with serve() as other:
        pass
    error, replies = failure(other, deadline=0.3)
    assert "cannot connect" in str(error) and replies[0].status is None
