"""Who holds which option in a made-up market: customers by their habits, dealers the other side.

Once a day customers open positions near spot, more at round strikes, and close some; at 08:00 UTC contracts expire.
Per contract the dealers' position is minus the customers', and its size at most the open interest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.calendar import SETTLEMENT_TIME, expiry_type
from gex_pipeline.core.profile import Ints
from gex_pipeline.market.ladder import VENUES, expiries, strike_step
from gex_pipeline.market.shocks import generator
from gex_pipeline.market.switches import Switches

#: New open interest of a day in USD per expiry of each kind, for the largest coin; the others have a share of it.
_FLOW_USD = {"daily": 60e6, "weekly": 50e6, "monthly": 80e6, "quarterly": 110e6}
SIZES = {"BTC": 1.0, "ETH": 0.45, "SOL": 0.08, "HYPE": 0.03}
#: Distance of strikes in steps of the coin; and of round ones, which gather more.
_STEPS = {"daily": 1, "weekly": 2, "monthly": 4, "quarterly": 4}
_ROUND, _GATHER = 5, 4.0
#: Share of positions that is closed each day, and of new ones that has a dealer on the other side.
_CLOSED, _INTERMEDIATED = 0.1, 0.7
_WEEKEND = 0.5
#: USD that gather at a wall each day; at a pin so many times as much.
_GATHERED_USD, _PIN = 0.8e6, 8.0
#: Customers' demand for calls and puts: more of the latter.
_DEMAND = np.array([1.0, 1.2])
#: Log-appetite for calls and for puts: half-life in days and standard deviation.
_APPETITE_DAYS, _APPETITE = 3.0, 0.7
SIDES = ("C", "P")


@dataclass
class Positions:
    """All contracts of one coin over the days of a market: arrays by (expiry, strike), or (side, contract).

    ``strike`` in USD, ``expiry_us`` in microseconds since 1970; ``open_interest`` and ``dealers`` in coins, of calls
    and puts; ``listed`` and ``ends``: first and last day of an expiry as days since the market's first.
    """

    strike: Floats
    expiry_us: Ints
    listed: Ints
    ends: Ints
    steps: Ints
    open_interest: Floats
    dealers: Floats

    @property
    def customers(self) -> Floats:
        """Their net positions, coins."""
        return -self.dealers

    def is_live(self, day: int) -> np.ndarray:
        """Contracts that are listed from 08:00 UTC of a day on."""
        return (self.listed <= day) & (day < self.ends)


def nobody(coin_spot: float, start: date, days: int) -> Positions:
    """The contracts that will be listed, before anybody holds one."""
    shape = max(VENUES.values(), key=lambda shape: shape.strikes_per_expiry)
    first: dict[datetime, int] = {}
    for day in range(days + 1):
        for expiry in expiries(start + timedelta(days=day), shape):
            first.setdefault(expiry, day)
    parts = [_of_expiry(coin_spot, start, expiry, day) for expiry, day in sorted(first.items())]
    strike, expiry_us, listed, ends, steps = map(np.concatenate, zip(*parts, strict=True))
    return Positions(strike, expiry_us, listed, ends, steps, np.zeros((2, len(strike))), np.zeros((2, len(strike))))


def _of_expiry(spot: float, start: date, expiry: datetime, listed: int) -> tuple[np.ndarray, ...]:
    kind = expiry_type(expiry.date())
    step = strike_step(spot) * _STEPS[kind]
    steps = np.arange(max(1, round(0.4 * spot / step)), round(2.2 * spot / step))
    of = np.ones(len(steps), dtype=np.int64)
    ends = (expiry - datetime.combine(start, SETTLEMENT_TIME)).days
    return steps * step, of * round(expiry.timestamp() * 1e6), of * listed, of * ends, steps


class Habits:
    """What customers do each day, drawn beforehand: the same whatever the price does."""

    def __init__(self, seed: int, coin: str, start: date, days: int, switches: Switches) -> None:
        draws = generator(seed, coin, "appetite")
        keep, self._start, self._switches = 0.5 ** (1.0 / _APPETITE_DAYS), start, switches
        self._appetite = np.empty((days + 1, 2))
        level = _APPETITE * draws.standard_normal(2)
        for day in range(days + 1):
            level = keep * level + _APPETITE * np.sqrt(1.0 - keep**2) * draws.standard_normal(2)
            self._appetite[day] = _DEMAND * np.exp(level - 0.5 * _APPETITE**2)
        self._draws, self._size = generator(seed, coin, "habits"), SIZES[coin]

    def trade(self, held: Positions, day: int, spot: float) -> None:
        """The trades of a day, all at once at its spot."""
        live = np.flatnonzero(held.is_live(day))
        held.open_interest *= 1.0 - _CLOSED
        held.dealers *= 1.0 - _CLOSED
        tenor = (held.ends[live] - day) / 365.0
        distance = np.log(held.strike[live] / spot)
        width = 0.04 + 0.35 * np.sqrt(tenor)
        gathers = np.where(held.steps[live] % _ROUND == 0, _GATHER, 1.0)
        luck = np.exp(self._draws.standard_normal((2, len(live))))
        # calls above spot, puts below
        centres = np.stack([distance - 0.5 * width, distance + 0.5 * width]) / width
        weight = np.exp(-0.5 * centres**2) * gathers * luck
        flow = self._flow_usd(held, live, day) * weight / _sums(weight, held.ends[live]) / spot
        flow *= self._appetite[day][:, None]
        held.open_interest[:, live] += flow
        held.dealers[:, live] += flow * self._signs(len(live))
        self._gather(held, live, day, spot)

    def _flow_usd(self, held: Positions, live: np.ndarray, day: int) -> Floats:
        """USD of new open interest of each contract's expiry."""
        ends = held.ends[live]
        kinds = {int(end): expiry_type(self._start + timedelta(days=int(end))) for end in np.unique(ends)}
        weekend = _WEEKEND if (self._start + timedelta(days=day)).weekday() >= 5 else 1.0
        per = {end: _FLOW_USD[kind] * self._size * weekend for end, kind in kinds.items()}
        return np.array([per[int(end)] for end in ends])

    def _signs(self, n: int) -> Floats:
        """The dealers' share of new positions: long calls and short puts where customers have the usual habits."""
        agreement = self._switches.agreement
        noise = np.clip(self._draws.standard_normal((2, n)), -1.0, 1.0)
        usual = np.array([[1.0], [-1.0]])
        return _INTERMEDIATED * np.clip(agreement * usual + np.sqrt(1.0 - agreement**2) * noise, -1.0, 1.0)

    def _gather(self, held: Positions, live: np.ndarray, day: int, spot: float) -> None:
        """Extra positions that dealers are long: walls two round strikes away, and pins where an expiry is near."""
        usual = self._size * _GATHERED_USD / spot
        is_round = held.steps[live] % _ROUND == 0
        rank = np.abs(held.strike[live] / spot - 1.0)
        days_left = held.ends[live] - day
        for side, sign in ((0, 1.0), (1, -1.0)):
            beyond = is_round & (sign * (held.strike[live] - spot) > 0) & (days_left <= 35)
            self._add(held, live[_nearest(rank, beyond, held.ends[live])], side, usual * self._switches.walls)
        near = is_round & (days_left <= 2)
        pins = live[_nearest(rank, near, held.ends[live])]
        for side in (0, 1):
            self._add(held, pins, side, _PIN * usual * self._switches.pinning)

    @staticmethod
    def _add(held: Positions, where: np.ndarray, side: int, coins: float) -> None:
        held.open_interest[side, where] += coins
        held.dealers[side, where] += _INTERMEDIATED * coins


def _sums(weight: Floats, group: Ints) -> Floats:
    """Sum of both sides' weights over each contract's expiry."""
    _, number = np.unique(group, return_inverse=True)
    return np.asarray(np.bincount(number, weight.sum(axis=0)), dtype=np.float64)[number]


def _nearest(rank: Floats, chosen: np.ndarray, group: Ints) -> Ints:
    """Of the chosen contracts of each group the one with the lowest rank."""
    places = np.flatnonzero(chosen)
    order = places[np.lexsort((rank[places], group[places]))]
    _, first = np.unique(group[order], return_index=True)
    return order[first]
