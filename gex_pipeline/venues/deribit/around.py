"""What Deribit has around the chain, put together."""

from __future__ import annotations

from collections.abc import Sequence

from gex_pipeline.venues.deribit import trades
from gex_pipeline.venues.deribit.answers import is_unlisted
from gex_pipeline.venues.deribit.candles import INTERVALS, candles, dvol
from gex_pipeline.venues.deribit.perpetuals import fundings, now, perpetual
from gex_pipeline.venues.deribit.settlements import settlements
from gex_pipeline.venues.deribit.wire import INVERSE, LINEAR
from gex_pipeline.venues.feeds import Around, Feed


def feeds(coins: Sequence[str]) -> list[Feed]:
    """Everything but candles."""
    perpetuals = [perpetual(coin) for coin in coins]
    inverse = [coin for coin in coins if coin in INVERSE]
    indices = [*((coin, coin) for coin in inverse), *((coin, LINEAR) for coin in coins)]
    currencies = [*((coin, (coin,)) for coin in inverse), (LINEAR, tuple(coins))]
    return [
        *map(now, perpetuals),
        *map(fundings, perpetuals),
        *(settlements(*index) for index in indices),
        *map(dvol, inverse),
        *(trades.feed(*of) for of in currencies),
    ]


AROUND = Around(INTERVALS, {"perp": candles}, feeds, is_unlisted, {})
