"""Binance's kline archives (data.binance.vision) -> `candles`.

Belongs here: what the file name says and what the twelve columns are. ``BTCUSDT-1h-2024-06.csv`` (or ``.zip``) gives
symbol and interval; spot and perpetual files have the same names, so the market is an option. Old files have no header;
times are in milliseconds, spot files since 2025 in microseconds.
"""

from __future__ import annotations

import re
from pathlib import Path

from gex_pipeline.core.instruments import USD_QUOTES, has_usd_quote, underlying_of
from gex_pipeline.errors import ImportFileError, nearest
from gex_pipeline.importers.bars import import_bars
from gex_pipeline.importers.base import Imported, Options, check_options
from gex_pipeline.importers.mapping import Mapping, mapping_from
from gex_pipeline.importers.read import Raw, file_bytes, read
from gex_pipeline.schema.market import INTERVALS

COLUMNS = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
_NAME = re.compile(
    r"(?P<symbol>[A-Z0-9]+)-(?P<interval>[0-9]+[a-zA-Z]+)-[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?\.(?:csv|zip|csv\.gz)"
)
_HEADERLESS = re.compile(rb"(?:\xef\xbb\xbf)?\s*[0-9]+,")


def read_binance_klines(path: Path, options: Options) -> Imported:
    """Import one monthly or daily kline file; the market (spot, perp, ...) comes from ``options``.

    Raises ``UsageError`` without a market and ``ImportFileError`` where the name or the columns are not those of a
    kline file, or where its prices are not in dollars.
    """
    check_options("binance-klines", options)
    assert options.market is not None
    symbol, interval = _from_name(path)
    is_headerless = _HEADERLESS.match(file_bytes(path)) is not None
    raw = read(path, "csv", COLUMNS if is_headerless else None)
    _check_columns(raw)
    return import_bars(raw, _mapping(symbol, interval, options.market), options)


def _from_name(path: Path) -> tuple[str, str]:
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise ImportFileError(f"{path}: the name is not of the form SYMBOL-INTERVAL-YYYY-MM.csv or .zip")
    if match["interval"] not in INTERVALS:
        raise ImportFileError(f"{path}: interval {match['interval']!r} is not one of {', '.join(INTERVALS)}")
    if not has_usd_quote(match["symbol"]):
        quotes = ", ".join(USD_QUOTES)
        raise ImportFileError(f"{path}: {match['symbol']} is not quoted in dollars ({quotes}); candles are in USD")
    return match["symbol"], match["interval"]


def _check_columns(raw: Raw) -> None:
    missing = [name for name in COLUMNS[:6] if name not in raw.columns]
    if missing or len(raw.columns) != len(COLUMNS):
        lacking = f"no column {missing[0]!r}{nearest(missing[0], raw.columns)}" if missing else "not 12 columns"
        raise ImportFileError(f"{raw.path} is no kline file: {lacking}")


def _mapping(symbol: str, interval: str, market: str) -> Mapping:
    constants = {"symbol": symbol, "underlying": underlying_of(symbol), "interval": interval, "market": market}
    columns = {"open": "open", "high": "high", "low": "low", "close": "close", "volume_coin": "volume"}
    section = {**{k: {"value": v} for k, v in constants.items()}, **columns}
    section["open_at"] = {"column": "open_time", "format": "unix"}
    return mapping_from({"venue": "binance", "candles": section}, name="binance-klines")
