"""One made-up market of all coins that everything else looks at: its prices by the minute, its days, its truth.

A world is named by a seed, a first day, a length and switches; nothing of it is stored. A longer world begins as a
shorter one does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache

import numpy as np

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.units import DAY_US
from gex_pipeline.market import economy
from gex_pipeline.market.books import COINS
from gex_pipeline.market.draws import Ints
from gex_pipeline.market.economy import Market
from gex_pipeline.market.minutes import Bars, minute_bars
from gex_pipeline.market.surface import at_the_money
from gex_pipeline.market.switches import USUAL, Switches

MINUTE_US = 60_000_000
_DVOL_YEARS = 30.0 / 365.0


@dataclass(frozen=True)
class World:
    """All coins from 00:00 UTC of ``start`` on, for so many days."""

    seed: int
    start: date
    days: int
    switches: Switches = USUAL

    @property
    def start_us(self) -> int:
        """The first instant, microseconds since 1970."""
        return (self.start - date(1970, 1, 1)).days * DAY_US

    @property
    def end_us(self) -> int:
        """The first instant after it."""
        return self.start_us + self.days * DAY_US

    def market(self, coin: str) -> Market:
        """The market of a coin."""
        return _market(self, coin)

    def bars(self, coin: str) -> Bars:
        """The spot of a coin, minute by minute."""
        return _bars(self, coin)

    def spot(self, coin: str) -> Minutes:
        """The spot of a coin in USD that all venues share."""
        return Minutes(self.start_us // MINUTE_US, self.market(coin).price)

    def volatility(self, coin: str) -> Minutes:
        """The level that options are priced at (a fraction, annual)."""
        return _volatility(self, coin)

    def dvol(self, coin: str) -> Minutes:
        """Volatility at the money in 30 days (a fraction, annual)."""
        return _dvol(self, coin)

    def morning_spots(self, coin: str, first: date, last: date) -> Floats:
        """Spot at 08:00 UTC of some days, as far back as there is one."""
        days = [(day - self.start).days + 1 + economy.WARM_UP for day in (first, last)]
        return self.market(coin).mornings[max(days[0], 0) : days[1] + 1]


@dataclass(frozen=True, eq=False)
class Minutes:
    """A positive quantity from one minute on (minutes since 1970), linear between two."""

    first: int
    values: Floats

    def at(self, instants_us: Ints | int) -> Floats:
        """The value at instants (microseconds since 1970). Raises ``ValueError`` where there is none."""
        minutes = np.atleast_1d(np.asarray(instants_us, dtype=np.int64)) / MINUTE_US - self.first
        if minutes.min(initial=0) < 0 or minutes.max(initial=0) > len(self.values) - 1:
            raise ValueError("the made-up market has no such instant")
        whole = np.minimum(minutes.astype(np.int64), len(self.values) - 2)
        low, high = self.values[whole], self.values[whole + 1]
        return low + (minutes - whole) * (high - low)

    def minutes(self, first: int, stop: int) -> Floats:
        """The values of the minutes ``first`` up to ``stop``. Raises ``ValueError`` where there are none."""
        if first < self.first or stop > self.first + len(self.values) or stop <= first:
            raise ValueError("the made-up market has no such minutes")
        return self.values[first - self.first : stop - self.first]


def _by_minute(world: World, hourly: Floats) -> Minutes:
    minutes = np.arange(world.days * 1440 + 1) / 60.0
    return Minutes(world.start_us // MINUTE_US, np.interp(minutes, np.arange(len(hourly)), hourly))


@lru_cache(maxsize=64)
def _market(world: World, coin: str) -> Market:
    start = datetime.combine(world.start, time(tzinfo=UTC))
    return economy.simulate(coin, start, world.days, world.seed, world.switches)


@lru_cache(maxsize=16)
def _volatility(world: World, coin: str) -> Minutes:
    return _by_minute(world, world.market(coin).volatility)


@lru_cache(maxsize=16)
def _dvol(world: World, coin: str) -> Minutes:
    levels, usual = world.market(coin).volatility, COINS[coin][1]
    return _by_minute(world, at_the_money(levels, usual, np.full_like(levels, _DVOL_YEARS)))


@lru_cache(maxsize=16)
def _bars(world: World, coin: str) -> Bars:
    return minute_bars(world.market(coin), world.seed)
