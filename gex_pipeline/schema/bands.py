"""How sure net GEX and the main levels are: derived tables of all venues together, naive signs."""

from gex_pipeline.schema.common import SCOPED, gex, price
from gex_pipeline.schema.model import Column, Table

BANDED = ("zero_gamma", "call_resistance", "put_support")
BAND_STATUSES = ("ok", "empty", "no_quotes", "wide")

_QUOTED_SHARE = Column(
    "quoted_share",
    "float",
    "1",
    "Share of the scope's gross gamma in expiries that a venue quotes on both sides; below 0.9 quotes give no band.",
    minimum=0.0,
    maximum=1.0,
)


def _share(name: str, description: str) -> Column:
    return Column(name, "float", "1", description, True, 0.0, maximum=1.0)


def _venues(description: str) -> Column:
    return Column("n_venues", "int", "", description, minimum=0)


LEVEL_BANDS = Table(
    name="level_bands",
    description="How sure the flip and main walls are: what quotes, a venue less, each venue and other signs say.",
    columns=(
        *SCOPED,
        Column("level", "category", "", "zero_gamma, call_resistance or put_support.", choices=BANDED),
        price("value_usd", "The level, as in `levels`.", is_nullable=True),
        price(
            "quotes_low_usd",
            "Lower end of 95 % where each venue's expiry has IVs anywhere between bid and ask, all off alike; of a "
            "wall, the lowest strike whose gamma might be larger.",
            is_nullable=True,
        ),
        price("quotes_high_usd", "Upper end, likewise.", is_nullable=True),
        _QUOTED_SHARE,
        price("without_low_usd", "Lowest level with one venue left out; null with one venue.", is_nullable=True),
        price("without_high_usd", "Highest, likewise.", is_nullable=True),
        price("venues_low_usd", "Lowest level of a venue alone.", is_nullable=True),
        price("venues_high_usd", "Highest level of a venue alone.", is_nullable=True),
        Column(
            "venues_sd_usd",
            "float",
            "USD per coin",
            "Standard deviation over the venues that have the level; null with fewer than two.",
            True,
            0.0,
        ),
        _venues("Venues that have the level by themselves."),
        price("taker_usd", "The level by the trades (sign model taker); null where none are stored.", is_nullable=True),
        price(
            "signs_low_usd",
            "Lowest level of the naive signs, of the trades, and, of a flip, were the naive signs wrong about a tenth "
            "of the calls' or of the puts' gamma; null where that leaves none, of a wall without trades.",
            is_nullable=True,
        ),
        price("signs_high_usd", "Highest, likewise.", is_nullable=True),
        Column(
            "status",
            "category",
            "",
            "ok; empty = no level; no_quotes = too little is quoted; wide = quotes allow a flip anywhere searched. "
            "Without ok the ends by quotes are null.",
            choices=BAND_STATUSES,
        ),
    ),
    key=("snapshot_at", "underlying", "venues", "scope", "sign_model", "level"),
    hive=("underlying",),
    period="day",
    sort=("venues", "scope", "sign_model", "level", "snapshot_at"),
)

NET_GEX_BANDS = Table(
    name="net_gex_bands",
    description="How sure the sign of net dealer gamma is.",
    columns=(
        *SCOPED,
        gex("net_gex_usd", "Net dealer gamma of the whole scope at today's spot."),
        Column(
            "quotes_sd_usd",
            "float",
            "USD per 1 % move",
            "Standard deviation of net_gex_usd where each venue's expiry has IVs anywhere between bid and ask, all off "
            "alike; null where less than 0.9 is quoted.",
            True,
            0.0,
        ),
        _QUOTED_SHARE,
        _share(
            "p_positive",
            "Probability that net gamma is above 0, by errors of IV alone: given the naive signs and these venues.",
        ),
        gex(
            "without_low_usd",
            "Lowest net gamma with one venue left out, of a smaller book, so that net may lie outside; null with one.",
            is_nullable=True,
        ),
        gex("without_high_usd", "Highest, likewise.", is_nullable=True),
        _venues("Venues of the snapshot."),
        _share(
            "call_share",
            "Share of gross gamma that is of calls: what dealers hold long by the naive signs (short_all: 0).",
        ),
        _share(
            "even_call_share",
            "Share of the calls' gamma that dealers would have to hold long for net gamma to be 0, puts all short; "
            "null where even all of it is too little.",
        ),
    ),
    key=("snapshot_at", "underlying", "venues", "scope", "sign_model"),
    hive=("underlying",),
    period="day",
    sort=("venues", "scope", "sign_model", "snapshot_at"),
)
