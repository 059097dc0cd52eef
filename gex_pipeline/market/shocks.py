"""What moves a made-up price when nobody hedges: returns that are hard to tell from real ones.

Volatility clusters on two scales, jumps, and has hours and weekends. None of it knows of options: these are the whole
price of the null market, so that whatever a test finds there is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

import numpy as np

from gex_pipeline.core.black76 import Floats
from gex_pipeline.market.draws import generator

MINUTES_A_DAY = 1440
MINUTES_A_YEAR = 365.0 * MINUTES_A_DAY
#: Log-volatility: (half-life in hours, standard deviation) of each scale.
_SCALES = ((15.0 * 24.0, 0.30), (8.0, 0.25))
#: Jumps per day, and their size in standard deviations of a day.
_JUMPS, _JUMP_SIZE = 0.15, 0.9
#: Variance with jumps beside that without.
_WITH_JUMPS = 1.0 + _JUMPS * _JUMP_SIZE**2
#: Saturdays and Sundays move as this share of a working day does.
_WEEKEND = 0.6


@dataclass(frozen=True)
class Shocks:
    """Returns by the minute (log) and their annual volatility (a fraction), jumps left out."""

    returns: Floats
    volatility: Floats


def shocks(seed: int, coin: str, usual: float, start: datetime, days: int) -> Shocks:
    """Shocks of whole days from an instant on; ``usual``: volatility (a fraction) in the long run, jumps included."""
    n = days * MINUTES_A_DAY
    usual /= np.sqrt(_WITH_JUMPS)
    volatility = usual * _level(seed, coin, days) * seasons(start, n)
    sd = volatility / np.sqrt(MINUTES_A_YEAR)
    returns = sd * generator(seed, coin, "returns").standard_normal(n)
    return Shocks(returns + _jumps(seed, coin, usual, n) - 0.5 * sd**2, volatility)


def _level(seed: int, coin: str, days: int) -> Floats:
    """Volatility beside the usual, by the minute; its square is 1 in the mean."""
    hours = 24 * days + 1
    logs = np.zeros(hours)
    for half_life, sd in _SCALES:
        draws = generator(seed, coin, f"volatility {half_life}").standard_normal(hours)
        logs += sd * _recalling(draws, 0.5 ** (1.0 / half_life))
    minutes = np.arange((hours - 1) * 60) / 60.0
    return np.exp(np.interp(minutes, np.arange(hours), logs) - sum(sd**2 for _, sd in _SCALES))


def _recalling(draws: Floats, keep: float) -> Floats:
    """Standard normal numbers, each of which keeps a share of the one before."""
    draws[1:] *= np.sqrt(1.0 - keep**2)  # the first is drawn from where the process usually is
    return np.array(list(accumulate(draws.tolist(), lambda before, draw: keep * before + draw)))


def seasons(start: datetime, n: int) -> Floats:
    """Volatility of each minute beside the mean of a week: quiet before dawn, busy when New York opens."""
    first = (start.weekday() * MINUTES_A_DAY + start.hour * 60 + start.minute) % (7 * MINUTES_A_DAY)
    minute = (first + np.arange(n)) % (7 * MINUTES_A_DAY)
    week = _hours(np.arange(7 * MINUTES_A_DAY))
    return _hours(minute) / np.sqrt(np.mean(week**2))


def _hours(minute_of_week: np.ndarray) -> Floats:
    hour = (minute_of_week % MINUTES_A_DAY) / 60.0
    daily = 1.0 + 0.35 * np.exp(-(((hour - 14.5) / 2.5) ** 2)) - 0.25 * np.exp(-(((hour - 4.5) / 3.0) ** 2))
    return daily * np.where(minute_of_week // MINUTES_A_DAY >= 5, _WEEKEND, 1.0)


def _jumps(seed: int, coin: str, usual: float, n: int) -> Floats:
    is_jump = generator(seed, coin, "jumps").random(n) < _JUMPS / MINUTES_A_DAY
    size = _JUMP_SIZE * usual / np.sqrt(365.0)
    return np.where(is_jump, size * generator(seed, coin, "sizes of jumps").standard_normal(n), 0.0)
