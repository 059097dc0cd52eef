"""What happens in the hours around events, beside as many hours without events. Pure.

A placebo stands for each event: the same hour of a day that has no event, drawn at random. Where the mean of the events
leaves the band, 95 % of the means of as many placebos do not go. Days without events are calmer than others, and what
comes before an event is often what makes it one: the band is a picture and no test.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from gex_backtest.bars import DAY_US, HOUR_US, YEAR_HOURS, Bars, Ints
from gex_backtest.estimates import LEAST_INDEPENDENT, SEED
from gex_backtest.returns import realised
from gex_pipeline.core.black76 import Floats

#: Instants -> what happens around them, shape (instants, hours); NaN where that is unknown.
Path = Callable[[Ints], Floats]
#: ``hour``: from the event on; ``mean`` of the ``n`` events whose whole path is known; ``low``, ``high``: the band,
#: null where an hour of the day has too few days without events.
PATH = {"hour": pl.Int64, "mean": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64}
_DRAWS = 999
_SIGMA_US = 7 * DAY_US


def price_path(bars: Bars, hours: int) -> tuple[Ints, Path]:
    """Log-returns from an instant to so many hours before and after.

    In standard deviations of the hours, by the realised volatility of the 7 days before the instant.
    """
    around = np.arange(-hours, hours + 1)

    def path(at: Ints) -> Floats:
        sigma = realised(bars, at - _SIGMA_US, at) * np.sqrt(hours / YEAR_HOURS)
        moved = np.log(_price(bars, at[:, None] + around * HOUR_US)) - np.log(_price(bars, at))[:, None]
        return moved / np.where(sigma > 0, sigma, np.nan)[:, None]

    return around, path


def event_path(bars: Bars, hours: Ints, path: Path, at: Ints, sign: Floats | float = 1.0) -> pl.DataFrame:
    """Mean path around events and the band of placebos, columns of ``PATH``; no rows without a path.

    ``at``: the events; ``sign``: 1 or -1, for each or for all: their paths and those of their placebos times it.
    """
    signs, found = np.broadcast_to(sign, at.shape), path(at)
    is_known = np.isfinite(found).all(axis=1)
    if not is_known.any():
        return pl.DataFrame(schema=PATH)
    free = np.setdiff1d(bars.close_at // DAY_US, at // DAY_US)
    low, high = _band(path, at[is_known], signs[is_known], free, len(hours))
    mean = (signs[is_known, None] * found[is_known]).mean(axis=0)
    columns = {"hour": hours, "mean": mean, "low": low, "high": high, "n": np.full(len(hours), is_known.sum())}
    return pl.DataFrame(columns, schema=PATH).with_columns(pl.col(pl.Float64).fill_nan(None))


def _band(path: Path, at: Ints, sign: Floats, free: Ints, n_hours: int) -> Floats:
    """2.5 % and 97.5 % of the means of placebos, shape (2, hours); NaN where there are too few days to draw from."""
    hours, of_event = np.unique(at % DAY_US // HOUR_US, return_inverse=True)
    instants = hours[:, None] * HOUR_US + free * DAY_US
    placebos = path(instants.ravel()).reshape(*instants.shape, n_hours)
    is_known = np.isfinite(placebos).all(axis=2)
    n_known = is_known.sum(axis=1)
    if n_known.min() < LEAST_INDEPENDENT:
        return np.full((2, n_hours), np.nan)
    known_first = np.argsort(~is_known, axis=1, kind="stable")
    drawn = (np.random.default_rng(SEED).random((_DRAWS, len(at))) * n_known[of_event]).astype(np.int64)
    chosen = known_first[of_event, drawn]
    means = [(sign * placebos[of_event, chosen, i]).mean(axis=1) for i in range(n_hours)]
    return np.quantile(np.stack(means, axis=1), (0.025, 0.975), axis=0)


def _price(bars: Bars, at: Ints) -> Floats:
    """The last close at some instants; NaN where it is an hour old, or there is none yet."""
    row = np.searchsorted(bars.close_at, at, side="right") - 1
    is_fresh = (row >= 0) & (at - bars.close_at[row] < HOUR_US) & (at <= bars.close_at[-1])
    return np.where(is_fresh, bars.close[row], np.nan)
