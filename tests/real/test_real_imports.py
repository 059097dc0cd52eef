"""Every archive of real data through its importer. Skipped by name where the data is absent.

The data lies outside the project: in the folder named by ``GEX_REAL_DATA``, by default beside it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers import READERS, Imported, Options, load_mapping
from gex_pipeline.schema import TABLES
from gex_pipeline.schema.checks import violations

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GEX_REAL_DATA", ROOT / ".." / "shared" / "data"))
MAPPINGS = ROOT / "tests" / "mappings"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real market data at {DATA} (set GEX_REAL_DATA)")

#: folder pattern -> source, mapping, files, rows of all files, rows that end in the table
ARCHIVES = [
    ("deribit-5min/*/*.parquet", "chain", "deribit-5min", 630, 361_266, 361_266),
    ("deribit-daily/*.csv", "chain", "deribit-daily", 76, 69_396, 69_396),
    ("binance-eoh/*.csv", "binance-eoh", None, 2, 11_050, 10_670),
    ("candles/binance-monthly-1h/*.csv", "binance-klines", None, 48, 35_040, 35_040),
    ("candles/feather/*_USDT-5m.feather", "candles", "feather-spot-5m", 3, 359_331, 359_331),
    ("candles/feather/*-5m-futures.feather", "candles", "feather-perp-5m", 1, 76_399, 76_399),
    ("candles/feather/*-1h-futures.feather", "candles", "feather-perp-1h", 1, 6_372, 6_372),
    ("candles/feather/*-1h-mark.feather", "candles", "feather-mark-1h", 1, 9_981, 9_981),
    ("candles/parquet-1h/*.parquet", "candles", "parquet-1h", 3, 84_930, 84_930),
    ("candles/spot-1h-btcusdt-2021-2025.csv", "candles", "spot-1h-csv", 1, 41_577, 41_577),
    ("candles/bitstamp-1h/*.csv", "candles", "bitstamp-1h", 1, 26_250, 26_250),
    ("dvol/*.csv", "dvol", "dvol-1h", 1, 38_789, 38_789),
]


def _imported(pattern: str, source: str, mapping: str | None) -> list[Imported]:
    market = "perp" if source == "binance-klines" else None
    options = Options(mapping=load_mapping(MAPPINGS / f"{mapping}.toml") if mapping else None, market=market)
    return [READERS[source](path, options) for path in sorted(DATA.glob(pattern))]


def _all(files: list[Imported], table: str) -> pl.DataFrame:
    return pl.concat([f.tables[table] for f in files])


@pytest.mark.parametrize(("pattern", "source", "mapping", "files", "rows", "kept"), ARCHIVES)
def test_every_row_is_accounted_for(
    pattern: str, source: str, mapping: str | None, files: int, rows: int, kept: int
) -> None:
    found = _imported(pattern, source, mapping)
    table = "dvol" if source == "dvol" else "chain" if "chain" in found[0].tables else "candles"
    frame = _all(found, table)
    assert (len(found), sum(f.rows for f in found), frame.height) == (files, rows, kept)
    for file in found:
        heights = sum(t.height for t in file.tables.values())
        assert file.rows == heights - file.repeated + sum(file.dropped.values())
    for name in found[0].tables:
        assert violations(TABLES[name], _all(found, name)) == []


def test_deribit_books_settlements_and_sizes() -> None:
    frame = _all(_imported("deribit-5min/*/BTC*_0105.parquet", "chain", "deribit-5min"), "chain")
    frame = frame.vstack(_all(_imported("deribit-5min/SOL_USDC/*_0105.parquet", "chain", "deribit-5min"), "chain"))
    found = set(frame.select("underlying", "settlement", "contract_size_coin").iter_rows())
    assert found == {("BTC", "inverse", 1.0), ("BTC", "linear", 1.0), ("SOL", "linear", 10.0)}
    assert frame["snapshot_at"].unique().to_list() == [datetime(2025, 12, 10, 1, 10, tzinfo=UTC)]
    # a mark in coin taken for USD, or the reverse, is off by five orders; linear marks are discounted by up to 1.5 %
    calls = frame.filter((pl.col("underlying") == "BTC") & (pl.col("option_type") == "C"))
    deep = calls.filter(pl.col("strike_usd") < pl.col("forward_usd") / 2)
    ratio = deep["mark_usd"] / (deep["forward_usd"] - deep["strike_usd"])
    assert set(deep["settlement"]) == {"inverse", "linear"}
    assert ratio.is_between(0.985, 1.02).all()


def test_binance_rejects() -> None:
    reasons = _all(_imported("binance-eoh/*.csv", "binance-eoh", None), "chain_rejected")["reason"].value_counts()
    assert dict(reasons.iter_rows()) == {"no_open_interest": 312, "expired": 68}  # at 08:00 of their last day


def test_parity_forwards_are_the_close_of_the_hour_that_ends_then() -> None:
    """Bands: 0.1 % of the spot close where the front expiry is the same day, 0.25 % (basis) up to a week.

    The candle before or after is off by the hour's move: its differences scatter at least four times as much.
    """
    chain = _all(_imported("binance-eoh/*.csv", "binance-eoh", None), "chain")
    front = (
        chain.filter(pl.col("expiry_at") == pl.col("expiry_at").min().over("snapshot_at"))
        .group_by("snapshot_at")
        .agg(pl.col("forward_usd").median(), pl.col("tenor_years").first())
    )
    candles = _all(_imported("candles/spot-1h*.csv", "candles", "spot-1h-csv"), "candles").sort("close_at")
    closes = candles.select("close_at", "close", before=pl.col("close").shift(1), after=pl.col("close").shift(-1))
    joined = front.join(closes, left_on="snapshot_at", right_on="close_at")
    assert joined.height == 48
    off = joined.select(
        (pl.col("tenor_years") < 1 / 365).cast(pl.Float64),
        *((pl.col("forward_usd") / pl.col(c) - 1).alias(c) for c in ("close", "before", "after")),
    ).to_numpy()
    is_same_day, (at, before, after) = off[:, 0] == 1, off[:, 1:].T
    assert is_same_day.sum() == 7
    assert abs(at[is_same_day]).max() < 1e-3
    assert abs(at).max() < 2.5e-3
    assert 4 * at.std() < min(before.std(), after.std())


def test_funding_rates_are_no_candles(tmp_path: Path) -> None:
    source = DATA / "candles" / "feather" / "BTC_USDT_USDT-1h-funding_rate.feather"
    link = tmp_path / "BTC_USDT_USDT-1h-mark.feather"
    link.symlink_to(source.resolve())
    mapping = load_mapping(MAPPINGS / "feather-mark-1h.toml")
    with pytest.raises(ImportFileError, match="which is not 1h"):
        READERS["candles"](link, Options(mapping=mapping))


def test_bitstamp_seconds_and_milliseconds_are_one_series() -> None:
    opened = _all(_imported("candles/bitstamp-1h/*.csv", "candles", "bitstamp-1h"), "candles")["open_at"]
    assert (opened.min(), opened.max()) == (
        datetime(2018, 5, 15, 6, tzinfo=UTC),
        datetime(2021, 5, 13, tzinfo=UTC),
    )


def test_a_mapping_for_another_file_is_refused() -> None:
    mapping = load_mapping(MAPPINGS / "deribit-daily.toml")
    for path in (DATA / "binance-eoh").glob("*.csv"):
        with pytest.raises(ImportFileError, match="has no column"):
            READERS["chain"](path, Options(mapping=mapping))
