"""Touches as a table of events: one row a level and outcome.

The event ``touched`` is decided when the level is; the outcomes of a touch are, when it is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from gex_backtest.bars import Bars, Ints
from gex_backtest.events import table
from gex_backtest.touches import Touches, Watch
from gex_pipeline.core.black76 import Bools, Floats

#: Outcome, unit, value and when it is known; the arrays have the shape of the touches.
Outcome = tuple[str, str, Floats, Ints]


def events(
    bars: Bars, watch: Watch, found: Touches, names: tuple[Any, Any], outcomes: Sequence[Outcome]
) -> pl.DataFrame:
    """Events of every level.

    ``names``: kind and subject of each level, arrays that broadcast to the shape of the touches; ``outcomes``: those of
    touches, beside whether there was one.
    """
    kind, subject = (np.broadcast_to(each, watch.row.shape) for each in names)
    common = {"kind": kind, "subject": subject, "level_usd": watch.level_usd}
    decided = common | {"decided_at": bars.close_at[watch.row], "spot_usd": watch.spot_usd}
    touched = common | {"decided_at": found.known_us, "spot_usd": bars.close[found.row]}
    first = _rows(decided, np.isfinite(watch.level_usd), ("touched", "1", found.touched, found.known_us))
    return pl.concat([first, *(_rows(touched, found.row >= 0, outcome) for outcome in outcomes)])


def _rows(columns: dict[str, Any], chosen: Bools, outcome: Outcome) -> pl.DataFrame:
    name, unit, value, ends = outcome
    arrays = columns | {"value": value, "ends_at": ends}
    return table({key: each[chosen] for key, each in arrays.items()} | {"outcome": name, "unit": unit})
