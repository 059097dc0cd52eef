"""Base tables of market prices: `candles` and `dvol`; how the lengths of their bars are called."""

import re

from gex_pipeline.errors import UsageError, shown
from gex_pipeline.schema.common import UNDERLYING, VENUE, price
from gex_pipeline.schema.model import Column, Table

MARKETS = ("spot", "perp", "index", "mark")
INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")
_MINUTES = {"m": 1, "h": 60, "d": 1_440}
_OF_MINUTES = {int(name[:-1]) * _MINUTES[name[-1]]: name for name in INTERVALS}

_INTERVAL = Column("interval", "category", "", "Length of the bar.", choices=INTERVALS)
_OPEN_AT = Column("open_at", "timestamp", "UTC", "First instant of the bar.")
_CLOSE_AT = Column("close_at", "timestamp", "UTC", "First instant after the bar: when its close is known.")
SOURCE = Column("source", "category", "", "The archive or client the row came through.")

CANDLES = Table(
    name="candles",
    description="Price bars of the underlying.",
    columns=(
        VENUE,
        Column("market", "category", "", "Kind of price.", choices=MARKETS),
        Column("symbol", "category", "", "Symbol as the venue writes it."),
        UNDERLYING,
        _INTERVAL,
        _OPEN_AT,
        _CLOSE_AT,
        price("open", "First price of the bar."),
        price("high", "Highest price of the bar."),
        price("low", "Lowest price of the bar."),
        price("close", "Last price of the bar."),
        Column("volume_coin", "float", "coin", "Traded volume in coins.", is_nullable=True, minimum=0),
        SOURCE,
    ),
    key=("venue", "market", "symbol", "interval", "open_at"),
    hive=("underlying", "venue"),
    period="year",
    period_column="open_at",
    sort=("market", "symbol", "interval", "open_at"),
    is_base=True,
)


def interval_of(text: str) -> str:
    """The name of an interval, whatever its unit: 1h for ``60m``. Raises ``UsageError`` for one that no bars have."""
    match = re.fullmatch(r"([0-9]{1,4})([mhd])", text.strip().lower())
    minutes = minutes_of(match[0]) if match else 0
    if minutes not in _OF_MINUTES:
        raise UsageError(f"unknown interval {shown(text)}: valid are {', '.join(INTERVALS)}")
    return _OF_MINUTES[minutes]


def minutes_of(interval: str) -> int:
    """Minutes of an interval such as 5m."""
    return int(interval[:-1]) * _MINUTES[interval[-1]]


def _points(name: str, description: str) -> Column:
    return Column(name, "float", "vol points", description, minimum=0, is_minimum_open=True)


DVOL = Table(
    name="dvol",
    description="The venue's 30-day implied volatility index.",
    columns=(
        VENUE,
        UNDERLYING,
        _INTERVAL,
        _OPEN_AT,
        _CLOSE_AT,
        _points("open", "First value of the bar."),
        _points("high", "Highest value of the bar."),
        _points("low", "Lowest value of the bar."),
        _points("close", "Last value of the bar."),
        SOURCE,
    ),
    key=("venue", "underlying", "interval", "open_at"),
    hive=("underlying", "venue"),
    period="year",
    period_column="open_at",
    sort=("interval", "open_at"),
    is_base=True,
)
