"""Candles for the comparisons: drawn from a seed, with gaps, or by hand."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

from tests.slow.realised import MINUTES, Bar

START = datetime(2026, 1, 1, tzinfo=UTC)


def bar(
    open_at: datetime,
    prices: tuple[float, float, float, float],
    interval: str = "1h",
    *,
    venue: str = "binance",
    market: str = "perp",
    underlying: str = "BTC",
) -> Bar:
    """One candle from open, high, low and close."""
    o, h, low, c = prices
    return {
        "venue": venue,
        "market": market,
        "symbol": f"{underlying}USDT",
        "underlying": underlying,
        "interval": interval,
        "open_at": open_at,
        "close_at": open_at + timedelta(minutes=MINUTES[interval]),
        "open": o,
        "high": h,
        "low": low,
        "close": c,
        "volume_coin": None,
        "source": "test",
    }


def drawn(
    seed: int, days: float, interval: str = "1h", *, start: datetime = START, missing: float = 0.0, **instrument: str
) -> list[Bar]:
    """A random walk with jumps between bars and wicks; a share of bars is ``missing``, in runs."""
    rng, price, bars, skipped = random.Random(seed), 100.0, [], 0
    step = timedelta(minutes=MINUTES[interval])
    for i in range(round(days * 1440 / MINUTES[interval])):
        o = price * math.exp(rng.gauss(0, 0.0005))
        c = o * math.exp(rng.gauss(0, 0.004))
        h, low = max(o, c) * math.exp(rng.expovariate(500)), min(o, c) * math.exp(-rng.expovariate(500))
        price = c
        if skipped == 0 and rng.random() < missing / 5:
            skipped = rng.randint(1, 9)
        if skipped:
            skipped -= 1
        else:
            bars.append(bar(start + i * step, (o, h, low, c), interval, **instrument))
    return bars
