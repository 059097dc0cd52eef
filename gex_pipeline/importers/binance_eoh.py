"""Binance's end-of-hour option summaries (`EOHSummary`, data.binance.vision) -> chain rows.

Belongs here: the oddities of this one product. The rows then take the way of every mapped chain.

The file has no underlying price, so forwards come from put-call parity. ``hour`` names the hour that ends: its rows
describe ``date`` + ``hour`` + 1:00 UTC. The ``strike`` column holds expiry and strike (``231229-34000``): the symbol is
parsed instead. Open interest is in contracts and prices are per contract. ``volume_contracts`` is the trailing day's:
hour by hour it also falls.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl

from gex_pipeline.errors import ImportFileError, nearest
from gex_pipeline.importers.base import Imported, Options, check_options
from gex_pipeline.importers.cells import numbers, shown
from gex_pipeline.importers.chain import import_chain
from gex_pipeline.importers.mapping import mapping_from
from gex_pipeline.importers.read import Raw, read
from gex_pipeline.importers.times import TimeFormat, instants

COLUMNS = (
    "date",
    "hour",
    "symbol",
    "underlying",
    "type",
    "strike",
    "open",
    "high",
    "low",
    "close",
    "volume_contracts",
    "volume_usdt",
    "best_bid_price",
    "best_ask_price",
    "best_bid_qty",
    "best_ask_qty",
    "best_buy_iv",
    "best_sell_iv",
    "mark_price",
    "mark_iv",
    "delta",
    "gamma",
    "vega",
    "theta",
    "openinterest_contracts",
    "openinterest_usdt",
)
_HOURS = 24

#: Coins per contract (`unit` of exchangeInfo).
UNITS = {"BTC": 1, "ETH": 1, "BNB": 1, "SOL": 1, "XRP": 100, "DOGE": 1000}

MAPPING = mapping_from(
    {
        "venue": "binance",
        "format": "csv",
        "chain": {
            "received_at": {"column": "hour_end", "format": "native"},
            "instrument": {"column": "symbol", "grammar": "binance"},
            "forward": "parity",
            "mark_iv": "mark_iv",
            "bid_iv": "best_buy_iv",
            "ask_iv": "best_sell_iv",
            "mark_usd": {"column": "mark_price", "unit": "usd_per_contract"},
            "bid_usd": {"column": "best_bid_price", "unit": "usd_per_contract"},
            "ask_usd": {"column": "best_ask_price", "unit": "usd_per_contract"},
            "open_interest_coin": {"column": "openinterest_contracts", "unit": "contract"},
            "volume_24h_coin": {"column": "volume_contracts", "unit": "contract"},
            "contract_size_coin": {"value": UNITS},
        },
    },
    name="binance-eoh",
)


def read_binance_eoh(path: Path, options: Options) -> Imported:
    """Import one ``*-EOHSummary-*.csv`` or ``.zip``. Raises ``ImportFileError`` unless it has the 26 columns."""
    check_options(MAPPING.name, options)
    raw = read(path, "csv")
    _check_columns(raw)
    derived = replace(raw, frame=raw.frame.with_columns(hour_end=_hour_end(raw)))
    return import_chain(derived, MAPPING, options)


def _check_columns(raw: Raw) -> None:
    for name in raw.columns:
        if name not in COLUMNS:
            raise ImportFileError(f"{raw.path} is no EOHSummary: unknown column {name!r}{nearest(name, COLUMNS)}")
    for name in COLUMNS:
        if name not in raw.columns:
            raise ImportFileError(f"{raw.path} is no EOHSummary: no column {name!r}{nearest(name, raw.columns)}")


def _hour_end(raw: Raw) -> pl.Series:
    hours = numbers(raw, "hour")
    is_hour = (hours.is_between(0, _HOURS - 1) & (hours == hours.floor())).fill_null(False)
    if not is_hour.all():
        row = (~is_hour).arg_max() or 0
        raise ImportFileError(f"{raw.where(row)}: hour = {shown(raw.frame['hour'][row])} is not an hour 00 .. 23")
    days = instants(raw, "date", TimeFormat("%Y-%m-%d"))
    return days + (hours.cast(pl.Int64) + 1) * timedelta(hours=1)
