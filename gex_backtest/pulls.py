"""Whether settlements come to a price: moves towards it, and how far they miss it. Pure.

Distances are of log-prices, in standard deviations of the price until the settlement: sigma sqrt(lead).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from gex_backtest.study import EVENTS
from gex_pipeline.core.black76 import Bools, Floats

UNIT = "sigma sqrt(lead)"


@dataclass(frozen=True, eq=False)
class Drawn:
    """A candidate and what became of it, arrays of shape (decisions,); NaN where there is none or nothing yet.

    ``known``: rows of `pins.decisions`; ``level`` in USD; ``distance`` of it from spot; ``is_near``: within reach, and
    not spot itself; ``outcomes``: pull, closer (NaN unless near) and miss.
    """

    known: pl.DataFrame
    level: Floats
    distance: Floats
    is_near: Bools
    outcomes: dict[str, Floats]

    @staticmethod
    def to(known: pl.DataFrame, level: Floats, reach: float) -> Drawn:
        """Towards a level (USD), of which those at most ``reach`` away are near."""
        spot, sd = known["spot_usd"].to_numpy(), known["sd"].to_numpy()
        price = known["price_usd"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        d, x = np.log(level / spot) / sd, np.log(price / spot) / sd
        is_near = (np.abs(d) <= reach) & (d != 0.0)
        pull = np.where(is_near, np.sign(d) * x, np.nan)
        closer = np.clip(pull, -np.abs(d), np.abs(d))
        return Drawn(known, level, d, is_near, {"pull": pull, "closer": closer, "miss": np.abs(x - d) - np.abs(x)})

    def events(self, name: str) -> pl.DataFrame:
        """All outcomes as events of a kind; their subject is the type of the expiry."""
        known = self.known.with_columns(level_usd=self.level, is_near=self.is_near)
        return pl.concat([_events(known, name, outcome, value) for outcome, value in self.outcomes.items()])


def _events(known: pl.DataFrame, name: str, outcome: str, value: Floats) -> pl.DataFrame:
    is_event = pl.col("level_usd").is_not_nan() & (pl.col("is_near") | pl.lit(outcome == "miss"))
    events = known.with_columns(
        ends_at="settled_at",
        kind=pl.lit(name),
        subject="expiry_type",
        outcome=pl.format("{}, {} h", pl.lit(outcome), "lead_hours"),
        unit=pl.lit(UNIT),
        value=pl.Series(value).fill_nan(None),
    )
    return events.filter(is_event).select(*EVENTS)
