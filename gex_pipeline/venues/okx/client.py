"""Which requests make a snapshot of OKX, and what its errors mean.

Belongs here: order, limits, error codes. Not here: sockets (venues/http.py), fields (wire.py), rows (normalize.py).
Limits and codes: OKX's API v5, "Rate Limits" and "Error Code".
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import ClassVar

import msgspec

from gex_pipeline.venues.base import (
    Answers,
    Asker,
    Book,
    Limits,
    Reply,
    ReplyError,
    Request,
    Venue,
    http_trouble,
    retry_after,
    settled,
)
from gex_pipeline.venues.bodies import DECODE_ERRORS, is_of
from gex_pipeline.venues.okx import normalize, wire

#: Limits count over a window that slides; nothing says when it is free again.
_WINDOW = 2.0
#: Seconds for what a snapshot can do without.
_PATIENCE = 3.0
#: Error codes after which the same request may succeed -> seconds to wait. An upgrade or an interface that is offline
#: lasts minutes: no snapshot waits for it unless its deadline is longer than usual.
_WAITS = {
    "50001": 60.0,
    "50004": 0.0,
    "50005": 60.0,
    "50011": _WINDOW,
    "50013": _WINDOW,
    "50026": 0.0,
    "51028": 5.0,
}
#: Statuses that say the same of a code that is not known.
_BUSY = (429, *range(500, 600))
_ENVELOPE = msgspec.json.Decoder(wire.Envelope)
#: Half of the venue's 20 (marks, estimates: 10) a window: a limiter that fills up again lets through twice its number
#: at first.
_SOME: tuple[float, float] = (10.0, _WINDOW)
_FEW: tuple[float, float] = (5.0, _WINDOW)


class Okx(Venue):
    """OKX's two families per coin, as one chain."""

    name = "okx"
    limits: ClassVar[Limits] = {
        "": _SOME,
        **dict.fromkeys((wire.MARK_PRICE, wire.ESTIMATE), _FEW),
        **dict.fromkeys((wire.INSTRUMENTS, wire.INTEREST, wire.SUMMARY), _SOME),
    }

    def trouble(self, reply: Reply) -> ReplyError | None:
        """The body speaks before the status: errors come with 200 as well."""
        label = reply.request.label
        try:
            envelope = _ENVELOPE.decode(reply.body)
        except DECODE_ERRORS as error:
            plain = http_trouble(reply, default_wait=_WINDOW)
            return plain or ReplyError(f"{label}: no answer of the interface: {error}", is_retryable=True)
        code = envelope.code
        if code == "0":
            return http_trouble(reply, default_wait=_WINDOW)
        text = f"{label}: error {code[:20]} {' '.join(envelope.msg.split())[:80]}"
        is_busy = code in _WAITS or reply.status in _BUSY
        wait = retry_after(reply, _WAITS.get(code, _WINDOW)) if is_busy else 0.0
        return ReplyError(text, is_retryable=is_busy, wait_seconds=wait)

    async def poll(self, ask: Asker, coins: Sequence[str], known: Answers) -> None:
        """Quotes and marks of all options at once; their names say which families and coins to ask the rest of."""
        names: dict[str, datetime] = {}
        await settled(*(self._names(ask, request, names) for request in (wire.tickers(), wire.mark_prices())))
        found = [coin for coin in coins if any(is_of(coin, name) for name in names)]
        families = [family for coin in found for family in wire.families(names, coin)]
        per_family = (ask.get(make(f)) for make in (wire.open_interest, wire.summary) for f in families)
        estimates = [wire.estimated_price(name) for coin in found for name in wire.settling(names, coin)]
        listings = (self._listing(ask, family, names, known) for family in families)
        await settled(*per_family, _soon(ask, estimates), *listings, *(ask.get(wire.index(coin)) for coin in found))

    async def _names(self, ask: Asker, request: Request, names: dict[str, datetime]) -> None:
        reply = await ask.get(request)
        names.update(dict.fromkeys(wire.names(reply), reply.received_at))

    async def _listing(self, ask: Asker, family: str, names: Collection[str], known: Answers) -> None:
        reply = known.find(wire.instruments(family))
        if reply is not None and wire.names_of(family, names) <= wire.names(reply):
            ask.keep(reply)
        else:
            await ask.get(wire.instruments(family))

    def is_specification(self, request: Request) -> bool:
        """Lists of instruments."""
        return request.endpoint == wire.INSTRUMENTS

    def book(self, answers: Answers, coin: str, snapshot_at: datetime) -> Book | None:
        """All families of a coin; see normalize.py."""
        return normalize.book(answers, coin, snapshot_at)


async def _soon(ask: Asker, requests: Sequence[Request]) -> None:
    """Answers that a snapshot can do without, and so does not wait for until its deadline."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            await settled(*map(ask.get, requests))
