"""Which requests make a snapshot of Binance's options, and what its errors mean.

Belongs here: order, limits, error codes. Not here: sockets (venues/http.py), fields (wire.py), rows (normalize.py).
Limits and codes: developers.binance.com/docs/derivatives/option, "General Info" and "Error Code".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from gex_pipeline.venues.base import (
    Answers,
    Asker,
    Book,
    Limits,
    Reply,
    ReplyError,
    Request,
    Venue,
    VenueError,
    http_trouble,
    retry_after,
    settled,
)
from gex_pipeline.venues.binance import normalize, wire
from gex_pipeline.venues.bodies import DECODE_ERRORS, is_of

#: Codes after which the same request may succeed -> seconds to wait where no header says: overload, limits, shutdown.
_WAITS = {-1000: 0.0, -1001: 0.0, -1003: 60.0, -1004: 0.0, -1007: 0.0, -1008: 1.0, -1016: 60.0}
_TOO_MANY = -1003
#: Statuses of an address that is shut out: by a firewall, and for going on after a 429.
_BANS = (403, 418)
#: The shortest ban there is; a header says more.
_BAN_SECONDS = 120.0


class Binance(Venue):
    """Binance's option chains.

    ``limits``: a snapshot of three coins weighs at most about 130 of the 400 that an address may use in a minute, so
    only its burst is bounded.
    """

    name = "binance"
    limits: ClassVar[Limits] = {"": (20.0, 1.0)}

    def trouble(self, reply: Reply) -> ReplyError | None:
        """Errors have a code in the body and a status of 400 or above; a ban is told by the status."""
        label = reply.request.label
        if reply.status in _BANS:
            text = f"{label}: HTTP {reply.status}: shut out for too many requests"
            return ReplyError(text, is_ban=True, wait_seconds=max(_BAN_SECONDS, retry_after(reply, 0.0)))
        try:
            answer = wire.ANSWER.decode(reply.body)
        except DECODE_ERRORS as error:
            return _plain(reply) or ReplyError(f"{label}: no answer of Binance's: {error}", is_retryable=True)
        if isinstance(answer, list) or answer.code == 0:
            return _plain(reply)
        text, is_retryable = f"{label}: error {answer.code} {answer.msg[:80]}", answer.code in _WAITS
        wait = retry_after(reply, _WAITS[answer.code]) if is_retryable else 0.0
        return ReplyError(text, is_retryable=is_retryable, wait_seconds=wait)

    async def poll(self, ask: Asker, coins: Sequence[str], known: Answers) -> None:
        """Marks and quotes of all coins at once; then per coin that is listed its index, and each expiry's interest."""
        await settled(ask.get(wire.TICKERS), self._chains(ask, coins, known))

    async def _chains(self, ask: Asker, coins: Sequence[str], known: Answers) -> None:
        reply = await ask.get(wire.MARKS)
        try:
            names = {row.symbol for row in wire.marks(reply) if any(is_of(coin, row.symbol) for coin in coins)}
            contracts = wire.listed(await self._specification(ask, names, known))
            wanted = [r for coin in coins for r in wire.requests(coin, contracts, reply.received_at)]
        except VenueError:
            return  # the replies are kept, and whoever normalises them says what is wrong
        await settled(*map(ask.get, wanted))

    async def _specification(self, ask: Asker, names: set[str], known: Answers) -> Reply:
        """The list of contracts: the known one where it has all names, else asked for."""
        reply = known.find(wire.SPECIFICATION)
        if reply is None or not names <= _listed_names(reply):
            return await ask.get(wire.SPECIFICATION)
        ask.keep(reply)
        return reply

    def is_specification(self, request: Request) -> bool:
        """The list of contracts."""
        return request.endpoint == wire.SPECIFICATION.endpoint

    def book(self, answers: Answers, coin: str, snapshot_at: datetime) -> Book | None:
        """The chain of a coin; see normalize.py."""
        return normalize.book(answers, coin, snapshot_at)


def _plain(reply: Reply) -> ReplyError | None:
    """The meaning of a status alone."""
    return http_trouble(reply, default_wait=_WAITS[_TOO_MANY] if reply.status == 429 else 0.0)


def _listed_names(reply: Reply) -> set[str]:
    """Names in a list of contracts; none where it cannot be read."""
    try:
        return {row.symbol for row in wire.listed(reply)}
    except VenueError:
        return set()
