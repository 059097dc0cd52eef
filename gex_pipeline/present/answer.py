"""What an as-of question gets back: the shape that documents, tables and plots are made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Answer:
    """Everything about one underlying at one snapshot, for one venue set, sign model and strike window.

    ``filters`` holds what was asked for: ``venues`` (None: all), ``moneyness_min``, ``moneyness_max``,
    ``spot_window_pct``; None where not asked. ``levels``, ``flip_zones``, ``ranked`` and ``profile`` are rows of the
    tables of those names (`profile`: `gamma_profile`), both scopes; ``exposure`` has one row per expiry and strike
    with the sign model applied. ``absent_venues``: not asked to be left out, stored in the same period, but without a
    row at this snapshot. ``perps_usd``: mark of the perpetuals, None where none is stored. ``max_pain`` and
    ``expected_move`` ignore the strike window: they are about expiries. ``coverage``: the row of `taker_coverage`, None
    where positions do not come from trades.
    """

    underlying: str
    snapshot_at: datetime
    knowledge_time: datetime
    age_seconds: float
    is_stale: bool
    is_synthetic: bool
    spot_usd: float
    venues: list[str]
    sign_model: str
    filters: dict[str, Any]
    levels: pl.DataFrame
    flip_zones: pl.DataFrame
    ranked: pl.DataFrame
    profile: pl.DataFrame
    max_pain: pl.DataFrame
    expected_move: pl.DataFrame
    exposure: pl.DataFrame
    candles: pl.DataFrame | None = None
    absent_venues: list[str] = field(default_factory=list)
    perps_usd: float | None = None
    coverage: pl.DataFrame | None = None
