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
from gex_pipeline.engine.changes import Compared, compare
from gex_pipeline.errors import UsageError
from gex_pipeline.present import strikes
from gex_pipeline.present.choices import expiry_of
from gex_pipeline.store.partitions import Store
from gex_pipeline.transforms.contracts import ALL_VENUES
from gex_pipeline.transforms.gex_changes import gex_changes
from gex_pipeline.transforms.levels import levels
from gex_pipeline.transforms.oi_changes import oi_changes


def functions(store: Store) -> dict[str, Callable[..., pl.DataFrame]]:
    """Macro name -> the function of its arguments."""
    return {
        "levels_for": partial(_levels_for, store),
        "strike_profile": partial(_strike_profile, store),
        "strike_expiry_heatmap": partial(_strike_expiry_heatmap, store),
        "oi_changes": partial(_oi_changes, store),
        "gex_changes": partial(_gex_changes, store),
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


def _oi_changes(store: Store, **arguments: Any) -> pl.DataFrame:
    compared = _compare(store, **arguments)
    return _with_comparison(compared, oi_changes(compared.asked.chain, compared.before, compared.rejected))


def _gex_changes(store: Store, *, top: int, **arguments: Any) -> pl.DataFrame:
    if top < 1:
        raise UsageError(f"top {top} must be at least 1")
    compared = _compare(store, **arguments)
    spot_usd = float(compared.asked.whole.spots[0, 0])
    books = (compared.asked.chain, compared.before, compared.rejected)
    return _with_comparison(compared, gex_changes(*books, spot_usd=spot_usd, top=top))


def _compare(store: Store, *, underlying: str, **arguments: Any) -> Compared:
    return compare(store, underlying_of(underlying), **arguments)


def _with_comparison(compared: Compared, rows: pl.DataFrame) -> pl.DataFrame:
    """As :func:`_with_question`, and what the rows are compared with; known once both snapshots were."""
    whole = _with_question(compared.asked, rows).with_columns(
        snapshot_before_at=pl.lit(compared.before_at).cast(pl.Datetime("us", "UTC")),
        status=pl.lit(compared.status),
    )
    if compared.before is None:
        return whole
    known = compared.before["knowledge_time"].max()
    return whole.with_columns(knowledge_time=pl.max_horizontal("knowledge_time", pl.lit(known)))


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
