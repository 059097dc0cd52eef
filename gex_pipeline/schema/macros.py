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

_UNDERLYING = Argument("underlying", "VARCHAR", "", "BTC or BTCUSDT; the only one without a default.")
_AT = Argument("at", "TIMESTAMPTZ", "NULL", "As of this time: the latest snapshot that was known then; NULL = now.")
_VENUES = Argument("venues", "VARCHAR[]", "NULL", "Only these venues, as ['deribit', 'okx']; NULL = all.")
_ARGUMENTS = (
    _UNDERLYING,
    _AT,
    _VENUES,
    Argument("sign_model", "VARCHAR", "'naive'", "naive, short_all, unsigned, or taker where trades are stored."),
    Argument("moneyness_min", "DOUBLE", "NULL", "Only strikes with K/S of at least this."),
    Argument("moneyness_max", "DOUBLE", "NULL", "Only strikes with K/S of at most this."),
    Argument("spot_window_pct", "DOUBLE", "NULL", "Only strikes within this many per cent of spot."),
)
_EXPIRY = Argument("expiry", "VARCHAR", "'all'", "all, odte (at most 24 hours to expiry) or a date as '2026-12-25'.")

_HOURS = Argument("hours", "DOUBLE", "24", "Compared with what was known so many hours before `at`.")
_TOP = Argument("top", "BIGINT", "10", "At most so many strikes.")

_AGE = (
    Column("age_seconds", "float", "s", "From the snapshot to the time asked about.", minimum=0),
    Column("is_stale", "bool", "", "Older than twice the usual interval between snapshots (of one: an hour)."),
)
_QUESTION = (SNAPSHOT_AT, KNOWLEDGE_TIME, UNDERLYING, VENUES, SIGN_MODEL, SPOT_USD)
_UNKNOWN = "By the trades null where none of these contracts has one."
_STRIKE = (
    price("strike_usd", "Strike."),
    gex("call_gex_usd", f"The calls' signed gamma. {_UNKNOWN}", is_nullable=True),
    gex("put_gex_usd", f"The puts' signed gamma. {_UNKNOWN}", is_nullable=True),
    gex("net_gex_usd", f"Their sum, as far as known. {_UNKNOWN}", is_nullable=True),
    gex("gross_gex_usd", f"Sum of absolute gamma exposures. {_UNKNOWN}", is_nullable=True),
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

_COMPARED_WITH = (
    Column(
        "snapshot_before_at",
        "timestamp",
        "UTC",
        "The earlier snapshot, compared with or not; null where none was known.",
        is_nullable=True,
    ),
    Column(
        "status",
        "category",
        "",
        "ok; partial = a venue lacks one of the snapshots and is left out of both. With nothing to compare with: none "
        "= no snapshot of these venues was known then; same = none has come since; stale = it was older than twice the "
        "usual interval.",
        choices=("ok", "partial", "none", "same", "stale"),
    ),
)


def _oi_columns() -> tuple[Column, ...]:
    columns: list[Column] = []
    for side in ("call", "put"):
        columns += [
            Column(f"{side}_oi_coin", "float", "coin", f"Open interest of the {side}s.", minimum=0),
            Column(
                f"{side}_oi_before_coin",
                "float",
                "coin",
                "The same earlier. Null of a new listing, and where a contract of today had no usable row.",
                is_nullable=True,
                minimum=0,
            ),
            Column(
                f"{side}_oi_change_coin",
                "float",
                "coin",
                "The difference; of a new listing, all of it. Null where a contract of today had no usable row.",
                is_nullable=True,
            ),
        ]
    return tuple(columns)


OI_CHANGES = Macro(
    Table(
        name="oi_changes",
        description="Open interest per expiry and strike now and some hours before, venues summed; what is listed now.",
        columns=(
            SNAPSHOT_AT,
            KNOWLEDGE_TIME,
            UNDERLYING,
            VENUES,
            SPOT_USD,
            *_COMPARED_WITH,
            EXPIRY_AT,
            price("strike_usd", "Strike."),
            *_oi_columns(),
            Column(
                "is_new",
                "bool",
                "",
                "No contract of this expiry and strike was listed before, be it without a usable row.",
                is_nullable=True,
            ),
            *_AGE,
        ),
        key=("expiry_at", "strike_usd"),
    ),
    (_UNDERLYING, _AT, _VENUES, _HOURS),
)

GEX_CHANGES = Macro(
    Table(
        name="gex_changes",
        description="The strikes whose net gamma changed most in some hours, and why; expiries and venues summed.",
        columns=(
            *_QUESTION,
            *_COMPARED_WITH,
            Column(
                "rank",
                "int",
                "",
                "By falling |change_usd|, from 1. Null where there is nothing to compare with: the rows are then the "
                "strikes with the largest |net_gex_usd|.",
                is_nullable=True,
                minimum=1,
            ),
            price("strike_usd", "Strike."),
            gex("net_gex_usd", "Net gamma now."),
            gex("net_gex_before_usd", "The same earlier.", is_nullable=True),
            gex("change_usd", "The difference: the sum of the three below.", is_nullable=True),
            gex("expired_usd", "Due to contracts that have expired in between.", is_nullable=True),
            gex("oi_usd", "Due to open interest, at the earlier prices and IV; a new listing whole.", is_nullable=True),
            gex(
                "rest_usd",
                "The rest: price, IV, time, and contracts that are or were listed without a usable row.",
                is_nullable=True,
            ),
            *_AGE,
        ),
        key=("strike_usd",),
    ),
    (_UNDERLYING, _AT, _VENUES, _HOURS, _TOP),
)
