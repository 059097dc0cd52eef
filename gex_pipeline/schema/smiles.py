"""Derived tables of what each expiry's smile and positions say: pure functions of `chain`, rebuilt, not patched."""

from gex_pipeline.schema.common import EXPIRY_AT, SET, gex, price
from gex_pipeline.schema.derived import STATUSES
from gex_pipeline.schema.model import Column, Table

EXPIRY_TYPES = ("daily", "weekly", "monthly", "quarterly")
SUMMARY_STATUSES = ("ok", "partial", "empty")
DENSITY_STATUSES = ("ok", "empty", "arbitrage")
TERM_STATUSES = ("ok", "empty", "outside")
#: The most that a distribution may have to be raised to be one; below 2.5 %, so that its outer quantiles exist.
ARBITRAGE = 0.02


def _iv(name: str, description: str) -> Column:
    return Column(name, "float", "1", description, True, 0.0, is_minimum_open=True)


def _vol(name: str, description: str) -> Column:
    return Column(name, "float", "1", description, is_nullable=True)


def _coin(name: str, description: str, *, is_nullable: bool = False) -> Column:
    return Column(name, "float", "coin", description, is_nullable, 0.0)


def _ratio(name: str, description: str) -> Column:
    return Column(name, "float", "1", description, True, 0.0)


def _probability(name: str, description: str) -> Column:
    return Column(name, "float", "1", description, True, 0.0, maximum=1.0)


def _zero_gamma(name: str, what: str) -> tuple[Column, Column]:
    return (
        price(
            f"zero_gamma_{name}_usd",
            f"Zero gamma (see `levels`) of the book of {what}; for venues = all only, null for single venues.",
            is_nullable=True,
        ),
        Column(
            f"zero_gamma_{name}_status",
            "category",
            "",
            f"Of zero_gamma_{name}_usd, as in `levels`; null for single venues.",
            True,
            choices=STATUSES,
        ),
    )


EXPIRY_SUMMARY = Table(
    name="expiry_summary",
    description="Per expiry: smile, positions, gamma, and the book with and without it.",
    columns=(
        *SET,
        EXPIRY_AT,
        Column(
            "expiry_type",
            "category",
            "",
            "quarterly = last Friday of March, June, September, December; monthly = of another month; weekly = another "
            "Friday; daily = another day.",
            choices=EXPIRY_TYPES,
        ),
        Column("is_opex", "bool", "", "Monthly or quarterly."),
        Column("is_anchor", "bool", "", "The nearest OPEX that the venue set lists."),
        price("forward_usd", "Median forward of the expiry's rows in the venue set."),
        _iv("atm_iv", "IV at strike = forward, as in `expected_move`, a fraction."),
        _iv(
            "put_25d_iv", "IV of the put of delta -0.25, total variance linear in delta between contracts, a fraction."
        ),
        _iv("call_25d_iv", "IV of the call of delta 0.25."),
        _iv("put_10d_iv", "IV of the put of delta -0.10."),
        _iv("call_10d_iv", "IV of the call of delta 0.10."),
        _vol("skew_25d", "put_25d_iv - call_25d_iv."),
        _vol("butterfly_25d", "(put_25d_iv + call_25d_iv) / 2 - atm_iv."),
        _vol("skew_10d", "put_10d_iv - call_10d_iv."),
        _vol("butterfly_10d", "(put_10d_iv + call_10d_iv) / 2 - atm_iv."),
        Column(
            "smile_status",
            "category",
            "",
            "ok = all five IVs; partial = contracts do not reach a delta or the forward: null there; empty = no IV.",
            choices=SUMMARY_STATUSES,
        ),
        _coin("call_oi_coin", "Open interest of the calls."),
        _coin("put_oi_coin", "Open interest of the puts."),
        _ratio("put_call_oi_ratio", "put_oi_coin / call_oi_coin; null without calls."),
        _coin("call_volume_24h_coin", "Volume of the calls that state one; null where none does.", is_nullable=True),
        _coin("put_volume_24h_coin", "Volume of the puts that state one; null where none does.", is_nullable=True),
        _ratio("put_call_volume_ratio", "Puts over calls; null where either is null or no call was traded."),
        gex("call_gex_usd", "Dealer gamma of the calls at today's spot, naive signs."),
        gex("put_gex_usd", "Dealer gamma of the puts at today's spot, naive signs."),
        gex("net_gex_usd", "Their sum."),
        gex("gross_gex_usd", "Gamma without signs."),
        Column(
            "share_of_gross",
            "float",
            "1",
            "Of the gross gamma of the set's whole book: what rolls off at that expiry; null where that is 0.",
            True,
            0.0,
        ),
        gex("net_gex_without_usd", "Net gamma of the set's whole book without this expiry."),
        *_zero_gamma("without", "all other expiries"),
        *_zero_gamma("to", "this expiry and all before it"),
    ),
    key=("snapshot_at", "underlying", "venues", "expiry_at"),
    hive=("underlying",),
    period="day",
    sort=("venues", "snapshot_at", "expiry_at"),
)

DENSITY = Table(
    name="density",
    description="Per expiry, the risk-neutral distribution of the price at expiry in figures.",
    columns=(
        *SET,
        EXPIRY_AT,
        price("lower_68_usd", "16 % quantile.", is_nullable=True),
        price("upper_68_usd", "84 % quantile.", is_nullable=True),
        price("lower_95_usd", "2.5 % quantile.", is_nullable=True),
        price("upper_95_usd", "97.5 % quantile.", is_nullable=True),
        price("median_usd", "50 % quantile.", is_nullable=True),
        _probability(
            "p_between_walls",
            "Probability of a price between put_support and call_resistance of `levels` (all_expiry, naive, the same "
            "venue set); null where one of them is.",
        ),
        _probability("p_above_call_wall", "Probability of a price above call_resistance; null without one."),
        _probability("p_below_put_wall", "Probability of a price below put_support; null without one."),
        Column(
            "status",
            "category",
            "",
            "ok; empty = fewer than five strikes with an out-of-the-money IV, or none on either side of the forward; "
            f"arbitrage = quotes that no distribution allows: it had to be raised by more than {ARBITRAGE:g}.",
            choices=DENSITY_STATUSES,
        ),
    ),
    key=("snapshot_at", "underlying", "venues", "expiry_at"),
    hive=("underlying",),
    period="day",
    sort=("venues", "snapshot_at", "expiry_at"),
)

IMPLIED_VOL = Table(
    name="implied_vol",
    description="At-the-money IV at constant maturities, and the 25-delta wings at 30 days.",
    columns=(
        *SET,
        _iv("iv7", "ATM IV at 7 days, linear in total variance between expiries, null outside them, a fraction."),
        _iv("iv30", "At 30 days."),
        _iv("iv90", "At 90 days."),
        _iv("iv180", "At 180 days."),
        _iv("iv30_put_25d", "IV of the put of delta -0.25 at 30 days, between the expiries that have one."),
        _iv("iv30_call_25d", "IV of the call of delta 0.25 at 30 days, between the expiries that have one."),
        Column(
            "status",
            "category",
            "",
            "Of iv30: ok; empty = no expiry has an ATM IV; outside = 30 days are not between two that have.",
            choices=TERM_STATUSES,
        ),
    ),
    key=("snapshot_at", "underlying", "venues"),
    hive=("underlying",),
    period="day",
    sort=("venues", "snapshot_at"),
)
