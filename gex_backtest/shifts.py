"""Whether a state goes with an outcome: the outcome stays where it is, the state is moved around the sample. Pure.

A state such as the sign of net GEX lasts for days, and so does volatility: errors of a regression take neighbours for
news. Moved by any number of observations, the last ones to the front, the state keeps its own dependence and loses that
on the outcome; as often as such a state does as well, chance does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gex_backtest.estimates import LEAST, LEAST_INDEPENDENT, complete, is_enough, n_told
from gex_backtest.study import TOO_LITTLE, Estimate
from gex_backtest.verdicts import LEVEL
from gex_pipeline.core.black76 import Floats

#: Steps in which the end of an interval is looked for, and how often what is left is halved.
_DOUBLINGS, _HALVINGS = 12, 16


def shifted(name: str, group: str, unit: str, y: Floats, x: Floats, controls: Sequence[Floats]) -> Estimate:
    """Coefficient of a state x in a regression of y on x, controls and a constant; rows in the order of time.

    The p-value is the share of moved states whose t is as large; the interval holds the sizes that this test does not
    reject at 5 % once they are taken off y, so that what is found does not widen it. ``n``: how often the rarer state
    is there. Too little data where the state changes seldom.
    """
    y, columns, _ = complete(y, [x, *controls])
    n, changes = n_told(columns[:, 0]), np.count_nonzero(np.diff(columns[:, 0]))
    method = f"OLS beside {columns.shape[1] - 2} controls, circular shifts"
    if n < LEAST or changes < LEAST_INDEPENDENT or not is_enough(y, columns):
        return Estimate(name, group, unit, n, method, status=TOO_LITTLE)
    moved = Moved.of(y, columns[:, 0], columns[:, 1:])
    slope, t = moved.slope, moved.t()
    error = abs(slope / float(t[0]))
    low, high = (_bound(moved, sign * error) for sign in (-1.0, 1.0))
    return Estimate(name, group, unit, n, method, slope, error, low, high, _chance(t))


@dataclass(frozen=True, eq=False)
class Moved:
    """A state moved by 0, 1, 2, ... rows beside an outcome; what controls tell is taken off both.

    By Frisch and Waugh's theorem all of it is correlations of the state with what the controls leave of y and of the
    state itself, and with an orthonormal basis of them. ``with_y``, ``with_x``: sums of products of the moved state
    with these two, ``left_x``: its own squares that the controls leave, shape (rows,); ``squares``: sums of products of
    what is left of (y, y), (y, x) and (x, x); ``freedom``: rows less coefficients.
    """

    with_y: Floats
    with_x: Floats
    left_x: Floats
    squares: tuple[float, float, float]
    freedom: int

    @staticmethod
    def of(y: Floats, x: Floats, controls: Floats) -> Moved:
        """``controls``: shape (rows, controls), of full rank."""
        basis = np.linalg.qr(controls)[0]
        left = np.column_stack([y, x])
        left = left - basis @ (basis.T @ left)
        with_left, with_basis = _correlations(left, x), _correlations(basis, x)
        left_x = np.maximum(x @ x - (with_basis**2).sum(axis=1), np.finfo(float).tiny)
        squares = left.T @ left
        sums = (float(squares[0, 0]), float(squares[0, 1]), float(squares[1, 1]))
        return Moved(with_left[:, 0], with_left[:, 1], left_x, sums, len(y) - basis.shape[1] - 1)

    @property
    def slope(self) -> float:
        """The coefficient of the state as it is."""
        return float(self.with_y[0] / self.left_x[0])

    def t(self, less: float = 0.0) -> Floats:
        """Of the state's coefficient, moved by 0, 1, 2, ... rows, once so much of the state is taken off y."""
        yy, yx, xx = self.squares
        with_y, left_yy = self.with_y - less * self.with_x, yy - 2.0 * less * yx + less**2 * xx
        slope = with_y / self.left_x
        error = np.sqrt(np.maximum(left_yy - slope * with_y, np.finfo(float).tiny) / self.freedom / self.left_x)
        return np.asarray(slope / error)


def _chance(t: Floats) -> float:
    """Share of the moved states that do as well as the first."""
    return float(np.mean(np.abs(t) >= abs(t[0]) * (1.0 - 1e-9)))


def _bound(moved: Moved, step: float) -> float | None:
    """Where sizes begin to be rejected, from the one found on in the direction of a step; None where none is."""
    reach = step
    for _ in range(_DOUBLINGS):
        if _chance(moved.t(moved.slope + reach)) < LEVEL:
            break
        reach *= 2.0
    else:
        return None
    inside, outside = (0.0 if reach == step else reach / 2.0), reach
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2.0
        is_out = _chance(moved.t(moved.slope + middle)) < LEVEL
        inside, outside = (inside, middle) if is_out else (middle, outside)
    return moved.slope + inside


def _correlations(columns: Floats, x: Floats) -> Floats:
    """Sums of products of each column with x moved by 0, 1, 2, ... rows, shape (rows, columns)."""
    return np.fft.irfft(np.fft.rfft(columns, axis=0) * np.conj(np.fft.rfft(x))[:, None], n=len(x), axis=0)
