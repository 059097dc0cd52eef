"""Whether a state goes with an outcome: the outcome stays where it is, the state is moved around the sample. Pure.

A state such as the sign of net GEX lasts for days, and so does volatility: errors of a regression take neighbours for
news. Moved by any number of observations, the last ones to the front, the state keeps its own dependence and loses that
on the outcome; as often as such a state does as well, chance does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gex_backtest.estimates import LEAST, LEAST_INDEPENDENT, complete, is_enough, n_told
from gex_backtest.study import TOO_LITTLE, Estimate
from gex_pipeline.core.black76 import Floats


def shifted(name: str, group: str, unit: str, y: Floats, x: Floats, controls: Sequence[Floats]) -> Estimate:
    """Coefficient of a state x in a regression of y on x, controls and a constant; rows in the order of time.

    The p-value is the share of moved states whose t is as large. The interval is as many errors wide as 95 % of the
    moved states' t reach where what was found is taken off y first: else, what is there would widen it. ``n``: how
    often the rarer state is there. Too little data where the state changes seldom.
    """
    y, columns, _ = complete(y, [x, *controls])
    n, changes = n_told(columns[:, 0]), np.count_nonzero(np.diff(columns[:, 0]))
    method = f"OLS beside {columns.shape[1] - 2} controls, circular shifts"
    if n < LEAST or changes < LEAST_INDEPENDENT or not is_enough(y, columns):
        return Estimate(name, group, unit, n, method, status=TOO_LITTLE)
    x, controls_told = columns[:, 0], columns[:, 1:]
    slope, t = around(y, x, controls_told)
    _, t_without = around(y - slope * x, x, controls_told)
    error = abs(slope / float(t[0]))
    reach = error * float(np.quantile(np.abs(t_without), 0.95, method="higher"))
    p_value = float(np.mean(np.abs(t) >= abs(t[0]) * (1.0 - 1e-9)))
    return Estimate(name, group, unit, n, method, slope, error, slope - reach, slope + reach, p_value)


def around(y: Floats, x: Floats, controls: Floats) -> tuple[float, Floats]:
    """The coefficient of x, and its t for x as it is and moved by 1, 2, ... rows, shape (rows,).

    ``controls``: shape (rows, controls), of full rank. By Frisch and Waugh's theorem all of it is correlations of x
    with what the controls leave of y and with an orthonormal basis of them.
    """
    basis = np.linalg.qr(controls)[0]
    left_y = y - basis @ (basis.T @ y)
    with_y, with_basis = _correlations(left_y[:, None], x)[:, 0], _correlations(basis, x)
    left_x = np.maximum(x @ x - (with_basis**2).sum(axis=1), np.finfo(float).tiny)
    slope = with_y / left_x
    freedom = len(y) - basis.shape[1] - 1
    error = np.sqrt(np.maximum(left_y @ left_y - slope * with_y, np.finfo(float).tiny) / freedom / left_x)
    return float(slope[0]), slope / error


def _correlations(columns: Floats, x: Floats) -> Floats:
    """Sums of products of each column with x moved by 0, 1, 2, ... rows, shape (rows, columns)."""
    return np.fft.irfft(np.fft.rfft(columns, axis=0) * np.conj(np.fft.rfft(x))[:, None], n=len(x), axis=0)
