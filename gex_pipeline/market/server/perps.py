"""A perpetual swap at an instant: prices around the index, funding, open interest. The same for all venues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gex_pipeline.core.black76 import Floats
from gex_pipeline.market.books import COINS, INDEX_BP, digits
from gex_pipeline.market.draws import Ints, key, uniform
from gex_pipeline.market.ladder import EIGHT_US
from gex_pipeline.market.server.answers import Moment
from gex_pipeline.market.world import MINUTE_US

#: How far a perpetual trades above its index, and its mark price.
LAST_BP, MARK_BP = 3.0, 2.0
_OPEN_INTEREST_USD = 4e9
#: Funding of eight hours when nothing happens, and for each unit of log-return.
_FUNDING, _TREND = 1e-4, 4e-3


@dataclass(frozen=True)
class Perpetual:
    """Prices in USD per coin, amounts in coins, funding as a fraction per eight hours."""

    index: float
    mark: float
    last: float
    bid: float
    ask: float
    high: float
    low: float
    change_pct: float
    funding_8h: float
    open_interest_coin: float
    volume_coin: float


def perpetual(moment: Moment, source: str, coin: str) -> Perpetual:
    """The perpetual of a coin on an index (a key of ``INDEX_BP``)."""
    index, minute = moment.index(source, coin), moment.now_us // MINUTE_US
    paid_us = (moment.now_us // EIGHT_US + 1) * EIGHT_US
    spot, decimals = moment.world.spot(coin), digits(coin)
    day = spot.minutes(max(spot.first, minute - 1439), minute + 1) * (1 + INDEX_BP[source] / 1e4)
    last = round(index * (1 + LAST_BP / 1e4), decimals)
    unit = 0.1 if decimals == 2 else 0.001
    return Perpetual(
        index=index,
        mark=round(index * (1 + MARK_BP / 1e4), decimals),
        last=last,
        bid=round(last - unit, decimals),
        ask=round(last + unit, decimals),
        high=round(max(last, float(day.max()) * (1 + LAST_BP / 1e4)), decimals),
        low=round(min(last, float(day.min()) * (1 + LAST_BP / 1e4)), decimals),
        change_pct=round(100 * (index / float(day[0]) - 1), 4),
        funding_8h=float(funding_8h(moment, source, coin, paid_us)[0]),
        open_interest_coin=round(_OPEN_INTEREST_USD / COINS[coin][0], 2),
        volume_coin=round(1440 * volume_per_minute(coin), 2),
    )


def volume_per_minute(coin: str) -> float:
    """Coins that change hands in a minute: three times the open interest in a day."""
    return 3 * _OPEN_INTEREST_USD / COINS[coin][0] / 1440


def funding_8h(moment: Moment, source: str, coin: str, ends_us: Ints | int) -> Floats:
    """Funding of eight hours that end at instants: a basis point, more after a rise, less after a fall.

    Of eight hours that are not over, what the prices until now make of it.
    """
    world, ends = moment.world, np.atleast_1d(np.asarray(ends_us))
    first, last = np.maximum(ends - EIGHT_US, world.start_us), np.minimum(ends, moment.now_us)
    before, after = (world.spot(coin).at(us) for us in (first, last))
    noise = uniform(key(world.seed, source, coin, "funding"), ends) - 0.5
    return (_FUNDING * (1.0 + noise) + _TREND * np.log(after / before)).round(8)
