"""Which requests make a snapshot of Deribit, and what its errors mean.

Belongs here: order, limits, error codes. Not here: sockets (venues/http.py), fields (wire.py), rows (normalize.py).
Limits and codes: docs.deribit.com, "Rate Limits" and "RPC error codes".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

import msgspec

from gex_pipeline.core.instruments import parse
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
from gex_pipeline.venues.deribit import normalize, wire

#: Error codes after which the same request may succeed -> seconds to wait: limits, settlement, maintenance.
_WAITS = {
    10028: 1.0,
    10066: 1.0,
    10040: 0.0,
    10041: 5.0,
    10047: 1.0,
    13028: 1.0,
    13888: 0.0,
    11094: 0.0,
    11051: 60.0,
}
_ENVELOPE = msgspec.json.Decoder(wire.Envelope)


class Deribit(Venue):
    """Deribit's two books per coin, as one chain."""

    name = "deribit"
    limits: ClassVar[Limits] = {"": (10.0, 1.0), "public/get_instruments": (5.0, 5.0)}

    def trouble(self, reply: Reply) -> ReplyError | None:
        """The body speaks before the status: errors come with 400, sometimes with 200."""
        label = reply.request.label
        try:
            envelope = _ENVELOPE.decode(reply.body)
        except DECODE_ERRORS as error:
            return http_trouble(reply) or ReplyError(f"{label}: no JSON-RPC answer: {error}", is_retryable=True)
        if envelope.error is not None:
            code, text = envelope.error.code, f"{label}: error {envelope.error.code} {envelope.error.message[:80]}"
            return ReplyError(text, is_retryable=code in _WAITS, wait_seconds=_WAITS.get(code, 0.0))
        return http_trouble(reply)

    async def poll(self, ask: Asker, coins: Sequence[str], known: Answers) -> None:
        """Per currency: the book, its instruments where the known list lacks a name, and the indices."""
        wanted = dict.fromkeys(currency for coin in coins for currency in wire.currencies(coin))
        await settled(*(self._book(ask, currency, coins, known) for currency in wanted))

    async def _book(self, ask: Asker, currency: str, coins: Sequence[str], known: Answers) -> None:
        reply = await ask.get(wire.summary(currency))
        try:
            names = {row.instrument_name for row in wire.summaries(reply)}
        except VenueError:
            return  # the reply is kept, and whoever normalises it says what is wrong
        found = {contract.underlying for name in names if (contract := parse(self.name, name)) is not None}
        indices = (ask.get(wire.index(coin, currency)) for coin in coins if coin in found)
        await settled(self._listing(ask, currency, names, known), *indices)

    async def _listing(self, ask: Asker, currency: str, names: set[str], known: Answers) -> None:
        reply = known.find(wire.listing(currency))
        if reply is not None and names <= wire.listed_names(reply):
            ask.keep(reply)
        else:
            await ask.get(wire.listing(currency))

    def is_specification(self, request: Request) -> bool:
        """Lists of instruments."""
        return request.endpoint == "public/get_instruments"

    def book(self, answers: Answers, coin: str, snapshot_at: datetime) -> Book | None:
        """Both books of a coin; see normalize.py."""
        return normalize.book(answers, coin, snapshot_at)
