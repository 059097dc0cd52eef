"""Prices that can be asked for at any instant: a random walk by the minute that is never stored.

Belongs here: numbers drawn by position (same place, same number) and the walk made of them. Not here: books and
venues. Daily levels are pulled back to their start; the minutes between two of them are a Brownian bridge, so one day
costs 1,440 draws wherever it lies, and candles of every length agree with each other and with the chain.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from gex_pipeline.core.black76 import Floats

Ints = NDArray[np.int64]

#: The first instant that has a price, and the number of days that have one from there.
START = datetime(2024, 1, 1, tzinfo=UTC)
N_DAYS = 20 * 365
START_MINUTE = int(START.timestamp()) // 60
END_MINUTE = START_MINUTE + N_DAYS * 1440
MINUTE_US = 60_000_000
_DAY = 1440
_GOLDEN = 0x9E3779B97F4A7C15


def key(seed: int, *labels: str) -> int:
    """A number of a seed and labels that is the same in every process (Python's hash of a string is not)."""
    return zlib.crc32(f"{seed}/{'/'.join(labels)}".encode())


def uniform(of_key: int, numbers: Ints | int) -> Floats:
    """A number in (0, 1) per integer: the finaliser of splitmix64 (doi:10.1145/2714064.2660195)."""
    z = np.atleast_1d(np.asarray(numbers)).astype(np.uint64) + np.uint64(of_key * _GOLDEN % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2.0**53 + 2.0**-54


def normal(of_key: int, numbers: Ints | int) -> Floats:
    """A standard normal number per integer."""
    return np.asarray(ndtri(uniform(of_key, numbers)))


@dataclass(frozen=True)
class Walk:
    """A positive quantity over time: ``level`` exp(x), x a walk of ``vol`` per square root of a year.

    ``pull_days`` is the time in which a distance from ``level`` decays to 1/e.
    """

    of_key: int
    level: float
    vol: float
    pull_days: float

    def at(self, instants_us: Ints | int) -> Floats:
        """The value at instants (microseconds since 1970), linear between two minutes."""
        us = np.atleast_1d(np.asarray(instants_us, dtype=np.int64))
        first, last = int(us.min()) // MINUTE_US, int(us.max()) // MINUTE_US + 1
        values = self.minutes(first, last + 1)
        return np.interp(us / MINUTE_US, np.arange(first, last + 1), values)

    def minutes(self, first: int, stop: int) -> Floats:
        """The values of the minutes ``first`` up to ``stop`` (minutes since 1970); raises where there are none."""
        if first < START_MINUTE or stop > END_MINUTE or stop <= first:
            raise ValueError(f"synthetic prices begin on {START:%Y-%m-%d} and last {N_DAYS} days")
        a, b = (first - START_MINUTE) // _DAY, (stop - 1 - START_MINUTE) // _DAY + 1
        offset = first - START_MINUTE - a * _DAY
        return self.level * np.exp(self._days(a, b)[offset : offset + stop - first])

    def _days(self, a: int, b: int) -> Floats:
        """x at every minute of the days ``a`` up to ``b`` (days since START)."""
        numbers = np.arange(a * _DAY, b * _DAY, dtype=np.int64)
        steps = normal(self.of_key, numbers).reshape(-1, _DAY) * (self.vol / np.sqrt(365.0 * _DAY))
        walk = np.cumsum(steps, axis=1)
        share = np.arange(_DAY) / _DAY
        daily = _daily(self.of_key, self.vol, self.pull_days)
        x = daily[a:b, None] + (daily[a + 1 : b + 1] - daily[a:b])[:, None] * share
        x[:, 1:] += walk[:, :-1] - walk[:, -1:] * share[1:]
        return x.reshape(-1)


@lru_cache(maxsize=64)
def _daily(of_key: int, vol: float, pull_days: float) -> Floats:
    """x at the start of every day."""
    shocks = normal(of_key ^ 0x5DA11E5, np.arange(N_DAYS + 1)) * (vol / np.sqrt(365.0))
    pull = float(np.exp(-1.0 / pull_days))
    out = np.zeros(N_DAYS + 1)
    for i in range(1, N_DAYS + 1):
        out[i] = pull * out[i - 1] + shocks[i]
    return out
