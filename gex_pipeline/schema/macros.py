"""Table macros: questions in SQL with named arguments, declared like the tables they return."""

from __future__ import annotations

from gex_pipeline.schema.common import (
    EXPIRY_AT,
    KNOWLEDGE_TIME,
    SIGN_MODEL,
    SNAPSHOT_AT,
    SPOT_USD,
    UNDERLYING,
    VENUES,
    gex,
    price,
)
from gex_pipeline.schema.derived import LEVELS
from gex_pipeline.schema.model import Argument, Column, Macro, Table

_ARGUMENTS = (
    Argument("underlying", "VARCHAR", "", "BTC or BTCUSDT; the only one without a default."),
    Argument("at", "TIMESTAMPTZ", "NULL", "As of this time: the latest snapshot that was known then; NULL = now."),
    Argument("venues", "VARCHAR[]", "NULL", "Only these venues, as ['deribit', 'okx']; NULL = all."),
    Argument("sign_model", "VARCHAR", "'naive'", "naive, short_all, unsigned, or taker where trades are stored."),
    Argument("moneyness_min", "DOUBLE", "NULL", "Only strikes with K/S of at least this."),
    Argument("moneyness_max", "DOUBLE", "NULL", "Only strikes with K/S of at most this."),
    Argument("spot_window_pct", "DOUBLE", "NULL", "Only strikes within this many per cent of spot."),
)
_EXPIRY = Argument("expiry", "VARCHAR", "'all'", "all, odte (at most 24 hours to expiry) or a date as '2026-12-25'.")

_AGE = (
    Column("age_seconds", "float", "s", "From the snapshot to the time asked about.", minimum=0),
    Column("is_stale", "bool", "", "Older than twice the usual interval between snapshots (of one: an hour)."),
)
_QUESTION = (SNAPSHOT_AT, KNOWLEDGE_TIME, UNDERLYING, VENUES, SIGN_MODEL, SPOT_USD)
_STRIKE = (
    price("strike_usd", "Strike."),
    gex("call_gex_usd", "The calls' signed gamma."),
    gex("put_gex_usd", "The puts' signed gamma."),
    gex("net_gex_usd", "Their sum."),
    gex("gross_gex_usd", "Sum of absolute gamma exposures."),
    Column("call_oi_coin", "float", "coin", "Open interest of the calls.", minimum=0),
    Column("put_oi_coin", "float", "coin", "Open interest of the puts.", minimum=0),
)

LEVELS_FOR = Macro(
    Table(
        name="levels_for",
        description="`levels` recomputed as of a time for any venues, signs and strikes.",
        columns=(*LEVELS.columns, *_AGE),
        key=("scope", "level"),
    ),
    _ARGUMENTS,
)

STRIKE_PROFILE = Macro(
    Table(
        name="strike_profile",
        description="Dealer gamma and open interest per strike, expiries and venues summed.",
        columns=(*_QUESTION, *_STRIKE, *_AGE),
        key=("strike_usd",),
    ),
    (*_ARGUMENTS, _EXPIRY),
)

STRIKE_EXPIRY_HEATMAP = Macro(
    Table(
        name="strike_expiry_heatmap",
        description="Dealer gamma and open interest per expiry and strike, venues summed; a row where a contract is.",
        columns=(*_QUESTION, EXPIRY_AT, *_STRIKE, *_AGE),
        key=("expiry_at", "strike_usd"),
    ),
    _ARGUMENTS,
)
