"""Archive file -> `chain` and `chain_rejected`, through a mapping.

Belongs here: the order of the steps from raw columns to rows of the table. Not here: file formats (read.py), finding
columns (columns.py), the grid (grid.py), forwards (forwards.py), the rules of rejection (rejection.py).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from gex_pipeline.core.settlement_average import WINDOW_MINUTES
from gex_pipeline.core.units import SECONDS_PER_YEAR
from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers.base import Imported, Options, check_options, grid_of
from gex_pipeline.importers.cells import finite, row_json, shown
from gex_pipeline.importers.columns import TIME, UNKNOWN, mapped, only_underlying
from gex_pipeline.importers.forwards import with_front_forward, with_parity_forward
from gex_pipeline.importers.grid import on_grid, too_old
from gex_pipeline.importers.mapping import Mapping
from gex_pipeline.importers.read import Raw, read
from gex_pipeline.importers.rejection import reason
from gex_pipeline.schema.chain import CAP_IV, CHAIN, CHAIN_REJECTED, MOST_COINS, SETTLEMENTS
from gex_pipeline.schema.model import Table
from gex_pipeline.schema.types import polars_schema

_PERCENT = 100.0
_PRICES = ("mark_usd", "bid_usd", "ask_usd")


def read_chain(path: Path, options: Options) -> Imported:
    """Import one file of option rows with ``options.mapping``.

    Raises ``UsageError`` without a chain mapping and ``ImportFileError`` where the file cannot be used.
    """
    check_options("chain", options)
    mapping = options.mapping
    assert mapping is not None
    return import_chain(read(path, mapping.file_format), mapping, options)


def import_chain(raw: Raw, mapping: Mapping, options: Options, snapshot_at: datetime | None = None) -> Imported:
    """Raw rows -> `chain` and `chain_rejected`. Every source row is in one of them or counted in ``dropped``.

    ``snapshot_at``: the instant that all rows describe, whenever they were received; None: as the rows say.
    """
    frame = mapped(raw, mapping, options).with_columns(pl.col("underlying").fill_null(UNKNOWN))
    kept = only_underlying(raw, frame, options.underlying)
    _check(raw, mapping, kept)
    distinct = _without_repeats(raw, kept)
    plan = _finished(_priced(mapping, _snapshots(distinct, mapping, options, snapshot_at)), mapping)
    finished = plan.collect(engine="in-memory")
    dropped = {"other underlying": frame.height - kept.height, "identical": kept.height - distinct.height}
    dropped |= _unused(distinct, finished, mapping, options)
    repeated = finished.height - finished["row"].n_unique()
    return Imported(_tables(raw, finished), raw.frame.height, {k: n for k, n in dropped.items() if n}, repeated)


def _check(raw: Raw, mapping: Mapping, frame: pl.DataFrame) -> None:
    """Refuse a file with a row that belongs to no snapshot, or whose units cannot be known."""
    is_odd = {
        "received_at": pl.col("received_at").is_null(),
        "settlement": pl.col("is_named") & ~pl.col("settlement").is_in(SETTLEMENTS).fill_null(False),
    }
    if _is_per_contract(mapping):
        is_odd["contract_size_coin"] = pl.col("is_named") & ~(pl.col("contract_size_coin") > 0).fill_null(False)
    for name, row in frame.select(**{k: pl.arg_where(e).first() for k, e in is_odd.items()}).row(0, named=True).items():
        if row is not None:
            place, value, coin = raw.where(frame["row"][row]), shown(frame[name][row]), frame["underlying"][row]
            raise ImportFileError(f"{place}: {name} is {value} for {coin}; the row cannot be placed without it")


def _is_per_contract(mapping: Mapping) -> bool:
    return any(f.unit in ("contract", "usd_per_contract") for f in mapping.fields.values())


def _without_repeats(raw: Raw, frame: pl.DataFrame) -> pl.DataFrame:
    """One row of each set of source rows that are equal in every cell."""
    key = ["received_at", "instrument"]
    if frame.select(pl.struct(key).n_unique()).item() == frame.height:
        return frame
    cells = raw.frame.select(raw.columns)[frame["row"].to_list()]
    return frame.filter(cells.select(pl.struct(pl.all()).is_first_distinct()).to_series())


def _snapshots(frame: pl.DataFrame, mapping: Mapping, options: Options, snapshot_at: datetime | None) -> pl.LazyFrame:
    """Add ``snapshot_at`` and ``is_duplicate``; with a grid, the rows of each grid instant."""
    grid = grid_of(options, mapping)
    # a row without a name is its own contract: it supersedes nothing
    own = pl.concat_str(pl.lit("\0"), pl.col("row").cast(pl.String))
    plan = frame.lazy().with_columns(contract=pl.coalesce("instrument", own))
    if grid is not None:
        return on_grid(plan, *grid).with_columns(is_duplicate=pl.lit(False))
    at = pl.col("received_at") if snapshot_at is None else pl.lit(snapshot_at, dtype=TIME)
    is_last = pl.col("row") == pl.col("row").max().over("snapshot_at", "contract")
    return plan.with_columns(snapshot_at=at).with_columns(is_duplicate=~is_last)


def _unused(frame: pl.DataFrame, finished: pl.DataFrame, mapping: Mapping, options: Options) -> dict[str, int]:
    """Rows that serve no grid instant, by reason."""
    grid = grid_of(options, mapping)
    if grid is None or finished["row"].n_unique() == frame.height:
        return {}
    unused = frame.filter(~pl.col("row").is_in(finished["row"].implode()))
    old = unused.select(too_old(*grid).sum()).item()
    return {"too old for the grid": old, "superseded on the grid": unused.height - old}


def _priced(mapping: Mapping, frame: pl.LazyFrame) -> pl.LazyFrame:
    """Units, forward and index; only then prices in USD, as those quoted in coin need the forward."""
    seconds = (pl.col("expiry_at") - pl.col("snapshot_at")).dt.total_microseconds() / 1e6
    frame = _in_coins(mapping, frame).with_columns(tenor_years=seconds / SECONDS_PER_YEAR)
    is_usable = (
        pl.col("is_named")
        & ~pl.col("is_duplicate")
        & pl.col("option_type").is_not_null()
        & (pl.col("strike_usd") > 0)
        & (pl.col("tenor_years") > 0)
    )
    quoted = _per_coin(mapping, frame)
    if mapping.is_parity:
        return _in_usd(mapping, with_parity_forward(quoted, is_usable, _is_in_coin(mapping.fields["mark_usd"].unit)))
    return _in_usd(mapping, with_front_forward(quoted, is_usable))


def _in_coins(mapping: Mapping, frame: pl.LazyFrame) -> pl.LazyFrame:
    """Contract sizes, amounts in coin, volatilities as fractions, an index that is a price; else null.

    An amount that the conversion makes infinite is none.
    """
    units = {k: f.unit for k, f in mapping.fields.items()}
    amounts = [k for k in ("open_interest_coin", "volume_24h_coin") if units.get(k) == "contract"]
    percent = [k for k in ("mark_iv", "bid_iv", "ask_iv") if units.get(k) == "percent"]
    return (
        frame.with_columns(_positive("contract_size_coin"))
        .with_columns(
            *(pl.col(k) * pl.col("contract_size_coin") for k in amounts), *(pl.col(k) / _PERCENT for k in percent)
        )
        .with_columns(finite(k) for k in amounts)
        .with_columns(_observed("bid_iv"), _observed("ask_iv"), _positive("index_usd"))
        .with_columns(pl.when(pl.col("volume_24h_coin").is_between(0, MOST_COINS)).then(pl.col("volume_24h_coin")))
        .with_columns(_settling("settlement_estimate_usd", mapping.venue))
    )


def _per_coin(mapping: Mapping, frame: pl.LazyFrame) -> pl.LazyFrame:
    """Prices of one coin, in whatever the venue quotes. A bid or ask of 0 or below is no quote; a mark below 0 none."""
    frame = frame.with_columns(_amount("mark_usd"), _positive("bid_usd"), _positive("ask_usd"))
    per_contract = [k for k, unit in _price_units(mapping).items() if unit == "usd_per_contract"]
    return frame.with_columns(pl.col(k) * (1.0 / pl.col("contract_size_coin")) for k in per_contract)


def _in_usd(mapping: Mapping, frame: pl.LazyFrame) -> pl.LazyFrame:
    """Prices that are quoted in coin times the row's forward; infinity is no price."""
    in_usd = (
        pl.when(_is_in_coin(unit)).then(pl.col(k) * pl.col("forward_usd")).otherwise(pl.col(k)).alias(k)
        for k, unit in _price_units(mapping).items()
        if unit in ("coin", "by_settlement")
    )
    return frame.with_columns(in_usd).with_columns(finite(k) for k in _PRICES)


def _price_units(mapping: Mapping) -> dict[str, str]:
    return {k: mapping.fields[k].unit for k in _PRICES if k in mapping.fields}


def _is_in_coin(unit: str) -> pl.Expr:
    """Whether a row's price of this unit is quoted in coin."""
    return pl.col("settlement") == "inverse" if unit == "by_settlement" else pl.lit(unit == "coin")


def _positive(name: str) -> pl.Expr:
    return pl.when(pl.col(name) > 0).then(pl.col(name)).alias(name)


def _settling(name: str, venue: str) -> pl.Expr:
    """A settlement estimate within the minutes that the venue averages: before them some venues send the index.

    That is a matter of when it was sent, which on a grid is before the snapshot.
    """
    minutes: pl.Expr = pl.lit(None, dtype=pl.Int64)
    for since, length in WINDOW_MINUTES.get(venue, ()):
        minutes = pl.when(pl.col("expiry_at").dt.date() >= since).then(length).otherwise(minutes)
    told_at = pl.min_horizontal("received_at", "snapshot_at")
    is_begun = pl.col("expiry_at") - told_at < pl.duration(minutes=minutes)
    return pl.when(is_begun & (pl.col(name) > 0) & pl.col(name).is_finite()).then(pl.col(name)).alias(name)


def _observed(name: str) -> pl.Expr:
    """A quoted volatility; sentinels and the venues' cap are none."""
    return pl.when((pl.col(name) > 0) & (pl.col(name) < CAP_IV)).then(pl.col(name)).alias(name)


def _amount(name: str) -> pl.Expr:
    return pl.when(pl.col(name) >= 0).then(pl.col(name)).alias(name)


def _finished(frame: pl.LazyFrame, mapping: Mapping) -> pl.LazyFrame:
    # sums and medians of huge prices overflow
    return frame.with_columns(finite("forward_usd"), finite("index_usd")).with_columns(
        reason(),
        knowledge_time=pl.max_horizontal("snapshot_at", "received_at"),
        venue=pl.lit(mapping.venue),
        source=pl.lit(mapping.name),
    )


def _tables(raw: Raw, frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    good = frame.lazy().filter(pl.col("reason").is_null()).sort(CHAIN.sort)
    bad = frame.filter(pl.col("reason").is_not_null())
    if bad.is_empty():
        rejected = pl.DataFrame(schema=polars_schema(CHAIN_REJECTED))
    else:
        bad = bad.with_columns(raw=pl.Series(row_json(raw, bad["row"].to_list()), dtype=pl.String))
        rejected = bad.sort(CHAIN_REJECTED.sort, maintain_order=True).select(_declared(CHAIN_REJECTED))
    return {"chain": good.select(_declared(CHAIN)).collect(engine="in-memory"), "chain_rejected": rejected}


def _declared(table: Table) -> list[pl.Expr]:
    return [pl.col(name).cast(dtype) for name, dtype in polars_schema(table).items()]
