"""After a move, does price go on when a condition holds, more than after the same move without it? Pure.

What `squeeze` and `put_acceleration` share: they differ in the direction of the move and in the condition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gex_backtest.bars import YEAR_HOURS
from gex_backtest.bounds import require, require_divisor
from gex_backtest.decisions import Decisions, every, is_known, positive
from gex_backtest.estimates import difference, mean
from gex_backtest.events import events
from gex_backtest.holdings import Orders
from gex_backtest.panel import Panel
from gex_backtest.paths import event_path, price_path
from gex_backtest.study import Estimate, Study
from gex_pipeline.core.black76 import Bools, Floats

#: Days of the volatility that moves are measured by.
_SIGMA_DAYS = 7


@dataclass(frozen=True)
class Parameters:
    """What is tested.

    Attributes
    ----------
    horizon_hours
        Hours of the move, and of what follows; a divisor of 24.
    least_sigmas
        Standard deviations of such hours from which on a move counts.
    """

    horizon_hours: int = 4
    least_sigmas: float = 0.5

    def __post_init__(self) -> None:
        """Raise ``BacktestError`` for what cannot be."""
        require_divisor("horizon_hours", self.horizon_hours)
        require("least_sigmas", self.least_sigmas, 0, 10)


def study(panel: Panel, p: Parameters, direction: float, condition: Floats) -> Study:
    """Moves in a direction (1 up, -1 down), with and without a condition.

    ``condition``: 1 where it holds, 0 where not, NaN where that is unknown, shape (bars,). The outcome is the return of
    the hours that follow in the direction, in sigmas of that time; the headline is the difference of its means.
    """
    made, holds, going_on = _known(panel, p, direction, condition)
    kinds = np.where(holds, "condition", "move alone")
    subject = "rise" if direction > 0 else "fall"
    table = events(made, p.horizon_hours, kinds, subject, "move_going_on", "sigma", going_on)
    path = event_path(panel.bars, *price_path(panel.bars, p.horizon_hours), made.at[holds], direction)
    return Study(table, list(_estimates(made, holds, going_on)), {"condition": path})


def headline(panel: Panel, p: Parameters, direction: float, condition: Floats) -> Estimate:
    """How much further price goes where the condition holds; as :func:`study`."""
    return next(_estimates(*_known(panel, p, direction, condition)))


def _known(panel: Panel, p: Parameters, direction: float, condition: Floats) -> tuple[Decisions, Bools, Floats]:
    """Moves at which it is known whether the condition holds, whether it does, and how price went on."""
    made = _moved(panel, p, direction)
    made = Decisions(panel, made.rows[np.isfinite(condition[made.rows])])
    going_on = direction * made.moves(p.horizon_hours) / sigma(made, p.horizon_hours)
    return made, condition[made.rows] > 0, going_on


def _estimates(made: Decisions, holds: Bools, going_on: Floats) -> Iterator[Estimate]:
    yield difference("move_going_on", "condition minus move alone", "sigma", going_on, holds, made.day)
    for group, mine in (("condition", holds), ("move alone", ~holds)):
        yield mean("move_going_on", group, "sigma", going_on[mine])


def orders(panel: Panel, p: Parameters, direction: float, condition: Floats) -> Orders:
    """Hold the direction of such a move for the next hours while the condition held at the decision."""
    targets = np.full(len(panel.bars), np.nan)
    targets[every(panel, p.horizon_hours).rows] = 0.0
    made = _moved(panel, p, direction)
    targets[made.rows[condition[made.rows] > 0]] = direction
    return Orders(targets)


def sigma(made: Decisions, hours: float) -> Floats:
    """Standard deviation of the log-return of some hours, from trailing volatility."""
    return np.asarray(made.trailing(24 * _SIGMA_DAYS) * np.sqrt(hours / YEAR_HOURS))


def _moved(panel: Panel, p: Parameters, direction: float) -> Decisions:
    """Decisions of the grid of hours after a move."""
    made = every(panel, p.horizon_hours)
    size = direction * made.moved(p.horizon_hours) / positive(sigma(made, p.horizon_hours))
    return Decisions(panel, made.rows[is_known(size) & (size >= p.least_sigmas)])
