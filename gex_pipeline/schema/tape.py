"""Base tables beside the chain: option trades, perpetuals, their funding, and settlement prices."""

from gex_pipeline.schema.common import EXPIRY_AT, KNOWLEDGE_TIME, SNAPSHOT_AT, UNDERLYING, VENUE, price
from gex_pipeline.schema.market import SOURCE
from gex_pipeline.schema.model import Column, Table

SIDES = ("buy", "sell")
#: Coins of a trade beyond which it is none: no coin has so many to trade, and sums of taker flows stay exact.
LARGEST_TRADE = 1e8

_SYMBOL = Column("symbol", "category", "", "Symbol of the perpetual as the venue writes it.")
_INDEX = price("index_usd", "Spot index as the venue states it beside; null where it does not.", is_nullable=True)
_HOURS = Column(
    "period_hours",
    "float",
    "h",
    "Length of the period that the rate is paid for; null where the venue does not say.",
    is_nullable=True,
    minimum=0,
    is_minimum_open=True,
)


def _knowledge(description: str) -> Column:
    return Column(KNOWLEDGE_TIME.name, KNOWLEDGE_TIME.dtype, KNOWLEDGE_TIME.unit, description)


def _text(name: str, description: str) -> Column:
    return Column(name, "string", "", description, is_nullable=True)


TRADES = Table(
    name="trades",
    description="Option trades with the taker's side.",
    columns=(
        VENUE,
        Column(
            "trade_id",
            "string",
            "",
            "The venue's number of the trade; where it numbers each contract's trades by themselves, after its name.",
        ),
        Column("traded_at", "timestamp", "UTC", "When it was done, by the venue's clock."),
        _knowledge("The same instant: venues publish trades at once."),
        Column("instrument", "category", "", "Contract as the venue writes it."),
        UNDERLYING,
        Column("taker_side", "category", "", "What the taker did: buy or sell.", choices=SIDES),
        Column(
            "amount_coin", "float", "coin", "Size in coins.", minimum=0, is_minimum_open=True, maximum=LARGEST_TRADE
        ),
        price(
            "price_usd",
            "Price of the option per coin. Where it was done in coin: times forward_usd, else times index_usd.",
        ),
        Column(
            "price_coin",
            "float",
            "coin per coin",
            "Price as it was done in coin; null where it was done in dollars.",
            is_nullable=True,
            minimum=0,
            is_minimum_open=True,
        ),
        Column(
            "iv",
            "float",
            "1",
            "Implied volatility of the price, a fraction; null where the venue gives none or a cap.",
            is_nullable=True,
            minimum=0.01,
            maximum=5,
            is_maximum_open=True,
        ),
        _INDEX,
        price("forward_usd", "Forward of the expiry; null where the venue does not state it.", is_nullable=True),
        Column("is_block", "bool", "", "True for a block trade; null where the venue does not say.", is_nullable=True),
        _text("block_id", "The venue's number of the block trade; null where there is none."),
        _text("combo_id", "The venue's number of the combination the trade is a leg of; null where it is none."),
        SOURCE,
    ),
    key=("venue", "trade_id"),
    hive=("underlying", "venue"),
    period="day",
    period_column="traded_at",
    sort=("traded_at", "trade_id"),
    is_base=True,
)

PERPS = Table(
    name="perps",
    description="Perpetual swaps as they were when asked: prices, open interest, funding.",
    columns=(
        SNAPSHOT_AT,
        VENUE,
        _SYMBOL,
        UNDERLYING,
        _knowledge("When the answers were complete, by our clock; never before snapshot_at."),
        price("mark_usd", "Mark price.", is_nullable=True),
        price("last_usd", "Price of the last trade; null where the venue was not asked for it.", is_nullable=True),
        _INDEX,
        Column(
            "open_interest_coin",
            "float",
            "coin",
            "Open interest in coins, one side; null where the venue does not state it beside.",
            is_nullable=True,
            minimum=0,
        ),
        Column(
            "funding_rate",
            "float",
            "1",
            "Funding of the present period, longs pay; of Deribit, which pays all the time, of the last 8 hours.",
            is_nullable=True,
        ),
        _HOURS,
        SOURCE,
    ),
    key=("venue", "symbol", "snapshot_at"),
    hive=("underlying", "venue"),
    period="year",
    sort=("symbol", "snapshot_at"),
    is_base=True,
)

FUNDING = Table(
    name="funding",
    description="Funding that was paid on perpetual swaps.",
    columns=(
        VENUE,
        _SYMBOL,
        UNDERLYING,
        Column("funding_at", "timestamp", "UTC", "When it was paid: the end of its period."),
        _knowledge("The same instant: the rate is known when it is paid."),
        Column("funding_rate", "float", "1", "Share of the notional that longs paid to shorts."),
        _HOURS,
        _INDEX,
        SOURCE,
    ),
    key=("venue", "symbol", "funding_at"),
    hive=("underlying", "venue"),
    period="year",
    period_column="funding_at",
    sort=("symbol", "funding_at"),
    is_base=True,
)

SETTLEMENTS = Table(
    name="settlements",
    description="Prices that options were settled at: one per index of a venue and expiry.",
    columns=(
        VENUE,
        Column("symbol", "category", "", "Index or family of contracts it is the price of, as the venue names it."),
        UNDERLYING,
        Column("settle_currency", "category", "", "What is paid out in: the coin, USD, USDC or USDT."),
        EXPIRY_AT,
        _knowledge("A minute after expiry_at: the slowest venue publishes it by then."),
        price("price_usd", "Settlement price: the venue's average of the index."),
        SOURCE,
    ),
    key=("venue", "symbol", "expiry_at"),
    hive=("underlying", "venue"),
    period="year",
    period_column="expiry_at",
    sort=("symbol", "expiry_at"),
    is_base=True,
)
