"""Views: tables that are computed when they are read, declared like the others so that they are documented alike."""

from gex_pipeline.schema.common import (
    EXPIRY_AT,
    IS_RECONSTRUCTED,
    KNOWLEDGE_TIME,
    SCOPE,
    SIDED,
    SIGN_MODEL,
    SNAPSHOT_AT,
    SPOT_USD,
    UNDERLYING,
    VENUE,
    VENUES,
    gex,
    price,
)
from gex_pipeline.schema.derived import LEVELS_ODTE
from gex_pipeline.schema.model import Column, Table


def _sided_columns() -> tuple[Column, ...]:
    columns: list[Column] = []
    for name, unit, what in SIDED:
        net = f"net_{name}" if name == "gex_usd" else name
        columns += [
            Column(f"call_{name}", "float", unit, f"Calls: {what}, naive signs."),
            Column(f"put_{name}", "float", unit, f"Puts: {what}, naive signs."),
            Column(net, "float", unit, f"Calls and puts: {what}, naive signs."),
        ]
    return tuple(columns)


def _twap_columns() -> tuple[Column, ...]:
    """Null with two hours or more to go, and for a venue whose window is not known."""
    what = "gamma exposure of the settlement average, naive signs; null with two hours or more to go."
    return (
        gex("call_gamma_twap_usd", f"Calls: {what}", is_nullable=True),
        gex("put_gamma_twap_usd", f"Puts: {what}", is_nullable=True),
        gex("gamma_twap_usd", f"Calls and puts: {what}", is_nullable=True),
    )


EXPOSURE = Table(
    name="exposure",
    description="Dealer exposures per strike and expiry, computed from `chain` when read.",
    columns=(
        SNAPSHOT_AT,
        KNOWLEDGE_TIME,
        UNDERLYING,
        VENUE,
        EXPIRY_AT,
        price("strike_usd", "Strike."),
        *_sided_columns(),
        gex("gross_gex_usd", "Sum of absolute gamma exposures."),
        *_twap_columns(),
        Column("call_oi_coin", "float", "coin", "Open interest of the calls.", minimum=0),
        Column("put_oi_coin", "float", "coin", "Open interest of the puts.", minimum=0),
    ),
    key=("snapshot_at", "underlying", "venue", "expiry_at", "strike_usd"),
)

GAMMA_TWAP = Table(
    name="gamma_twap",
    description="Gamma in the last two hours of an expiry: plain, and of the average that it settles on.",
    columns=(
        SNAPSHOT_AT,
        KNOWLEDGE_TIME,
        UNDERLYING,
        VENUE,
        EXPIRY_AT,
        Column("tenor_minutes", "float", "minutes", "From the snapshot to expiry.", minimum=0, is_minimum_open=True),
        Column(
            "window_minutes",
            "int",
            "minutes",
            "What the settlement price averages before expiry; null for a venue whose rule is not known.",
            is_nullable=True,
        ),
        gex("net_gex_usd", "Plain gamma of the expiry's book, naive signs."),
        gex("gamma_twap_usd", "Gamma of the settlement average, naive signs; null without a window.", is_nullable=True),
    ),
    key=("snapshot_at", "underlying", "venue", "expiry_at"),
)

LEVELS_WIDE = Table(
    name="levels_wide",
    description="`levels` with one column a level, for plots and joins.",
    columns=(
        SNAPSHOT_AT,
        KNOWLEDGE_TIME,
        UNDERLYING,
        VENUES,
        SCOPE,
        SIGN_MODEL,
        SPOT_USD,
        gex("net_gex_usd", "Net dealer gamma of the whole scope at today's spot."),
        IS_RECONSTRUCTED,
        *(price(level, f"Level `{level}`.", is_nullable=True) for level in LEVELS_ODTE),
    ),
    key=("snapshot_at", "underlying", "venues", "scope", "sign_model"),
)

EXPIRIES = Table(
    name="expiries",
    description="The expiries that were ever listed, with their place in the calendar.",
    columns=(
        UNDERLYING,
        EXPIRY_AT,
        Column(
            "expiry_type",
            "category",
            "",
            "quarterly = last Friday of Mar, Jun, Sep, Dec; monthly = last Friday of another month; "
            "weekly = another Friday; daily = any other day.",
        ),
        Column("is_opex", "bool", "", "True for monthly and quarterly expiries."),
        Column("first_snapshot_at", "timestamp", "UTC", "First snapshot that lists it."),
        Column("last_snapshot_at", "timestamp", "UTC", "Last snapshot that lists it."),
    ),
    key=("underlying", "expiry_at"),
)

#: Tables whose rows count once their run has its row in `backtest_runs`, which is written last.
OF_RUNS = ("backtest_events", "backtest_trades", "backtest_equity", "backtest_stats")
#: View -> the tables and views it reads.
NEEDS = {
    "exposure": ("chain",),
    "gamma_twap": ("exposure",),
    "levels_wide": ("levels",),
    "expiries": ("chain",),
    "realised_vol": ("candles",),
    "volatility": ("implied_vol", "realised_vol", "dvol"),
    "vrp_ex_post": ("implied_vol", "realised_vol"),
    "regime": ("levels", "exposure_totals", "volatility"),
    "regime_transitions": ("exposure_totals",),
    "taker_book": ("chain", "taker_coverage", "taker_inventory"),
    **dict.fromkeys(OF_RUNS, ("backtest_runs",)),
}
