"""What Binance has around the chain, put together."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gex_pipeline.venues.base import Reply
from gex_pipeline.venues.binance.candles import CANDLES, INTERVALS, MARKETS
from gex_pipeline.venues.binance.options import TRADES_OF, settlements, trades
from gex_pipeline.venues.binance.perpetuals import fundings, now, perpetual
from gex_pipeline.venues.bodies import DECODE_ERRORS
from gex_pipeline.venues.feeds import Around, Feed

_INVALID_SYMBOL = -1121
#: Weight per minute: a page of bars weighs 5 of 2,400; a contract's trades 5 of the 400 that snapshots share.
_BARS: tuple[float, float] = (5.0, 1.0)
_TRADES: tuple[float, float] = (30.0, 60.0)


class _Refusal(msgspec.Struct):
    code: int = 0


_REFUSAL = msgspec.json.Decoder(_Refusal)


def feeds(coins: Sequence[str]) -> list[Feed]:
    """Everything but candles."""
    perpetuals = [perpetual(coin) for coin in coins]
    return [*map(now, perpetuals), *map(fundings, perpetuals), *map(settlements, coins), *map(trades, coins)]


def is_unlisted(reply: Reply) -> bool:
    """Whether an error says that there is no such symbol."""
    try:
        return _REFUSAL.decode(reply.body).code == _INVALID_SYMBOL
    except DECODE_ERRORS:
        return False


_LIMITS = {**{endpoint: _BARS for endpoint, *_ in MARKETS.values()}, TRADES_OF: _TRADES}
AROUND = Around(INTERVALS, CANDLES, feeds, is_unlisted, _LIMITS)
