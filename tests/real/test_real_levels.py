"""Real chains end to end: files -> warehouse -> levels, beside the slow twin."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from gex_pipeline import open_warehouse
from gex_pipeline.core import black76
from gex_pipeline.engine.build import build
from gex_pipeline.engine.imports import import_files
from gex_pipeline.importers import Options, load_mapping
from gex_pipeline.store.verify import verify
from gex_pipeline.warehouse import Warehouse
from tests.slow import compare, expiry, exposure, levels, premium, profile, realised
from tests.slow.frames import as_plain

MAPPINGS = Path(__file__).parents[1] / "mappings"

#: Two books of Deribit in a five-minute file, one book of the daily file, Binance's hourly file.
INSTANTS = [
    datetime(2025, 12, 11, 18, 15, tzinfo=UTC),
    datetime(2026, 3, 26, 17, 8, 31, tzinfo=UTC),
    datetime(2023, 10, 20, 14, 0, tzinfo=UTC),
]


@pytest.fixture(scope="module")
def warehouse(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A day of the five-minute files, all daily files, all Binance files; built."""
    root = tmp_path_factory.mktemp("real") / "warehouse"
    five_minutes = sorted((real_data / "deribit-5min").glob("*/*_2025-12-11_18*.parquet"))
    sources = [
        ("chain", five_minutes, Options(load_mapping(MAPPINGS / "deribit-5min.toml"))),
        ("chain", [real_data / "deribit-daily"], Options(load_mapping(MAPPINGS / "deribit-daily.toml"))),
        ("binance-eoh", [real_data / "binance-eoh"], Options()),
    ]
    for source, paths, options in sources:
        summary = import_files(root, source, paths, options)
        assert summary.failures == []
        assert summary.conflicts == []
    assert build(root).failures == []
    assert verify(root) == []
    return open_warehouse(root)


def rows_at(warehouse: Warehouse, at: datetime) -> list[dict[str, Any]]:
    chain = warehouse.query("SELECT * FROM chain WHERE underlying = 'BTC' AND snapshot_at = ?", [at])
    assert chain.height > 200
    return chain.to_dicts()


def stored(warehouse: Warehouse, table: str, at: datetime) -> pl.DataFrame:
    return as_plain(warehouse.query(f"SELECT * FROM {table} WHERE underlying = 'BTC' AND snapshot_at = ?", [at]))


@pytest.mark.parametrize("at", INSTANTS, ids=str)
def test_stored_levels_are_the_slow_twins(warehouse: Warehouse, at: datetime) -> None:
    rows = rows_at(warehouse, at)
    compare.assert_levels(rows, stored(warehouse, "levels", at))
    compare.assert_flip_zones(rows, stored(warehouse, "flip_zones", at))
    compare.assert_ranked(rows, stored(warehouse, "ranked", at))
    compare.assert_max_pain(rows, stored(warehouse, "max_pain", at))
    compare.assert_expected_move(rows, stored(warehouse, "expected_move", at))


@pytest.mark.parametrize("at", INSTANTS, ids=str)
def test_stored_totals_are_the_slow_twins(warehouse: Warehouse, at: datetime) -> None:
    rows = rows_at(warehouse, at)
    (row,) = stored(warehouse, "exposure_totals", at).filter(venues="all", scope="all_expiry").rows(named=True)
    for column, value in exposure.totals(rows).items():
        assert row[column] == pytest.approx(value, rel=1e-9), column


def test_regimes_of_real_books(warehouse: Warehouse) -> None:
    """Every label is that of the twin; under the naive signs vanna exposure was positive, so that none is aligned."""
    found = warehouse.query("FROM regime ORDER BY underlying, snapshot_at")
    book = "venues = 'all' AND scope = 'all_expiry' AND sign_model = 'naive'"
    totals = warehouse.query(f"FROM exposure_totals WHERE {book} ORDER BY underlying, snapshot_at").rows(named=True)
    assert found.height == len(totals) > 150
    for row, total in zip(found.rows(named=True), totals, strict=True):
        want = premium.labels(total, row["zero_gamma_usd"], row["zero_gamma_status"], None)
        assert {name: row[name] for name in want} == want
    assert set(found["regime"]) == {"positive", "negative"}
    assert found["vex_usd"].min() > 0
    assert not found["vanna_aligned"].any()


@pytest.mark.parametrize("at", INSTANTS, ids=str)
def test_the_document_shows_what_is_stored(warehouse: Warehouse, at: datetime) -> None:
    document = warehouse.levels("BTC", at=at)["data"]["all_expiry"]
    rows = stored(warehouse, "levels", at).filter(pl.col("venues") == "all", pl.col("scope") == "all_expiry")
    values = dict(rows.select("level", "value_usd").iter_rows())
    assert document == {name: values[name] for name in document}


def test_marks_of_the_inverse_books_are_black76_of_their_iv(warehouse: Warehouse) -> None:
    """Deribit prices coin-settled options by Black-76 on the row's forward; a wrong unit anywhere would show here."""
    chain = warehouse.query("SELECT * FROM chain WHERE venue = 'deribit' AND settlement = 'inverse' AND mark_usd > 0")
    columns = ("forward_usd", "strike_usd", "tenor_years", "mark_iv")
    f, k, t, s = (chain[c].to_numpy() for c in columns)
    own = black76.price(f, k, t, s, (chain["option_type"] == "C").to_numpy())
    error = np.abs(own - chain["mark_usd"].to_numpy()) / chain["forward_usd"].to_numpy()
    # The five-minute files carry six decimals of a coin and IV to 0.01 %, the daily ones four decimals.
    by_source = {s: float(np.median(error[(chain["source"] == s).to_numpy()])) for s in chain["source"].unique()}
    assert by_source["deribit-5min"] < 5e-5
    assert by_source["deribit-daily"] < 1e-4


def test_twins_are_not_the_package() -> None:
    """An oracle that calls what it checks would agree with anything."""
    for module in (levels, profile, expiry, exposure, premium, realised):
        text = Path(module.__file__ or "").read_text()
        assert "gex_pipeline" not in text
