"""Base tables of option contracts: `chain` and `chain_rejected`."""

from dataclasses import replace

from gex_pipeline.schema.common import EXPIRY_AT, KNOWLEDGE_TIME, SNAPSHOT_AT, UNDERLYING, VENUE, price
from gex_pipeline.schema.model import Column, Table

OPTION_TYPES = ("C", "P")
#: How the source of made-up rows begins.
SYNTHETIC = "synthetic"
FORWARD_SOURCES = ("venue", "parity", "index")
INDEX_SOURCES = ("venue", "front_forward", "candle")
SETTLEMENTS = ("inverse", "linear")
MINIMUM_IV = 0.01
CAP_IV = 5.0  # the venues' cap: a value at it is a limit, not an observation
MOST_COINS = 1e15  # more than there are of any coin with options: a larger amount is an error of the source

_ROW = (
    SNAPSHOT_AT,
    Column("venue_time", "timestamp", "UTC", "The venue's own timestamp.", is_nullable=True),
    KNOWLEDGE_TIME,
    UNDERLYING,
    VENUE,
    Column("instrument", "category", "", "Contract name as the venue writes it."),
    EXPIRY_AT,
    price("strike_usd", "Strike."),
    Column("option_type", "category", "", "C = call, P = put.", choices=OPTION_TYPES),
    Column(
        "open_interest_coin",
        "float",
        "coin",
        "Open interest in coins of the underlying; 0 is valid.",
        minimum=0,
        maximum=MOST_COINS,
    ),
    Column(
        "contract_size_coin",
        "float",
        "coin",
        "Coins per contract as the venue stated it; open_interest_coin already contains it.",
        is_nullable=True,
        minimum=0,
        is_minimum_open=True,
    ),
    Column(
        "mark_iv",
        "float",
        "1",
        "Annualised implied volatility of the mark, a fraction.",
        minimum=MINIMUM_IV,
        maximum=CAP_IV,
        is_maximum_open=True,
    ),
    Column("bid_iv", "float", "1", "Implied volatility of the best bid, a fraction.", True, 0.0, True),
    Column("ask_iv", "float", "1", "Implied volatility of the best ask, a fraction.", True, 0.0, True),
    price("forward_usd", "Forward of this expiry as stated in the row."),
    Column("forward_source", "category", "", "Where forward_usd comes from.", choices=FORWARD_SOURCES),
    price("index_usd", "Spot index."),
    Column("index_source", "category", "", "Where index_usd comes from.", choices=INDEX_SOURCES),
    price(
        "settlement_estimate_usd",
        "What the venue says this expiry will settle at, while that is being averaged; null before, and of a source "
        "that states none.",
        is_nullable=True,
    ),
    price("mark_usd", "Mark price per one coin.", is_nullable=True, minimum=None),
    price("bid_usd", "Best bid per one coin; null without a quote.", is_nullable=True),
    price("ask_usd", "Best ask per one coin; null without a quote.", is_nullable=True),
    Column("settlement", "category", "", "inverse = settled in coin, linear = in USDC/USDT/USD.", choices=SETTLEMENTS),
    Column(
        "tenor_years",
        "float",
        "years",
        "(expiry_at - snapshot_at) / (365 x 86,400 s).",
        minimum=0,
        is_minimum_open=True,
    ),
    Column(
        "volume_24h_coin",
        "float",
        "coin",
        "Traded volume of the last 24 hours.",
        is_nullable=True,
        minimum=0,
        maximum=MOST_COINS,
    ),
    Column("source", "category", "", "The archive or client the row came through."),
)

CHAIN = Table(
    name="chain",
    description="One row per option contract, venue and instant: the base of everything else.",
    columns=_ROW,
    key=("snapshot_at", "venue", "instrument"),
    hive=("underlying", "venue"),
    period="day",
    sort=("snapshot_at", "expiry_at", "strike_usd", "option_type", "instrument"),
    is_base=True,
    version=2,
)

REASONS = (
    "name_not_parsed",
    "no_strike",
    "no_expiry",
    "no_option_type",
    "expired",
    "no_iv",
    "iv_out_of_range",
    "no_forward",
    "no_index",
    "no_open_interest",
    "open_interest_negative",
    "open_interest_out_of_range",
    "duplicate",
)


def _rejected_column(column: Column) -> Column:
    """The same column without rules: a rejected row may hold anything, or nothing."""
    is_required = column.name in ("snapshot_at", "underlying", "venue", "source")
    return replace(column, is_nullable=not is_required, minimum=None, maximum=None, choices=())


CHAIN_REJECTED = Table(
    name="chain_rejected",
    description="Rows a source returned that cannot be used, with the reason; nothing is dropped in silence.",
    columns=(
        *(_rejected_column(c) for c in _ROW),
        Column("reason", "category", "", "Why the row is not in `chain`.", choices=REASONS),
        Column("raw", "string", "", "The row as the source gave it, as JSON."),
    ),
    key=("snapshot_at", "venue", "instrument", "raw"),
    hive=("underlying", "venue"),
    period="day",
    sort=("snapshot_at", "instrument", "raw"),
    is_base=True,
    version=2,
)
