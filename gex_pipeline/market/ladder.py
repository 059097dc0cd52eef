"""Which contracts are listed: expiries of the calendar, strikes around spot that stay until they expire."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache

import numpy as np

from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.calendar import SETTLEMENT_TIME, expiry_type, is_opex
from gex_pipeline.core.units import DAY_US, HOUR_US
from gex_pipeline.market.books import COINS, Shape, of
from gex_pipeline.market.draws import Ints

EIGHT_US = 8 * HOUR_US
#: Distance of the strikes of an expiry: the coin's step times this.
_STEPS = {"daily": 1, "weekly": 2, "monthly": 4, "quarterly": 4}
#: More than there are strikes at an expiry.
_MANY = 10_000_000


@dataclass(frozen=True, eq=False)
class Ladder:
    """Strikes of all expiries of a coin, by expiry and strike: ``strike`` in USD is ``steps`` times its distance.

    ``expiry_us`` in microseconds since 1970.
    """

    expiry_us: Ints
    steps: Ints
    strike: Floats

    @cached_property
    def number(self) -> Ints:
        """A number that stays with a strike of an expiry; ascending."""
        return self.expiry_us // DAY_US * _MANY + self.steps

    @cached_property
    def ends(self) -> Ints:
        """Each expiry once, ascending (microseconds since 1970)."""
        return np.unique(self.expiry_us)

    @cached_property
    def expiry(self) -> Ints:
        """Where each strike's expiry is in ``ends``."""
        return np.searchsorted(self.ends, self.expiry_us)

    @cached_property
    def log_strike(self) -> Floats:
        """Natural logarithm of ``strike``."""
        return np.log(self.strike)

    def places(self, other: Ladder) -> tuple[Bools, Ints]:
        """Which strikes of another ladder are here, and where."""
        number = self.number
        place = np.searchsorted(number, other.number)
        is_here = number[np.minimum(place, len(number) - 1)] == other.number
        return is_here, place[is_here]


@lru_cache(maxsize=4_096)
def expiries(day: date, shape: Shape) -> tuple[datetime, ...]:
    """Expiry instants listed after 08:00 UTC of a day: dailies, weeklies, monthlies and quarterlies."""
    following = [day + timedelta(days=i) for i in range(1, 400)]
    fridays = [d for d in following if d.weekday() == 4]
    last = [d for d in fridays if is_opex(d)]
    quarters = [d for d in last if d.month % 3 == 0]
    chosen = {*following[: shape.n_dailies], *fridays[: shape.n_weeklies]}
    chosen |= {*last[: shape.n_monthlies], *quarters[: shape.n_quarterlies]}
    return tuple(datetime.combine(d, SETTLEMENT_TIME) for d in sorted(chosen))


def strike_step(spot: float) -> float:
    """Distance of strikes: one of 1, 2.5, 5 x 10^n, near 1 % of spot."""
    power = 10.0 ** np.floor(np.log10(0.01 * spot))
    return float(max(s for s in (1.0, 2.5, 5.0) if s * power <= 0.0125 * spot) * power)


def widest(coin: str) -> Shape:
    """What lists every strike that any book of a coin lists."""
    shapes = [book.shape for book in of(coin)]
    most = (max(getattr(s, field.name) for s in shapes) for field in fields(Shape)[:-1])
    return Shape(*most, oi_share=1.0)


def ladder(coin: str, shape: Shape, day: date, spot: float, before: Ladder | None = None) -> Ladder:
    """What is listed from 08:00 UTC of a day on: strikes around spot, and those of the day before."""
    parts = [_of_expiry(coin, shape, at, spot, before) for at in expiries(day, shape)]
    expiry_us, steps, strike = map(np.concatenate, zip(*parts, strict=True))
    return Ladder(expiry_us, steps, strike)


def _of_expiry(coin: str, shape: Shape, at: datetime, spot: float, before: Ladder | None) -> tuple[Ints, Ints, Floats]:
    step, half = strike_step(COINS[coin][0]) * _STEPS[expiry_type(at.date())], shape.strikes_per_expiry // 2
    expiry_us, middle = round(at.timestamp() * 1e6), round(spot / step)
    low, high = max(1, middle - half), middle + half
    if before is not None:
        a, b = np.searchsorted(before.expiry_us, [expiry_us, expiry_us + 1]).tolist()
        if a < b:
            low, high = min(low, int(before.steps[a])), max(high, int(before.steps[b - 1]) + 1)
    steps = np.arange(low, high)
    return np.full(len(steps), expiry_us), steps, np.asarray(steps * step, dtype=np.float64)
