"""A perpetual swap at an instant: prices around the index, funding, open interest. The same for all venues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.units import DAY_US
from gex_pipeline.market.books import COINS, INDEX_BP, digits
from gex_pipeline.market.draws import Ints, key, uniform
from gex_pipeline.market.ladder import EIGHT_US
from gex_pipeline.market.positions import SIZES
from gex_pipeline.market.server import candles
from gex_pipeline.market.server.answers import Moment
from gex_pipeline.market.world import MINUTE_US

#: How far a perpetual trades above its index, and its mark price.
_LAST_BP, _MARK_BP = 3.0, 2.0
#: Of the largest coin.
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
    index, decimals = moment.index(source, coin), digits(coin)
    paid_us = (moment.now_us // EIGHT_US + 1) * EIGHT_US
    day = last_day(moment, source, coin, "last")
    last = round(index * (1 + _LAST_BP / 1e4), decimals)
    unit = 0.1 if decimals == 2 else 0.001
    return Perpetual(
        index=index,
        mark=round(index * (1 + _MARK_BP / 1e4), decimals),
        last=last,
        bid=round(last - unit, decimals),
        ask=round(last + unit, decimals),
        high=round(max(last, day.high), decimals),
        low=round(min(last, day.low), decimals),
        change_pct=round(100 * (last / day.open - 1), 4),
        funding_8h=float(funding_8h(moment, source, coin, paid_us)[0]),
        open_interest_coin=round(_OPEN_INTEREST_USD * SIZES[coin] / COINS[coin][0], 2),
        volume_coin=round(day.volume_coin, 2),
    )


def factor(source: str, kind: str) -> float:
    """What an ``index``, the ``mark`` of its perpetual or its ``last`` trades are beside the common spot."""
    return 1.0 + (INDEX_BP[source] + {"index": 0.0, "mark": _MARK_BP, "last": _LAST_BP}[kind]) / 1e4


@dataclass(frozen=True)
class Day:
    """The last 24 hours, whole minutes and what there is of the last one: USD per coin, coins."""

    open: float
    high: float
    low: float
    volume_coin: float


def last_day(moment: Moment, source: str, coin: str, kind: str) -> Day:
    """The last 24 hours of a kind of price (see :func:`factor`), as in its candles."""
    first = -(-max(moment.now_us - DAY_US, moment.world.start_us) // MINUTE_US)
    bar = candles.bars(moment, moment.world.bars(coin), np.array([first * candles.MINUTE_MS]), candles.Step(1_440))
    of_kind = bar.times(factor(source, kind), 1.0)
    return Day(*(float(each[0]) for each in (of_kind.open, of_kind.high, of_kind.low, of_kind.volume)))


def funding_8h(moment: Moment, source: str, coin: str, ends_us: Ints | int) -> Floats:
    """Funding of eight hours that end at instants: a basis point, more after a rise, less after a fall.

    Of eight hours that are not over, what the prices until now make of it.
    """
    world, ends = moment.world, np.atleast_1d(np.asarray(ends_us))
    first, last = np.maximum(ends - EIGHT_US, world.start_us), np.minimum(ends, moment.now_us)
    before, after = (world.spot(coin).at(us) for us in (first, last))
    noise = uniform(key(world.seed, source, coin, "funding"), ends) - 0.5
    return (_FUNDING * (1.0 + noise) + _TREND * np.log(after / before)).round(8)
