"""What a rule is made of, and what its study finds: events and estimates. Belongs here: the vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import polars as pl

from gex_backtest.holdings import Orders
from gex_backtest.panel import Panel

_TIME = pl.Datetime("us", "UTC")
#: One row an event and outcome. ``kind``: what sort of event (wall, placebo: mirror, ...); ``subject``: the level, line
#: or strike it is about; ``value``: the outcome, in ``unit``, known at ``ends_at``; null where it never came.
EVENTS = {
    "decided_at": _TIME,
    "ends_at": _TIME,
    "kind": pl.String,
    "subject": pl.String,
    "level_usd": pl.Float64,
    "spot_usd": pl.Float64,
    "outcome": pl.String,
    "unit": pl.String,
    "value": pl.Float64,
}
OK, TOO_LITTLE = "ok", "too little data"
#: Quantiles of the normal distribution: 80 % (of tests find it) and 97.5 % (of moves by chance stay below).
FOUND, BEYOND = 0.8416212335729143, 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """One number of a study, with its interval and what it rests on.

    ``low``, ``high``: 95 %, by ``method``; ``p_value``: two-sided, of 0; ``n``: observations. None for all of them, and
    the reason as ``status``, where there is too little data. A number that is not 0 where nothing is at work has no
    p-value: it is no test.
    """

    name: str
    group: str
    unit: str
    n: int
    method: str
    value: float | None = None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    status: str = OK

    @property
    def detectable(self) -> float | None:
        """The smallest true size that four such tests of five find: of a normal distribution with this interval.

        None where there is no test.
        """
        if self.p_value is None or self.low is None or self.high is None:
            return None
        return (self.high - self.low) / 2.0 * (1.0 + FOUND / BEYOND)

    def untested(self) -> Estimate:
        """The same without a p-value."""
        return replace(self, p_value=None)

    def document(self) -> dict[str, Any]:
        """All of it by name."""
        return {**asdict(self), "detectable": self.detectable}


@dataclass(frozen=True)
class Study:
    """Events (columns of ``EVENTS``), the estimates made of them, and by name what is around them (`paths.PATH`)."""

    events: pl.DataFrame
    estimates: Sequence[Estimate]
    paths: Mapping[str, pl.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """A claim and how it is confronted.

    ``parameters``: a frozen dataclass, its defaults what is tested; ``headline``: the first estimate of the study,
    alone and in less time; ``claimed``: the smallest headline that would matter, with the sign that the claim has, in
    the headline's unit; ``needs``: tables of the history without which there is nothing to test; ``looks_back_days``:
    of bars, before the first decision that can be studied, or the parameter that has them; ``orders``: the trading
    form, where there is one; ``placebo_orders``: the same at levels that are none, by kind, where it trades at levels.
    """

    name: str
    hypothesis: str
    parameters: type[Any]
    study: Callable[[Panel, Any], Study]
    headline: Callable[[Panel, Any], Estimate]
    claimed: float
    needs: tuple[str, ...] = ("levels",)
    looks_back_days: int | str = 0
    orders: Callable[[Panel, Any], Orders] | None = None
    placebo_orders: Callable[[Panel, Any], Mapping[str, Orders]] | None = None
