"""Who holds which option in a made-up market: customers by their habits, dealers the other side.

From one 08:00 UTC to the next customers open positions near that morning's spot, more at round strikes, and close some;
what they mean to do that day they do evenly over it. Per contract the dealers' position is minus the customers', and
its size at most the open interest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.calendar import expiry_type
from gex_pipeline.core.units import DAY_US
from gex_pipeline.market.draws import Ints, generator, key, normal
from gex_pipeline.market.ladder import EIGHT_US, Ladder, ladder, widest
from gex_pipeline.market.switches import Switches

#: New open interest of a day in USD per expiry of each kind, for the largest coin; the others have a share of it.
_FLOW_USD = {"daily": 600e6, "weekly": 600e6, "monthly": 800e6, "quarterly": 600e6}
SIZES = {"BTC": 1.0, "ETH": 0.45, "SOL": 0.08, "HYPE": 0.03}
#: Round strikes, which gather more: every so many steps, so many times as much.
_ROUND, _GATHER = 5, 4.0
#: Share of positions that is closed each day, and of new ones that has a dealer on the other side.
_CLOSED, _INTERMEDIATED = 0.1, 0.7
_WEEKEND = 0.5
#: USD that gather at a wall each day; at a pin so many times as much.
_GATHERED_USD, _PIN = 8e6, 40.0
_WALL_DAYS, _PIN_DAYS = 35, 3
#: Customers' demand for calls and puts.
_DEMAND = np.array([1.0, 1.1])
#: Log-appetite for calls and for puts: half-life in days and standard deviation.
_APPETITE_DAYS, _APPETITE = 3.0, 0.5


@dataclass(frozen=True, eq=False)
class Day:
    """All positions of one coin from 08:00 UTC of ``date`` to the next: coins by (side, strike), calls before puts.

    ``open_interest`` and ``dealers`` at its begin, ``bought`` and ``new`` what is added to them until its end;
    ``turnover`` what changes hands.
    """

    date: date
    ladder: Ladder
    open_interest: Floats
    new: Floats
    dealers: Floats
    bought: Floats
    turnover: Floats

    @property
    def begin_us(self) -> int:
        """08:00 UTC of the day in microseconds since 1970."""
        return (self.date - date(1970, 1, 1)).days * DAY_US + EIGHT_US

    def open_interest_at(self, share: float) -> Floats:
        """Open interest after a share of the day."""
        return self.open_interest + share * self.new

    def dealers_at(self, share: float) -> Floats:
        """The dealers' positions after a share of the day; the customers' are minus these."""
        return self.dealers + share * self.bought


class Habits:
    """What customers of a coin do each day, by draws that are the same whatever the price does."""

    def __init__(self, seed: int, coin: str, switches: Switches) -> None:
        self._seed, self._coin, self._switches = seed, coin, switches
        self._shape = widest(coin)
        self._draws, self._level = generator(seed, coin, "appetite"), np.zeros(2)

    def first(self, day: date, spots: Floats) -> Day:
        """A day before which positions have grown. ``spots``: those of the mornings until then, and of its own."""
        self._level = _APPETITE * self._draws.standard_normal(2)
        begin = day - timedelta(days=len(spots) - 1)
        listed = ladder(self._coin, self._shape, begin, float(spots[0]))
        nothing = np.zeros((2, len(listed.strike)))
        held = self._day(begin, listed, nothing, nothing, float(spots[0]))
        for spot in spots[1:].tolist():
            held = self.next(held, spot)
        return held

    def next(self, before: Day, spot: float) -> Day:
        """The day after another; contracts that have expired are gone."""
        day = before.date + timedelta(days=1)
        listed = ladder(self._coin, self._shape, day, spot, before.ladder)
        is_there, place = listed.places(before.ladder)
        open_interest, dealers = (np.zeros((2, len(listed.strike))) for _ in range(2))
        open_interest[:, place] = before.open_interest_at(1.0)[:, is_there]
        dealers[:, place] = before.dealers_at(1.0)[:, is_there]
        return self._day(day, listed, open_interest, dealers, spot)

    def _day(self, day: date, listed: Ladder, open_interest: Floats, dealers: Floats, spot: float) -> Day:
        new = self._flow(day, listed, spot)
        bought = new * self._signs(day, listed)
        gathered = self._gathered(day, listed, spot)
        opened, closed = new + gathered, _CLOSED * open_interest
        bought += _INTERMEDIATED * gathered - _CLOSED * dealers
        return Day(day, listed, open_interest, opened - closed, dealers, bought, opened + closed)

    def _luck(self, what: str, day: date, listed: Ladder) -> Floats:
        """A standard normal number for each side and strike of a day."""
        number = 2 * listed.number + np.array([[0], [1]])
        return normal(key(self._seed, self._coin, what, str(day)), number)

    def _flow(self, day: date, listed: Ladder, spot: float) -> Floats:
        """Coins of new positions: calls above spot, puts below, gathering at round strikes."""
        width = 0.04 + 0.35 * np.sqrt(_days_left(day, listed) / 365.0)
        distance = np.log(listed.strike / spot) / width
        centres = np.stack([distance - 0.5, distance + 0.5])
        gathers = np.where(listed.steps % _ROUND == 0, _GATHER, 1.0)
        weight = np.exp(-0.5 * centres**2) * gathers * np.exp(self._luck("habits", day, listed))
        flow = self._flow_usd(day, listed) * weight / _sums(weight, listed.expiry) / spot
        return flow * self._appetite()[:, None]

    def _appetite(self) -> Floats:
        keep = 0.5 ** (1.0 / _APPETITE_DAYS)
        self._level = keep * self._level + _APPETITE * np.sqrt(1.0 - keep**2) * self._draws.standard_normal(2)
        return _DEMAND * np.exp(self._level - 0.5 * _APPETITE**2)

    def _flow_usd(self, day: date, listed: Ladder) -> Floats:
        """USD of new open interest of each strike's expiry."""
        kinds = [expiry_type(datetime.fromtimestamp(us / 1e6, UTC).date()) for us in listed.ends.tolist()]
        weekend = _WEEKEND if day.weekday() >= 5 else 1.0
        return np.array([_FLOW_USD[kind] for kind in kinds])[listed.expiry] * SIZES[self._coin] * weekend

    def _signs(self, day: date, listed: Ladder) -> Floats:
        """The dealers' share of new positions: long calls and short puts where customers have the usual habits."""
        agreement = self._switches.agreement
        noise = np.clip(self._luck("signs", day, listed), -1.0, 1.0)
        usual = np.array([[1.0], [-1.0]])
        return _INTERMEDIATED * np.clip(agreement * usual + np.sqrt(1.0 - agreement**2) * noise, -1.0, 1.0)

    def _gathered(self, day: date, listed: Ladder, spot: float) -> Floats:
        """Extra positions that dealers are long: walls two round strikes away, and pins where an expiry is near."""
        out = np.zeros((2, len(listed.strike)))
        usual = SIZES[self._coin] * _GATHERED_USD / spot
        is_round, left = listed.steps % _ROUND == 0, _days_left(day, listed)
        rank = np.abs(listed.strike / spot - 1.0)
        for side, sign in ((0, 1.0), (1, -1.0)):
            beyond = is_round & (sign * (listed.strike - spot) > 0) & (left <= _WALL_DAYS)
            out[side, _nearest(rank, beyond, listed.expiry_us)] += usual * self._switches.walls
        pins = _nearest(rank, is_round & (left <= _PIN_DAYS), listed.expiry_us)
        out[0, pins] += _PIN * usual * self._switches.pinning
        return out


def _days_left(day: date, listed: Ladder) -> Floats:
    return (listed.expiry_us // DAY_US - (day - date(1970, 1, 1)).days).astype(np.float64)


def _sums(weight: Floats, expiry: Ints) -> Floats:
    """Sum of both sides' weights over each strike's expiry."""
    return np.asarray(np.bincount(expiry, weight.sum(axis=0)), dtype=np.float64)[expiry]


def _nearest(rank: Floats, chosen: np.ndarray, group: Ints) -> Ints:
    """Of the chosen strikes of each group the one with the lowest rank."""
    places = np.flatnonzero(chosen)
    order = places[np.lexsort((rank[places], group[places]))]
    _, first = np.unique(group[order], return_index=True)
    return order[first]
