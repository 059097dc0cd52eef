"""Saved responses of Deribit's `get_book_summary_by_currency` (kind=option) -> chain rows.

Belongs here: the fields and units of this one method. The rows then take the way of every mapped chain.

All rows of a response are of one time: ``usOut``, or where there is none (a bare list) the latest
``creation_timestamp``. A poll is several responses, one a book, each with a time of its own: on the grid, by default
the full minutes, they are one snapshot. A poll that reaches beyond its minute needs a wider grid.
Open interest and volume are in coins whatever the contract size, prices in coin (inverse) or in USDC per coin (linear).
No field is the spot index: ``estimated_delivery_price`` differs from it while a settlement price is being averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers.base import Imported, Options, check_options, with_grid
from gex_pipeline.importers.chain import import_chain
from gex_pipeline.importers.deribit_instruments import contract_sizes
from gex_pipeline.importers.deribit_json import Decoder, Envelope, Epoch, Response, responses
from gex_pipeline.importers.mapping import mapping_from
from gex_pipeline.importers.read import Raw

#: Part of a contract by which open interest may miss a whole number of them: the rounding of a float.
_TOLERANCE = 1e-6

#: Where the columns of `chain` stand in a row, whoever asked for it.
FIELDS = {
    # before the receipt, which may be made of it: a wrong time is named by the key that has it
    "venue_time": {"column": "creation_timestamp", "format": "ms"},
    "received_at": {"column": "usOut", "format": "us"},
    "instrument": {"column": "instrument_name", "grammar": "deribit"},
    "forward_usd": "underlying_price",
    "mark_iv": {"column": "mark_iv", "unit": "percent"},
    "mark_usd": {"column": "mark_price", "unit": "by_settlement"},
    "bid_usd": {"column": "bid_price", "unit": "by_settlement"},
    "ask_usd": {"column": "ask_price", "unit": "by_settlement"},
    "open_interest_coin": {"column": "open_interest", "unit": "coin"},
    "volume_24h_coin": {"column": "volume", "unit": "coin"},
    "contract_size_coin": "contract_size",
    "settlement_estimate_usd": "estimated_delivery_price",
}
MAPPING = mapping_from({"venue": "deribit", "chain": dict(FIELDS)}, name="deribit-book-summary")


class Summary(msgspec.Struct):
    """One row. A book summary has no ``contract_size``: it tells the response of `get_instruments`."""

    instrument_name: str
    open_interest: float | None = None
    mark_price: float | None = None
    bid_price: float | None = None
    ask_price: float | None = None
    mark_iv: float | None = None
    underlying_price: float | None = None
    volume: float | None = None
    estimated_delivery_price: float | None = None
    creation_timestamp: Epoch | None = None
    contract_size: float | None = None


DECODER: Decoder[Summary] = msgspec.json.Decoder(Envelope[Summary] | list[Summary])
_INTEGERS = ("usOut", "creation_timestamp")
_COLUMNS = ("usOut", *(name for name in Summary.__struct_fields__ if name != "contract_size"))
_SCHEMA = {k: pl.String if k == "instrument_name" else pl.Int64 if k in _INTEGERS else pl.Float64 for k in _COLUMNS}


@dataclass(frozen=True)
class _Rows(Raw):
    """Rows that are named by their place in the JSON, like ``FILE line 3 $.result[5]``."""

    places: Sequence[tuple[str, int]] = ()

    def where(self, row: int) -> str:
        place, index = self.places[row]
        return f"{place}[{index}]"


def read_book_summary(path: Path, options: Options) -> Imported:
    """Import one file of book summaries, by default onto the minutes.

    ``options.instruments`` give the contract sizes, null without them.

    Raises ``UsageError`` for instruments that cannot be used and ``ImportFileError`` for a file that is not whole, has
    no time, is of another method, or whose open interest is not a whole number of contracts.
    """
    check_options(MAPPING.name, options)
    sizes = contract_sizes(options.instruments)
    found = [response for response in responses(path, DECODER) if response.rows]
    if not found:
        raise ImportFileError(f"{path} has no rows")
    raw = _raw(path, found, sizes)
    if sizes:
        _refuse_contracts(raw)
    return import_chain(raw, MAPPING, with_grid(MAPPING.name, options))


def _raw(path: Path, found: list[Response[Summary]], sizes: dict[str, float]) -> Raw:
    times = [time for response in found for time in [_sent_us(response)] * len(response.rows)]
    rows = [row for response in found for row in response.rows]
    places = [(response.place, i) for response in found for i in range(len(response.rows))]
    return _Rows(path, summary_frame(rows, times, sizes), _COLUMNS, places=places)


def summary_frame(rows: Sequence[Summary], sent_us: Sequence[int], sizes: dict[str, float]) -> pl.DataFrame:
    """The cells of some rows, named as in the response; ``usOut`` and the contract sizes are those handed in."""
    columns = {name: [getattr(row, name) for row in rows] for name in _COLUMNS if name != "usOut"}
    frame = pl.DataFrame({"usOut": sent_us, **columns}, schema=_SCHEMA)
    return frame.with_columns(contract_size=pl.Series([sizes.get(r.instrument_name) for r in rows], dtype=pl.Float64))


def _sent_us(response: Response[Summary]) -> int:
    """When a response was sent, microseconds. Raises ``ImportFileError`` where it is none or has no time."""
    rows = response.rows
    if all(row.open_interest is None for row in rows) and any(row.contract_size is not None for row in rows):
        raise ImportFileError(f"{response.place} is a get_instruments response: give it with --instruments")
    if response.sent_us is not None:
        return response.sent_us
    latest = max((row.creation_timestamp for row in rows if row.creation_timestamp is not None), default=None)
    if latest is None:
        raise ImportFileError(f"{response.place} has no time: neither usOut nor a creation_timestamp")
    return latest * 1000


def _refuse_contracts(raw: Raw) -> None:
    row = not_whole_contracts(raw.frame)
    if row is not None:
        cells = raw.frame.row(row, named=True)
        raise ImportFileError(
            f"{raw.where(row)}: open_interest = {cells['open_interest']:g} of {cells['instrument_name']} is no multiple"
            f" of its contract size {cells['contract_size']:g}: open interest seems to be in contracts, not in coins"
        )


def not_whole_contracts(frame: pl.DataFrame) -> int | None:
    """The first row whose open interest cannot be in coins: it is not a whole number of contracts above one coin."""
    contracts = pl.col("open_interest") / pl.col("contract_size")
    is_broken = (contracts - contracts.round()).abs() > _TOLERANCE
    is_odd = (pl.col("contract_size") > 1) & (pl.col("open_interest") > 0) & is_broken
    return frame.select(pl.arg_where(is_odd).first()).item()
