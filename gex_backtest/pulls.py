"""Whether settlements come to a price: moves towards it, and how far they miss it. Pure.

Distances are of log-prices, in standard deviations of the price until the settlement: sigma sqrt(lead).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from gex_backtest.events import table
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
        known = self.known.rename({"settled_at": "ends_at", "expiry_type": "subject"})
        shared = known.to_dict() | {"kind": name, "level_usd": self.level, "unit": UNIT}
        is_there, parts = np.isfinite(self.level), []
        for outcome, value in self.outcomes.items():
            told = known.select(pl.format("{}, {} h", pl.lit(outcome), "lead_hours")).to_series()
            made = table(shared | {"outcome": told, "value": value})
            parts.append(made.filter(is_there & (self.is_near | (outcome == "miss"))))
        return pl.concat(parts)
