"""Which markets calibration draws. All of it was fixed before the first was drawn; see decision note 10. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

COIN, START = "BTC", datetime(2026, 1, 5, tzinfo=UTC)
#: Seeds of the null markets, and of the others; no market that was looked at before has one of them.
NULL_SEEDS, POWER_SEEDS = range(1_000), range(1_000, 1_200)
#: What is felt of hedging, and the premium, as multiples of the usual market's.
EFFECTS = (0.25, 0.5, 1.0, 1.5, 2.0)
#: Days of each sample: of all rules but `vol_premium`, whose outcome alone takes 30 days.
DAYS, PREMIUM_DAYS = (45, 90, 180), (720, 1080, 1440)
_NULL_DAYS, _NULL_PREMIUM_DAYS = (90,), (1080,)


@dataclass(frozen=True)
class Draw:
    """A market: its seed, and its effects, see ``EFFECTS``, 0 for none; samples are its first so many days."""

    seed: int
    effect: float
    days: tuple[int, ...]
    premium_days: tuple[int, ...]


def null(markets: int = len(NULL_SEEDS)) -> Iterator[Draw]:
    """Markets in which no price feels hedging and no option is dear."""
    return (Draw(seed, 0.0, _NULL_DAYS, _NULL_PREMIUM_DAYS) for seed in NULL_SEEDS[:markets])


def power(markets: int = len(POWER_SEEDS)) -> Iterator[Draw]:
    """So many markets of each size of effects."""
    return (Draw(seed, effect, DAYS, PREMIUM_DAYS) for seed in POWER_SEEDS[:markets] for effect in EFFECTS)
