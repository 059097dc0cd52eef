"""What the backtests read of a warehouse, against slow sums over its rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from gex_backtest import data
from gex_backtest.config import Candles
from gex_backtest.data import Instrument
from gex_backtest.errors import BacktestError
from gex_backtest.panel import Panel
from gex_pipeline import open_warehouse
from gex_pipeline.engine.build import build
from gex_pipeline.schema import CANDLES, CHAIN, DVOL, FUNDING, SETTLEMENTS
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.partitions import Store
from tests.instants import utc
from tests.slow import exposure as slow
from tests.unit.store.build import OVER, chain, store

START = utc("2026-03-05T06:00")
HOUR = timedelta(hours=1)
PERP = Instrument("binance", "perp", "BTCUSDT", "1h")
SPOT = Instrument("bitstamp", "spot", "BTCUSD", "1h")


def candles(of: Instrument, opens: list[datetime], close: float, length: timedelta = HOUR) -> pl.DataFrame:
    """Bars whose closes count up from one."""
    n = len(opens)
    closes = [close + i for i in range(n)]
    columns: dict[str, Any] = {
        "venue": [of.venue] * n,
        "market": [of.market] * n,
        "symbol": [of.symbol] * n,
        "underlying": ["BTC"] * n,
        "interval": [of.interval] * n,
        "open_at": opens,
        "close_at": [at + length for at in opens],
        "open": closes,
        "high": closes,
        "low": closes,
        "close": closes,
        "volume_coin": [None] * n,
        "source": ["test"] * n,
    }
    return pl.DataFrame(columns, schema=polars_schema(CANDLES))


def hours(first: datetime, n: int) -> list[datetime]:
    return [first + i * HOUR for i in range(n)]


def row(table: Any, **values: Any) -> pl.DataFrame:
    whole = dict.fromkeys(table.names) | {"source": "test"} | values
    return pl.DataFrame({name: [value] for name, value in whole.items()}, schema=polars_schema(table))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two venues at 6, 7, 8 o'clock; a perpetual with a hole beside another venue's spot; one settlement price."""
    warehouse = store(tmp_path_factory.mktemp("backtest") / "warehouse", OVER)
    for venue in ("deribit", "okx"):
        warehouse.merge(CHAIN, chain("2026-03-05T06:00", 3, venue=venue, is_whole=True), {})
    first = utc("2026-03-04T00:00")
    warehouse.merge(CANDLES, candles(PERP, [at for at in hours(first, 60) if at.hour != 3], 90_000.0), {})
    warehouse.merge(CANDLES, candles(SPOT, hours(first - timedelta(days=10), 280), 80_000.0), {})
    coins = {"underlying": "BTC", "venue": "deribit"}
    price = {"expiry_at": utc("2026-03-05T08:00"), "knowledge_time": utc("2026-03-05T08:01"), "price_usd": 91_234.5}
    warehouse.merge(SETTLEMENTS, row(SETTLEMENTS, **coins, **price, symbol="btc_usd", settle_currency="BTC"), {})
    paid = {"funding_at": utc("2026-03-05T08:00"), "knowledge_time": utc("2026-03-05T08:00"), "funding_rate": 0.0003}
    paid |= {"period_hours": 8.0}
    for venue, symbol in (("binance", "BTCUSDT"), ("deribit", "BTC-PERPETUAL")):
        warehouse.merge(FUNDING, row(FUNDING, underlying="BTC", venue=venue, symbol=symbol, **paid), {})
    span = {"interval": "1h", "open_at": utc("2026-03-05T05:00"), "close_at": utc("2026-03-05T06:00")}
    index = dict.fromkeys(("open", "high", "low", "close"), 44.5)
    warehouse.merge(DVOL, row(DVOL, **coins, **span, **index), {})
    assert build(warehouse.root, workers=1).failures == []
    return warehouse


@pytest.fixture(scope="module")
def rows(made: Store) -> list[dict[str, Any]]:
    """The chain of the second snapshot, contract by contract."""
    frame = pl.concat(made.read(p) for p in made.partitions(CHAIN))
    return frame.filter(pl.col("snapshot_at") == START + HOUR).rows(named=True)


def test_books_are_slow_sums_over_the_chain(made: Store, rows: list[dict[str, Any]]) -> None:
    book = data.load(made.root, "BTC")[0].books.row(1, named=True)
    calls = [r for r in rows if r["option_type"] == "C"]
    near = [r for r in calls if abs(r["strike_usd"] / r["index_usd"] - 1) <= 0.05]
    share = sum(r["open_interest_coin"] for r in near) / sum(r["open_interest_coin"] for r in calls)
    assert book["snapshot_at"] == START + HOUR and book["knowledge_time"] == max(r["knowledge_time"] for r in rows)
    assert book["call_near_share"] == pytest.approx(share, rel=1e-12)
    assert book["strikes"] == sorted({r["strike_usd"] for r in rows})
    for side, name in (("C", "call"), ("P", "put")):
        volume = sum(r["volume_24h_coin"] or 0.0 for r in rows if r["option_type"] == side)
        assert book[f"{name}_volume_coin"] == pytest.approx(volume)


def test_iv30_is_linear_in_total_variance_between_two_expiries(made: Store) -> None:
    book = data.load(made.root, "BTC")[0].books.row(1, named=True)
    with open_warehouse(made.root) as warehouse:
        sql = "SELECT expiry_at, atm_iv FROM expected_move WHERE venues = 'all' AND snapshot_at = ? ORDER BY expiry_at"
        atm = warehouse.query(sql, [START + HOUR]).rows()
    days = [((at - START - HOUR).total_seconds() / 86_400, iv) for at, iv in atm]
    (t0, s0), (t1, s1) = next((a, b) for a, b in pairwise(days) if a[0] <= 30 < b[0])
    total = s0**2 * t0 + (s1**2 * t1 - s0**2 * t0) * (30 - t0) / (t1 - t0)
    assert book["iv30"] == pytest.approx((total / 30) ** 0.5, rel=1e-12)


def test_expiring_strikes_have_the_gross_gamma_of_all_venues(made: Store, rows: list[dict[str, Any]]) -> None:
    expiring = data.load(made.root, "BTC")[0].expiring.filter(pl.col("snapshot_at") == START + HOUR)
    soon = {r["expiry_at"] for r in rows if r["expiry_at"] - START - HOUR <= timedelta(hours=73)}
    assert expiring["expiry_at"].to_list() == sorted(soon)
    for found in expiring.rows(named=True):
        mine = [r for r in rows if r["expiry_at"] == found["expiry_at"]]
        strikes = sorted({r["strike_usd"] for r in mine})
        gross = [sum(slow.gross_gex(r) for r in mine if r["strike_usd"] == k) for k in strikes]
        held = [sum(r["open_interest_coin"] for r in mine if r["strike_usd"] == k) for k in strikes]
        assert found["strikes"] == strikes
        assert found["gross_gex_usd"] == pytest.approx(gross, rel=1e-9)
        assert found["oi_coin"] == pytest.approx(held, rel=1e-9)
        assert found["max_pain_usd"] in strikes


def test_settlement_is_the_venues_and_else_of_candles(made: Store) -> None:
    found = data.load(made.root, "BTC")[0].settlements.rows()
    perp = {at + HOUR: 90_000.0 + i for i, at in enumerate(a for a in hours(utc("2026-03-04"), 60) if a.hour != 3)}
    next_day = utc("2026-03-06T08:00")
    assert found[:2] == [
        (utc("2026-03-05T08:00"), utc("2026-03-05T08:01"), 91_234.5, "venue"),
        (next_day, next_day, perp[next_day], "candle_close"),  # of hours
    ]
    assert len(found) == 2  # the candles end before the next expiry


def test_funding_is_that_of_the_instrument_and_dvol_is_in_vol_points(made: Store) -> None:
    history, _ = data.load(made.root, "BTC")
    assert history.funding.rows() == [(utc("2026-03-05T08:00"), 0.0003, 8.0)]
    assert history.dvol.rows() == [(utc("2026-03-05T06:00"), 44.5)]


def test_the_bars_are_a_perpetuals_with_its_hole(made: Store) -> None:
    history, counts = data.load(made.root, "BTC")
    assert counts == {PERP: 57} and (len(history.bars), history.bars.n_missing) == (57, 3)


def test_stitched_bars_come_from_the_next_instrument_where_one_lacks_them(made: Store) -> None:
    history, counts = data.load(made.root, "BTC", wanted=Candles(is_stitched=True))
    assert counts == {PERP: 57, SPOT: 240 + 2} and history.bars.n_missing == 1  # after the other's end
    assert (np.diff(history.bars.open_at) > 0).all()


def test_a_span_cuts_every_table(made: Store) -> None:
    history, _ = data.load(made.root, "BTC", START + HOUR, START + 2 * HOUR)
    assert history.levels["snapshot_at"].unique().sort().to_list() == [START + HOUR, START + 2 * HOUR]
    assert len(history.bars) == 1


def test_a_level_is_known_at_the_first_close_after_its_latency(made: Store) -> None:
    history, _ = data.load(made.root, "BTC")
    flips = history.levels.filter(pl.col("scope") == "all_expiry")["zero_gamma"].to_list()
    at = [datetime.fromtimestamp(us / 1e6, UTC) for us in history.bars.close_at]
    seen = dict(zip(at, Panel(history).level("zero_gamma"), strict=True))
    assert np.isnan(seen[START]) and seen[START + HOUR] == flips[0] and seen[START + 2 * HOUR] == flips[1]
    assert seen[START + 4 * HOUR] == flips[2] and np.isnan(seen[START + 5 * HOUR])  # older than two hours
    at_once = Panel(history, latency_us=0).level("zero_gamma")
    assert dict(zip(at, at_once, strict=True))[START] == flips[0]


@pytest.mark.parametrize(
    ("coin", "wanted", "message"),
    [
        ("ETH", Candles(), "no candles of ETH in this span: `gex candles` or `gex import` brings some"),
        ("BTC", Candles(interval="5m"), "no candles of BTC are 5m: there are binance perp 1h; "),
        ("BTC", Candles(venue="okx"), "no candles of BTC are okx: there are binance perp 1h; "),
    ],
)
def test_what_is_not_there_is_said(made: Store, coin: str, wanted: Candles, message: str) -> None:
    with pytest.raises(BacktestError, match=f"^{message}"):
        data.load(made.root, coin, wanted=wanted)


WAY = "run `gex verify`; what it does not name, delete, and bring it again by `gex candles` or `gex import`"


def test_a_bar_that_overlaps_is_told_with_its_time_and_instrument(tmp_path: Path) -> None:
    made = store(tmp_path, OVER)
    made.merge(CANDLES, candles(PERP, [*hours(START, 3), START + 2.5 * HOUR], 100.0), {})
    with pytest.raises(BacktestError) as caught:
        data.load(made.root, "BTC")
    problem = "the bar of 2026-03-05T08:30:00Z begins before the one before it ends"
    assert str(caught.value) == f"{problem}, in the candles of binance perp BTCUSDT 1h: {WAY}"


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("low", 0.0, "has a price that is 0, negative or missing"),
        ("close", None, "has a price that is 0, negative or missing"),
        ("close", 500.0, "has an open or close outside its low and high"),
        ("high", 1e300, "has a high of over a million times its low"),
    ],
)
def test_a_price_that_cannot_be_is_told_with_the_bar_of_the_instrument_that_it_was_taken_from(
    tmp_path: Path, column: str, value: float | None, problem: str
) -> None:
    made = store(tmp_path, OVER)
    made.merge(CANDLES, candles(PERP, hours(START, 3), 100.0), {})
    made.merge(CANDLES, candles(SPOT, hours(START, 6), 100.0), {})
    path = made.objects.path(made.partitions(CANDLES, "BTC", "bitstamp")[0].path)
    frame = pl.read_parquet(path, hive_partitioning=False)
    bad = pl.when(pl.col("open_at") == START + 4 * HOUR).then(pl.lit(value)).otherwise(column).alias(column)
    frame.with_columns(bad).write_parquet(path)
    with pytest.raises(BacktestError) as caught:
        data.load(made.root, "BTC", wanted=Candles(market="perp", is_stitched=True))
    assert (
        str(caught.value)
        == f"the bar of 2026-03-05T10:00:00Z {problem}, in the candles of bitstamp spot BTCUSD 1h: {WAY}"
    )
