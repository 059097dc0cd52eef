"""The views of volatility and regimes over a warehouse: chain, candles and IV stored, built, asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from gex_pipeline import open_warehouse
from gex_pipeline.engine.build import build
from gex_pipeline.schema import CANDLES, CHAIN, IMPLIED_VOL, TABLES
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store
from gex_pipeline.warehouse import Warehouse
from tests.instants import utc
from tests.slow import premium
from tests.slow.candles import drawn
from tests.slow.realised import Bar, realised_vol
from tests.unit.store.build import OVER, chain, store

FIRST = utc("2026-03-05T07:00")
HOURS = 30
BARS = drawn(21, 34, start=utc("2026-02-02"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Thirty hourly snapshots of two venues, built, 34 days of hourly candles, and an IV of our own at each."""
    made = store(tmp_path_factory.mktemp("regimes"), OVER)
    for venue in ("deribit", "binance"):
        made.merge(CHAIN, chain("2026-03-05T07:00", HOURS, venue=venue, is_whole=True), {})
    assert build(made.root, workers=1).failures == []
    return with_candles_and_iv(made)


@pytest.fixture
def warehouse(made: Store) -> Iterator[Warehouse]:
    with open_warehouse(made.root) as opened:
        yield opened


def with_candles_and_iv(made: Store) -> Store:
    made.merge(CANDLES, candles(BARS), {})
    made.replace(Partition("implied_vol", (("underlying", "BTC"),), "2026-03"), implied(), {})
    return made


def candles(bars: list[Bar]) -> pl.DataFrame:
    return pl.DataFrame(bars, schema=polars_schema(CANDLES), orient="row")


def implied() -> pl.DataFrame:
    empty = dict.fromkeys(IMPLIED_VOL.names)
    rows = [
        {
            **empty,
            "snapshot_at": FIRST + timedelta(hours=i),
            "knowledge_time": FIRST + timedelta(hours=i, seconds=2),
            "underlying": "BTC",
            "venues": "all",
            "iv30": 0.5 + 0.01 * i,
            "status": "ok",
        }
        for i in range(HOURS)
    ]
    return pl.DataFrame(rows, schema=polars_schema(IMPLIED_VOL), orient="row")


def test_the_premium_is_of_the_candles_that_are_stored(warehouse: Warehouse) -> None:
    found = warehouse.query("FROM volatility ORDER BY snapshot_at")
    assert found.height == HOURS
    for i in (0, 13, HOURS - 1):
        at = FIRST + timedelta(hours=i)
        row, want = found.row(i, named=True), realised_vol(BARS, at)
        assert row["rv_at"] == at
        assert row["rv30"] == pytest.approx(want["rv30"], rel=1e-9)
        assert row["vrp_vol_pts"] == pytest.approx(100 * (0.5 + 0.01 * i - want["rv30"]), rel=1e-9)
        assert (row["status"], row["vrp_count"], row["vrp_z"]) == ("ok", i + 1, None)


def test_candles_that_arrive_later_are_in_the_next_answer(tmp_path: Path) -> None:
    """Nothing is rebuilt: a session that has asked before sees them."""
    made, asked = with_candles_and_iv(store(tmp_path, OVER)), "SELECT count(vrp_ex_post_vol_pts) FROM vrp_ex_post"
    after = [b for b in drawn(21, 70, start=utc("2026-02-02")) if b["open_at"] > BARS[-1]["open_at"]]
    with open_warehouse(tmp_path) as opened:
        assert opened.query(asked).item() == 0
        made.merge(CANDLES, candles(after), {})
        assert opened.query(asked).item() == HOURS
        assert opened.query(
            "SELECT bool_and(knowledge_time >= snapshot_at + INTERVAL 720 HOURS) FROM vrp_ex_post"
        ).item()


def test_regimes_are_labels_of_what_is_built(warehouse: Warehouse) -> None:
    book = "venues = 'all' AND scope = 'all_expiry' AND sign_model = 'naive'"
    totals = warehouse.query(f"FROM exposure_totals WHERE {book} ORDER BY snapshot_at").rows(named=True)
    flips = warehouse.query(f"FROM levels WHERE {book} AND level = 'zero_gamma' ORDER BY snapshot_at").rows(named=True)
    found = warehouse.query("FROM regime ORDER BY snapshot_at").rows(named=True)
    assert len(found) == len(totals) == len(flips) == HOURS
    for row, total, flip in zip(found, totals, flips, strict=True):
        want = premium.labels(total, flip["value_usd"], flip["status"], None)
        assert {name: row[name] for name in want} == want
        assert row["knowledge_time"] >= row["snapshot_at"]
    changes = warehouse.query("FROM regime_transitions ORDER BY snapshot_at").rows(named=True)
    whole = "scope = 'all_expiry' AND sign_model = 'naive'"
    wanted = premium.transitions(warehouse.query(f"FROM exposure_totals WHERE {whole}").to_dicts())
    assert [{name: row[name] for name in want} for row, want in zip(changes, wanted, strict=True)] == wanted


def test_totals_are_the_sums_of_exposure(warehouse: Warehouse) -> None:
    sums = ", ".join(f"sum({n}) AS {n}" for n in ("net_gex_usd", "dex_usd", "vex_usd", "chex_usd", "vex_pa_usd"))
    cells = warehouse.query(f"SELECT {sums} FROM exposure GROUP BY snapshot_at ORDER BY snapshot_at")
    totals = warehouse.query(
        "FROM exposure_totals WHERE venues = 'all' AND scope = 'all_expiry' ORDER BY snapshot_at"
    ).select(cells.columns)
    for name in cells.columns:
        size = float(totals[name].abs().max())
        assert totals[name].to_list() == pytest.approx(cells[name].to_list(), abs=1e-9 * size), name


def test_a_view_brings_the_views_below_it(made: Store) -> None:
    """In a new session each is found whichever is asked for first."""
    for name in ("regime", "volatility", "vrp_ex_post", "regime_transitions", "realised_vol"):
        with open_warehouse(made.root) as opened:
            assert opened.query(f"SELECT count(*) FROM {name}").height == 1, name
            assert TABLES[name].period is None


def test_the_same_answer_to_the_last_bit(made: Store) -> None:
    answers = []
    for _ in range(3):
        with open_warehouse(made.root) as opened:
            answers.append(opened.query("FROM regime JOIN volatility USING (snapshot_at, underlying) ORDER BY 1, 2"))
    assert answers[0].equals(answers[1]) and answers[1].equals(answers[2])
