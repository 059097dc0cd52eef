"""Derived tables: pure functions of `chain` and, by the sign model `taker`, of `trades`; rebuilt, never patched."""

from itertools import chain

from gex_pipeline.schema.common import (
    EXPIRY_AT,
    IS_RECONSTRUCTED,
    SCOPED,
    SET,
    SIDED,
    SPOT_USD,
    gex,
    price,
    usd,
)
from gex_pipeline.schema.model import Column, Table

#: Kind of wall (as `core.strike_levels.walls` has them) -> names of the three largest.
WALLS = {
    "call": ("call_resistance", "call_wall_2", "call_wall_3"),
    "put": ("put_support", "put_wall_2", "put_wall_3"),
    "call_net": ("call_resistance_net", "call_resistance_net_2", "call_resistance_net_3"),
    "put_net": ("put_support_net", "put_support_net_2", "put_support_net_3"),
}
#: In the order of `core.strike_levels.extremes`.
EXTREMES = ("max_positive_gamma", "max_negative_gamma", "absolute_gamma")
#: Every level, in the order in which tables and reports show them.
LEVELS_ALL_EXPIRY = ("zero_gamma", "hvl", "hvl_slope", *chain.from_iterable(WALLS.values()), *EXTREMES)
LEVELS_ODTE = (*LEVELS_ALL_EXPIRY, "zero_dte_magnet")
STATUSES = ("ok", "empty", "none_positive", "none_negative", "edge", "multiple")

#: Exposures of `exposure` without a sum: gamma has its own columns.
_NOT_TOTALLED = ("gex_usd", "chex_to_expiry_usd")
_NET_IN_SCOPE = gex("net_gex_usd", "Net dealer gamma of the whole scope at today's spot.")

LEVELS = Table(
    name="levels",
    description="Every level of every snapshot, venue set and scope; an absent level is null with a status.",
    columns=(
        *SCOPED,
        Column(
            "level",
            "category",
            "",
            "Name of the level; docs/from-chain-to-levels.md shows how each is found.",
            choices=LEVELS_ODTE,
        ),
        price("value_usd", "The level: a price or a strike.", is_nullable=True),
        gex(
            "strength_usd",
            "Exposure at the level (hvl_slope: summed up to it), signed by the model; null for zero_gamma and hvl.",
            is_nullable=True,
        ),
        Column("share_of_gross", "float", "1", "|strength_usd| / gross exposure of the scope.", True, 0.0),
        Column(
            "status",
            "category",
            "",
            "ok. Null: empty = nothing there; none_positive, none_negative = net gamma has that sign, no crossing. "
            "Not null: multiple = one of several crossings, edge = at the end of the search range.",
            choices=STATUSES,
        ),
        SPOT_USD,
        _NET_IN_SCOPE,
        IS_RECONSTRUCTED,
    ),
    key=("snapshot_at", "underlying", "venues", "scope", "sign_model", "level"),
    hive=("underlying",),
    period="day",
    sort=("venues", "scope", "sign_model", "level", "snapshot_at"),
    version=2,
)

FLIP_ZONES = Table(
    name="flip_zones",
    description="All crossings of zero of the re-priced gamma profile.",
    columns=(
        *SCOPED,
        price("price_usd", "Spot at which net dealer gamma is zero."),
        Column("direction", "category", "", "up = negative to positive as price rises.", choices=("up", "down")),
        Column("slope_usd", "float", "USD per 1 % per 1 %", "0.01 x S* x d net/dS at the crossing S*."),
        SPOT_USD,
    ),
    key=("snapshot_at", "underlying", "venues", "scope", "sign_model", "price_usd"),
    hive=("underlying",),
    period="day",
    sort=("venues", "scope", "sign_model", "snapshot_at", "price_usd"),
)

GAMMA_PROFILE = Table(
    name="gamma_profile",
    description="The book re-priced at spot x 1.01^k: dealer gamma as a function of price.",
    columns=(
        *SCOPED,
        price("spot_usd", "Hypothetical spot of the grid point."),
        gex("call_gex_usd", "The calls' signed gamma at that spot."),
        gex("put_gex_usd", "The puts' signed gamma at that spot."),
        gex("net_gex_usd", "Their sum."),
    ),
    key=("snapshot_at", "underlying", "venues", "scope", "sign_model", "spot_usd"),
    hive=("underlying",),
    period="day",
    sort=("snapshot_at", "venues", "scope", "sign_model", "spot_usd"),
)

RANKED = Table(
    name="ranked",
    description="The ten strikes with the largest absolute net gamma.",
    columns=(
        *SCOPED,
        Column("rank", "int", "", "1 = largest.", minimum=1, maximum=10),
        price("strike_usd", "Strike."),
        gex("net_gex_usd", "Net gamma at the strike."),
        gex("call_gex_usd", "The calls' signed gamma at the strike."),
        gex("put_gex_usd", "The puts' signed gamma at the strike."),
        SPOT_USD,
    ),
    key=("snapshot_at", "underlying", "venues", "scope", "sign_model", "rank"),
    hive=("underlying",),
    period="day",
    sort=("venues", "scope", "sign_model", "snapshot_at", "rank"),
)

MAX_PAIN = Table(
    name="max_pain",
    description="Per expiry, the listed strike at which option holders would be paid least.",
    columns=(
        *SET,
        EXPIRY_AT,
        price("strike_usd", "The strike with the lowest payout in USD.", is_nullable=True),
        Column("payout_usd", "float", "USD", "Holders' payout at that strike.", True, 0.0),
        price("strike_coin_usd", "The strike with the lowest payout in coins.", is_nullable=True),
        Column(
            "status", "category", "", "empty = fewer than three strikes or no open interest.", choices=("ok", "empty")
        ),
    ),
    key=("snapshot_at", "underlying", "venues", "expiry_at"),
    hive=("underlying",),
    period="day",
    sort=("venues", "snapshot_at", "expiry_at"),
)

EXPECTED_MOVE = Table(
    name="expected_move",
    description="Per expiry, the move the market prices: from at-the-money IV and from the straddle.",
    columns=(
        *SET,
        EXPIRY_AT,
        price("forward_usd", "Median forward of the expiry's rows in the venue set."),
        Column(
            "atm_iv",
            "float",
            "1",
            "IV at strike = forward, linear in total variance between strikes, a fraction.",
            True,
            0.0,
            True,
        ),
        usd("em_1sd_usd", "forward x atm_iv x sqrt(tenor).", is_nullable=True),
        usd("em_straddle_usd", "At-the-forward straddle, from quoted straddles either side.", is_nullable=True),
        usd("em_1sd_straddle_usd", "sqrt(pi / 2) x em_straddle_usd: one standard deviation.", is_nullable=True),
        price("upper_1sd", "F exp(+s): s from the straddle, without one atm_iv x sqrt(tenor).", is_nullable=True),
        price("lower_1sd", "F exp(-s).", is_nullable=True),
        price("upper_2sd", "F exp(+2 s).", is_nullable=True),
        price("lower_2sd", "F exp(-2 s).", is_nullable=True),
        Column(
            "status", "category", "", "empty = neither IV nor straddle brackets the forward.", choices=("ok", "empty")
        ),
    ),
    key=("snapshot_at", "underlying", "venues", "expiry_at"),
    hive=("underlying",),
    period="day",
    sort=("venues", "snapshot_at", "expiry_at"),
)

EXPOSURE_TOTALS = Table(
    name="exposure_totals",
    description="Dealer exposures of the whole scope: the sums of `exposure` over strikes, expiries and the venue set.",
    columns=(
        *SCOPED,
        SPOT_USD,
        _NET_IN_SCOPE,
        Column("gross_gex_usd", "float", "USD per 1 % move", "Sum of absolute gamma exposures.", minimum=0),
        *(Column(name, "float", unit, f"Sum: {what}.") for name, unit, what in SIDED if name not in _NOT_TOTALLED),
    ),
    key=("snapshot_at", "underlying", "venues", "scope", "sign_model"),
    hive=("underlying",),
    period="day",
    sort=("venues", "scope", "sign_model", "snapshot_at"),
)
