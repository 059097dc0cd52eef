"""What OKX has around the chain, put together."""

from __future__ import annotations

from collections.abc import Sequence

from gex_pipeline.venues.feeds import Around, Feed
from gex_pipeline.venues.okx.answers import is_unlisted
from gex_pipeline.venues.okx.candles import CANDLES, INTERVALS
from gex_pipeline.venues.okx.families import EXERCISES, families, settlements, trades
from gex_pipeline.venues.okx.perpetuals import FUNDING_HISTORY, MARK, fundings, now, perpetual

#: Half of what the venue allows per two seconds: 20, or 10 where it is less.
_SOME: tuple[float, float] = (10.0, 2.0)
_FEW: tuple[float, float] = (5.0, 2.0)
_SLOW = (
    "api/v5/market/history-index-candles",
    "api/v5/market/history-mark-price-candles",
    "api/v5/market/mark-price-candles",
)


def feeds(coins: Sequence[str]) -> list[Feed]:
    """Everything but candles."""
    perpetuals = [perpetual(coin) for coin in coins]
    both = [(coin, family) for coin in coins for family in families(coin)]
    prices, tapes = [settlements(*of) for of in both], [trades(*of) for of in both]
    return [*map(now, perpetuals), *map(fundings, perpetuals), *prices, *tapes]


AROUND = Around(
    INTERVALS,
    CANDLES,
    feeds,
    is_unlisted,
    {**dict.fromkeys((*_SLOW, MARK, FUNDING_HISTORY), _FEW), EXERCISES: _SOME},
)
