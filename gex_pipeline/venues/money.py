"""Rows of `perps`, `funding` and `settlements` of any venue. Pure. Not here: where a venue says what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from gex_pipeline.schema import FUNDING, PERPS, SETTLEMENTS
from gex_pipeline.venues.base import Reply, VenueError
from gex_pipeline.venues.feeds import DAY, Feed, Haul, Span, Walk, frame_of, instant, positive

#: Bybit's settlement price may come a minute late; nobody else's later.
_PUBLISHED_MS = 60_000
_PRICES = ("mark_usd", "last_usd", "index_usd")
#: How long after its time a price or rate is asked for again where it was not there.
_LAG = timedelta(minutes=10)


@dataclass(frozen=True)
class Perpetual:
    """A venue's perpetual swap on a coin."""

    venue: str
    coin: str
    symbol: str

    @property
    def fixed(self) -> dict[str, object]:
        """What all of its rows say."""
        source = f"{self.venue}-rest"
        return {"venue": self.venue, "underlying": self.coin, "symbol": self.symbol, "source": source}

    def now(self, walk: Callable[[Span], Walk]) -> Feed:
        """Its prices as they are."""
        return Feed(
            PERPS, self.venue, self.symbol, (self.coin,), walk, pl.col("symbol") == self.symbol, DAY, is_now=True
        )

    def fundings(self, walk: Callable[[Span], Walk], window: timedelta) -> Feed:
        """Its funding history."""
        where = pl.col("symbol") == self.symbol
        return Feed(FUNDING, self.venue, self.symbol, (self.coin,), walk, where, window, lag=_LAG)

    def priced(self, reply: Reply, venue_ms: int, values: dict[str, float | None]) -> Haul:
        """Prices of one moment; one of 0 is none. ``reply``: the last of the answers they are from."""
        snapshot_at = instant(venue_ms)
        values |= {name: positive(values.get(name)) for name in _PRICES}
        known = max(snapshot_at, reply.received_at)
        return Haul(frame_of(PERPS, [{**self.fixed, "snapshot_at": snapshot_at, "knowledge_time": known, **values}]))

    def paid(self, span: Span, rates: Iterable[Rate]) -> Haul:
        """Fundings within a span; those without a rate are dropped."""
        mine = [rate for rate in rates if span.has(rate.at_ms)]
        rows = [{**self.fixed, **_paid(rate)} for rate in mine if rate.rate is not None]
        missing = len(mine) - len(rows)
        return Haul(frame_of(FUNDING, rows), {"rate missing": missing} if missing else {})


class Rate(NamedTuple):
    """One funding."""

    at_ms: int
    rate: float | None
    period_hours: float | None = None
    index_usd: float | None = None


def _paid(rate: Rate) -> dict[str, object]:
    at = instant(rate.at_ms)
    values = {"funding_rate": rate.rate, "period_hours": rate.period_hours, "index_usd": rate.index_usd}
    return {"funding_at": at, "knowledge_time": at, **values}


@dataclass(frozen=True)
class Settled:
    """An index, or family of contracts, that options of a coin are settled on."""

    venue: str
    coin: str
    symbol: str
    settle_currency: str

    def feed(self, walk: Callable[[Span], Walk]) -> Feed:
        """Its history."""
        where = pl.col("symbol") == self.symbol
        return Feed(SETTLEMENTS, self.venue, self.symbol, (self.coin,), walk, where, 366 * DAY, lag=_LAG)

    def haul(
        self,
        span: Span,
        reply: Reply,
        prices: Sequence[tuple[int, float | None]],
        since: datetime | None = None,
    ) -> Haul:
        """(expiry, price) pairs within a span -> one row per expiry; ``since``: the venue keeps no more.

        Raises ``VenueError`` where two prices of one expiry differ.
        """
        found: dict[int, float | None] = {}
        for expiry_ms, price in prices:
            if found.setdefault(expiry_ms, price) != price:
                text = f"{found[expiry_ms]} and {price} at {instant(expiry_ms):%Y-%m-%dT%H:%MZ}"
                raise VenueError(f"{reply.request.label}: two settlement prices of {self.symbol}: {text}")
        mine = {ms: price for ms, price in found.items() if span.has(ms)}
        rows = [self._row(ms, price) for ms, price in mine.items() if price is not None and price > 0]
        missing = len(mine) - len(rows)
        return Haul(frame_of(SETTLEMENTS, rows), {"price missing": missing} if missing else {}, since)

    def _row(self, expiry_ms: int, price: float) -> dict[str, object]:
        return {
            "venue": self.venue,
            "underlying": self.coin,
            "symbol": self.symbol,
            "settle_currency": self.settle_currency,
            "expiry_at": instant(expiry_ms),
            "knowledge_time": instant(expiry_ms + _PUBLISHED_MS),
            "price_usd": price,
            "source": f"{self.venue}-rest",
        }
