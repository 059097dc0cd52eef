"""Bars of any venue -> rows of `candles` and `dvol`. Pure.

Belongs here: which bars are over, and which can be used. A bar is stored under the instant it opens; a bar without
trades that a venue fills in, flat and with volume 0, is kept as it is sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import polars as pl

from gex_pipeline.importers.base import parse_duration
from gex_pipeline.schema import CANDLES, DVOL
from gex_pipeline.schema.model import Table
from gex_pipeline.venues.base import Reply, VenueError
from gex_pipeline.venues.feeds import Haul, Span, frame_of, instant, milliseconds, number


class Bar(NamedTuple):
    """One bar: milliseconds since 1970, prices, coins. ``is_open``: the venue says that it is not over."""

    open_ms: int
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume_coin: float | None = None
    is_open: bool = False


@dataclass(frozen=True)
class Series:
    """Which bars: of `candles`, or of `dvol` where there is no market."""

    venue: str
    coin: str
    interval: str
    market: str = ""
    symbol: str = ""

    @property
    def step(self) -> timedelta:
        """Length of a bar."""
        return parse_duration(self.interval)

    @property
    def step_ms(self) -> int:
        """The same in milliseconds."""
        return self.step // timedelta(milliseconds=1)

    @property
    def table(self) -> Table:
        """Where its rows belong."""
        return CANDLES if self.market else DVOL

    @property
    def where(self) -> pl.Expr:
        """Which of that table's rows of the coin are its own."""
        is_mine = pl.col("interval") == self.interval
        return (
            is_mine & (pl.col("market") == self.market) & (pl.col("symbol") == self.symbol) if self.market else is_mine
        )

    def haul(self, span: Span, reply: Reply, bars: Sequence[Bar], venue_ms: int | None = None) -> Haul:
        """Bars within a span that are over, as of the last reply and the venue's own clock where it tells.

        Raises ``VenueError`` where one does not open at a multiple of the interval: days of another zone, a wrong unit.
        """
        asked_ms = milliseconds(reply.sent_at)
        now_ms = asked_ms if venue_ms is None else min(asked_ms, venue_ms)
        over = [bar for bar in bars if span.has(bar.open_ms) and self._is_over(bar, now_ms)]
        odd = next((bar for bar in over if bar.open_ms % self.step_ms), None)
        if odd is not None:
            at = instant(odd.open_ms)
            raise VenueError(
                f"{reply.request.label}: a bar opens at {at:%Y-%m-%dT%H:%M:%S.%fZ}, no multiple of {self.interval}"
            )
        faults = Counter(filter(None, map(fault, over)))
        return Haul(frame_of(self.table, [self._row(bar) for bar in over if not fault(bar)]), dict(faults))

    def _is_over(self, bar: Bar, now_ms: int) -> bool:
        return not bar.is_open and bar.open_ms + self.step_ms <= now_ms

    def _row(self, bar: Bar) -> dict[str, object]:
        named = {"market": self.market, "symbol": self.symbol, "volume_coin": bar.volume_coin} if self.market else {}
        prices = {name: getattr(bar, name) for name in ("open", "high", "low", "close")}
        times = {"open_at": instant(bar.open_ms), "close_at": instant(bar.open_ms + self.step_ms)}
        fixed = {
            "venue": self.venue,
            "underlying": self.coin,
            "interval": self.interval,
            "source": f"{self.venue}-rest",
        }
        return {**fixed, **named, **times, **prices}


def priced(start: str | int, prices: tuple[str, str, str, str], volume: str = "", *, is_open: bool = False) -> Bar:
    """A bar whose numbers came as text: open, high, low, close; ``start`` in milliseconds."""
    opened, high, low, close = map(number, prices)
    return Bar(int(start), opened, high, low, close, number(volume), is_open)


def fault(bar: Bar) -> str | None:
    """Why a bar cannot be used: the first reason that applies."""
    stated = (bar.open, bar.high, bar.low, bar.close)
    prices = [price for price in stated if price is not None]
    if len(prices) < len(stated):
        return "price missing"
    if min(prices) <= 0:
        return "price not positive"
    if bar.low != min(prices) or bar.high != max(prices):
        return "price outside low and high"
    return "volume negative" if (bar.volume_coin or 0.0) < 0 else None
