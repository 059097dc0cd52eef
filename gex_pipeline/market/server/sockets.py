"""HTTP/1.1 over sockets of this machine: threads, keep-alive, gzip, and an end that leaves nothing behind.

Belongs here: connections. Not here: what is answered (server.py) and what goes wrong on purpose (transport.py).
"""

from __future__ import annotations

import gzip
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from typing import Any

from gex_pipeline.market.server.answers import Answer

_SMALLEST_GZIP = 512  # bytes; below, compression costs more than it saves
_POLL_SECONDS = 0.02  # how soon a listener notices that it shall stop


class Handler(BaseHTTPRequestHandler):
    """One connection; hands every GET to the listener's ``respond``."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # status, headers and body leave together
    server: Listener  # pyright: ignore[reportIncompatibleVariableOverride]

    def setup(self) -> None:
        """Remember the connection, so that it can be ended from outside."""
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        """Forget the connection; a client that has gone is no error."""
        try:
            super().finish()
        except OSError:
            self.close_connection = True
        self.server.connections.discard(self.connection)

    def do_GET(self) -> None:
        """Answer one request."""
        self.server.respond(self)

    def send(self, answer: Answer) -> None:
        """An answer, compressed where the client takes it."""
        self.send_head(answer, body := self.on_the_wire(answer))
        self.wfile.write(body)

    def on_the_wire(self, answer: Answer) -> bytes:
        """The bytes of a body as this client receives them."""
        return gzip.compress(answer.body, 1, mtime=0) if self._is_compressed(answer) else answer.body

    def _is_compressed(self, answer: Answer) -> bool:
        accepts = "gzip" in self.headers.get("Accept-Encoding", "")
        return accepts and "Content-Encoding" not in answer.headers and len(answer.body) >= _SMALLEST_GZIP

    def send_head(self, answer: Answer, body: bytes | None) -> None:
        """Status line and headers; ``body`` as it will be on the wire, None where its length is not told."""
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self._is_compressed(answer):
            self.send_header("Content-Encoding", "gzip")
        if body is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Synthetic", "true")
        self.end_headers()

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The `Date` header, which follows the simulated clock."""
        return super().date_time_string(self.server.timestamp() if timestamp is None else timestamp)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is http.server's
        """Nothing: requests are counted, not printed."""


class Listener(ThreadingHTTPServer):
    """Listens on 127.0.0.1 in a thread of its own, one more thread per connection."""

    daemon_threads = False  # they are joined
    request_queue_size = 128

    def __init__(self, port: int, respond: Callable[[Handler], None], timestamp: Callable[[], float]) -> None:
        self.connections: set[socket] = set()
        self.respond = respond
        self.timestamp = timestamp
        super().__init__(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(_POLL_SECONDS,), name="venue-server")
        self._thread.start()

    def stop(self) -> None:
        """End every connection and thread."""
        self.shutdown()
        self._thread.join()
        for connection in list(self.connections):
            try:
                connection.shutdown(SHUT_RDWR)
            except OSError:  # the client was faster
                continue
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no error; everything else is a defect and shows its traceback."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
