"""Connections that misbehave on purpose, by the raw socket."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable
from socket import SO_LINGER, SOL_SOCKET

from gex_pipeline.market.server.answers import Answer
from gex_pipeline.market.server.faults import Fault
from gex_pipeline.market.server.sockets import Handler

_LINGER_NOT = struct.pack("ii", 1, 0)  # close sends RST and forgets what was not delivered


def misbehave(handler: Handler, answer: Answer, fault: Fault, stop: threading.Event) -> None:
    """Send an answer the way a fault of ``faults.TRANSPORT`` wants it; waits end when ``stop`` is set."""
    _BY_KIND[fault.kind](handler, answer, fault, stop)


def _reset(handler: Handler, _answer: Answer, _fault: Fault, _stop: threading.Event) -> None:
    """Nothing, and RST."""
    _abort(handler)


def _abort(handler: Handler) -> None:
    handler.close_connection = True
    handler.connection.setsockopt(SOL_SOCKET, SO_LINGER, _LINGER_NOT)
    handler.server.connections.discard(handler.connection)
    # the handler's files share the socket, whose close() would wait for theirs
    os.close(handler.connection.detach())


def _half(handler: Handler, answer: Answer) -> None:
    """The head, which promises all of the body, and half of the body."""
    body = handler.on_the_wire(answer)
    handler.send_head(answer, body)
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()


def _reset_midway(handler: Handler, answer: Answer, _fault: Fault, _stop: threading.Event) -> None:
    _half(handler, answer)
    _abort(handler)


def _cut(handler: Handler, answer: Answer, _fault: Fault, _stop: threading.Event) -> None:
    """As if the venue had finished: FIN after half of the body."""
    _half(handler, answer)
    handler.close_connection = True


def _slow(handler: Handler, answer: Answer, fault: Fault, stop: threading.Event) -> None:
    if not stop.wait(fault.number(5.0)):
        handler.send(answer)


def _drip(handler: Handler, answer: Answer, fault: Fault, stop: threading.Event) -> None:
    """The head and then a space every so often, until the client has had enough: no read of it ever times out."""
    handler.close_connection = True
    handler.send_head(Answer(answer.status, b"", answer.headers), None)
    while not stop.wait(fault.number(1.0)):
        handler.wfile.write(b" ")
        handler.wfile.flush()


_BY_KIND: dict[str, Callable[[Handler, Answer, Fault, threading.Event], None]] = {
    "reset": _reset,
    "reset_midway": _reset_midway,
    "cut": _cut,
    "slow": _slow,
    "drip": _drip,
}
