"""Implied volatility is above what is realised: the premium that sellers of options are paid.

DVOL, or where it is not stored the chain's 30-day at-the-money IV, minus realised volatility of the 30 days before and
of the 30 days after, once a day, in vol points; realised close to close, and by Parkinson and Yang-Zhang, all of the
bars as they are (of hours, or finer). Neighbours share 29 of 30 days, and volatility is remembered for longer: errors
are Newey-West over half of the sample, with quantiles that allow for it, and every thirtieth day alone has Student's t.
All years together have to hold twenty such spans that share nothing.

Headline: the mean premium over the 30 days after, close to close; the claim is that it is positive. An estimate of the
days after is known only 30 days later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from gex_backtest import returns
from gex_backtest.bars import Bars, Ints
from gex_backtest.bounds import require
from gex_backtest.decisions import Decisions, every
from gex_backtest.errors import BacktestError
from gex_backtest.estimates import LEAST, LEAST_INDEPENDENT, independent, mean
from gex_backtest.events import events
from gex_backtest.panel import Panel
from gex_backtest.study import Estimate, Rule, Study
from gex_pipeline.core.black76 import Floats

_ESTIMATORS: dict[str, Callable[[Bars, Ints, Ints], Floats]] = {
    "close-to-close": returns.realised,
    "Parkinson": returns.parkinson,
    "Yang-Zhang": returns.yang_zhang,
}
_WHENS = ("following", "trailing")
_HEADLINE = ("following", "close-to-close")
_UNIT = "vol points"


@dataclass(frozen=True)
class Parameters:
    """What is tested.

    Attributes
    ----------
    window_days
        Days of realised volatility before and after; DVOL looks 30 days ahead.
    """

    window_days: int = 30

    def __post_init__(self) -> None:
        """Raise ``BacktestError`` for what cannot be."""
        require("window_days", self.window_days, 1, 365)


def study(panel: Panel, p: Parameters) -> Study:
    """The premium by each estimator, of the days after and before, of all years and each."""
    made, iv = _with_iv(panel)
    found = {(when, name): _premium(made, iv, when, name, p) for when in _WHENS for name in _ESTIMATORS}
    tables = [
        events(made, 24 * p.window_days if when == "following" else 0, when, name, "vol_premium", _UNIT, premium)
        for (when, name), premium in found.items()
    ]
    return Study(pl.concat(tables), [each for key, premium in found.items() for each in _of(made, p, *key, premium)])


def headline(panel: Panel, p: Parameters) -> Estimate:
    """The mean premium over the days after, close to close."""
    return _mean(*_HEADLINE, None, _premium(*_with_iv(panel), *_HEADLINE, p), p)


def _with_iv(panel: Panel) -> tuple[Decisions, Floats]:
    """Midnights UTC at which IV is known, and that (a fraction)."""
    made = every(panel, 24)
    iv = made.iv()
    made, iv = Decisions(panel, made.rows[np.isfinite(iv)]), iv[np.isfinite(iv)]
    if not len(made.rows):
        raise BacktestError("neither DVOL nor 30-day IV of a chain is known at any midnight UTC of this span")
    return made, iv


def _premium(made: Decisions, iv: Floats, when: str, name: str, p: Parameters) -> Floats:
    return 100.0 * (iv - _ESTIMATORS[name](made.panel.bars, *_window(made, when, p)))


def _window(made: Decisions, when: str, p: Parameters) -> tuple[Ints, Ints]:
    hours = 24 * p.window_days
    return (made.at, made.ago(-hours)) if when == "following" else (made.ago(hours), made.at)


def _of(made: Decisions, p: Parameters, when: str, name: str, premium: Floats) -> Iterator[Estimate]:
    years = made.at.astype("datetime64[us]").astype("datetime64[Y]").astype(int) + 1970
    is_alone = made.day % p.window_days == 0
    for year in (None, *np.unique(years).tolist()):
        mine = years == year if year else np.ones_like(years, dtype=bool)
        yield _mean(when, name, year, premium[mine], p)
        alone = f"{name}, every {p.window_days}th day, {year or 'all years'}"
        yield independent(f"premium_{when}", alone, _UNIT, premium[mine & is_alone])


def _mean(when: str, name: str, year: int | None, premium: Floats, p: Parameters) -> Estimate:
    group, windows = f"{name}, {year or 'all years'}", LEAST_INDEPENDENT if year else LEAST
    return mean(f"premium_{when}", group, _UNIT, premium, p.window_days, windows)


RULE = Rule(
    "vol_premium",
    "Implied volatility exceeds the volatility realised over the 30 days after.",
    Parameters,
    study,
    headline,
    claimed=4.0,
    looks_back_days="window_days",
    needs=(),
)
