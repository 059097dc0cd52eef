"""Which feeds a command fetches. Not here: how (feeds.py)."""

from __future__ import annotations

from collections.abc import Sequence

from gex_pipeline.errors import UsageError
from gex_pipeline.venues.around import AROUND
from gex_pipeline.venues.feeds import Feed

#: The spot market has an address of its own at some venues: only on demand.
_DEFAULT_MARKETS = ("perp", "index", "mark")


def candle_feeds(venues: Sequence[str], coins: Sequence[str], interval: str, market: str | None) -> list[Feed]:
    """The bars of some coins at the venues that have such. Raises ``UsageError`` where none has."""
    having = [venue for venue in venues if interval in AROUND[venue].intervals]
    if not having:
        valid = "; ".join(f"{venue} has {', '.join(AROUND[venue].intervals)}" for venue in venues)
        raise UsageError(f"no candles of {interval}: {valid}")
    markets = _DEFAULT_MARKETS if market is None else (market,)
    kinds = [(venue, kind) for venue in having for kind in markets if kind in AROUND[venue].candles]
    if not kinds:
        valid = "; ".join(f"{venue} has {', '.join(AROUND[venue].candles)}" for venue in venues)
        raise UsageError(f"no candles of market {market}: {valid}")
    return [AROUND[venue].candles[kind](coin, interval) for venue, kind in kinds for coin in coins]


def passed_over(venues: Sequence[str], interval: str, market: str | None) -> list[str]:
    """One line for each venue that has no such bars."""
    lines = [f"{v}: has no candles of {interval}" for v in venues if interval not in AROUND[v].intervals]
    if market is None:
        return lines
    return lines + [f"{v}: has no candles of market {market}" for v in venues if market not in AROUND[v].candles]


def market_feeds(venues: Sequence[str], coins: Sequence[str]) -> list[Feed]:
    """Everything around the chain but candles."""
    return [feed for venue in venues for feed in AROUND[venue].feeds(coins)]
