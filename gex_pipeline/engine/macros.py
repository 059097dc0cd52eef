"""What the SQL macros compute: the answers of the commands as rows.

Belongs here: arguments -> the rows a macro declares. Which snapshot answers is for `answers`, every number for
`transforms`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import polars as pl

from gex_pipeline.core.instruments import underlying_of
from gex_pipeline.core.window import Window
from gex_pipeline.engine.answers import Asked, ask, whole_set
from gex_pipeline.present import strikes
from gex_pipeline.present.choices import expiry_of
from gex_pipeline.store.partitions import Store
from gex_pipeline.transforms.contracts import ALL_VENUES
from gex_pipeline.transforms.levels import levels


def functions(store: Store) -> dict[str, Callable[..., pl.DataFrame]]:
    """Macro name -> the function of its arguments."""
    return {
        "levels_for": partial(_levels_for, store),
        "strike_profile": partial(_strike_profile, store),
        "strike_expiry_heatmap": partial(_strike_expiry_heatmap, store),
    }


def _levels_for(store: Store, **arguments: Any) -> pl.DataFrame:
    asked = _ask(store, **arguments)
    return _with_question(asked, whole_set(levels(asked.book, asked.sign_model)))


def _strike_profile(store: Store, *, expiry: str, **arguments: Any) -> pl.DataFrame:
    asked = _ask(store, **arguments)
    chosen = strikes.of_expiry(asked.strikes, asked.found.snapshot_at, expiry_of(expiry))
    return _with_question(asked, strikes.per_strike(chosen))


def _strike_expiry_heatmap(store: Store, **arguments: Any) -> pl.DataFrame:
    asked = _ask(store, **arguments)
    return _with_question(asked, asked.strikes)


def _ask(
    store: Store, *, underlying: str, at: datetime, venues: list[str] | None, sign_model: str, **window: float | None
) -> Asked:
    coin = underlying_of(underlying)
    return ask(store, coin, at=at, venues=venues, sign_model=sign_model, window=Window(**window))


def _with_question(asked: Asked, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with what was asked and how old the answer is."""
    whole, found = asked.whole, asked.found
    return rows.with_columns(
        snapshot_at=pl.lit(found.snapshot_at),
        knowledge_time=pl.lit(int(whole.knowledge[0, 0])).cast(pl.Datetime("us", "UTC")),
        underlying=pl.lit(asked.underlying),
        venues=pl.lit(ALL_VENUES if asked.venues is None else ",".join(whole.venue_names)),
        sign_model=pl.lit(asked.sign_model),
        spot_usd=pl.lit(float(whole.spots[0, 0])),
        age_seconds=pl.lit(found.age_seconds(asked.at)),
        is_stale=pl.lit(found.is_stale(asked.at)),
    )
