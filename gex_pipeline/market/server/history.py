"""What is past and the same for all venues: delivery prices, funding, candles of perpetuals and indices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache

import numpy as np

from gex_pipeline.core.calendar import SETTLEMENT_TIME
from gex_pipeline.market.chains import COINS
from gex_pipeline.market.server.answers import Moment, as_us
from gex_pipeline.market.server.books import INDEX_BP, listing_day, spot_walk
from gex_pipeline.market.server.candles import Bars, Step, bars
from gex_pipeline.market.server.paths import MINUTE_US, START, Floats, Ints, Walk
from gex_pipeline.market.server.perps import LAST_BP, MARK_BP, funding_8h, volume_per_minute

_WINDOW_MINUTES = 30
EIGHT_HOURS_MS = 28_800_000


@lru_cache(maxsize=20_000)
def delivery_price(seed: int, source: str, coin: str, day: date) -> float:
    """The mean of an index over the half hour before 08:00 UTC of a day, USD per coin."""
    end = as_us(datetime.combine(day, SETTLEMENT_TIME)) // MINUTE_US
    mean = float(spot_walk(seed, coin).minutes(end - _WINDOW_MINUTES, end + 1).mean())
    return round(mean * (1.0 + INDEX_BP[source] / 1e4), 8)


def delivery_days(moment: Moment) -> Iterator[date]:
    """The days that have had their 08:00 UTC, newest first, back to the first that has prices."""
    day = listing_day(moment.now_us)
    while day >= START.date():
        yield day
        day -= timedelta(days=1)


def delivery_ms(day: date) -> int:
    """08:00 UTC of a day."""
    return as_us(datetime.combine(day, SETTLEMENT_TIME)) // 1_000


def funding(moment: Moment, source: str, coin: str, first_ms: int, last_ms: int) -> tuple[Ints, Floats]:
    """(time, rate) of the fundings within [first, last] that have been paid, ascending."""
    step = EIGHT_HOURS_MS
    first = max(first_ms, int(START.timestamp()) * 1_000)
    numbers = np.arange(-(-first // step), min(last_ms, moment.now_ms) // step + 1)
    return numbers * step, funding_8h(moment.seed, source, coin, numbers) if len(numbers) else np.empty(0)


def price_walk(moment: Moment, source: str, coin: str, kind: str) -> Walk:
    """The minutes of an ``index``, of its perpetual's ``mark`` or of its ``last`` trades."""
    spot = spot_walk(moment.seed, coin)
    above = {"index": 0.0, "mark": MARK_BP, "last": LAST_BP}[kind]
    return Walk(spot.of_key, spot.level * (1 + (INDEX_BP[source] + above) / 1e4), spot.vol, spot.pull_days)


def perpetual_bars(moment: Moment, source: str, coin: str, kind: str, starts: Ints, step: Step) -> Bars:
    """Candles of a kind of price; only those of trades have volume."""
    volume = volume_per_minute(coin) if kind == "last" else 0.0
    return bars(moment, price_walk(moment, source, coin, kind), starts, step, volume)


def digits(coin: str) -> int:
    """Decimals of a coin's prices."""
    return 2 if COINS[coin][0] > 1_000 else 4
