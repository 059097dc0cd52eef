"""Estimates with honest errors: means, differences and regressions of dependent observations. Pure.

Errors are Newey-West (statsmodels), intervals of differences a stationary bootstrap over days (Politis and Romano 1994,
doi:10.1080/01621459.1994.10476870). Too few observations, or ones that do not vary, give no number but the reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gex_backtest.bars import Ints
from gex_backtest.study import BEYOND, TOO_LITTLE, Estimate
from gex_pipeline.core.black76 import Bools, Floats

#: Fewer observations than this are an anecdote.
LEAST = 20
#: Observations that share nothing say something sooner.
LEAST_INDEPENDENT = 8
#: Share of the values' range that is rounding, and of their size.
_NOTHING, _SAME = 1e-12, 1e-9
#: Days of each of two groups: on fewer, one spell decides.
_LEAST_DAYS = 10
#: Of yes and no, in each of two groups that are compared.
_LEAST_OF_EACH = 5
SEED, _DRAWS = 20_260_105, 999


def mean(
    name: str, group: str, unit: str, values: Floats, overlap: int = 1, windows: int = LEAST_INDEPENDENT
) -> Estimate:
    """Mean of observations in the order of time, of which each shares its outcome with the next ``overlap`` - 1.

    NaN are left out. ``windows``: the least that share nothing.
    """
    kept = values[np.isfinite(values)]
    n, lags = len(kept), _lags(np.isfinite(values).sum(), overlap)
    method = f"HAC, {lags} lags"
    if n < max(LEAST, overlap * windows) or not varies(kept):
        return Estimate(name, group, unit, n, method, status=TOO_LITTLE)
    error = _hac_error(kept, np.ones((n, 1)), lags)
    return _hac(name, group, unit, n, method, float(kept.mean()), error, (lags + 1) / n)


def independent(name: str, group: str, unit: str, values: Floats) -> Estimate:
    """Mean of observations that share nothing, with Student's t; NaN are left out."""
    from scipy.special import stdtr, stdtrit

    kept = values[np.isfinite(values)]
    n, method = len(kept), "non-overlapping, Student's t"
    if n < LEAST_INDEPENDENT or not varies(kept):
        return Estimate(name, group, unit, n, method, status=TOO_LITTLE)
    value, error = float(kept.mean()), float(kept.std(ddof=1) / math.sqrt(n))
    reach = float(stdtrit(n - 1, 0.975)) * error
    p_value = 2.0 * float(stdtr(n - 1, -abs(value) / error))
    return Estimate(name, group, unit, n, method, value, error, value - reach, value + reach, p_value)


def coefficient(
    name: str, group: str, unit: str, y: Floats, x: Floats, controls: Sequence[Floats], overlap: int = 1
) -> Estimate:
    """Coefficient of x in a least-squares regression of y on x, controls and a constant.

    Rows with a NaN are left out. Where x has but two values, ``n`` is how often the rarer one is there.
    """
    y, columns, _ = complete(y, [x, *controls])
    n, lags = n_told(columns[:, 0]), _lags(len(y), overlap)
    method = f"OLS beside {columns.shape[1] - 2} controls, HAC, {lags} lags"
    if n < LEAST or not is_enough(y, columns):
        return Estimate(name, group, unit, n, method, status=TOO_LITTLE)
    value, error = float(_solved(y, columns)[0]), _hac_error(y, columns, lags)
    return _hac(name, group, unit, n, method, value, error, (lags + 1) / len(y))


def gain(name: str, group: str, y: Floats, x: Floats, controls: Sequence[Floats]) -> Estimate:
    """Share of the variance of y that x explains beside the controls: the gain in R squared, without an interval."""
    y, columns, _ = complete(y, [x, *controls])
    n, method = n_told(columns[:, 0]), f"OLS beside {columns.shape[1] - 2} controls"
    if n < LEAST or not is_enough(y, columns):
        return Estimate(name, group, "1", n, method, status=TOO_LITTLE)
    unexplained = [float(np.sum((y - part @ _solved(y, part)) ** 2)) for part in (columns[:, 1:], columns)]
    return Estimate(name, group, "1", n, method, (unexplained[0] - unexplained[1]) / (len(y) * float(np.var(y))))


def complete(y: Floats, columns: Sequence[Floats]) -> tuple[Floats, Floats, Bools]:
    """y and the columns, a constant the last, in the rows without a NaN, and which these are.

    A control that does not vary is left out.
    """
    table = np.column_stack(columns)
    kept = np.isfinite(table).all(axis=1) & np.isfinite(y)
    table = table[kept]
    moves = np.array([i == 0 or (len(table) > 0 and np.ptp(table[:, i]) > 0) for i in range(table.shape[1])])
    return y[kept], np.column_stack([table[:, moves], np.ones(len(table))]), kept


def n_told(x: Floats) -> int:
    """Observations that tell one value of x from the other; all of them where it has many, none where it has one."""
    values, counts = np.unique(x, return_counts=True)
    return len(x) if len(values) > 2 else int(counts.min()) if len(values) == 2 else 0


def varies(values: Floats) -> bool:
    """Whether there is more in some values than one number and its rounding."""
    return bool(len(values) and np.ptp(values) > _SAME * np.abs(values).max())


def is_enough(y: Floats, columns: Floats) -> bool:
    """Whether y can be regressed on the columns."""
    n, width = columns.shape
    return bool(n >= max(LEAST, 5 * width) and varies(y) and np.linalg.matrix_rank(columns) == width)


def _solved(y: Floats, columns: Floats) -> Floats:
    return np.asarray(np.linalg.lstsq(columns, y, rcond=None)[0], dtype=np.float64)


def difference(name: str, group: str, unit: str, values: Floats, is_first: Bools, day: Ints) -> Estimate:
    """Mean of the first group minus that of the rest; interval by a stationary bootstrap of t that draws days.

    Where yes or no is rare among outcomes of yes and no, the interval is that of two independent shares, of as many
    outcomes as there are days. ``day``: the day of each observation, ascending; days of both groups stay together.
    Too little data where either group has few observations, or has them on few days.
    """
    kept = np.isfinite(values)
    values, is_first, day = values[kept], is_first[kept], day[kept]
    smaller = int(min(is_first.sum(), (~is_first).sum()))
    days = [len(np.unique(day[of_group])) for of_group in (is_first, ~is_first)]
    method = f"bootstrap of t by days, {_DRAWS} draws"
    too_little = Estimate(name, group, unit, smaller, method, status=TOO_LITTLE)
    if smaller < LEAST or min(days) < _LEAST_DAYS or len(np.unique(day)) < LEAST or not varies(values):
        return too_little
    if _is_rare(values, is_first):
        return _newcombe(name, group, unit, values, is_first, days)
    sums = _daily(values, is_first, day)
    block = _block_length(sums)
    draws = sums[_drawn_days(len(sums), block)]
    value, error, gaps = float(_gap(sums)), float(_spread(sums)), _gap(draws)
    with np.errstate(divide="ignore", invalid="ignore"):  # draws without one of the groups
        t = _widened((block - 1) / len(sums)) * np.abs(gaps - value) / _spread(draws)
    if error <= _NOTHING * np.ptp(values):  # days that are all alike
        return too_little
    reach, p_value = _by_draws(abs(value) / error, np.sort(t[np.isfinite(t)])[::-1])
    low, high = value - error * reach, value + error * reach
    return Estimate(name, group, unit, smaller, method, value, float(np.nanstd(gaps)), low, high, p_value)


def _by_draws(t: float, drawn: Floats) -> tuple[float, float]:
    """What 95 % of drawn t, descending, stay below, and the p-value of t: under 5 % where t is above that."""
    beyond, n = np.count_nonzero(drawn >= t), len(drawn) + 1
    return float(drawn[math.ceil(0.05 * n) - 2]), (beyond + 1) / n


def _is_rare(values: Floats, is_first: Bools) -> bool:
    """Whether outcomes of yes and no are too uneven in a group for draws to tell its error."""
    if not np.isin(values, (0.0, 1.0)).all():
        return False
    shares = [(int(group.sum()), len(group)) for group in (values[is_first], values[~is_first])]
    return any(min(ones, n - ones) < _LEAST_OF_EACH for ones, n in shares)


def _newcombe(name: str, group: str, unit: str, values: Floats, is_first: Bools, days: Sequence[int]) -> Estimate:
    """Difference of two shares (Newcombe 1998, method 10), which needs no outcome to be there twice.

    ``days``: of each group; outcomes of one day count as one, as what moves one level moves its neighbour.
    """
    of_first, of_rest = values[is_first], values[~is_first]
    of_each = zip((of_first, of_rest), days, strict=True)
    (p, low, high), (q, low_q, high_q) = (_wilson(float(of.mean()), n) for of, n in of_each)
    below, above = math.hypot(p - low, high_q - q), math.hypot(high - p, q - low_q)
    n, method = min(len(of_first), len(of_rest)), "Newcombe's interval of days"
    gap, reach = p - q, below if p > q else above
    return Estimate(name, group, unit, n, method, gap, None, gap - below, gap + above, _p_value(gap, reach))


def _wilson(p: float, n: int) -> tuple[float, float, float]:
    """A share of yes, and Wilson's (1927) interval."""
    middle, reach = p + BEYOND**2 / (2 * n), BEYOND * math.sqrt(p * (1 - p) / n + BEYOND**2 / (4 * n**2))
    return p, (middle - reach) / (1 + BEYOND**2 / n), (middle + reach) / (1 + BEYOND**2 / n)


def share(name: str, group: str, values: Floats) -> Estimate:
    """Share of yes among outcomes of yes and no that depend on each other for weeks: without an interval."""
    kept = values[np.isfinite(values)]
    if len(kept) < LEAST:
        return Estimate(name, group, "1", len(kept), "share", status=TOO_LITTLE)
    return Estimate(name, group, "1", len(kept), "share", float(kept.mean()))


def count(name: str, group: str, n: int) -> Estimate:
    """A number of events, which has no error."""
    return Estimate(name, group, "1", n, "count", float(n))


def _daily(values: Floats, is_first: Bools, day: Ints) -> Floats:
    """Per day: sum and count of the first group, sum and count of the rest; shape (days, 4)."""
    _, index = np.unique(day, return_inverse=True)
    columns = (values * is_first, is_first, values * ~is_first, ~is_first)
    return np.stack([np.bincount(index, weights=np.asarray(c, np.float64)) for c in columns], axis=1, dtype=np.float64)


def _gap(sums: Floats) -> Floats:
    """Mean of the first group minus that of the rest, of sums of shape (..., days, 4); NaN where one is empty."""
    first, n_first, rest, n_rest = np.moveaxis(sums.sum(axis=-2), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(first / n_first - rest / n_rest)


def _influence(sums: Floats) -> Floats:
    """What each day adds to the difference, shape (..., days): the blocks are as long as this depends on itself."""
    first, n_first, rest, n_rest = (sums[..., i] for i in range(4))
    total = sums.sum(axis=-2, keepdims=True)
    of_first, total_first, of_rest, total_rest = (total[..., i] for i in range(4))
    with np.errstate(divide="ignore", invalid="ignore"):
        less_first = (first - of_first / total_first * n_first) / total_first
        return np.asarray(less_first - (rest - of_rest / total_rest * n_rest) / total_rest)


def _spread(sums: Floats) -> Floats:
    """Error of the difference if days were independent, of sums of shape (..., days, 4)."""
    return np.sqrt((_influence(sums) ** 2).sum(axis=-1))


def _block_length(sums: Floats) -> int:
    return block_length(_influence(sums))


def block_length(daily: Floats) -> int:
    """Longest mean length of a block in days of some series, columns of shape (days, ...).

    By Politis and White's rule (2004, corrected 2009).
    """
    from arch.bootstrap import optimal_block_length

    with np.errstate(divide="ignore", invalid="ignore"):  # days that do not vary
        lengths = optimal_block_length(daily)["stationary"].to_numpy()
    return math.ceil(max([1.0, *lengths[np.isfinite(lengths)]]))


def _drawn_days(n: int, block: int) -> Ints:
    """Days of each draw, shape (draws, n): blocks of geometric length from anywhere, the last day before the first."""
    random = np.random.default_rng(SEED)
    place = np.arange(n)
    begins = np.where(random.random((_DRAWS, n)) < 1.0 / block, place, 0)
    begins = np.maximum.accumulate(begins, axis=1)
    first = np.take_along_axis(random.integers(n, size=(_DRAWS, n)), begins, axis=1)
    return (first + place - begins) % n


def _hac_error(y: Floats, columns: Floats, lags: int) -> float:
    """Newey-West error of the first coefficient, for as many observations as there are beside the coefficients."""
    from statsmodels.regression.linear_model import OLS

    kwds = {"maxlags": lags, "use_correction": True}
    return float(OLS(y, columns).fit(cov_type="HAC", cov_kwds=kwds).bse[0])


def _lags(n: int, overlap: int) -> int:
    """Newey and West's (1994) rule; half of the observations where they overlap, as these remember beyond it."""
    return max(n // 2 if overlap > 1 else 0, int(4 * (n / 100) ** (2 / 9)) if n else 0)


def _hac(name: str, group: str, unit: str, n: int, method: str, value: float, error: float, b: float) -> Estimate:
    """With the quantile that allows for the errors being estimated, see :func:`_widened`."""
    reach = error * BEYOND * _widened(b)
    return Estimate(name, group, unit, n, method, value, error, value - reach, value + reach, _p_value(value, reach))


def _widened(b: float) -> float:
    """How much wider an interval is as its errors are estimated from lags that take a share b of the sample.

    Kiefer and Vogelsang 2005, doi:10.1017/S0266466605050565, table 1: Bartlett, 97.5 %.
    """
    return 1.0 + (2.9694 * b + 0.4160 * b**2 - 0.5324 * b**3) / BEYOND


def _p_value(value: float, reach: float) -> float:
    """Of 0, by a normal distribution of which 95 % lie within a reach."""
    return math.erfc(BEYOND * abs(value) / reach / math.sqrt(2.0)) if reach else 1.0
