"""What the SQL macros compute: the answers of the commands as rows.

Belongs here: an :class:`Answer` -> the rows a macro declares. Which snapshot answers, and every number, is `answers`'.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import polars as pl

from gex_pipeline.core.instruments import underlying_of
from gex_pipeline.core.window import Window
from gex_pipeline.engine.answers import answer
from gex_pipeline.present import strikes
from gex_pipeline.present.answer import Answer
from gex_pipeline.present.choices import expiry_of
from gex_pipeline.store.partitions import Store
from gex_pipeline.transforms.contracts import ALL_VENUES


def functions(store: Store) -> dict[str, Callable[..., pl.DataFrame]]:
    """Macro name -> the function of its arguments."""
    return {
        "levels_for": partial(_levels_for, store),
        "strike_profile": partial(_strike_profile, store),
        "strike_expiry_heatmap": partial(_strike_expiry_heatmap, store),
    }


def _levels_for(store: Store, **arguments: Any) -> pl.DataFrame:
    found = _answer(store, **arguments)
    return _with_question(found, found.levels)


def _strike_profile(store: Store, *, expiry: str, **arguments: Any) -> pl.DataFrame:
    found = _answer(store, **arguments)
    rows = strikes.of_expiry(found.exposure, found.snapshot_at, expiry_of(expiry))
    return _with_question(found, strikes.per_strike(rows))


def _strike_expiry_heatmap(store: Store, **arguments: Any) -> pl.DataFrame:
    found = _answer(store, **arguments)
    return _with_question(found, found.exposure)


def _answer(
    store: Store, *, underlying: str, at: datetime, venues: list[str] | None, sign_model: str, **window: float | None
) -> Answer:
    return answer(
        store, underlying_of(underlying), at=at, venues=venues, sign_model=sign_model, window=Window(**window)
    )


def _with_question(found: Answer, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with what was asked and how old the answer is."""
    venues = found.filters["venues"]
    return rows.with_columns(
        snapshot_at=pl.lit(found.snapshot_at),
        knowledge_time=pl.lit(found.knowledge_time),
        underlying=pl.lit(found.underlying),
        venues=pl.lit(ALL_VENUES if venues is None else ",".join(found.venues)),
        sign_model=pl.lit(found.sign_model),
        spot_usd=pl.lit(found.spot_usd),
        age_seconds=pl.lit(found.age_seconds),
        is_stale=pl.lit(found.is_stale),
    )
