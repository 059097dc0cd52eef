"""Answers: the numbers of the stored tables where nothing is filtered, of a slow recomputation where something is."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gex_pipeline.core.window import Window
from gex_pipeline.engine.answers import answer
from gex_pipeline.engine.build import build
from gex_pipeline.errors import GexError
from gex_pipeline.schema import CANDLES, CHAIN, DERIVED, TABLES
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.partitions import Store
from tests.instants import utc
from tests.slow import exposure as slow
from tests.unit.store.build import chain, rows, store

AT = utc("2026-03-05T08:30")
SNAPSHOT = utc("2026-03-05T08:00")
#: Attribute of an answer -> the stored table it equals.
STORED = {
    "levels": "levels",
    "flip_zones": "flip_zones",
    "ranked": "ranked",
    "profile": "gamma_profile",
    "max_pain": "max_pain",
    "expected_move": "expected_move",
}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two venues of one coin at 7, 8 and 9 o'clock, built."""
    root: Path = tmp_path_factory.mktemp("answers")
    made = store(root)
    for venue in ("binance", "deribit"):
        made.merge(CHAIN, chain("2026-03-05T07:00", 3, venue=venue, is_whole=True), {})
    assert build(root, workers=1).failures == []
    return made


def stored(made: Store, table: str, venues: str) -> pl.DataFrame:
    frame = rows(made, table)
    return frame.filter(pl.col("snapshot_at") == SNAPSHOT, pl.col("venues") == venues)


def assert_equals_stored(made: Store, found: object, venues: str) -> None:
    for attribute, table in STORED.items():
        key = [n for n in TABLES[table].key if n != "venues"]
        mine = getattr(found, attribute).drop("venues").sort(key)
        expected = stored(made, table, venues).drop("venues").sort(key).select(mine.columns)
        assert mine.height > 0, attribute
        # Not bit for bit: the sums run over another number of snapshots.
        assert_frame_equal(mine, expected, rel_tol=1e-9, abs_tol=1e-6)


#: Tables that `gex levels` does not show.
NOT_ASKED = {
    "exposure_totals",
    "expiry_summary",
    "density",
    "implied_vol",
    "level_bands",
    "net_gex_bands",
    "taker_coverage",
    "taker_inventory",
}


def test_every_other_derived_table_is_in_an_answer():
    assert {*STORED.values(), *NOT_ASKED} == {t.name for t in DERIVED}


def test_without_a_filter_an_answer_equals_the_stored_tables(warehouse):
    found = answer(warehouse, "BTC", at=AT)
    assert (found.snapshot_at, found.knowledge_time, found.age_seconds) == (SNAPSHOT, SNAPSHOT, 1800)
    assert found.venues == ["binance", "deribit"]
    assert found.is_synthetic
    assert_equals_stored(warehouse, found, "all")


@pytest.mark.parametrize("venue", ["binance", "deribit"])
def test_one_venue_equals_the_stored_set_of_that_venue(warehouse, venue):
    found = answer(warehouse, "BTC", at=AT, venues=[venue])
    assert found.venues == [venue]
    assert_equals_stored(warehouse, found, venue)


def test_both_venues_named_are_all_venues(warehouse):
    found = answer(warehouse, "BTC", at=AT, venues=["deribit", "binance"])
    assert_equals_stored(warehouse, found, "all")


@pytest.mark.parametrize(
    "window",
    [Window(moneyness_min=0.98), Window(moneyness_max=1.02), Window(0.95, 1.05), Window(spot_window_pct=3.0)],
)
def test_a_window_on_strikes(warehouse, window):
    found = answer(warehouse, "BTC", at=AT, window=window)
    whole = rows(warehouse).filter(pl.col("snapshot_at") == SNAPSHOT).to_dicts()
    spot = slow.spot(whole)
    low = max(window.moneyness_min or 0, 1 - (window.spot_window_pct or 1e9) / 100)
    high = min(window.moneyness_max or 1e9, 1 + (window.spot_window_pct or 1e9) / 100)
    inside = [r for r in whole if low <= r["strike_usd"] / spot <= high]
    assert 0 < len(inside) < len(whole)
    table = slow.exposure(inside)
    net = sum(cell["net_gex_usd"] for cell in table.values())
    assert found.spot_usd == pytest.approx(spot)
    assert found.exposure["net_gex_usd"].sum() == pytest.approx(net, rel=1e-9)
    assert set(found.exposure["strike_usd"]) == {strike for _, _, strike in table}
    assert found.levels.filter(scope="all_expiry")["net_gex_usd"][0] == pytest.approx(net, rel=1e-9)
    # The window is about gamma; max pain and the expected move are of whole expiries.
    assert_frame_equal(found.max_pain, answer(warehouse, "BTC", at=AT).max_pain)


def test_a_window_without_strikes_has_empty_levels(warehouse):
    found = answer(warehouse, "BTC", at=AT, window=Window(moneyness_min=50.0))
    assert found.exposure.is_empty()
    assert set(found.levels["status"]) == {"empty"}
    assert found.levels["value_usd"].null_count() == found.levels.height
    assert found.ranked.is_empty()


@pytest.mark.parametrize(("sign_model", "call", "put"), [("short_all", -1, -1), ("unsigned", 1, 1), ("naive", 1, -1)])
def test_sign_models(warehouse, sign_model, call, put):
    found = answer(warehouse, "BTC", at=AT, sign_model=sign_model).exposure
    assert (found["call_gex_usd"] * call >= 0).all()
    assert (found["put_gex_usd"] * put >= 0).all()
    assert found["net_gex_usd"].sum() == pytest.approx((found["call_gex_usd"] + found["put_gex_usd"]).sum())
    assert found["gross_gex_usd"].sum() > 0


def test_a_sign_model_that_needs_trades(warehouse):
    words = "no option trade of BTC from binance, deribit until 2026-03-05T08:00Z is stored: sign model taker needs"
    with pytest.raises(GexError, match=words):
        answer(warehouse, "BTC", at=AT, sign_model="taker")


def test_staleness_is_told(warehouse):
    assert not answer(warehouse, "BTC", at=utc("2026-03-05T11:00")).is_stale
    assert answer(warehouse, "BTC", at=utc("2026-03-05T11:01")).is_stale


def bars(interval: str, first: str, n: int, **given: object) -> pl.DataFrame:
    minutes = {"5m": 5, "1h": 60, "1d": 1440}[interval]
    opens = [utc(first) + timedelta(minutes=minutes * i) for i in range(n)]
    fixed = {"venue": "okx", "market": "perp", "symbol": "BTC-PERP", "underlying": "BTC", "source": "t"} | given
    frame = pl.DataFrame({"open_at": opens, "close": [100.0 + i for i in range(n)]})
    frame = frame.with_columns(
        pl.col("open_at").dt.offset_by(f"{minutes}m").alias("close_at"),
        pl.lit(interval).alias("interval"),
        *(pl.lit(100.0).alias(name) for name in ("open", "high", "low", "volume_coin")),
        *(pl.lit(v).alias(k) for k, v in fixed.items()),
    )
    return frame.select(CANDLES.names).cast(dict(polars_schema(CANDLES)))


def test_candles_are_the_last_closed_ones_of_the_finest_current_series(tmp_path):
    made = store(tmp_path)
    made.merge(CHAIN, chain("2026-03-05T07:00", 2, is_whole=True), {})
    assert answer(made, "BTC", at=AT).candles is None
    assert answer(made, "BTC", at=AT, has_candles=True).candles.is_empty()
    hours, minutes = bars("1h", "2026-03-02T00:00", 82), bars("5m", "2026-03-05T05:00", 50)
    old = bars("5m", "2026-02-01T00:00", 10, symbol="OLD")
    made.merge(CANDLES, pl.concat([hours, bars("1d", "2026-02-01", 40)]), {})
    found = answer(made, "BTC", at=AT, has_candles=True).candles
    assert set(found["interval"]) == {"1h"}
    assert (found.height, found["close_at"][-1]) == (48, utc("2026-03-05T08:00"))
    made.merge(CANDLES, pl.concat([minutes, old]), {})
    found = answer(made, "BTC", at=AT, has_candles=True).candles
    assert set(found["symbol"]) == {"BTC-PERP"}
    assert (found["interval"][0], found.height, found["close_at"][-1]) == ("5m", 42, AT)
    assert found["open_at"].is_sorted()


def perps(at: datetime, marks: dict[str, float | None]) -> pl.DataFrame:
    """A row of `perps` per venue."""
    rows = [{"venue": v, "mark_usd": mark, "snapshot_at": at, "knowledge_time": at} for v, mark in marks.items()]
    same = {"symbol": "BTCUSDT", "underlying": "BTC", "source": "test"}
    return pl.DataFrame([{**same, **row} for row in rows], schema=polars_schema(TABLES["perps"]), orient="row")


def test_the_perpetuals_mark_is_the_median_of_what_was_known(tmp_path: Path) -> None:
    made = store(tmp_path)
    for venue in ("binance", "deribit"):
        made.merge(CHAIN, chain("2026-03-05T07:00", 3, venue=venue, is_whole=True), {})
    assert answer(made, "BTC", at=AT).perps_usd is None
    made.merge(TABLES["perps"], perps(SNAPSHOT - timedelta(hours=2), {"okx": 1.0}), {})
    assert answer(made, "BTC", at=AT).perps_usd is None, "older than an hour before the snapshot"
    made.merge(TABLES["perps"], perps(SNAPSHOT - timedelta(minutes=30), {"okx": 5.0}), {})
    made.merge(TABLES["perps"], perps(SNAPSHOT, {"binance": 100.0, "deribit": 102.0, "okx": None}), {})
    made.merge(TABLES["perps"], perps(AT + timedelta(minutes=1), {"binance": 900.0}), {})
    assert answer(made, "BTC", at=AT).perps_usd == 100.0
    assert answer(made, "BTC", at=AT, venues=["deribit"]).perps_usd == 102.0
