"""Tardis.dev's `options_chain` files (one day of one exchange, every update of every option) -> chain rows.

Belongs here: what the 24 columns mean at each exchange. The rows that a grid can take are chosen by last_rows.py and
then take the way of every mapped chain.

The format is one, the meaning is not (docs.tardis.dev; the mappers of tardis-node, MPL-2.0):

=====================  ===========  ============  ====================  ============================
``exchange``           implied vol  open interest ``underlying_price``  prices
=====================  ===========  ============  ====================  ============================
deribit                per cent     coins         forward               inverse in coin, linear USDC
okex-options           fraction     contracts     spot index            inverse in coin, linear USD
bybit-options          fraction     coins         forward               USD
=====================  ===========  ============  ====================  ============================

Received is ``local_timestamp``, when Tardis had the message. Greeks are not read: they are computed.
OKX's file has no forward: it comes from put-call parity, and contracts become coins by the sizes below.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from gex_pipeline.core import instruments
from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers.base import Imported, Options, check_options, with_grid
from gex_pipeline.importers.cells import numbers, shown
from gex_pipeline.importers.chain import import_chain
from gex_pipeline.importers.last_rows import Chosen, Ticks, last_rows
from gex_pipeline.importers.mapping import Mapping, mapping_from
from gex_pipeline.importers.read import Raw
from gex_pipeline.importers.times import TimeFormat, instants
from gex_pipeline.schema.chain import SYNTHETIC

SOURCE = "tardis-options-chain"
COLUMNS = (
    "exchange",
    "symbol",
    "timestamp",
    "local_timestamp",
    "type",
    "strike_price",
    "expiration",
    "open_interest",
    "last_price",
    "bid_price",
    "bid_amount",
    "bid_iv",
    "ask_price",
    "ask_amount",
    "ask_iv",
    "mark_price",
    "mark_iv",
    "underlying_index",
    "underlying_price",
    "delta",
    "gamma",
    "vega",
    "theta",
    "rho",
)
_TICKS = Ticks(COLUMNS, contract="symbol", received_at="local_timestamp")
_TYPES = {"call": "C", "put": "P"}


def _mapping(venue: str, iv_unit: str, **own: Any) -> Mapping:
    section = {
        "received_at": {"column": "local_timestamp", "format": "us"},
        "venue_time": {"column": "timestamp", "format": "us"},
        "instrument": {"column": "symbol", "grammar": venue},
        "open_interest_coin": "open_interest",
        **{name: {"column": name, "unit": iv_unit} for name in ("mark_iv", "bid_iv", "ask_iv")},
        **{f"{name}_usd": {"column": f"{name}_price", "unit": "by_settlement"} for name in ("mark", "bid", "ask")},
        **own,
    }
    return mapping_from({"venue": venue, "format": "csv", "chain": section}, SOURCE)


#: Tardis' name of an exchange -> how its rows are read.
MAPPINGS = {
    "deribit": _mapping("deribit", "percent", forward_usd="underlying_price"),
    "bybit-options": _mapping("bybit", "fraction", forward_usd="underlying_price"),
    "okex-options": _mapping(
        "okx",
        "fraction",
        forward="parity",
        index_usd="underlying_price",
        open_interest_coin={"column": "open_interest", "unit": "contract"},
        contract_size_coin="contract_size",
    ),
}

#: Coins per contract (ctVal x ctMult) of OKX's families; instruments lists recorded in 2022 and 2024, OKX help pages.
_OKX_SIZES = {"BTC-USD": 0.01, "ETH-USD": 0.1, "BTC-USD_UM": 0.01, "ETH-USD_UM": 0.01, "SOL-USD_UM": 0.1}
_OKX_OLD_SIZES = {"BTC-USD": 0.1, "ETH-USD": 1.0}
#: The old sizes still stood in the list of the first day; notices name days up to the second for the change.
_OKX_CHANGE = (datetime(2022, 5, 14, tzinfo=UTC), datetime(2022, 5, 27, tzinfo=UTC))


def read_tardis(path: Path, options: Options) -> Imported:
    """Import one ``options_chain`` CSV or .csv.gz, by default onto the hours.

    Raises ``ImportFileError`` unless it has the 24 columns, for an exchange that is not known here, and for rows of OKX
    whose contract size nobody has written down.
    """
    check_options(SOURCE, options)
    options = with_grid(SOURCE, options)
    assert options.every is not None
    chosen = last_rows(path, _TICKS, options.every)
    exchange = _exchange(chosen.raw)
    mapping = _named(MAPPINGS[exchange], chosen.raw)
    raw = _as_the_venue_writes(chosen.raw, mapping)
    _check_contracts(raw, mapping.venue)
    if mapping.venue == "okx":
        raw = _with_sizes(raw)
        _refuse_unknown_sizes(raw, options.underlying)
    return _counted(import_chain(raw, mapping, options), chosen)


def _named(mapping: Mapping, raw: Raw) -> Mapping:
    """The mapping, which says of made-up ticks that they are: their index is."""
    is_made_up = raw.frame["underlying_index"].str.starts_with(SYNTHETIC.upper()).any()
    return replace(mapping, name=f"{SYNTHETIC}-{mapping.name}") if is_made_up else mapping


def _exchange(raw: Raw) -> str:
    names = raw.frame["exchange"]
    odd = names != names[0]
    if odd.any():
        row = odd.arg_max() or 0
        raise ImportFileError(f"{raw.where(row)}: exchange = {shown(names[row])} in a file of {names[0]}")
    if names[0] not in MAPPINGS:
        raise ImportFileError(f"{raw.where(0)}: exchange = {shown(names[0])} is none of {', '.join(MAPPINGS)}")
    return names[0]


def _as_the_venue_writes(raw: Raw, mapping: Mapping) -> Raw:
    """Tardis upper-cases names; Deribit's decimal strikes have a small d: 8d6."""
    if mapping.venue != "deribit":
        return raw
    return replace(raw, frame=raw.frame.with_columns(pl.col("symbol").str.replace(r"(\d)D(\d)", "${1}d${2}")))


def _check_contracts(raw: Raw, venue: str) -> None:
    """The name is what counts; columns that say another contract mean that one of the two is not what it was."""
    distinct = raw.frame.with_row_index("row").unique(["symbol", "type", "strike_price", "expiration"], keep="first")
    places = distinct["row"].to_list()
    some = replace(raw, frame=distinct, lines=[raw.lines[row] for row in places] if raw.lines else None)
    expiries = instants(some, "expiration", TimeFormat("us"))
    rows = zip(distinct["symbol"], distinct["type"], numbers(some, "strike_price"), expiries, strict=True)
    for row, (name, option_type, strike, expiry) in enumerate(rows):
        found = instruments.parse(venue, name)
        said = (_TYPES.get(option_type), strike, expiry)
        if found is not None and said != (found.option_type, found.strike_usd, found.expiry_at):
            what = f"{option_type} {strike:g} {expiry:%Y-%m-%dT%H:%MZ}" if strike and expiry else "not whole"
            raise ImportFileError(f"{some.where(row)}: {name} is another contract than its columns say: {what}")


def _with_sizes(raw: Raw) -> Raw:
    """Add ``contract_size`` from the family in the name and the day."""
    family = _family(raw)
    at = instants(raw, "local_timestamp", TimeFormat("us"))
    is_unknown = at.is_between(*_OKX_CHANGE, closed="left")
    if is_unknown.any():
        row = is_unknown.arg_max() or 0
        start, end = _OKX_CHANGE
        raise ImportFileError(
            f"{raw.where(row)}: OKX changed its contract sizes between {start:%Y-%m-%d} and {end:%Y-%m-%d}, it is not "
            f"known on which day: open interest of {at[row]:%Y-%m-%d} cannot be counted in coins"
        )
    old, new = (family.replace_strict(s, default=None, return_dtype=pl.Float64) for s in (_OKX_OLD_SIZES, _OKX_SIZES))
    return replace(raw, frame=raw.frame.with_columns(contract_size=old.zip_with(at < _OKX_CHANGE[0], new)))


def _family(raw: Raw) -> pl.Series:
    """``BTC-USD`` of ``BTC-USD-260327-90000-C``, null for what is no option."""
    return raw.frame["symbol"].str.extract(r"^(.+)-\d{6}-[^-]+-[CP]$")


def _refuse_unknown_sizes(raw: Raw, underlying: str | None) -> None:
    """Refuse a file with a family of no known contract size, be it of the one coin that is asked for."""
    rows = raw.frame.select("contract_size", family=_family(raw)).with_row_index("row").drop_nulls("family")
    rows = rows.with_columns(coin=pl.col("family").str.extract("^([^-]+)"))
    odd = rows.filter(pl.col("contract_size").is_null())
    if underlying is not None:
        odd = odd.filter(coin=instruments.underlying_of(underlying))
    if odd.is_empty():
        return
    others = sorted({*rows["coin"]} - {*odd["coin"]}) if underlying is None else []
    hint = f": import the other coins one by one with --underlying {', '.join(others)}" if others else ""
    place, name = raw.where(odd["row"][0]), odd["family"][0]
    unknown = f"the contract size of {name} is not known, so its open interest cannot be counted in coins"
    raise ImportFileError(f"{place}: {unknown}{hint}")


def _counted(imported: Imported, chosen: Chosen) -> Imported:
    """The same with the rows that were passed over while reading."""
    passed = chosen.rows - chosen.raw.frame.height
    dropped = {**imported.dropped}
    if passed:
        dropped["superseded on the grid"] = dropped.get("superseded on the grid", 0) + passed
    notes = [f"{chosen.unordered:,} rows go back in time: each was taken by its time"] if chosen.unordered else []
    return replace(imported, rows=chosen.rows, dropped=dropped, notes=notes)
