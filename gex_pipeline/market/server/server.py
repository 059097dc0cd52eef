"""The four venues on one port of this machine.

Belongs here: which venue answers a path, counting, and the order in which limits and faults come in. Not here: what
the venues say, and sockets.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from gex_pipeline.market.chains import COINS
from gex_pipeline.market.server import binance, bybit, deribit, okx
from gex_pipeline.market.server.answers import HTML, Answer, Moment, Query, as_us
from gex_pipeline.market.server.sockets import Handler, Listener

Now = Callable[[], datetime]
_VENUES = {"deribit": deribit.answer, "bybit": bybit.answer, "okx": okx.answer, "binance": binance.answer}
_PREFIXES = {"/api/v2/": "deribit", "/v5/": "bybit", "/api/v5/": "okx"}
_BINANCE = ("/eapi/", "/fapi/", "/sapi/")


def route(path: str) -> tuple[str, str]:
    """(venue, endpoint) of a path: ("okx", "market/tickers"); empty where no venue has such a path."""
    for prefix, venue in _PREFIXES.items():
        if path.startswith(prefix):
            return venue, path.removeprefix(prefix)
    return ("binance", path[1:]) if path.startswith(_BINANCE) else ("", "")


def wall_clock() -> datetime:
    """The real time."""
    return datetime.now(UTC)


class VenueServer:
    """Deribit, Bybit, OKX and Binance from a synthetic market, over HTTP on 127.0.0.1.

    Parameters
    ----------
    seed
        Same seed and same time give the same numbers.
    now
        The simulated time: fixed, or a function; the real time where it is left out. Prices exist from 2024-01-01.
    coins
        The coins of the market.
    port
        0 takes a free one.
    """

    def __init__(
        self, seed: int = 1, now: datetime | Now = wall_clock, coins: Sequence[str] = tuple(COINS), port: int = 0
    ) -> None:
        self.seed = seed
        self.coins = tuple(coins)
        self.now: Now = now if callable(now) else lambda: now
        #: How often each (venue, endpoint) was asked.
        self.requests: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._listener = Listener(port, self._respond, lambda: self.now().timestamp())

    @property
    def address(self) -> str:
        """http://127.0.0.1:PORT."""
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    @property
    def urls(self) -> dict[str, str]:
        """The variables that point the clients here."""
        same = ("GEX_BYBIT_URL", "GEX_OKX_URL", "GEX_BINANCE_OPTIONS_URL", "GEX_BINANCE_FUTURES_URL")
        return {"GEX_DERIBIT_URL": f"{self.address}/api/v2"} | dict.fromkeys(same, self.address)

    def moment(self) -> Moment:
        """The market now."""
        return Moment(self.seed, as_us(self.now()), self.coins)

    def close(self) -> None:
        """Stop listening and end every connection; later ones are refused."""
        self._listener.stop()

    def _respond(self, handler: Handler) -> None:
        split = urlsplit(handler.path)
        venue, endpoint = route(split.path)
        with self._lock:
            self.requests[venue, endpoint] += 1
        handler.send(self._answer(venue, endpoint, dict(parse_qsl(split.query, keep_blank_values=True))))

    def _answer(self, venue: str, endpoint: str, query: Query) -> Answer:
        if not venue:
            return Answer(404, b"<html><body>404 Not Found</body></html>", HTML)
        return _VENUES[venue](self.moment(), endpoint, query)


@contextmanager
def serve(
    seed: int = 1, now: datetime | Now = wall_clock, coins: Sequence[str] = tuple(COINS), port: int = 0
) -> Generator[VenueServer]:
    """A :class:`VenueServer` that has ended when the block has."""
    server = VenueServer(seed, now, coins, port)
    try:
        yield server
    finally:
        server.close()
