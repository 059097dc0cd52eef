"""What is past and the same for all venues: delivery prices, funding, candles of perpetuals and indices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache

import numpy as np

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.calendar import SETTLEMENT_TIME
from gex_pipeline.market.books import INDEX_BP, Book
from gex_pipeline.market.draws import Ints
from gex_pipeline.market.listing import Contracts, expiring, listing_day
from gex_pipeline.market.server.answers import Moment, as_us
from gex_pipeline.market.server.candles import Candles, Step, bars
from gex_pipeline.market.server.perps import factor, funding_8h
from gex_pipeline.market.world import MINUTE_US, World

_WINDOW_MINUTES = 30
#: Until its change OKX took the whole hour.
_OKX_BEFORE, _OKX_CHANGE = 60, date(2026, 3, 18)
EIGHT_HOURS_MS = 28_800_000


@lru_cache(maxsize=20_000)
def delivery_price(world: World, source: str, coin: str, day: date) -> float:
    """The mean of an index over the last minutes before 08:00 UTC of a day, USD per coin."""
    begin, end = _window(source, day)
    return _mean(world, source, coin, begin, end)


def settlement_estimate(moment: Moment, source: str, coin: str) -> float | None:
    """The mean of an index since the window of the next 08:00 UTC began, USD per coin; None before that."""
    begin, _ = _window(source, listing_day(moment.now_us) + timedelta(days=1))
    now = moment.now_us // MINUTE_US
    return _mean(moment.world, source, coin, begin, now) if now >= begin else None


def settlement_estimates(moment: Moment, book: Book) -> Floats:
    """The same of every contract of a book: NaN of those that are not being settled."""
    expiry_us = moment.listed(book).expiry_us
    estimate = settlement_estimate(moment, book.index_source, book.coin)
    return np.where(expiry_us == expiry_us[0], np.nan if estimate is None else estimate, np.nan)


def _window(source: str, day: date) -> tuple[int, int]:
    """First and last minute since 1970 that the settlement of a day averages."""
    minutes = _OKX_BEFORE if source.startswith("okx/") and day < _OKX_CHANGE else _WINDOW_MINUTES
    end = as_us(datetime.combine(day, SETTLEMENT_TIME)) // MINUTE_US
    return end - minutes, end


def _mean(world: World, source: str, coin: str, first: int, last: int) -> float:
    mean = float(world.spot(coin).minutes(first, last + 1).mean())
    return round(mean * (1.0 + INDEX_BP[source] / 1e4), 8)


def delivery_days(moment: Moment) -> Iterator[date]:
    """The days that have had their 08:00 UTC, newest first, back to the first that has prices."""
    day = listing_day(moment.now_us)
    while day >= moment.world.start:
        yield day
        day -= timedelta(days=1)


def exercised(world: World, book: Book, day: date) -> tuple[float, Contracts, list[bool]]:
    """(delivery price, the contracts of a book that expired on a day, whether each paid)."""
    price, gone = delivery_price(world, book.index_source, book.coin, day), expiring(book, world, day)
    return price, gone, np.where(gone.is_call, price > gone.strike, price < gone.strike).tolist()


def delivery_ms(day: date) -> int:
    """08:00 UTC of a day."""
    return as_us(datetime.combine(day, SETTLEMENT_TIME)) // 1_000


def funding(moment: Moment, source: str, coin: str, first_ms: int, last_ms: int) -> tuple[Ints, Floats]:
    """(time, rate) of the fundings within [first, last] that have been paid, ascending."""
    step = EIGHT_HOURS_MS
    first = max(first_ms, moment.world.start_us // 1_000)
    numbers = np.arange(-(-first // step), min(last_ms, moment.now_ms) // step + 1)
    return numbers * step, funding_8h(moment, source, coin, numbers * step * 1_000)


def prices(moment: Moment, source: str, coin: str, kind: str, instants_us: Ints) -> Floats:
    """A kind of price at instants, USD per coin."""
    return factor(source, kind) * moment.world.spot(coin).at(instants_us)


def perpetual_bars(moment: Moment, source: str, coin: str, kind: str, starts: Ints, step: Step) -> Candles:
    """Candles of a kind of price; only those of trades have volume."""
    found = bars(moment, moment.world.bars(coin), starts, step)
    return found.times(factor(source, kind), volume=float(kind == "last"))
