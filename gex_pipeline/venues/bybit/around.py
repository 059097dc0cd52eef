"""What Bybit has around the chain, put together."""

from __future__ import annotations

from collections.abc import Sequence

from gex_pipeline.venues.base import Reply
from gex_pipeline.venues.bodies import DECODE_ERRORS
from gex_pipeline.venues.bybit.candles import CANDLES, INTERVALS
from gex_pipeline.venues.bybit.options import SETTLEMENTS, settlements, trades
from gex_pipeline.venues.bybit.perpetuals import fundings, now, perpetual
from gex_pipeline.venues.bybit.wire import ENVELOPE
from gex_pipeline.venues.feeds import Around, Feed

_PARAMETER_ERROR = 10001
#: What a parameter error says of a coin, symbol or currency that is not there.
_UNLISTED = ("symbol", "basecoin", "settlecoin")


def feeds(coins: Sequence[str]) -> list[Feed]:
    """Everything but candles."""
    perpetuals = [perpetual(coin) for coin in coins]
    prices = [settlements(coin, currency) for coin in coins for currency in SETTLEMENTS]
    return [*map(now, perpetuals), *map(fundings, perpetuals), *prices, *map(trades, coins)]


def is_unlisted(reply: Reply) -> bool:
    """Whether an error says that there is no such coin, symbol or currency."""
    try:
        envelope = ENVELOPE.decode(reply.body)
    except DECODE_ERRORS:
        return False
    words = envelope.ret_msg.lower()
    return envelope.ret_code == _PARAMETER_ERROR and any(name in words for name in _UNLISTED)


AROUND = Around(INTERVALS, CANDLES, feeds, is_unlisted, {})
