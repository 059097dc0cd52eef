"""The four venues on one port of this machine.

Belongs here: which venue answers a path, counting, and the order in which limits and faults come in. Not here: what
the venues say, and sockets.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from urllib.parse import parse_qsl, urlsplit

from gex_pipeline.errors import UsageError, known
from gex_pipeline.market.books import COINS
from gex_pipeline.market.server import binance, bybit, deribit, okx
from gex_pipeline.market.server.answers import HTML, Answer, Moment, Query, as_us
from gex_pipeline.market.server.bodies import changed
from gex_pipeline.market.server.faults import ANSWERS, BODIES, TRANSPORT, Fault, Faults
from gex_pipeline.market.server.limits import Limits, Weights
from gex_pipeline.market.server.refusals import ban, instead, rate_limit
from gex_pipeline.market.server.sockets import Handler, Listener
from gex_pipeline.market.server.transport import misbehave
from gex_pipeline.market.switches import USUAL, Switches
from gex_pipeline.market.world import World

Now = Callable[[], datetime]
_VENUES = {"deribit": deribit.answer, "bybit": bybit.answer, "okx": okx.answer, "binance": binance.answer}
_ENDPOINTS = {
    "deribit": deribit.ENDPOINTS,
    "bybit": bybit.ENDPOINTS | bybit.CLOCKS,
    "okx": okx.ENDPOINTS,
    "binance": binance.ENDPOINTS | binance.CLOCKS,
}
#: Venue, host of a request, variable of its address, and where the path of that begins.
_ADDRESSES = (
    ("deribit", "", "GEX_DERIBIT_URL", "/api/v2"),
    ("deribit", "history", "GEX_DERIBIT_HISTORY_URL", "/api/v2"),
    ("bybit", "", "GEX_BYBIT_URL", ""),
    ("okx", "", "GEX_OKX_URL", ""),
    ("binance", "", "GEX_BINANCE_OPTIONS_URL", ""),
    ("binance", "futures", "GEX_BINANCE_FUTURES_URL", ""),
    ("binance", "spot", "GEX_BINANCE_SPOT_URL", ""),
)
_PREFIXES = {"/api/v2/": "deribit", "/v5/": "bybit", "/api/v5/": "okx"}
_BINANCE = ("/eapi/", "/fapi/", "/sapi/")


def route(path: str) -> tuple[str, str]:
    """(venue, endpoint) of a path: ("okx", "market/tickers"); empty where no venue has such a path."""
    for prefix, venue in _PREFIXES.items():
        if path.startswith(prefix):
            return venue, path.removeprefix(prefix)
    return ("binance", path[1:]) if path.startswith(_BINANCE) else ("", "")


def _month_before(day: date) -> date:
    """The first day of the month before that of a day."""
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def wall_clock() -> datetime:
    """The real time."""
    return datetime.now(UTC)


class VenueServer:
    """Deribit, Bybit, OKX and Binance from a synthetic market, over HTTP on 127.0.0.1.

    Parameters
    ----------
    seed
        Same seed, start and time give the same numbers.
    now
        The simulated time: fixed, or a function; the real time where it is left out.
    coins
        The coins of the market.
    port
        0 takes a free one.
    start
        The first day of the market; that of the month before now where it is left out.
    switches
        What is true in the market.
    has_limits
        Refuse what the venues' documented limits refuse. They count in real time, whatever ``now`` says.
    """

    def __init__(
        self,
        seed: int = 1,
        now: datetime | Now = wall_clock,
        coins: Sequence[str] = tuple(COINS),
        port: int = 0,
        *,
        start: date | None = None,
        switches: Switches = USUAL,
        has_limits: bool = False,
    ) -> None:
        self.seed, self.switches = seed, switches
        self.coins = tuple(coins)
        self.now: Now = now if callable(now) else lambda: now
        self.start = start or _month_before(self.now().date())
        if self.now().date() <= self.start:
            raise UsageError(f"the made-up market begins on {self.start}; choose a time a day later at least")
        for coin in self.coins:  # now, not while somebody waits for an answer
            self.moment().world.bars(coin)
        #: How often each (venue, endpoint) was asked.
        self.requests: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._faults = Faults()
        self._weights = Weights()
        self._limits = Limits(monotonic) if has_limits else None
        self._listener = Listener(port, self._respond, lambda: self.now().timestamp())

    @property
    def address(self) -> str:
        """http://127.0.0.1:PORT."""
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    @property
    def hosts(self) -> dict[str, dict[str, str]]:
        """Venue -> host of a request -> address, as the clients want it."""
        hosts: dict[str, dict[str, str]] = {}
        for venue, host, _, path in _ADDRESSES:
            hosts.setdefault(venue, {})[host] = self.address + path
        return hosts

    @property
    def urls(self) -> dict[str, str]:
        """The variables that point the clients here."""
        return {variable: self.address + path for _, _, variable, path in _ADDRESSES}

    def moment(self) -> Moment:
        """The market now."""
        now = self.now()
        weeks = (now.date() - self.start).days // 7 + 2
        return Moment(World(self.seed, self.start, 7 * weeks, self.switches), as_us(now), self.coins)

    def inject(self, *faults: Fault) -> None:
        """Let things go wrong; of several that are due, the first one injected happens.

        Raises ``UsageError`` for an endpoint the venue does not have: such a fault would never happen.
        """
        for fault in faults:
            known(fault.endpoint, ("", *_ENDPOINTS[fault.venue]), f"endpoint of {fault.venue}")
            self._faults.add(fault)

    def heal(self) -> None:
        """Forget every fault."""
        self._faults.clear()

    def close(self) -> None:
        """Stop listening and end every connection; later ones are refused. Closing twice does no harm."""
        self._stopping.set()
        self._listener.stop()

    def _respond(self, handler: Handler) -> None:
        split = urlsplit(handler.path)
        venue, endpoint = route(split.path)
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        with self._lock:
            self.requests[venue, endpoint] += 1
        fault = self._faults.due(venue, endpoint)
        answer = self._answer(venue, endpoint, query, fault)
        if fault is not None and fault.kind in TRANSPORT:
            misbehave(handler, answer, fault, self._stopping)
        else:
            handler.send(answer)

    def _answer(self, venue: str, endpoint: str, query: Query, fault: Fault | None) -> Answer:
        if not venue:
            return Answer(404, b"<html><body>404 Not Found</body></html>", HTML)
        used = self._weights.add(endpoint, query, monotonic()) if venue == "binance" else 0
        answer = self._refused(venue, endpoint, used) or self._told(venue, endpoint, query, fault)
        weighed = {"X-MBX-USED-WEIGHT-1M": str(used)} if venue == "binance" else {}
        return Answer(answer.status, answer.body, {**answer.headers, **weighed})

    def _refused(self, venue: str, endpoint: str, used: int) -> Answer | None:
        """The refusal of a venue that enforces its limits."""
        verdict = self._limits.verdict(venue, endpoint, used) if self._limits else None
        if verdict is None:
            return None
        refusal = rate_limit if verdict.kind == "rate_limit" else ban
        return refusal(venue, self.moment(), verdict.retry_seconds)

    def _told(self, venue: str, endpoint: str, query: Query, fault: Fault | None) -> Answer:
        """What the venue says, or what a fault makes of it."""
        if fault is not None and fault.kind in ANSWERS:
            return instead(fault, self.moment())
        answer = _VENUES[venue](self.moment(), endpoint, query)
        if fault is None or fault.kind not in BODIES:
            return answer
        return Answer(answer.status, changed(answer.body, fault), answer.headers)


@contextmanager
def serve(
    seed: int = 1,
    now: datetime | Now = wall_clock,
    coins: Sequence[str] = tuple(COINS),
    port: int = 0,
    *,
    start: date | None = None,
    switches: Switches = USUAL,
    has_limits: bool = False,
) -> Generator[VenueServer]:
    """A :class:`VenueServer` that has ended when the block has."""
    server = VenueServer(seed, now, coins, port, start=start, switches=switches, has_limits=has_limits)
    try:
        yield server
    finally:
        server.close()
