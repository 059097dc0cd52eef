"""The venues' documented limits per address, counted on a clock that is handed in (seconds, never backwards)."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from gex_pipeline.market.server.answers import Query


@dataclass(frozen=True)
class Verdict:
    """Why a request is refused (``rate_limit`` or ``ban``) and for how many seconds."""

    kind: str
    retry_seconds: int


#: Deribit: credits per request, pool and refill per second; get_instruments has a bucket of its own.
_CREDITS, _POOL, _REFILL = 500, 50_000, 10_000
_INSTRUMENTS_BURST, _INSTRUMENTS_PER_SECOND = 50, 1
#: Bybit: requests per window, and how long all traffic must stop after that.
_BYBIT_REQUESTS, _BYBIT_SECONDS, _BYBIT_BAN_SECONDS = 600, 5, 600
#: OKX: requests per endpoint and 2 seconds; 20 where nothing is listed.
_OKX_SECONDS = 2
_OKX = {
    "public/mark-price": 10,
    "public/estimated-price": 10,
    "public/delivery-exercise-history": 40,
    "market/candles": 40,
    "market/history-index-candles": 10,
    "market/history-mark-price-candles": 10,
    "public/funding-rate-history": 10,
    "market/trades": 100,
}
_OKX_STATUS_SECONDS = 5
#: Binance: weight per minute of each family of paths, how many requests after a 429 are forgiven, the first ban.
BINANCE_WEIGHTS = {"eapi": 400, "fapi": 2_400, "sapi": 12_000}
_FORGIVEN, _BINANCE_BAN_SECONDS = 5, 120


class Bucket:
    """Credits that refill."""

    def __init__(self, pool: float, refill: float) -> None:
        self._pool, self._refill = pool, refill
        self._left, self._at = pool, 0.0

    def take(self, amount: float, at: float) -> bool:
        """True where there were enough."""
        self._left = min(self._pool, self._left + (at - self._at) * self._refill)
        self._at = at
        if self._left < amount:
            return False
        self._left -= amount
        return True


class Window:
    """Requests within the last seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._times: deque[float] = deque()

    def take(self, at: float) -> bool:
        """True where there was room."""
        while self._times and self._times[0] <= at - self._seconds:
            self._times.popleft()
        if len(self._times) >= self._most:
            return False
        self._times.append(at)
        return True


def weight(endpoint: str, query: Query) -> int:
    """Binance's weight of a request."""
    family, _, name = endpoint.partition("/v1/")
    if family == "eapi":
        by_name = {"mark": 5, "openInterest": 3, "exerciseHistory": 3, "trades": 5}
        return 40 if name == "ticker" and not query.get("symbol") else by_name.get(name, 1)
    if name.lower().endswith("klines"):
        limit = int(query["limit"]) if query.get("limit", "").isdigit() else 500
        return next(w for most, w in ((99, 1), (499, 2), (1_000, 5), (10**9, 10)) if limit <= most)
    return 10 if name == "premiumIndex" and not query.get("symbol") else 1


class Weights:
    """Binance's used weight per minute, which every answer states."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, int], int] = defaultdict(int)
        self._lock = threading.Lock()

    def add(self, endpoint: str, query: Query, at: float) -> int:
        """The weight used in this minute, this request included."""
        place = (endpoint.partition("/")[0], int(at // 60))
        with self._lock:
            self._used[place] += weight(endpoint, query)
            return self._used[place]


class Limits:
    """What a venue that enforces its limits refuses."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._credits = Bucket(_POOL, _REFILL)
        self._instruments = Bucket(_INSTRUMENTS_BURST, _INSTRUMENTS_PER_SECOND)
        self._bybit = Window(_BYBIT_REQUESTS, _BYBIT_SECONDS)
        self._okx: dict[str, Window] = {}
        self._banned_until = {"bybit": 0.0, "binance": 0.0}
        self._ignored = 0

    def verdict(self, venue: str, endpoint: str, used_weight: int) -> Verdict | None:
        """Why a request is refused, or None; ``used_weight`` is Binance's of this minute."""
        at = self._clock()
        with self._lock:
            if at < self._banned_until.get(venue, 0.0):
                return Verdict("ban", int(self._banned_until[venue] - at) + 1)
            if venue == "deribit":
                return self._deribit(endpoint, at)
            if venue == "okx":
                return self._okx_verdict(endpoint, at)
            return self._bybit_verdict(at) if venue == "bybit" else self._binance(endpoint, used_weight, at)

    def _deribit(self, endpoint: str, at: float) -> Verdict | None:
        is_instruments = endpoint == "public/get_instruments"
        enough = self._instruments.take(1, at) if is_instruments else self._credits.take(_CREDITS, at)
        return None if enough else Verdict("rate_limit", 1)

    def _okx_verdict(self, endpoint: str, at: float) -> Verdict | None:
        if endpoint not in self._okx:
            is_status = endpoint == "system/status"
            most, seconds = (1, _OKX_STATUS_SECONDS) if is_status else (_OKX.get(endpoint, 20), _OKX_SECONDS)
            self._okx[endpoint] = Window(most, seconds)
        return None if self._okx[endpoint].take(at) else Verdict("rate_limit", _OKX_SECONDS)

    def _bybit_verdict(self, at: float) -> Verdict | None:
        if self._bybit.take(at):
            return None
        self._banned_until["bybit"] = at + _BYBIT_BAN_SECONDS
        return Verdict("ban", _BYBIT_BAN_SECONDS)

    def _binance(self, endpoint: str, used_weight: int, at: float) -> Verdict | None:
        if used_weight <= BINANCE_WEIGHTS[endpoint.partition("/")[0]]:
            self._ignored = 0
            return None
        self._ignored += 1
        if self._ignored > _FORGIVEN:
            self._banned_until["binance"] = at + _BINANCE_BAN_SECONDS
            return Verdict("ban", _BINANCE_BAN_SECONDS)
        return Verdict("rate_limit", 60 - int(at % 60))
