"""A small answer whose every number can be checked by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from gex_pipeline.present.answer import Answer
from gex_pipeline.schema.derived import LEVELS_ALL_EXPIRY, LEVELS_ODTE

SNAPSHOT = datetime(2026, 3, 17, 16, 0, tzinfo=UTC)
FRONT = datetime(2026, 3, 18, 8, 0, tzinfo=UTC)  # 16 hours away: 0DTE
BACK = datetime(2026, 3, 27, 8, 0, tzinfo=UTC)
SPOT = 100.0

#: expiry, strike, call and put dollar gamma, call and put open interest
EXPOSURE = [
    (FRONT, 90.0, 1.0, -20.0, 5.0, 50.0),
    (FRONT, 100.0, 30.0, -30.0, 60.0, 61.0),
    (FRONT, 110.0, 40.0, -2.0, 70.0, 7.0),
    (BACK, 80.0, 0.0, -8.0, 0.0, 9.0),
    (BACK, 90.0, 2.0, -30.0, 6.0, 80.0),
    (BACK, 110.0, 50.0, -5.0, 90.0, 8.0),
    (BACK, 200.0, 4.0, 0.0, 11.0, 0.0),
]


def exposure_frame() -> pl.DataFrame:
    columns = ["expiry_at", "strike_usd", "call_gex_usd", "put_gex_usd", "call_oi_coin", "put_oi_coin"]
    frame = pl.DataFrame(EXPOSURE, schema=columns, orient="row").with_columns(
        pl.col("expiry_at").cast(pl.Datetime("us", "UTC"))
    )
    return frame.with_columns(
        venue=pl.lit("deribit"),
        net_gex_usd=pl.col("call_gex_usd") + pl.col("put_gex_usd"),
        gross_gex_usd=pl.col("call_gex_usd") - pl.col("put_gex_usd"),
    )


def known_in_part() -> pl.DataFrame:
    """As `exposure_frame`, by trades: of 80 and of the front 90 nothing is known, of 200 and the back 90 no put."""
    is_unknown = (pl.col("strike_usd") == 80.0) | ((pl.col("strike_usd") == 90.0) & (pl.col("expiry_at") == FRONT))
    has_no_put = is_unknown | (pl.col("strike_usd") == 200.0) | (pl.col("strike_usd") == 90.0)
    whole = ("call_gex_usd", "net_gex_usd", "gross_gex_usd")
    return exposure_frame().with_columns(
        pl.when(~has_no_put).then("put_gex_usd").alias("put_gex_usd"),
        *(pl.when(~is_unknown).then(pl.when(has_no_put).then("call_gex_usd").otherwise(c)).alias(c) for c in whole),
    )


def levels_frame() -> pl.DataFrame:
    values = {
        ("all_expiry", "zero_gamma"): (97.5, None, "multiple"),
        ("all_expiry", "call_resistance"): (110.0, 90.0, "ok"),
        ("all_expiry", "put_support"): (90.0, -50.0, "ok"),
        ("odte", "zero_gamma"): (None, None, "none_positive"),
        ("odte", "put_support"): (90.0, -20.0, "ok"),
    }
    rows = [
        (scope, level, *values.get((scope, level), (None, None, "empty")), SPOT, 32.0)
        for scope, names in (("all_expiry", LEVELS_ALL_EXPIRY), ("odte", LEVELS_ODTE))
        for level in names
    ]
    schema = {
        "scope": pl.String,
        "level": pl.String,
        "value_usd": pl.Float64,
        "strength_usd": pl.Float64,
        "status": pl.String,
        "spot_usd": pl.Float64,
        "net_gex_usd": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def ranked_frame() -> pl.DataFrame:
    rows = [
        ("odte", 2, 90.0, -19.0, 1.0, -20.0),
        ("odte", 1, 110.0, 38.0, 40.0, -2.0),
        ("all_expiry", 1, 110.0, 83.0, 90.0, -7.0),
    ]
    columns = ["scope", "rank", "strike_usd", "net_gex_usd", "call_gex_usd", "put_gex_usd"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def expected_move_frame() -> pl.DataFrame:
    columns = ["expiry_at", "forward_usd", "atm_iv", "upper_1sd", "lower_1sd", "upper_2sd", "lower_2sd", "status"]
    rows = [(BACK, 101.0, 0.5, 110.0, 91.0, 120.0, 82.0, "ok"), (FRONT, 100.0, None, None, None, None, None, "empty")]
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        pl.col("expiry_at").cast(pl.Datetime("us", "UTC"))
    )


def max_pain_frame() -> pl.DataFrame:
    columns = ["expiry_at", "strike_usd", "payout_usd", "strike_coin_usd", "status"]
    rows = [(BACK, None, None, None, "empty"), (FRONT, 100.0, 1234.5, 110.0, "ok")]
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        pl.col("expiry_at").cast(pl.Datetime("us", "UTC"))
    )


def flip_zones_frame() -> pl.DataFrame:
    rows = [
        ("all_expiry", 112.0, "down", -3.0),
        ("all_expiry", 97.5, "up", 7.5),
        ("odte", 95.0, "up", 1.0),
    ]
    return pl.DataFrame(rows, schema=["scope", "price_usd", "direction", "slope_usd"], orient="row")


def profile_frame() -> pl.DataFrame:
    spots = [SPOT * 1.01**k for k in range(-60, 41)]
    call, put = [0.5 * s for s in spots], [-48.75] * len(spots)
    net = [c + p for c, p in zip(call, put, strict=True)]
    columns = {"spot_usd": spots, "call_gex_usd": call, "put_gex_usd": put, "net_gex_usd": net}
    return pl.DataFrame(columns).with_columns(scope=pl.lit("all_expiry"))


def candles_frame(count: int) -> pl.DataFrame:
    opened = [datetime(2026, 3, 10 + i // 24, i % 24, tzinfo=UTC) for i in range(count)]
    return pl.DataFrame(
        {"open_at": opened, "open": 1.0, "high": 3.0, "low": 0.5, "close": 2.0, "volume_coin": None},
        schema_overrides={"volume_coin": pl.Float64},
    )


@pytest.fixture
def make_answer() -> Callable[..., Answer]:
    """The small answer; keyword arguments replace its fields."""

    def make(**changes: Any) -> Answer:
        fields: dict[str, Any] = {
            "underlying": "BTC",
            "snapshot_at": SNAPSHOT,
            "knowledge_time": SNAPSHOT,
            "spot_usd": SPOT,
            "venues": ["deribit"],
            "is_stale": False,
            "is_synthetic": False,
            "age_seconds": 90.0,
            "sign_model": "naive",
            "filters": {"venues": None, "moneyness_min": None, "moneyness_max": None, "spot_window_pct": None},
            "levels": levels_frame(),
            "flip_zones": flip_zones_frame(),
            "ranked": ranked_frame(),
            "max_pain": max_pain_frame(),
            "expected_move": expected_move_frame(),
            "candles": candles_frame(48),
            "exposure": exposure_frame(),
            "profile": profile_frame(),
        }
        return Answer(**(fields | changes))

    return make


@pytest.fixture
def partly_known(make_answer: Callable[..., Answer]) -> Answer:
    """By trades, and not all is known."""
    return make_answer(exposure=known_in_part(), sign_model="taker")


@pytest.fixture
def unknown(make_answer: Callable[..., Answer]) -> Answer:
    """By trades, and nothing is known of any strike."""
    absent = [pl.lit(None, pl.Float64).alias(f"{c}_gex_usd") for c in ("call", "put", "net", "gross")]
    return make_answer(exposure=exposure_frame().with_columns(*absent), sign_model="taker")
