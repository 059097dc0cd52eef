"""Price bars of one instrument, as a backtest sees them: their order and their checks. Not: reading them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gex_backtest.errors import BarError
from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.units import DAY_US, HOUR_US, SECONDS_PER_YEAR

Ints = NDArray[np.int64]
#: Microseconds, and hours; a year is 365 days.
YEAR_US = 1_000_000 * SECONDS_PER_YEAR
YEAR_HOURS = YEAR_US // HOUR_US
#: High over low of a bar beyond which it is no market's: the deepest flash crash on record was a factor of some 3,000.
_LARGEST_RANGE = 1e6


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars in the order of time, arrays of shape (bars,); some may be missing between two of them.

    ``open_at``, ``close_at``: microseconds since 1970 UTC, the first instant of a bar and the first after it, when it
    is known. Prices in USD.
    """

    open_at: Ints
    close_at: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats

    def __post_init__(self) -> None:
        """Raise ``BarError`` for bars that overlap or are out of order, and for impossible prices."""
        prices = np.stack([self.low, self.open, self.close, self.high])
        self._require(self.close_at > self.open_at, "ends before it begins")
        self._require(
            self.open_at >= np.append(self.open_at[:1], self.close_at[:-1]), "begins before the one before it ends"
        )
        self._require(np.isfinite(prices) & (prices > 0), "has a price that is 0, negative or missing")
        with np.errstate(over="ignore"):
            self._require(self.high / self.low <= _LARGEST_RANGE, "has a high of over a million times its low")
        is_inside = (self.low <= prices) & (prices <= self.high)
        self._require(is_inside, "has an open or close outside its low and high")

    def _require(self, is_good: Bools, problem: str) -> None:
        """Raise for the first bar that is not good; ``is_good`` of shape (..., bars)."""
        if not is_good.all():
            row = int(np.argmin(np.atleast_2d(is_good).all(axis=0)))
            at = np.datetime64(int(self.open_at[row]), "us").astype("datetime64[s]")
            raise BarError(f"the bar of {at}Z {problem}", row)

    def __len__(self) -> int:
        return len(self.open_at)

    def __getitem__(self, rows: slice) -> Bars:
        return Bars(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def day_ends(self) -> Ints:
        """Rows of the last bar of each day, UTC, that has one."""
        return np.append(np.flatnonzero(np.diff(self.open_at // DAY_US)), len(self) - 1)

    @property
    def length_us(self) -> int:
        """Length of one bar, microseconds."""
        return int(self.close_at[0] - self.open_at[0])

    @property
    def n_missing(self) -> int:
        """Bars that are missing between the first and the last."""
        return int(self.close_at[-1] - self.open_at[0]) // self.length_us - len(self)
