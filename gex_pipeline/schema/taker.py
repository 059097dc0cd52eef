"""Tables of what dealers hold by the trades: `taker_flow`, `taker_inventory`, `taker_book`, `taker_coverage`."""

from gex_pipeline.schema.common import EXPIRY_AT, KNOWLEDGE_TIME, SNAPSHOT_AT, UNDERLYING, VENUE, VENUES, price
from gex_pipeline.schema.model import Column, Table

_INSTRUMENT = Column("instrument", "category", "", "Contract as the venue writes it.")
#: Of a venue set: everything known; contracts older than the trades; a venue without; nothing to hold; no trades.
COVERAGES = ("ok", "reconstructed", "partial", "empty", "no_trades")


def _coins(name: str, description: str) -> Column:
    return Column(name, "float", "coin", description)


def _share(name: str, description: str) -> Column:
    return Column(name, "float", "1", description, is_nullable=True, minimum=0, maximum=1)


TAKER_FLOW = Table(
    name="taker_flow",
    description="What takers bought less what they sold, per contract and day: the sum of a day's `trades`.",
    columns=(
        UNDERLYING,
        VENUE,
        Column("day_at", "timestamp", "UTC", "00:00 of the day of the trades."),
        Column("knowledge_time", "timestamp", "UTC", "When the last of the trades was known."),
        _INSTRUMENT,
        EXPIRY_AT,
        Column("first_trade_at", "timestamp", "UTC", "The first of the trades."),
        _coins("flow_coin", "Takers' purchases less their sales, of all trades."),
        _coins("block_coin", "The same, of block trades alone."),
        _coins("combo_coin", "The same, of legs of combinations alone; a leg of a block is in both."),
        Column("n_trades", "int", "", "Trades.", minimum=1),
        Column("hours", "int", "", "Bit h is set where it traded in the hour from h:00 UTC.", minimum=1),
    ),
    key=("venue", "instrument", "day_at"),
    hive=("underlying", "venue"),
    period="day",
    period_column="day_at",
    sort=("expiry_at", "instrument", "day_at"),
)

_CONTRACT = (
    SNAPSHOT_AT,
    KNOWLEDGE_TIME,
    UNDERLYING,
    VENUE,
    _INSTRUMENT,
    EXPIRY_AT,
    price("strike_usd", "Strike."),
    Column("option_type", "category", "", "C = call, P = put.", choices=("C", "P")),
)
#: More than names a contract, as the chain is in this order.
_ORDER = ("snapshot_at", "venue", "expiry_at", "strike_usd", "option_type", "instrument")
_POSITION = (
    _coins("inventory_coin", "Takers' purchases less their sales, of all stored trades until the snapshot."),
    _coins("block_coin", "The same, of block trades alone."),
    _coins("combo_coin", "The same, of legs of combinations alone; a leg of a block is in both."),
)
_KNOWN = (
    Column("n_trades", "int", "", "Stored trades until the snapshot.", minimum=1),
    Column("is_whole", "bool", "", "True where the stored trades reach back to the contract's listing."),
)

TAKER_INVENTORY = Table(
    name="taker_inventory",
    description="What takers have bought and sold of a contract: a row at its first snapshot of a day (of six hours, "
    "where they are closer than 15 minutes), and at each that knows of more trades than the one before. `taker_book` "
    "has one for every snapshot.",
    columns=(*_CONTRACT, *_POSITION, *_KNOWN),
    key=_ORDER,
    hive=("underlying",),
    period="day",
    sort=_ORDER,
)

TAKER_BOOK = Table(
    name="taker_book",
    description="Per contract with any stored trade, what takers have bought and sold until the snapshot, "
    "and what dealers hold because of it; a contract without a row has no stored trade.",
    columns=(
        *_CONTRACT,
        *_POSITION,
        _coins("dealer_coin", "Dealers' position: -inventory_coin, at most the open interest either way."),
        *_KNOWN,
    ),
    key=_ORDER,
)

TAKER_COVERAGE = Table(
    name="taker_coverage",
    description="How much of a book the stored trades explain; rows from the first stored trade on.",
    columns=(
        SNAPSHOT_AT,
        KNOWLEDGE_TIME,
        UNDERLYING,
        VENUES,
        Column(
            "first_trade_at",
            "timestamp",
            "UTC",
            "First stored trade of the venue; of `all` the latest of these; null where there is none yet.",
            is_nullable=True,
        ),
        _share("share_of_oi", "Sum of |dealer_coin| over the open interest of all contracts."),
        _share("share_of_contracts", "Contracts with any stored trade, of all."),
        Column(
            "hours_without_trades",
            "int",
            "h",
            "Whole hours since the first stored trade that have none: a quiet market, or trades that are missing; of "
            "`all` the most of any venue.",
            is_nullable=True,
            minimum=0,
        ),
        Column(
            "is_reconstructed",
            "bool",
            "",
            "True where a contract with open interest is older than the venue's stored trades, or has no such venue.",
        ),
        Column(
            "status",
            "category",
            "",
            "ok; reconstructed = as the column; partial = a venue of `all` has no trade; empty = no open interest; "
            "no_trades = no contract has a stored trade. Of several the last.",
            choices=COVERAGES,
        ),
    ),
    key=("snapshot_at", "underlying", "venues"),
    hive=("underlying",),
    period="day",
    sort=("venues", "snapshot_at"),
)
