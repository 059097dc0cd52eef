"""Small chains for the comparisons: rows as the definitions name them, built by hand or drawn from a seed."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

from tests.slow import black76
from tests.slow.exposure import SECONDS_PER_YEAR, Row

VENUES = ("deribit", "bybit", "okx", "binance")
SETTLEMENT = {"deribit": "inverse", "bybit": "linear", "okx": "inverse", "binance": "linear"}
KEYS = (
    "snapshot_at",
    "underlying",
    "venue",
    "instrument",
    "expiry_at",
    "strike_usd",
    "option_type",
    "open_interest_coin",
    "mark_iv",
    "forward_usd",
    "index_usd",
    "mark_usd",
    "settlement",
    "tenor_years",
)
#: Thursday noon: Friday 08:00 is 20 hours away.
NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
FRIDAY = datetime(2026, 3, 13, 8, 0, tzinfo=UTC)
ONE_MINUTE_BEFORE = FRIDAY - timedelta(minutes=1)


def row(
    strike: float,
    option_type: str,
    oi: float = 1.0,
    *,
    iv: float = 0.5,
    expiry_at: datetime = FRIDAY,
    snapshot_at: datetime = NOON,
    index: float = 100.0,
    forward: float | None = None,
    venue: str = "deribit",
    underlying: str = "BTC",
    settlement: str | None = None,
    mark: float | None = -1.0,
) -> Row:
    """One contract. Forward = index and mark = Black-76 price where none is given (a mark of None stays null)."""
    f = index if forward is None else forward
    t = (expiry_at - snapshot_at).total_seconds() / SECONDS_PER_YEAR
    settled = SETTLEMENT[venue] if settlement is None else settlement
    suffix = "" if settled == SETTLEMENT[venue] else f"_{settled.upper()}"
    return {
        "snapshot_at": snapshot_at,
        "underlying": underlying,
        "venue": venue,
        "instrument": f"{underlying}{suffix}-{expiry_at:%Y%m%d%H%M}-{strike!r}-{option_type}",
        "expiry_at": expiry_at,
        "strike_usd": float(strike),
        "option_type": option_type,
        "open_interest_coin": float(oi),
        "mark_iv": iv,
        "forward_usd": f,
        "index_usd": index,
        "mark_usd": black76.price(f, strike, t, iv, option_type) if mark == -1.0 else mark,
        "settlement": settled,
        "tenor_years": t,
    }


def random_book(
    seed: int,
    *,
    venues: int = 1,
    days: tuple[int, ...] = (0, 7, 28),
    snapshot_at: datetime = NOON,
    price: float = 100.0,
    strikes: int = 7,
    width: float = 0.25,
    sides: str = "CP",
    oi_scale: float = 100.0,
) -> list[Row]:
    """A chain drawn from a seed: skewed smile, venues that disagree a little, gaps in the ladder, zero OI, odd marks.

    ``days`` are the expiries counted from the next Friday 08:00 UTC; ``price`` sets the order of magnitude.
    """
    rng = random.Random(seed)
    digits = 2 - math.floor(math.log10(price))
    ladder = sorted({round(price * (1 + width * (2 * i / max(strikes - 1, 1) - 1)), digits) for i in range(strikes)})
    rows = []
    for venue in VENUES[:venues]:
        index = price * (1 + rng.uniform(-0.002, 0.002))
        for day in days:
            carry = 1 + 0.05 * day / 365 + rng.uniform(-0.0005, 0.0005)
            for k in ladder:
                for kind in sides:
                    if rng.random() < 0.2:
                        continue
                    rows.append(_random_row(rng, k, kind, venue, day, index, carry, snapshot_at, oi_scale))
    rng.shuffle(rows)
    return rows


def _random_row(
    rng: random.Random,
    k: float,
    kind: str,
    venue: str,
    day: int,
    index: float,
    carry: float,
    snapshot_at: datetime,
    oi_scale: float,
) -> Row:
    forward = index * carry * (1 + rng.uniform(-1e-5, 1e-5))
    moneyness = math.log(k / forward)
    iv = min(max(0.55 - 0.3 * moneyness + moneyness**2 + rng.uniform(-0.02, 0.02), 0.05), 2.0)
    oi = 0.0 if rng.random() < 0.1 else round(oi_scale * rng.lognormvariate(0.0, 1.2), 3)
    made = row(
        k,
        kind,
        oi,
        iv=iv,
        expiry_at=FRIDAY + timedelta(days=day),
        snapshot_at=snapshot_at,
        index=index,
        forward=forward,
        venue=venue,
    )
    chance = rng.random()
    if chance < 0.05:
        made["mark_usd"] = None
    elif chance < 0.1:
        made["mark_usd"] = 0.0
    else:
        made["mark_usd"] *= 1 + rng.uniform(-0.01, 0.01)
    return made


def with_venue(rows: list[Row], venue: str) -> list[Row]:
    """The same contracts listed by another venue (settlement unchanged)."""
    return [{**r, "venue": venue} for r in rows]
