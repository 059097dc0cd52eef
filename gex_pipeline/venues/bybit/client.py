"""Which requests make a snapshot of Bybit, and what its errors mean.

Belongs here: order, limits, error codes. Not here: sockets (venues/http.py), fields (wire.py), rows (normalize.py).
Limits and codes: bybit-exchange.github.io/docs/v5, "Rate Limit Rules" and "Error Codes".
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
    settled,
)
from gex_pipeline.venues.bodies import DECODE_ERRORS
from gex_pipeline.venues.bybit import normalize, wire

#: Codes after which the same request may succeed -> seconds to wait: overload, limits, restarts.
_WAITS = {10000: 0.0, 10006: 5.0, 10016: 5.0, 10018: 5.0, 10429: 1.0}
_FORBIDDEN = 403
#: An address that has sent too much has to be silent for ten minutes.
_BAN_SECONDS = 600.0
_RESET, _RESET_DIGITS = "x-bapi-limit-reset-timestamp", 13


class Bybit(Venue):
    """Bybit's option chains. ``limits``: a sixth of the 600 requests in 5 seconds that an address may send."""

    name = "bybit"
    limits: ClassVar[Limits] = {"": (20.0, 1.0)}

    def trouble(self, reply: Reply) -> ReplyError | None:
        """The code in the body speaks before the status, which is 200 for most errors."""
        label = reply.request.label
        if reply.status == _FORBIDDEN:
            # regions that are refused get the same status: no request of theirs would succeed either
            text = f"{label}: HTTP 403: too many requests, or a region that is not served"
            return ReplyError(text, is_ban=True, wait_seconds=_BAN_SECONDS)
        try:
            envelope = wire.ENVELOPE.decode(reply.body)
        except DECODE_ERRORS as error:
            return http_trouble(reply) or ReplyError(f"{label}: no answer of Bybit's: {error}", is_retryable=True)
        code = envelope.ret_code
        if code == 0 or wire.is_no_coin(reply.request, envelope):
            return http_trouble(reply)
        text, is_retryable = f"{label}: error {code} {envelope.ret_msg[:80]}", code in _WAITS
        return ReplyError(text, is_retryable=is_retryable, wait_seconds=_wait(reply, code) if is_retryable else 0.0)

    async def poll(self, ask: Asker, coins: Sequence[str], known: Answers) -> None:
        """Per coin: its book, and its list of contracts where the known one lacks a name."""
        await settled(*(self._coin(ask, coin, known) for coin in coins))

    async def _coin(self, ask: Asker, coin: str, known: Answers) -> None:
        reply = await ask.get(wire.tickers(coin))
        try:
            names = {row.symbol for row in wire.book(reply).result.rows}
        except VenueError:
            return  # the reply is kept, and whoever normalises it says what is wrong
        pages = _known_pages(known, coin)
        # a coin without options has no names, and nothing more is asked; with a list it is missing, and book() says so
        if names <= {row.symbol for row in wire.listed(pages)}:
            for page in pages:
                ask.keep(page)
        else:
            await self._listing(ask, coin)

    async def _listing(self, ask: Asker, coin: str) -> None:
        """All pages of a coin's list, as far as they can be read."""
        after = ""
        for _ in range(wire.MAX_PAGES):
            reply = await ask.get(wire.instruments(coin, after))
            try:
                after = wire.cursor(reply)
            except VenueError:
                return
            if not after:
                return

    def is_specification(self, request: Request) -> bool:
        """Lists of instruments."""
        return request.endpoint == wire.INSTRUMENTS

    def book(self, answers: Answers, coin: str, snapshot_at: datetime) -> Book | None:
        """The chain of a coin; see normalize.py."""
        return normalize.book(answers, coin, snapshot_at)


def _known_pages(known: Answers, coin: str) -> list[Reply]:
    """The pages of an earlier list, none where it is not whole."""
    try:
        return wire.pages(known, coin)
    except VenueError:
        return []


def _wait(reply: Reply, code: int) -> float:
    """Seconds until the limit is reset by the venue's header (milliseconds since 1970), else those of the code."""
    reset = reply.headers.get(_RESET, "")
    if not (reset.isdecimal() and len(reset) == _RESET_DIGITS):
        return _WAITS[code]
    return max(0.0, int(reset) / 1000 - reply.received_at.timestamp())
