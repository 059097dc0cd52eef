"""Whether settlements cluster at strikes: their distance from the nearest one, beside that of other prices. Pure.

Distances are shares of that between the two strikes around a price: uniform on (0, 0.5) where no strike attracts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from gex_backtest import estimates, pins
from gex_backtest.bars import DAY_US
from gex_backtest.events import table
from gex_backtest.panel import Panel, micros
from gex_backtest.study import Estimate
from gex_pipeline.core.black76 import Floats

#: Hours from a settlement to 00:00, 04:00, 12:00, 16:00 and 20:00 of its day.
_OTHER_HOURS = (-8, -4, 4, 8, 12)
#: The mean of a uniform distance.
_UNIFORM = 0.25
#: Settlements of its type before one whose gamma is called large or small.
_EARLIER = 5
_NAME, _UNIT = "strike distance less 0.25", "strike spacing"


def settled(known: pl.DataFrame) -> pl.DataFrame:
    """Distances of settlements.

    Parameters
    ----------
    known
        Rows of `pins.decisions` at one lead.

    Returns
    -------
    ``expiry_at``, ``expiry_type``, ``kind`` (settlement), ``at`` (when it was known), ``price_usd``, ``level_usd`` (the
    nearest strike), ``distance`` and ``gross_gex_usd`` of the expiry. Without prices beyond the listed strikes.
    """
    return _measured(known.filter(pl.col("price_usd").is_not_null()), "settlement", "settled_at")


def other_hours(panel: Panel, known: pl.DataFrame) -> pl.DataFrame:
    """The same of closes at other hours of the day, ``kind`` other hour."""
    times = [known.with_columns(at=pl.col("expiry_at") + pl.duration(hours=h)) for h in _OTHER_HOURS]
    priced = [each.with_columns(price_usd=pins.closes(panel.bars, micros(each["at"]))) for each in times]
    return pl.concat([_measured(each, "other hour", "at") for each in priced])


def events(measured: pl.DataFrame) -> pl.DataFrame:
    """Distances as events that are decided when they are known."""
    names = {"expiry_type": "subject", "price_usd": "spot_usd", "distance": "value"}
    at = dict.fromkeys(("decided_at", "ends_at"), measured["at"])
    return table(measured.rename(names).to_dict() | at | {"outcome": "strike distance", "unit": _UNIT})


def compared(settlements: pl.DataFrame, others: pl.DataFrame) -> Iterator[Estimate]:
    """Distances of settlements by type, off round numbers and by gamma; of other hours; and the two of each day."""
    beyond, day = _beyond(settlements), micros(settlements["expiry_at"]) // DAY_US
    gross, types = settlements["gross_gex_usd"].to_numpy(), settlements["expiry_type"].to_numpy()
    is_round = pins.is_round(settlements["level_usd"].to_numpy())
    days = others.group_by("expiry_at").agg(pl.len(), elsewhere=pl.col("distance").mean())
    paired = settlements.join(days.filter(pl.col("len") == len(_OTHER_HOURS)), on="expiry_at", maintain_order="left")
    yield estimates.independent(_NAME, "settlements, all", _UNIT, beyond)
    for kind in ("daily", *pins.FRIDAYS):
        yield estimates.independent(_NAME, f"settlements, {kind}", _UNIT, beyond[types == kind])
    yield estimates.independent(_NAME, "settlements, not round", _UNIT, beyond[~is_round])
    yield estimates.independent(_NAME, "other hours, mean of a day", _UNIT, paired["elsewhere"].to_numpy() - _UNIFORM)
    less = (paired["distance"] - paired["elsewhere"]).to_numpy()
    yield estimates.independent("strike distance less that at other hours", "settlements, all", _UNIT, less)
    large = _large(gross, types)
    name = "strike distance with large less with small gamma"
    yield estimates.difference(name, "settlements, all", _UNIT, beyond + 0.0 * large, large > 0, day)


def _large(gross: Floats, types: Any) -> Floats:
    """1 where gross gamma is above the median of the earlier settlements of that type, else 0; NaN of the first few."""
    found = np.full(len(gross), np.nan)
    for kind in np.unique(types):
        mine = np.flatnonzero(types == kind)
        for i, row in enumerate(mine[_EARLIER:].tolist(), _EARLIER):
            found[row] = gross[row] > np.median(gross[mine[:i]])
    return found


def _beyond(measured: pl.DataFrame) -> Floats:
    return measured["distance"].to_numpy() - _UNIFORM


def _measured(known: pl.DataFrame, kind: str, at: str) -> pl.DataFrame:
    level, distance = pins.nearest(pins.table(known["strikes"]), known["price_usd"].to_numpy())
    gross = pl.col("gross_gex_usd").list.sum()
    measured = known.select("expiry_at", "expiry_type", "price_usd", gross, at=at, kind=pl.lit(kind))
    return measured.with_columns(level_usd=level, distance=distance).filter(pl.col("distance").is_not_nan())
