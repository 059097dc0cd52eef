"""Seconds to draw a market of 90 days and reduce it to five-minute candles and hourly levels."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from gex_pipeline.market import economy, reduced
from gex_pipeline.market.books import COINS
from gex_pipeline.market.switches import USUAL

_DAYS, _REPEATS = 90, 3


def lines() -> Iterator[str]:
    """One line a coin; the fastest of some runs, each with a seed of its own."""
    for coin in COINS:
        seconds = min(_seconds(coin, seed) for seed in range(_REPEATS))
        yield f"{_DAYS} days of {coin} drawn and reduced to candles and levels: {seconds:.2f} s (below 1)"


def _seconds(coin: str, seed: int) -> float:
    began = time.perf_counter()
    market = economy.simulate(coin, datetime(2026, 1, 5, tzinfo=UTC), _DAYS, seed, USUAL)
    reduced.candles(market, seed, 5)
    reduced.levels(market)
    return time.perf_counter() - began
