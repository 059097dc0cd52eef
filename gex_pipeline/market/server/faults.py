"""What shall go wrong, as data: which answers, how, how often.

Belongs here: faults and which of them is due. Not here: what they do to a body (bodies.py), to an answer
(refusals.py) or to a connection (transport.py).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from gex_pipeline.errors import known

#: The connection misbehaves: RST before or in the middle of the answer, FIN in the middle, a late answer, or one byte
#: at a time for ever. ``value`` is seconds for ``slow`` (5) and ``drip`` (1). Refused is what a closed server does.
TRANSPORT = ("reset", "reset_midway", "cut", "slow", "drip")
#: Another answer takes its place; ``value`` is the status of ``http_status`` (502), the seconds of ``Retry-After`` for
#: ``rate_limit`` (1) and ``ban`` (120), the address of ``redirect``, the bytes a ``gzip_bomb`` unpacks to (64 MiB).
ANSWERS = ("http_status", "html_200", "maintenance", "rate_limit", "ban", "redirect", "gzip_bomb")
#: The body is changed. Those that touch a field touch every third row and ``field`` (the venue's name of it; else the
#: mark volatility, open interest or a price, whichever the row has). ``value`` is the sentinel of ``iv_sentinel`` (-1),
#: the seconds of ``stale`` and ``future`` (3,600), the bytes of ``oversize`` (32 MiB). ``huge_number`` is 1e400;
#: ``swapped_units`` puts Deribit's open interest off its lots, Bybit's volatility in percent, OKX's ``ctMult`` at 1 and
#: Binance's ``unit`` at 100; ``new_instrument`` adds a contract that no list of instruments has.
BODIES = (
    "invalid_json",
    "truncated_json",
    "oversize",
    "nan",
    "huge_number",
    "wrong_type",
    "missing_field",
    "null_field",
    "empty_list",
    "half_the_rows",
    "duplicate_rows",
    "stale",
    "future",
    "swapped_units",
    "iv_sentinel",
    "unknown_name",
    "new_instrument",
)
KINDS = TRANSPORT + ANSWERS + BODIES


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong at an endpoint of a venue (empty: at every endpoint).

    ``after`` matching requests are answered properly first; the fault then happens ``times`` times (None: for ever).
    See ``TRANSPORT``, ``ANSWERS`` and ``BODIES`` for the kinds and what ``value`` and ``field`` mean to them.
    """

    venue: str
    endpoint: str
    kind: str
    times: int | None = 1
    after: int = 0
    value: float | str | None = None
    field: str = ""

    def __post_init__(self) -> None:
        known(self.kind, KINDS, "kind of fault")
        known(self.venue, ("deribit", "bybit", "okx", "binance"), "venue")

    def concerns(self, venue: str, endpoint: str) -> bool:
        """True for a request it waits for."""
        return venue == self.venue and self.endpoint in ("", endpoint)

    def number(self, default: float) -> float:
        """``value`` as a number."""
        return default if self.value is None else float(self.value)


class Faults:
    """The faults that are still to happen; each request meets at most one, the oldest that is due."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """One more."""
        with self._lock:
            self._seen.append((fault, 0))

    def clear(self) -> None:
        """None any more."""
        with self._lock:
            self._seen.clear()

    def due(self, venue: str, endpoint: str) -> Fault | None:
        """The fault this request meets; it counts for every fault looked at until then."""
        with self._lock:
            return self._due(venue, endpoint)

    def _due(self, venue: str, endpoint: str) -> Fault | None:
        found = None
        for i, (fault, seen) in enumerate(self._seen):
            if found is not None or not fault.concerns(venue, endpoint):
                continue
            self._seen[i] = (fault, seen + 1)
            if seen >= fault.after and (fault.times is None or seen < fault.after + fault.times):
                found = fault
        return found
