"""Whether a state helps to forecast: nested regressions that are fitted on the past alone. Pure.

At each midnight both regressions, with the state and without, are fitted on all outcomes that were over a horizon
before (the embargo), and forecast the decisions of that day. A larger model whose state means nothing forecasts worse,
by what it errs in its coefficient: a gain of 0 or less is what chance has (Clark and West 2007,
doi:10.1016/j.jeconom.2006.05.023).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gex_backtest.bars import DAY_US, Ints
from gex_backtest.estimates import LEAST, LEAST_INDEPENDENT, complete
from gex_backtest.study import TOO_LITTLE, Estimate
from gex_pipeline.core.black76 import Bools, Floats

#: Directions in which the columns vary less than this, relative to the widest, have no coefficient.
_SINGULAR = 1e-10


def out_of_sample(
    group: str, unit: str, y: Floats, state: Floats, controls: Sequence[Floats], at: Ints, horizon_us: int
) -> Iterator[Estimate]:
    """What a state (1 or 0) gains beside controls and a constant in forecasts of y, decisions in the order of time.

    First in R squared, relative to forecasts by the mean up to then, without an interval; then in squared errors
    (``unit`` is y's, which is squared), by Diebold and Mariano's test with Harvey, Leybourne and Newbold's correction.
    ``at``: the decisions; ``horizon_us``: from each to the end of its outcome, microseconds.
    """
    y, columns, kept = complete(y, [state, *controls])
    found = forecasts(y, columns, trained(at[kept], horizon_us))
    is_forecast = np.isfinite(found[:, 0])
    y, found = y[is_forecast], found[is_forecast]
    method = f"walk-forward beside {columns.shape[1] - 2} controls"
    yield _gain(group, method, (y[:, None] - found) ** 2)
    yield _diebold_mariano(group, f"{unit} squared", method, y, found)


def trained(at: Ints, horizon_us: int) -> Ints:
    """How many of the decisions each may learn from: outcomes over a horizon before the midnight before it."""
    midnight = at // DAY_US * DAY_US
    return np.searchsorted(at + horizon_us, midnight - horizon_us, side="right")


def forecasts(y: Floats, columns: Floats, learnt: Ints) -> Floats:
    """Forecasts of each row by all columns, by all but the first, and by the mean; shape (rows, 3).

    Row i is forecast by a fit on the first ``learnt[i]`` rows, which ascend; NaN where these are too few, or tell the
    values of the first column (1 or 0) too seldom. The last column is the constant.
    """
    sizes, fit = np.unique(learnt, return_inverse=True)
    table = np.column_stack([columns, y])
    width = table.shape[1]
    learnt_between = np.array([part.T @ part for part in np.split(table, sizes)[:-1]]).reshape(-1, width, width)
    products = np.cumsum(learnt_between, axis=0)
    with_y, moments = products[:, :-1, -1], products[:, :-1, :-1]
    models = (columns, columns[:, 1:], columns[:, -1:])
    found = [_predicted(each, moments, with_y, fit) for each in models]
    return np.where(_is_enough(moments)[fit, None], np.column_stack(found), np.nan)


def _predicted(columns: Floats, moments: Floats, with_y: Floats, fit: Ints) -> Floats:
    """By the last columns of which there are moments."""
    width = columns.shape[1]
    inverse = np.linalg.pinv(moments[:, -width:, -width:], rcond=_SINGULAR, hermitian=True)
    slopes = (inverse @ with_y[:, -width:, None])[:, :, 0]
    return (columns * slopes[fit]).sum(axis=1)


def _is_enough(moments: Floats) -> Bools:
    """Fits on enough rows, of which enough are of each state."""
    n, first = moments[:, -1, -1], moments[:, 0, -1]
    return (n >= max(LEAST, 5 * moments.shape[-1])) & (np.minimum(first, n - first) >= LEAST_INDEPENDENT)


def _gain(group: str, method: str, squares: Floats) -> Estimate:
    name, n = "r_squared_gain_out_of_sample", len(squares)
    if n < LEAST or not squares[:, 2].any():
        return Estimate(name, group, "1", n, method, status=TOO_LITTLE)
    with_state, without, mean = squares.sum(axis=0)
    return Estimate(name, group, "1", n, method, float((without - with_state) / mean))


def _diebold_mariano(group: str, unit: str, method: str, y: Floats, found: Floats) -> Estimate:
    name, n = "squared_error_gain_out_of_sample", len(y)
    gained = (y - found[:, 1]) ** 2 - (y - found[:, 0]) ** 2
    if n < LEAST or np.ptp(gained) == 0 or gained.mean() == 0:
        return Estimate(name, group, unit, n, f"{method}, Diebold-Mariano", status=TOO_LITTLE)
    from scipy.special import stdtrit
    from statsmodels.tsa.stattools import diebold_mariano_test

    test = diebold_mariano_test(y, found[:, 1], found[:, 0], harvey_adj=True)
    value, method = float(gained.mean()), f"{method}, Diebold-Mariano, HAC, {test.lags} lags"
    error = value / float(test.statistic)
    reach = float(stdtrit(n - 1, 0.975)) * error
    return Estimate(name, group, unit, n, method, value, error, value - reach, value + reach, float(test.pvalue))
