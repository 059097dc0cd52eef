"""Real smiles: wings, constant maturities and distributions of Deribit's chains."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gex_pipeline import open_warehouse
from gex_pipeline.engine.build import build
from gex_pipeline.engine.imports import import_files
from gex_pipeline.importers import Options, load_mapping
from gex_pipeline.warehouse import Warehouse
from tests.slow import compare
from tests.slow.frames import as_plain

MAPPINGS = Path(__file__).parents[1] / "mappings"
#: A book of the five-minute files and a daily one.
INSTANTS = [datetime(2025, 12, 11, 18, 15, tzinfo=UTC), datetime(2026, 3, 26, 17, 8, 31, tzinfo=UTC)]


@pytest.fixture(scope="module")
def warehouse(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """76 days of BTC a day apart, and an hour of five-minute chains of three coins; built."""
    root = tmp_path_factory.mktemp("smiles") / "warehouse"
    five_minutes = sorted((real_data / "deribit-5min").glob("*/*_2025-12-11_18*.parquet"))
    for paths, mapping in ((five_minutes, "deribit-5min"), ([real_data / "deribit-daily"], "deribit-daily")):
        assert import_files(root, "chain", paths, Options(load_mapping(MAPPINGS / f"{mapping}.toml"))).failures == []
    assert build(root).failures == []
    return open_warehouse(root)


@pytest.fixture(scope="module")
def daily(warehouse: Warehouse) -> pl.DataFrame:
    """Summary and distribution of the expiries of the daily chains, all venues, with the days to each."""
    return warehouse.query(
        """SELECT summary.*, density.* EXCLUDE (snapshot_at, knowledge_time, underlying, venues, expiry_at),
            (epoch(expiry_at) - epoch(snapshot_at)) / 86400 AS days
        FROM expiry_summary AS summary JOIN density USING (snapshot_at, underlying, venues, expiry_at)
        WHERE underlying = 'BTC' AND venues = 'all' AND snapshot_at >= '2026-01-01'
        ORDER BY snapshot_at, expiry_at"""
    )


@pytest.mark.parametrize("at", INSTANTS, ids=str)
def test_stored_smiles_are_the_slow_twins(warehouse: Warehouse, at: datetime) -> None:
    where = "WHERE underlying = 'BTC' AND snapshot_at = ?"
    rows = warehouse.query(f"SELECT * FROM chain {where}", [at]).to_dicts()
    assert len(rows) > 200
    found = {
        n: warehouse.query(f"SELECT * FROM {n} {where}", [at]) for n in ("expiry_summary", "density", "implied_vol")
    }
    compare.assert_expiry_summary(rows, as_plain(found["expiry_summary"]))
    compare.assert_density(rows, as_plain(found["density"]))
    compare.assert_implied_vol(rows, as_plain(found["implied_vol"]))


def test_all_expiries_up_to_the_last_are_the_book(warehouse: Warehouse) -> None:
    """The term structure of the flip ends at the book's own flip, with its status."""
    pairs = warehouse.query(
        """SELECT value_usd, status, zero_gamma_to_usd, zero_gamma_to_status
        FROM levels JOIN (
            SELECT * FROM expiry_summary QUALIFY expiry_at = max(expiry_at) OVER (PARTITION BY snapshot_at, underlying)
        ) USING (snapshot_at, underlying, venues)
        WHERE venues = 'all' AND scope = 'all_expiry' AND level = 'zero_gamma'"""
    )
    assert pairs.height > 90
    assert pairs["status"].to_list() == pairs["zero_gamma_to_status"].to_list()
    both = pairs.drop_nulls()
    assert both.height > 80
    np.testing.assert_allclose(both["zero_gamma_to_usd"], both["value_usd"], rtol=1e-6)


def test_puts_cost_more_than_calls(daily: pl.DataFrame) -> None:
    """The usual sign of the skew in the spring of 2026, and its usual size."""
    liquid = daily.filter(pl.col("days") > 1, pl.col("smile_status") == "ok")
    assert liquid.height > 700
    assert (liquid["skew_25d"] > 0).mean() > 0.95
    assert 0.01 < liquid["skew_25d"].median() < 0.12
    assert (liquid["skew_10d"] > liquid["skew_25d"]).mean() > 0.9
    assert (liquid["butterfly_10d"] > 0).mean() > 0.95


def test_constant_maturities_are_near_the_expiries_around(warehouse: Warehouse, daily: pl.DataFrame) -> None:
    terms = warehouse.query(
        "SELECT * FROM implied_vol WHERE underlying = 'BTC' AND venues = 'all' AND snapshot_at >= '2026-01-01'"
    )
    assert terms.height == 76
    assert (terms["status"] == "ok").all()
    around = daily.filter(pl.col("days").is_between(10, 70)).group_by("snapshot_at")
    spread = around.agg(pl.col("atm_iv").min().alias("least"), pl.col("atm_iv").max().alias("most"))
    checked = terms.join(spread, on="snapshot_at").select(
        pl.col("iv30").is_between(pl.col("least") - 1e-9, pl.col("most") + 1e-9),
        pl.col("iv30_put_25d") > pl.col("iv30_call_25d"),
    )
    assert checked.height == 76
    assert checked["iv30"].all()
    assert checked["iv30_put_25d"].mean() > 0.95


def test_iv30_of_december_2025(warehouse: Warehouse) -> None:
    """Deribit's DVOL of BTC stood in the middle forties, that of ETH near seventy; ATM lies a little below."""
    where = "WHERE venues = 'all' AND snapshot_at < '2026-01-01' GROUP BY underlying"
    iv30 = dict(warehouse.query(f"SELECT underlying, median(iv30) FROM implied_vol {where}").rows())
    assert 0.38 < iv30["BTC"] < 0.48
    assert 0.55 < iv30["ETH"] < 0.75


def test_distributions_of_liquid_books(daily: pl.DataFrame) -> None:
    """Nearly all exist; the forward is inside both bands; probabilities add up."""
    assert (daily["status"] == "ok").mean() > 0.95
    ok = daily.filter(pl.col("status") == "ok")
    quantiles = ["lower_95_usd", "lower_68_usd", "median_usd", "upper_68_usd", "upper_95_usd"]
    assert (np.diff(ok.select(quantiles).to_numpy(), axis=1) > 0).all()
    assert ok.select(pl.col("forward_usd").is_between("lower_68_usd", "upper_68_usd").all()).item()
    assert (np.abs(ok["median_usd"] / ok["forward_usd"] - 1) < 0.1).all()
    total = ok.select(pl.col("p_between_walls") + pl.col("p_above_call_wall") + pl.col("p_below_put_wall")).drop_nulls()
    np.testing.assert_allclose(total.to_series(), 1.0, rtol=1e-9)


def test_the_68_per_cent_band_is_near_the_straddle_s(warehouse: Warehouse, daily: pl.DataFrame) -> None:
    """Two ways to one figure: bands of `expected_move` are lognormal with the ATM variance, these have the smile's."""
    moves = warehouse.query(
        "SELECT snapshot_at, expiry_at, upper_1sd, lower_1sd FROM expected_move WHERE venues = 'all'"
    )
    both = daily.filter(pl.col("status") == "ok").join(moves, on=["snapshot_at", "expiry_at"]).drop_nulls("upper_1sd")
    ratio = (both["upper_68_usd"] - both["lower_68_usd"]) / (both["upper_1sd"] - both["lower_1sd"])
    assert both.height > 700
    assert 0.9 < ratio.median() < 1.1
    assert ((ratio > 0.7) & (ratio < 1.3)).mean() > 0.98
