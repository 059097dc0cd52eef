"""Which contracts a synthetic venue lists: expiries of the calendar, strikes around spot, names of the venue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.calendar import SETTLEMENT_TIME, expiry_type, is_opex
from gex_pipeline.core.instruments import Instrument, build
from gex_pipeline.core.profile import Ints


@dataclass(frozen=True)
class VenueShape:
    """How wide a venue lists and how large its share of open interest is.

    ``strikes_per_expiry`` counts strikes on both sides of spot together; ``oi_share`` scales open interest.
    """

    strikes_per_expiry: int
    n_weeklies: int
    n_monthlies: int
    oi_share: float


#: About 6,000 contracts for three coins, in the proportions of the real venues' books.
VENUES = {
    "binance": VenueShape(18, 2, 3, 0.02),
    "bybit": VenueShape(26, 3, 4, 0.10),
    "deribit": VenueShape(38, 3, 6, 0.80),
    "okx": VenueShape(26, 3, 4, 0.08),
}
_N_DAILIES = 3


@dataclass(frozen=True)
class Ladder:
    """Contracts of one venue and coin while nothing is listed or expires, sorted by expiry, strike and type."""

    names: list[str]
    expiry_us: np.ndarray
    strike: Floats
    is_call: Bools
    contract: Ints  # a number that stays with the contract from day to day, for its random draws


def expiries(day: date, shape: VenueShape) -> list[datetime]:
    """Expiry instants listed after 08:00 UTC of a day: dailies, weeklies, monthlies and quarterlies."""
    following = [day + timedelta(days=i) for i in range(1, 400)]
    fridays = [d for d in following if expiry_type(d) != "daily"]
    chosen = set(following[:_N_DAILIES]) | set(fridays[: shape.n_weeklies])
    chosen |= set([d for d in fridays if is_opex(d)][: shape.n_monthlies])
    return [datetime.combine(d, SETTLEMENT_TIME) for d in sorted(chosen)]


def strike_step(spot: float) -> float:
    """Distance of strikes: one of 1, 2.5, 5 x 10^n, near 1 % of spot."""
    power = 10.0 ** np.floor(np.log10(0.01 * spot))
    return float(max(s for s in (1.0, 2.5, 5.0) if s * power <= 0.0125 * spot) * power)


def ladder(venue: str, underlying: str, day: date, spot: float) -> Ladder:
    """The contracts a venue lists from 08:00 UTC of ``day`` on, given spot at that time."""
    shape = VENUES[venue]
    rows: list[tuple[datetime, float, str]] = []
    for expiry in expiries(day, shape):
        days = (expiry - datetime.combine(day, SETTLEMENT_TIME)).days
        step = strike_step(spot) * max(1, round((days / 7) ** 0.5))
        middle, half = round(spot / step), shape.strikes_per_expiry // 2
        strikes = [step * k for k in range(max(1, middle - half), middle + half)]
        rows += [(expiry, k, side) for k in strikes for side in "CP"]
    settlement = "inverse" if venue == "deribit" and underlying in ("BTC", "ETH") else "linear"
    names = [build(venue, Instrument(underlying, e, k, s, settlement)) for e, k, s in rows]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return Ladder(
        names,
        np.array([(e - epoch) // timedelta(microseconds=1) for e, _, _ in rows]),
        np.array([k for _, k, _ in rows]),
        np.array([s == "C" for _, _, s in rows]),
        np.array([_number(e, k, s) for e, k, s in rows]),
    )


def _number(expiry: datetime, strike: float, side: str) -> int:
    """A stable number of a contract (a string's hash would change from run to run)."""
    return (int(expiry.timestamp()) // 86_400 * 1_000_003 + int(strike * 1_000)) * 2 + (side == "P")
