"""First touches of price levels, and whether the price bounces or breaks through. Pure; arrays of any one shape.

A level is touched by the first later bar whose high (level above spot) or low (below) reaches it; a bar that opens
beyond it is a touch by gap. The outcome counts from the close of that bar on: bounced if the price next reaches the
near side of a barrier around the level, broken if the far side; a close beyond either decides at once. Both in one bar:
broken, the worse for whoever believes in walls. Neither before the watch ends: bounced if the last close is on the near
side of the level. Both sides are equally far in log-price, so that a price without memory bounces as often as not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gex_backtest.bars import HOUR_US, YEAR_HOURS, Bars, Ints
from gex_backtest.bounds import require
from gex_backtest.returns import is_covered, move
from gex_pipeline.core.black76 import Bools, Floats


@dataclass(frozen=True)
class TouchParameters:
    """What is tested.

    Attributes
    ----------
    barrier_sigmas
        Distance of the barrier's two sides from the level, in standard deviations of a day.
    volatility_days
        Days before a session whose realised volatility is its sigma.
    """

    barrier_sigmas: float = 0.25
    volatility_days: float = 7.0

    def __post_init__(self) -> None:
        """Raise ``BacktestError`` for what cannot be."""
        for name in ("barrier_sigmas", "volatility_days"):
            require(name, getattr(self, name), 0.001, 1_000)


@dataclass(frozen=True, eq=False)
class Watch:
    """Levels that are watched for a while, arrays of one shape.

    Attributes
    ----------
    level_usd, spot_usd
        The level, NaN for none, and the price at the decision to watch it: they say on which side it is.
    row
        The bar whose close that decision is taken at; the next bar is the first that may touch.
    end_us
        Microseconds since 1970: bars that close later do not count.
    sigma
        Annual volatility at the decision, a fraction.
    """

    level_usd: Floats
    spot_usd: Floats
    row: Ints
    end_us: Ints
    sigma: Floats

    @staticmethod
    def of(level_usd: Floats, spot_usd: Floats, row: Ints, end_us: Ints, sigma: Floats) -> Watch:
        """Arrays that broadcast to one shape."""
        return Watch(*np.broadcast_arrays(level_usd, spot_usd, row, end_us, sigma))

    @property
    def side(self) -> Floats:
        """1 for a level above spot, -1 below."""
        return np.where(self.level_usd > self.spot_usd, 1.0, -1.0)

    def price_at(self, log_distance: Floats) -> Floats:
        """The price so far beyond each level; before it if negative."""
        return self.level_usd * np.exp(self.side * log_distance)


@dataclass(frozen=True, eq=False)
class Touches:
    """What became of watched levels, arrays of their shape.

    Attributes
    ----------
    row
        The bar that touched first, -1 for none.
    touched, by_gap, bounced, held
        1 or 0: whether it was touched; by a gap; bounced; and whether the last close was on the near side. NaN where
        the bars end before it is known or too many are missing, and for all but ``touched`` where there was no touch.
    known_us
        When ``touched`` was known: the close of ``row``, or the end of the watch.
    resolved_us
        When ``bounced`` was known.
    """

    row: Ints
    touched: Floats
    by_gap: Floats
    bounced: Floats
    held: Floats
    known_us: Ints
    resolved_us: Ints


def barrier(sigma: Floats, sigmas: float) -> Floats:
    """Log-distance of so many standard deviations of a day at an annual volatility."""
    return sigmas * sigma * np.sqrt(24 / YEAR_HOURS)


def touches(bars: Bars, watch: Watch, barrier_sigmas: float) -> Touches:
    """First touches of levels and their outcomes; ``barrier_sigmas``: in standard deviations of a day."""
    end = np.maximum(np.searchsorted(bars.close_at, watch.end_us, side="right"), watch.row + 1)
    row = _first(bars, watch.level_usd, watch.side, watch.row + 1, end)
    near, far = _barriers(bars, watch, barrier(watch.sigma, barrier_sigmas), np.minimum(row, end - 1), end)
    at, resolved = (np.minimum(each, len(bars) - 1) for each in (row, np.minimum(near, far)))
    is_over = is_covered(bars, bars.close_at[watch.row], watch.end_us)
    is_touched = row < end
    is_resolved = is_touched & (np.minimum(near, far) < end)
    is_near = watch.side * (watch.level_usd - bars.close[end - 1]) > 0
    is_level = np.isfinite(watch.level_usd)
    return Touches(
        row=np.where(is_touched, row, -1),
        touched=_known(is_touched, is_level & (is_touched | is_over)),
        by_gap=_known(watch.side * (bars.open[at] - watch.level_usd) > 0, is_touched),
        bounced=_known(np.where(is_resolved, near < far, is_near), is_touched & (is_resolved | is_over)),
        held=_known(is_near, is_touched & is_over),
        known_us=np.where(is_touched, bars.close_at[at], watch.end_us),
        resolved_us=np.where(is_resolved, bars.close_at[resolved], watch.end_us),
    )


def moved_away(bars: Bars, watch: Watch, found: Touches, hours: float) -> tuple[Floats, Ints]:
    """Move away from a level in the hours after its touch, in units of sigma sqrt(hours), and when it is known.

    From the next open on, as whoever saw the touch has it. NaN without a touch, and where too few bars are there.
    """
    end = found.known_us + round(hours * HOUR_US)
    moved = -watch.side * move(bars, found.known_us, end) / (watch.sigma * np.sqrt(hours / YEAR_HOURS))
    return np.where((found.row >= 0) & (end <= bars.close_at[-1]), moved, np.nan), end


def _known(value: Bools, when: Bools) -> Floats:
    return np.where(when, value, np.nan)


def _barriers(bars: Bars, watch: Watch, distance: Floats, row: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Rows at which the near and the far side are reached after a touch at ``row``, ``end`` for never."""
    side, near_usd, far_usd, close = watch.side, watch.price_at(-distance), watch.price_at(distance), bars.close[row]
    near = _first(bars, near_usd, -side, row + 1, end)
    far = _first(bars, far_usd, side, row + 1, end)
    return np.where(side * (near_usd - close) >= 0, row, near), np.where(side * (close - far_usd) >= 0, row, far)


def _first(bars: Bars, level_usd: Floats, side: Floats, first: Ints, end: Ints) -> Ints:
    """The first bar of ``first`` <= row < ``end`` that reaches a level; ``end`` for none, and for a level of NaN.

    ``side``: 1 for a level that a high reaches from below, -1 for one that a low reaches from above.
    """
    wanted = np.where(np.isnan(level_usd), np.inf, side * level_usd)
    return np.where(side > 0, _ascend(bars.high, wanted, first, end), _ascend(-bars.low, wanted, first, end))


def _ascend(values: Floats, wanted: Floats, first: Ints, end: Ints) -> Ints:
    """First row whose value is at least what is wanted: steps of halving length over all that stays below."""
    maxima = [values]  # of the next 1, 2, 4, ... values
    while (width := 2 ** len(maxima)) <= np.max(end - first, initial=0):
        maxima.append(np.maximum(maxima[-1][: -width // 2], maxima[-1][width // 2 :]))
    row = first
    for power in reversed(range(len(maxima))):
        after = row + 2**power
        is_below = maxima[power][np.where(after <= end, row, 0)] < wanted
        row = np.where((after <= end) & is_below, after, row)
    return row
