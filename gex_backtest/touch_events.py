"""Touches as a table of events, see `study.EVENTS`: one row a level and outcome.

The event ``touched`` is decided when the level is; the outcomes of a touch are, when it is known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from gex_backtest.bars import Bars, Ints
from gex_backtest.study import EVENTS
from gex_backtest.touches import Touches, Watch
from gex_pipeline.core.black76 import Floats

#: Outcome, unit, value and when it is known; the arrays have the shape of the touches.
Outcome = tuple[str, str, Floats, Ints]


def events(
    bars: Bars, watch: Watch, found: Touches, names: tuple[object, object], outcomes: Sequence[Outcome]
) -> pl.DataFrame:
    """``names``: kind and subject of each level, arrays that broadcast to the shape of the touches.

    ``outcomes``: those beside whether it was touched, which are of touches alone.
    """
    kind, subject = (np.broadcast_to(np.asarray(each), watch.row.shape) for each in names)
    common = {"kind": kind, "subject": subject, "level_usd": watch.level_usd}
    decided = {"decided_at": bars.close_at[watch.row], "spot_usd": watch.spot_usd}
    touched = {"decided_at": found.known_us, "spot_usd": bars.close[np.maximum(found.row, 0)]}
    rows = [(decided, np.isfinite(watch.level_usd), ("touched", "1", found.touched, found.known_us))]
    rows += [(touched, found.row >= 0, outcome) for outcome in outcomes]
    return pl.concat(
        _table(common | moment | {"value": value, "ends_at": ends}, chosen, outcome, unit)
        for moment, chosen, (outcome, unit, value, ends) in rows
    )


def _table(columns: dict[str, np.ndarray], chosen: np.ndarray, outcome: str, unit: str) -> pl.DataFrame:
    picked = {name: values[chosen] for name, values in columns.items()}
    frame = pl.DataFrame(picked).with_columns(outcome=pl.lit(outcome), unit=pl.lit(unit))
    return frame.select(pl.col(name).cast(kind) for name, kind in EVENTS.items()).with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )
