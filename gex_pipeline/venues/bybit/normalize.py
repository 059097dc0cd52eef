"""Bybit's answers -> the cells of a coin's chain. Pure.

A contract is one coin, of every coin, and no field says so: amounts are checked against the turnover, which is in USD.
The book is one list, so its rows are joined from nothing; the envelope's time is that of all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from gex_pipeline.core.instruments import Instrument
from gex_pipeline.importers.mapping import mapping_from
from gex_pipeline.venues.base import Answers, Book, VenueError
from gex_pipeline.venues.bodies import is_of
from gex_pipeline.venues.bybit import wire
from gex_pipeline.venues.guards import Finding
from gex_pipeline.venues.stated import OWN_ROW, Gamma, contradictions, gamma, strangers, unexpired

MAPPING = mapping_from(
    {
        "venue": "bybit",
        "chain": {
            "received_at": {"column": "received_at", "format": "us"},
            "venue_time": {"column": "time", "format": "ms"},
            "instrument": {"column": "symbol", "grammar": "bybit"},
            "open_interest_coin": {"column": "openInterest", "unit": "coin"},
            "volume_24h_coin": {"column": "volume24h", "unit": "coin"},
            "contract_size_coin": {"value": 1},
            "mark_iv": {"column": "markIv", "unit": "fraction"},
            "bid_iv": {"column": "bid1Iv", "unit": "fraction"},
            "ask_iv": {"column": "ask1Iv", "unit": "fraction"},
            "forward_usd": "underlyingPrice",
            "index_usd": "indexPrice",
            "settlement_estimate_usd": "predictedDeliveryPrice",
            "mark_usd": {"column": "markPrice", "unit": "usd"},
            "bid_usd": {"column": "bid1Price", "unit": "usd"},
            "ask_usd": {"column": "ask1Price", "unit": "usd"},
        },
    },
    name="bybit-rest",
)
_MICROSECONDS = 1_000_000
_TYPES = {"C": "Call", "P": "Put"}
#: Contracts in these states need not be in the book: not begun, being settled, over.
_NOT_TRADED = ("PreLaunch", "Delivering", "Closed")
#: In its last day the venue scales gamma by the hours that are left.
_SHORTEST = timedelta(hours=24)
#: How far turnover may lie from volume x index: the index moves within the 24 hours, but does not double in the median
#: trade, and a contract that is not one coin is 10 coins or more.
_SIZE_ERROR = 2.0


def book(answers: Answers, coin: str, snapshot_at: datetime) -> Book | None:
    """The rows of a coin, None where the venue has no options of it. Raises ``VenueError`` for a missing answer."""
    reply = answers.get(wire.tickers(coin))
    found = wire.book(reply)
    if not wire.knows(reply) and answers.find(wire.instruments(coin)) is None:
        return None
    rows = [row for row in found.result.rows if is_of(coin, row.symbol)]
    listed = [row for row in wire.listed(wire.pages(answers, coin)) if is_of(coin, row.symbol)]
    if not found.result.rows and not listed:
        return None
    if not listed:
        raise VenueError(f"{wire.instruments(coin).label}: lists no contract of {coin}")
    findings = [
        *strangers("bybit", coin, (row.symbol for row in found.result.rows), reply.request.label),
        *contradictions("bybit", listed, _named),
        *_sizes(rows),
        *_gammas(rows, found.time),
    ]
    frame = _frame(rows, found.time, round(reply.received_at.timestamp() * _MICROSECONDS))
    traded = (row.symbol for row in listed if row.status not in _NOT_TRADED)
    return Book(frame, MAPPING, unexpired("bybit", traded, max(snapshot_at, reply.received_at)), findings)


def _frame(rows: Sequence[wire.Ticker], time_ms: int, received_us: int) -> pl.DataFrame:
    """The cells as they were sent, named as the venue names them."""
    names = dict(zip(wire.Ticker.__struct_fields__, wire.Ticker.__struct_encode_fields__, strict=True))
    cells = {sent: [getattr(row, name) for row in rows] for name, sent in names.items()}
    frame = pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))
    return frame.with_columns(time=pl.lit(time_ms, dtype=pl.Int64), received_at=pl.lit(received_us, dtype=pl.Int64))


def _named(contract: Instrument) -> dict[str, str]:
    """What the list has to say of a contract."""
    milliseconds = round(contract.expiry_at.timestamp() * 1000)
    return {
        "base_coin": contract.underlying,
        "options_type": _TYPES[contract.option_type],
        "delivery_time": str(milliseconds),
    }


def _sizes(rows: Sequence[wire.Ticker]) -> Sequence[Finding]:
    """Whether a contract is one coin: an error, as all open interest would be wrong by that factor."""
    cells = [[float(cell or 0) for cell in (r.turnover24h, r.volume24h, r.index_price)] for r in rows]
    traded = np.array([row for row in cells if min(row) > 0 and max(row) < np.inf])
    if not traded.size:
        return []
    turnover, volume, index = traded.T
    coins = float(np.median(turnover / (volume * index)))
    if 1 / _SIZE_ERROR <= coins <= _SIZE_ERROR:
        return []
    return [Finding("contract_size", "error", f"turnover is {coins:.3g} times volume x index: no contract of one coin")]


def _gammas(rows: Sequence[wire.Ticker], time_ms: int) -> Sequence[Finding]:
    at = datetime.fromtimestamp(time_ms / 1000, UTC)
    stated = (Gamma(r.symbol, at, r.gamma, r.underlying_price, r.mark_iv) for r in rows)
    return gamma("bybit", _SHORTEST, stated, OWN_ROW)
