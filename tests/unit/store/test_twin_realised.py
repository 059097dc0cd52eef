"""View `realised_vol` against its slow twin, and by hand."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest

from gex_pipeline.schema import CANDLES, REALISED_VOL
from gex_pipeline.schema.types import polars_schema
from tests.slow.candles import START, bar, drawn
from tests.slow.frames import assert_declared
from tests.slow.realised import Bar, realised_vol
from tests.views import rows_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
YEAR_H = 365 * 24


def view(bars: list[Bar]) -> pl.DataFrame:
    return rows_of(REALISED_VOL, candles=pl.DataFrame(bars, schema=polars_schema(CANDLES), orient="row"))


def at(bars: list[Bar], instant: datetime) -> dict[str, Any]:
    (row,) = view(bars).filter(pl.col("hour_at") == instant).rows(named=True)
    return row


#: Name -> bars of one underlying.
CASES = {
    "hourly": lambda: drawn(1, 34),
    "hourly with gaps": lambda: drawn(2, 40, missing=0.03),
    "hourly with many gaps": lambda: drawn(3, 36, missing=0.15),
    "five minutes": lambda: drawn(4, 31, "5m"),
    "five minutes with gaps": lambda: drawn(5, 33, "5m", missing=0.02),
    "quarters of an hour begin later than hours": lambda: [
        *drawn(6, 40),
        *drawn(7, 12, "15m", start=START + 28 * DAY, venue="okx", market="spot"),
    ],
    "spot in half hours beside perpetuals": lambda: [
        *drawn(8, 33, "30m", market="spot"),
        *drawn(9, 33, "30m", venue="okx", missing=0.02),
        *drawn(10, 33, "30m", venue="bybit", missing=0.04),
        *drawn(11, 33, "1h", venue="deribit"),
    ],
}


@pytest.mark.parametrize("name", CASES)
def test_every_column_agrees(name: str) -> None:
    bars = CASES[name]()
    frame = view(bars)
    assert_declared(REALISED_VOL, frame)
    assert set(frame["hour_at"]) == {b["close_at"] for b in bars if b["close_at"].minute == 0}
    picked = frame.filter(pl.int_range(pl.len()) % max(1, frame.height // 25) == 0)
    for row in [*picked.rows(named=True), *frame.tail(3).rows(named=True)]:
        want = realised_vol(bars, row["hour_at"])
        for column, value in want.items():
            assert row[column] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value), (row, column)


def test_the_cases_have_what_they_are_for() -> None:
    """Windows of one row differ in bars; gaps leave some rows without volatility and some with."""
    mixed = view(CASES["quarters of an hour begin later than hours"]()).row(-1, named=True)
    assert (mixed["rv1_interval"], mixed["rv7_interval"], mixed["rv30_interval"]) == ("15m", "15m", "1h")
    assert set(view(CASES["hourly with many gaps"]())["status"]) == {"empty", "partial"}
    assert {"ok", "partial"} < set(view(CASES["hourly with gaps"]())["status"])
    # the perpetual of which most is there; spot where none has the last hour; never hours where there are half hours
    chosen = view(CASES["spot in half hours beside perpetuals"]())["rv7_instrument"].drop_nulls()
    assert set(chosen) == {"okx perp BTCUSDT", "bybit perp BTCUSDT", "binance spot BTCUSDT"}


def test_a_day_by_hand() -> None:
    """23 hours of +-1 %, and one of -2 %; range 3 %, body 1 %."""
    closes = [100.0]
    for i in range(23):
        closes.append(closes[-1] * math.exp(0.01 * (-1) ** i))
    closes.append(closes[-1] * math.exp(-0.02))
    bars = [bar(START + i * HOUR, (a, max(a, b), min(a, b), b)) for i, (a, b) in enumerate(pairwise(closes))]
    row = at(bars, START + DAY)
    assert row["rv1"] == pytest.approx(math.sqrt((23 * 0.01**2 + 0.02**2) / 24 * YEAR_H))
    assert (row["rv1_returns"], row["rv1_interval"], row["rv1_instrument"]) == (24, "1h", "binance perp BTCUSDT")
    assert (row["rv7"], row["rv30"], row["parkinson30"], row["status"]) == (None, None, None, "partial")


def test_a_month_by_hand() -> None:
    """Hours that rise 1 %, then fall 2 %, with wicks to 3 % of range."""
    bars, price = [], 100.0
    for i in range(30 * 24):
        move = 0.01 if i % 2 == 0 else -0.02
        close = price * math.exp(move)
        low = min(price, close) * math.exp(-0.005)
        bars.append(bar(START + i * HOUR, (price, low * math.exp(0.03), low, close)))
        price = close
    row = at(bars, START + 30 * DAY)
    assert row["rv30"] == pytest.approx(math.sqrt((0.01**2 + 0.02**2) / 2 * YEAR_H))
    assert row["upside30"] == pytest.approx(math.sqrt(0.01**2 * YEAR_H))
    assert row["downside30"] == pytest.approx(math.sqrt(0.02**2 * YEAR_H))
    assert row["parkinson30"] == pytest.approx(math.sqrt(0.03**2 / (4 * math.log(2)) * YEAR_H))
    bodies = (0.01**2 + 0.02**2) / 2
    assert row["garman_klass30"] == pytest.approx(math.sqrt((0.03**2 / 2 - (2 * math.log(2) - 1) * bodies) * YEAR_H))


def test_what_happens_in_a_gap_does_not_count() -> None:
    """An hour is missing in which the price doubles: the bar after it counts with its own move."""
    steps = [i for i in range(24) if i != 12]
    bars = [bar(START + i * HOUR, (p, 1.01 * p, p, 1.01 * p)) for i in steps for p in [100.0 if i < 12 else 200.0]]
    row = at(bars, START + DAY)
    assert row["rv1_returns"] == 23
    # the first bar and the one after the gap have moves of their own, the others stand still from close to close
    assert row["rv1"] == pytest.approx(math.sqrt(2 * math.log(1.01) ** 2 / 23 * YEAR_H))


def test_nothing_later_than_the_hour_plays_a_part() -> None:
    bars = drawn(12, 33, "30m", missing=0.01)
    whole = view(bars)
    for hour in (START + 30 * DAY, START + 31 * DAY + 5 * HOUR):
        until = view([b for b in bars if b["close_at"] <= hour])
        assert until.equals(whole.filter(pl.col("hour_at") <= hour))


def test_underlyings_are_kept_apart() -> None:
    btc, eth = drawn(13, 31), drawn(14, 32, underlying="ETH")
    both = view(btc + eth)
    for mine, name in ((btc, "BTC"), (eth, "ETH")):
        assert both.filter(underlying=name).equals(view(mine))


def test_longer_and_shorter_bars_are_not_used() -> None:
    bars = drawn(15, 2)
    others = [{**b, "interval": "1d", "close_at": b["open_at"] + DAY} for b in bars[::24]]
    others += [{**b, "interval": "1m", "close_at": b["open_at"] + timedelta(minutes=1)} for b in bars]
    assert view(bars + others).equals(view(bars))
