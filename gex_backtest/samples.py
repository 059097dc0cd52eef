"""The first part of a span beside the last: what a choice made on the one is worth on the other. Pure.

Between them lies a gap, which most positions of the first part do not outlast; a trade counts where it begins. Measures
that look back reach over it: they see the past, as they would have then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from gex_backtest import metrics
from gex_backtest.bars import DAY_US, YEAR_US, Bars
from gex_backtest.panel import micros
from gex_pipeline.core.black76 import Floats

#: Share of the span that the first part has, and days between.
FIRST, GAP_DAYS = 0.6, 3


@dataclass(frozen=True)
class Sample:
    """Trading in a part of the span: fractions, Sharpe a year; NaN where it cannot be told."""

    total_return: float
    sharpe: float
    n_trades: int


@dataclass(frozen=True)
class Samples:
    """The same in the first part and in the last."""

    first: Sample
    last: Sample


def samples(bars: Bars, equity: Floats, trades: pl.DataFrame) -> Samples:
    """Both parts of a variant; ``equity`` (bars,) from 1, ``trades`` with ``entered_at``, each of where it begins."""
    entered = micros(trades["entered_at"])
    first, last = parts(bars)
    return Samples(_sample(bars, equity, entered, first), _sample(bars, equity, entered, last))


def parts(bars: Bars) -> tuple[slice, slice]:
    """Rows of the bars that are over in the first part, and of those that begin after the gap; either may have none."""
    begin, end = int(bars.open_at[0]), int(bars.close_at[-1])
    cut = begin + round(FIRST * (end - begin))
    n_first = int(np.searchsorted(bars.close_at, cut, side="right"))
    return slice(0, n_first), slice(int(np.searchsorted(bars.open_at, cut + GAP_DAYS * DAY_US)), len(bars))


def _sample(bars: Bars, equity: Floats, entered: np.ndarray, rows: slice) -> Sample:
    inside = bars[rows]
    if not len(inside):
        return Sample(np.nan, np.nan, 0)
    n_trades = int(((entered >= inside.open_at[0]) & (entered < inside.close_at[-1])).sum())
    path = np.append(1.0, equity)[rows.start : rows.stop + 1]  # from the close before
    if path[0] == 0:
        return Sample(np.nan, np.nan, n_trades)
    r = metrics.returns(path)
    per_year = len(r) * YEAR_US / float(inside.close_at[-1] - inside.open_at[0])
    sharpe = metrics.sharpe(r, per_year, metrics.annual_vol(r, per_year))
    return Sample(float(path[-1] / path[0] - 1.0), sharpe, n_trades)
