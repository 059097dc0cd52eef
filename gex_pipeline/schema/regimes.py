"""Views of regimes: labels of a snapshot's whole book by the naive signs, all venues and expiries together.

Labels, not forecasts; docs/regimes.md says what each means.
"""

from gex_pipeline.schema.common import KNOWLEDGE_TIME, SNAPSHOT_AT, SPOT_USD, UNDERLYING, gex, price
from gex_pipeline.schema.derived import STATUSES
from gex_pipeline.schema.model import Column, Table
from gex_pipeline.schema.volatility import VRP_STATUSES

SIGNS = ("positive", "negative")

REGIME = Table(
    name="regime",
    description="The regime of each snapshot: sign of net gamma, distance to the flip, vanna, premium, labels.",
    columns=(
        SNAPSHOT_AT,
        KNOWLEDGE_TIME,
        UNDERLYING,
        Column(
            "regime",
            "category",
            "",
            "Sign of net gamma at spot; null where it is below 1e-6 of gross.",
            True,
            choices=SIGNS,
        ),
        gex("net_gex_usd", "Net dealer gamma of the whole book at today's spot."),
        SPOT_USD,
        price("zero_gamma_usd", "Level `zero_gamma`.", is_nullable=True),
        Column("zero_gamma_status", "category", "", "Status of that level.", choices=STATUSES),
        Column("dist_to_flip_pct", "float", "%", "(spot - zero gamma) / spot x 100.", is_nullable=True),
        Column(
            "confidence",
            "category",
            "",
            "high = more than 2 % from the flip, or there is none; moderate = more than 0.5 %; low = nearer; null "
            "where `zero_gamma` is empty.",
            is_nullable=True,
            choices=("high", "moderate", "low"),
        ),
        Column("vex_usd", "float", "USD per vol point", "Net vanna exposure of the whole book."),
        Column("vanna_aligned", "bool", "", "Net gamma is positive and net vanna exposure negative."),
        Column("vrp_vol_pts", "float", "vol points", "Of `volatility`: 30-day IV less realised.", is_nullable=True),
        Column("vrp_z", "float", "1", "Of `volatility`.", is_nullable=True),
        Column("vrp_count", "int", "", "Of `volatility`: snapshots in vrp_z.", is_nullable=True),
        Column("vrp_status", "category", "", "Of `volatility`: why there is no premium.", True, choices=VRP_STATUSES),
        Column(
            "cell",
            "category",
            "",
            "With vrp_z >= 1: A = positive gamma, B = not; with vrp_z < 1: C = positive, D = not; null without vrp_z.",
            is_nullable=True,
            choices=("A", "B", "C", "D"),
        ),
        Column(
            "meaning",
            "category",
            "",
            "The first that holds: near_flip = low confidence; amplified = negative; dampened_adverse = positive, "
            "vanna not aligned; strongly_dampened = positive, aligned, high confidence. Else null: positive, aligned "
            "and moderate has no name.",
            is_nullable=True,
            choices=("near_flip", "amplified", "dampened_adverse", "strongly_dampened"),
        ),
    ),
    key=("snapshot_at", "underlying"),
)

REGIME_TRANSITIONS = Table(
    name="regime_transitions",
    description="Changes of the regime's sign from one snapshot to the next that has one.",
    columns=(
        Column("snapshot_at", "timestamp", "UTC", "First snapshot with the new sign."),
        KNOWLEDGE_TIME,
        UNDERLYING,
        Column("from_regime", "category", "", "Sign before.", choices=SIGNS),
        Column("to_regime", "category", "", "Sign after.", choices=SIGNS),
        Column("previous_at", "timestamp", "UTC", "Last snapshot with the old sign."),
        Column("hours_since_last", "float", "hours", "Since the transition before; null for the first.", True, 0),
        SPOT_USD,
        gex("net_gex_before_usd", "Net dealer gamma at previous_at."),
        gex("net_gex_after_usd", "Net dealer gamma at snapshot_at."),
        Column(
            "has_gap",
            "bool",
            "",
            "More than twice the usual interval (the median of the five before; of none, an hour) lies between the two "
            "snapshots: the sign may have changed anywhere in it, and more than once.",
        ),
        Column(
            "has_other_venues",
            "bool",
            "",
            "The venues of the snapshot are not those of previous_at: the change may be theirs and not the market's.",
        ),
    ),
    key=("snapshot_at", "underlying"),
)
