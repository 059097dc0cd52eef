"""How much a Sharpe ratio says: of so short a record, of such returns, the best of so many tried. Pure.

Sharpe ratios are those of one return, not annual; kurtosis is 3 for a normal distribution.

Bailey and Lopez de Prado 2012, doi:10.21314/JOR.2012.255 (probabilistic Sharpe ratio, minimum track record), and 2014,
doi:10.3905/jpm.2014.40.5.094 (deflated Sharpe ratio).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gex_backtest.estimates import LEAST
from gex_pipeline.core.black76 import Floats

#: Probability from which on a record tells something.
_LEVEL = 0.95


class Sharpe(NamedTuple):
    """A Sharpe ratio and what its error depends on; ``n``: returns."""

    value: float
    n: int
    skew: float
    kurtosis: float

    @staticmethod
    def of(returns: Floats) -> Sharpe | None:
        """Of some returns; None where these are too few or do not vary."""
        if len(returns) < LEAST or np.ptp(returns) == 0:
            return None
        deviations = (returns - returns.mean()) / returns.std()
        skew, kurtosis = (float(np.mean(deviations**power)) for power in (3, 4))
        return Sharpe(float(returns.mean() / returns.std(ddof=1)), len(returns), skew, kurtosis)

    @property
    def spread(self) -> float:
        """Standard deviation of the ratio times the root of n - 1."""
        return math.sqrt(max(0.0, 1.0 - self.skew * self.value + (self.kurtosis - 1.0) / 4.0 * self.value**2))


def probabilistic(found: Sharpe, benchmark: float = 0.0) -> float:
    """Probability that the true ratio is above a benchmark."""
    from scipy.special import ndtr

    return float(ndtr((found.value - benchmark) * math.sqrt(found.n - 1) / found.spread))


def least_record(found: Sharpe, benchmark: float = 0.0, level: float = _LEVEL) -> float:
    """Returns needed for a probability of ``level`` that the true ratio is above a benchmark; NaN if it is not."""
    from scipy.special import ndtri

    if found.value <= benchmark:
        return math.nan
    return 1.0 + (found.spread * float(ndtri(level)) / (found.value - benchmark)) ** 2


def best_by_chance(trials: int, variance: float) -> float:
    """Expected largest of so many ratios whose truth is 0; ``variance``: of the ratios that were found."""
    from scipy.special import ndtri

    if trials < 2:
        return 0.0
    tails = float(ndtri(1.0 - 1.0 / trials)), float(ndtri(1.0 - 1.0 / (trials * math.e)))
    return math.sqrt(variance) * ((1.0 - np.euler_gamma) * tails[0] + np.euler_gamma * tails[1])


@dataclass(frozen=True)
class TrackRecord:
    """What the daily returns of one variant, all costs paid, say of its Sharpe ratio.

    ``probabilistic_sharpe``, ``deflated_sharpe``: probability that the true ratio is above 0, and above what the best
    of ``trials`` variants has by chance; ``least_record_days``: days after which the first would be 95 %. NaN where
    they cannot be told, which ``note`` explains.
    """

    days: int
    trials: int
    probabilistic_sharpe: float = math.nan
    deflated_sharpe: float = math.nan
    least_record_days: float = math.nan
    note: str | None = None

    @property
    def is_too_short(self) -> bool:
        """Whether its days are too few to tell, at 95 %, if the true ratio is above 0 or below."""
        above = self.probabilistic_sharpe
        return not max(above, 1.0 - above) >= _LEVEL  # so is one that is NaN


def track_records(daily: Sequence[Floats]) -> list[TrackRecord]:
    """Track records of all variants that were tried, of whichever rules, from the daily returns of each."""
    found = [Sharpe.of(returns) for returns in daily]
    values = [each.value for each in found if each]
    variance = float(np.var(values, ddof=1)) if len(values) > 1 else 0.0
    chance = best_by_chance(len(daily), variance)
    return [_record(each, len(returns), len(daily), chance) for each, returns in zip(found, daily, strict=True)]


def _record(found: Sharpe | None, days: int, trials: int, chance: float) -> TrackRecord:
    if found is None or not found.spread > 0:
        return TrackRecord(days, trials, note="too few days" if days < LEAST else "daily returns hardly vary")
    note = None if found.value > 0 else "no record proves a Sharpe ratio that is not positive"
    return TrackRecord(days, trials, probabilistic(found), probabilistic(found, chance), least_record(found), note)
