"""The strikes that a question is about. Belongs here: the bounds and what they may be; they are applied in transforms.

Light on purpose: the command line checks a window before anything slow is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass

from gex_pipeline.errors import UsageError


@dataclass(frozen=True)
class Window:
    """Inclusive bounds on K/S, and a symmetric window around spot in per cent; None: no bound.

    Raises ``UsageError`` for a bound that is no positive number and for bounds that are the wrong way round.
    """

    moneyness_min: float | None = None
    moneyness_max: float | None = None
    spot_window_pct: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"{name} {value:g} must be a positive number")
        low, high = self.moneyness_min, self.moneyness_max
        if low is not None and high is not None and low > high:
            raise UsageError(f"moneyness_min {low:g} is above moneyness_max {high:g}")
