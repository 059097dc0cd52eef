"""What one variant holds, and from where to where. Belongs here: fills, stops and takes. Not: money (see `ledger`).

Where a position begins and ends follows from targets and prices alone, not from equity; so all positions of a variant
are found at once.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from gex_backtest.bars import Bars
from gex_backtest.errors import BacktestError
from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.groups import Ints

#: Why a position ended; ``Holdings.reason`` holds places in this list.
REASONS = ("target", "stop", "take", "end", "ruin")
TARGET, STOP, TAKE, END, RUIN = range(len(REASONS))


class Orders(NamedTuple):
    """What one variant wants, decided at the close of each bar; arrays of shape (bars,), see `simulate.simulate`.

    ``targets`` as a multiple of equity, NaN to keep what is held; ``stops`` and ``takes`` (USD, NaN for none) go with
    a change of target.
    """

    targets: Floats
    stops: Floats | None = None
    takes: Floats | None = None


@dataclass(frozen=True, eq=False)
class Holdings:
    """Positions in the order of time, arrays of shape (positions,). The first is none: flat from the first bar.

    ``weight``: multiple of equity at the fill, 0 while flat. It is filled at the open of bar ``fill``, the next one at
    that of ``until`` (the number of bars: no next one). ``exit``: the bar inside which it was closed; ``until`` where
    it was not. Prices in USD; ``exit_usd`` of what is still open at the end is the last close.
    """

    weight: Floats
    fill: Ints
    exit: Ints
    until: Ints
    entry_usd: Floats
    exit_usd: Floats
    reason: Ints

    @property
    def is_closed_early(self) -> Bools:
        """Closed by an order of its own, which costs: a stop or a take."""
        return (self.reason == STOP) | (self.reason == TAKE)

    def ruined(self, position: int, bar: int, exit_usd: float) -> Holdings:
        """The same up to a position that lost everything in a bar; after it, nothing."""
        n_bars = self.until[-1]
        kept = {field.name: getattr(self, field.name)[: position + 1].copy() for field in fields(self)}
        last = {"exit": bar, "until": n_bars, "exit_usd": exit_usd, "reason": RUIN}
        for name, value in last.items():
            kept[name][-1] = value
        return Holdings(**kept)


def changes(targets: Floats) -> Ints:
    """The bars at whose close a target (bars,) differs from the one before; NaN keeps it, and the first is 0."""
    told = np.flatnonzero(~np.isnan(targets))
    values = targets[told]
    if not np.isfinite(values).all():
        raise BacktestError("a target is infinite: give a multiple of equity, or NaN to keep the one before")
    return told[np.diff(values, prepend=0.0) != 0]


def holdings(bars: Bars, orders: Orders) -> Holdings:
    """The positions that orders lead to. Raises ``BacktestError`` for a target or price that cannot be one."""
    n_bars = len(bars)
    decided = changes(orders.targets)
    decided = decided[decided < n_bars - 1]  # what the last bar decides is never filled
    weight = np.append(0.0, orders.targets[decided])
    fill, until = np.append(0, decided + 1), np.append(decided + 1, n_bars)
    stop, take = (_at(prices, decided, what) for prices, what in ((orders.stops, "stop"), (orders.takes, "take")))
    stopped = _first_reached(bars, fill, until, np.where(weight > 0, stop, np.nan), np.where(weight < 0, stop, np.nan))
    taken = _first_reached(bars, fill, until, np.where(weight < 0, take, np.nan), np.where(weight > 0, take, np.nan))
    reason = np.where(until < n_bars, TARGET, END)
    reason[stopped < until] = STOP
    reason[taken < stopped] = TAKE  # both in one bar: the stop, which is worse
    exit_bar = np.minimum(stopped, taken)
    last = np.minimum(exit_bar, n_bars - 1)
    at_open = bars.open[last]
    gapped = np.where(weight > 0, np.minimum(stop, at_open), np.maximum(stop, at_open))
    traded = np.clip(take, bars.low[last], bars.high[last])  # it may have been passed before the fill
    exit_usd = np.choose(reason, [at_open, gapped, traded, np.full_like(at_open, bars.close[-1])])
    return Holdings(weight, fill, exit_bar, until, bars.open[fill], exit_usd, reason)


def _at(prices: Floats | None, decided: Ints, what: str) -> Floats:
    """The prices that were decided together with a target, NaN for none."""
    if prices is None:
        return np.full(len(decided) + 1, np.nan)
    found = prices[decided]
    if not (np.isnan(found) | ((found > 0) & (found < np.inf))).all():
        raise BacktestError(f"a {what} price is 0, negative or infinite: give USD, or NaN for none")
    return np.append(np.nan, found)


def _first_reached(bars: Bars, fill: Ints, until: Ints, below: Floats, above: Floats) -> Ints:
    """Per position the first bar whose low is at or under ``below``, or high at or over ``above``; else ``until``."""
    is_reached = np.zeros(len(bars), dtype=np.bool_)
    if not np.isnan(below).all():
        is_reached |= bars.low <= np.repeat(below, until - fill)
    if not np.isnan(above).all():
        is_reached |= bars.high >= np.repeat(above, until - fill)
    reached = np.append(np.flatnonzero(is_reached), len(bars))
    return np.minimum(reached[np.searchsorted(reached, fill)], until)
