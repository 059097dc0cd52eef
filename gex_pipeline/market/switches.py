"""What is true in a made-up market, and how large it is: switches that a test of the backtests turns."""

from __future__ import annotations

from dataclasses import dataclass, fields

from gex_pipeline.errors import UsageError

#: Switch -> lowest and highest value that means something.
_BOUNDS = {
    "feedback": (0.0, 2.0),
    "walls": (0.0, 3.0),
    "pinning": (0.0, 2.0),
    "agreement": (-1.0, 1.0),
    "premium": (0.0, 3.0),
}


@dataclass(frozen=True)
class Switches:
    """Pure numbers; 0 turns an effect off.

    Attributes
    ----------
    feedback
        kappa: how strongly prices feel the dealers' hedging. 0: the null market, whose price knows of no option.
    walls
        Open interest that gathers at two round strikes above and below spot, dealers long, and how strongly the strikes
        with the most gamma of calls above and puts below are defended (feedback off: not at all).
    pinning
        Open interest that gathers at the round strike nearest to spot in the last days of an expiry, dealers long.
    agreement
        Whether customers sell calls and buy puts, as the naive sign convention has it: 1 always, 0 as often as not, -1
        the other way round.
    premium
        What sellers of options ask beyond the volatility that is to be expected: 1 is 12 % of it at once, and half as
        much over a month. 0: implied variance is fair in the mean over 30 days.
    """

    feedback: float = 1.0
    walls: float = 1.0
    pinning: float = 1.0
    agreement: float = 0.8
    premium: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            low, high = _BOUNDS[field.name]
            value = getattr(self, field.name)
            if not isinstance(value, int | float) or not low <= value <= high:
                raise UsageError(f"{field.name} = {value!r} cannot be: a number from {low:g} to {high:g}")


USUAL = Switches()
NULL = Switches(feedback=0.0, premium=0.0)
