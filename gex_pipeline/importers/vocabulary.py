"""The words of a mapping file: targets, their columns, and the units each column may be in.

Belongs here: what may be written. Not here: reading it (mapping.py) or applying it (columns.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gex_pipeline.errors import UsageError
from gex_pipeline.schema.common import FOLDER_NAME, FOLDER_NAME_RULE

Kind = Literal["time", "number", "text", "instrument"]

_PRICES = ("usd", "coin", "by_settlement", "usd_per_contract")
_IVS = ("fraction", "percent")
_AMOUNTS = ("coin", "contract")


@dataclass(frozen=True)
class Word:
    """One canonical column: what its cells are, which units a source may use (the first is the default)."""

    kind: Kind
    units: tuple[str, ...] = ()
    is_required: bool = False


#: What the grammar of a name gives: mapped by hand only where names are not parsed.
FROM_NAME = ("underlying", "expiry_at", "strike_usd", "option_type", "settlement")

_CHAIN = {
    "received_at": Word("time", is_required=True),
    "venue_time": Word("time"),
    "instrument": Word("instrument", is_required=True),
    "underlying": Word("text"),
    "expiry_at": Word("time"),
    "strike_usd": Word("number"),
    "option_type": Word("text"),
    "settlement": Word("text"),
    "open_interest_coin": Word("number", _AMOUNTS, is_required=True),
    "contract_size_coin": Word("number"),
    "mark_iv": Word("number", _IVS, is_required=True),
    "bid_iv": Word("number", _IVS),
    "ask_iv": Word("number", _IVS),
    "forward_usd": Word("number", is_required=True),
    "index_usd": Word("number"),
    "settlement_estimate_usd": Word("number"),
    "mark_usd": Word("number", _PRICES),
    "bid_usd": Word("number", _PRICES),
    "ask_usd": Word("number", _PRICES),
    "volume_24h_coin": Word("number", _AMOUNTS),
}
_BAR = {
    "underlying": Word("text"),
    "interval": Word("text", is_required=True),
    "open_at": Word("time"),
    "close_at": Word("time"),
    "open": Word("number", is_required=True),
    "high": Word("number", is_required=True),
    "low": Word("number", is_required=True),
    "close": Word("number", is_required=True),
}

#: Target -> canonical column -> word. Bars give `open_at` or `close_at`, the other follows from the interval.
TARGETS: dict[str, dict[str, Word]] = {
    "chain": _CHAIN,
    "candles": {
        **_BAR,
        "market": Word("text", is_required=True),
        "symbol": Word("text", is_required=True),
        "volume_coin": Word("number"),
    },
    "dvol": _BAR,
}

#: Keys at the top of a mapping file, beside its one section.
TOP = ("name", "venue", "format", "every", "max_age")
#: Keys of a column's table.
FIELD_KEYS = ("column", "columns", "value", "unit", "format", "zone", "at", "grammar", "build", "file")
#: What a column of a kind is -> its keys beside column and columns; `unit` only where it may be in several.
KEYS: dict[Kind, tuple[str, ...]] = {
    "time": ("format", "zone", "at"),
    "number": ("unit", "value"),
    "text": ("value", "file"),
    "instrument": ("grammar", "build"),
}


def folder_name(word: str, what: str) -> str:
    """The word itself where it can name a folder of the warehouse. Raises ``UsageError`` where it cannot."""
    if FOLDER_NAME.fullmatch(word) is None:
        raise UsageError(f"{what} {word!r} is no name: it may have {FOLDER_NAME_RULE}")
    return word
