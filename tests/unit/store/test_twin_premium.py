"""Views `volatility` and `vrp_ex_post` against the slow twin, and by hand."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from gex_pipeline.schema import DVOL, IMPLIED_VOL, REALISED_VOL, VOLATILITY, VRP_EX_POST, Table
from gex_pipeline.schema.types import polars_schema
from tests.slow import premium
from tests.slow.frames import assert_declared
from tests.views import rows_of

START = datetime(2025, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Row = dict[str, Any]


def frame(table: Table, rows: list[Row]) -> pl.DataFrame:
    """Rows with null in every column that is not given."""
    return pl.DataFrame([{**dict.fromkeys(table.names), **r} for r in rows], schema=polars_schema(table), orient="row")


def implied(at: datetime, iv30: float | None = 0.5, **more: Any) -> Row:
    known = {"knowledge_time": at + timedelta(seconds=2), "underlying": "BTC", "venues": "all", "status": "ok"}
    return {"snapshot_at": at, **known, "iv30": iv30, **more}


def realised(at: datetime, rv30: float | None = 0.4, **more: Any) -> Row:
    return {"hour_at": at, "underlying": "BTC", "rv30": rv30, "status": "ok", **more}


def index(close_at: datetime, close: float, hours: float = 1) -> Row:
    length = timedelta(hours=hours)
    row = {"venue": "deribit", "underlying": "BTC", "interval": "1h" if hours == 1 else "1d", "source": "test"}
    return {
        **row,
        "open_at": close_at - length,
        "close_at": close_at,
        **dict.fromkeys(("open", "high", "low"), close),
        "close": close,
    }


def volatility(implied_rows: list[Row], realised_rows: list[Row], dvol_rows: list[Row] | None = None) -> pl.DataFrame:
    frames = {
        "implied_vol": frame(IMPLIED_VOL, implied_rows),
        "realised_vol": frame(REALISED_VOL, realised_rows),
        "dvol": frame(DVOL, dvol_rows or []),
    }
    return rows_of(VOLATILITY, **frames)


def drawn(seed: int, days: int, step: float = 8.0) -> tuple[list[Row], list[Row]]:
    """Snapshots that are a little late, holes in both, and premiums on a coarse grid, so that some are equal."""
    rng = random.Random(seed)
    snapshots, hours = [], []
    for i in range(round(days * 24 / step)):
        at = START + i * timedelta(hours=step)
        if rng.random() < 0.9:
            late = timedelta(minutes=rng.choice([0, 0, 7]))
            iv = None if rng.random() < 0.05 else round(0.5 + rng.gauss(0, 0.1), 2)
            snapshots.append(implied(at + late, iv and max(iv, 0.05)))
        for j in range(round(step)):
            if rng.random() < 0.8:
                rv = None if rng.random() < 0.05 else 0.375 + 0.125 * rng.randint(0, 1)
                hours.append(realised(at + j * HOUR, rv))
    return snapshots, hours


@pytest.mark.parametrize(("seed", "days"), [(1, 20), (2, 45), (3, 430)])
def test_z_and_percentile_agree(seed: int, days: int) -> None:
    snapshots, hours = drawn(seed, days)
    found = volatility(snapshots, hours)
    assert_declared(VOLATILITY, found)
    assert found.height == len(snapshots)
    want = premium.premiums(snapshots, hours)
    for (at, x), row in zip(want, found.rows(named=True), strict=True):
        assert row["snapshot_at"] == at
        expected = {"vrp_vol_pts": x, **premium.compared(want, at)}
        for column, value in expected.items():
            assert row[column] == (pytest.approx(value, rel=1e-9, abs=1e-9) if value is not None else None), (
                at,
                column,
            )
    assert (found["vrp_z"].null_count() == found.height) == (days < 30)


def test_nothing_later_than_the_snapshot_plays_a_part() -> None:
    snapshots, hours = drawn(4, 60)
    until = START + 50 * DAY
    before = volatility(
        [r for r in snapshots if r["snapshot_at"] <= until], [r for r in hours if r["hour_at"] <= until]
    )
    assert before["vrp_z"].count() > 0
    assert before.equals(volatility(snapshots, hours).filter(pl.col("snapshot_at") <= until))


def test_premiums_by_hand() -> None:
    legs = {"iv7": 0.6, "iv90": 0.45, "iv180": 0.44, "iv30_put_25d": 0.58, "iv30_call_25d": 0.49}
    parts = {"rv1": 0.3, "rv7": 0.35, "downside30": 0.5, "upside30": 0.25, "rv30_interval": "5m"}
    (row,) = volatility([implied(START, **legs)], [realised(START, **parts)]).rows(named=True)
    points = {
        "vrp_vol_pts": 10.0,
        "skew30_vol_pts": 9.0,
        "term_7_30_vol_pts": -10.0,
        "term_30_90_vol_pts": -5.0,
        "vrp7_vol_pts": 25.0,
        "vrp_put_vol_pts": 8.0,
        "vrp_call_vol_pts": 24.0,
        "vrp_variance": 0.09,
    }
    assert {name: row[name] for name in points} == pytest.approx(points)
    assert (row["rv1"], row["rv7"], row["rv30"], row["rv30_interval"]) == (0.3, 0.35, 0.4, "5m")
    assert (row["vrp_count"], row["vrp_z"], row["vrp_percentile"], row["status"]) == (1, None, None, "ok")


def test_a_z_score_by_hand() -> None:
    """29 days of a premium of 0 and one of 10: mean 1/3, sample variance 10/3."""
    snapshots = [implied(START + i * DAY, 0.5 if i == 29 else 0.4) for i in range(30)]
    found = volatility(snapshots, [realised(START + i * DAY) for i in range(30)])
    last = found.row(-1, named=True)
    assert found["vrp_z"].null_count() == 29
    assert last["vrp_z"] == pytest.approx((10 - 1 / 3) / (10 / 3) ** 0.5)
    assert (last["vrp_percentile"], last["vrp_count"]) == (100.0, 30)


def test_equal_premiums_have_a_percentile_and_no_z_score() -> None:
    found = volatility(
        [implied(START + i * DAY, 0.7) for i in range(31)], [realised(START + i * DAY, 0.1) for i in range(31)]
    )
    assert found["vrp_z"].null_count() == 31
    assert found["vrp_percentile"].to_list() == [None] * 29 + [100.0, 100.0]


def test_many_snapshots_of_a_day_are_one_day() -> None:
    times = [START + i * HOUR for i in range(29 * 24)]
    assert (
        volatility([implied(t) for t in times], [realised(t) for t in times])["vrp_percentile"].null_count() == 29 * 24
    )


@pytest.mark.parametrize(
    ("iv30", "rv30", "minutes", "status"),
    [
        (0.5, 0.4, 0, "ok"),
        (0.5, 0.4, 119, "ok"),
        (0.5, 0.4, 120, "no_candles"),
        (0.5, None, 0, "no_candles"),
        (None, 0.4, 0, "no_iv"),
        (None, None, 0, "neither"),
        (None, 0.4, 600, "neither"),
    ],
)
def test_status_says_what_is_missing(iv30: float | None, rv30: float | None, minutes: int, status: str) -> None:
    (row,) = volatility([implied(START + timedelta(minutes=minutes), iv30)], [realised(START, rv30)]).rows(named=True)
    assert row["status"] == status
    assert (row["vrp_vol_pts"] is not None) == (status == "ok")
    assert (row["rv_at"] is not None) == (minutes < 120)


@pytest.mark.parametrize(
    "bars",
    [
        [],
        [index(START, 55.0)],
        [index(START - HOUR, 54.0), index(START, 55.0), index(START + HOUR, 56.0)],
        [index(START - 2 * HOUR, 54.0)],
        [index(START - 2 * HOUR - timedelta(seconds=1), 54.0)],
        [index(START, 50.0, hours=24), index(START, 55.0)],
        [index(START - 30 * HOUR, 50.0, hours=24)],
        [index(START - DAY, 50.0, hours=24), index(START - 3 * HOUR, 55.0)],
    ],
)
def test_dvol_is_the_last_close_not_older_than_two_bars(bars: list[Row]) -> None:
    (row,) = volatility([implied(START)], [], bars).rows(named=True)
    assert row["dvol_pts"] == premium.dvol_at(bars, START)


def test_one_venue_is_not_the_book() -> None:
    found = volatility([implied(START), implied(START, 0.9, venues="okx")], [realised(START)])
    assert found["iv30"].to_list() == [0.5]


def test_a_row_is_known_when_its_inputs_are() -> None:
    """A snapshot that became known late holds up the z-scores in which it is."""
    late = START + 5 * DAY
    snapshots = [implied(START), implied(START + DAY), implied(START + 2 * DAY, None)]
    snapshots[0]["knowledge_time"] = late
    found = volatility(snapshots, [realised(r["snapshot_at"]) for r in snapshots])
    assert found["knowledge_time"].to_list() == [late, late, START + 2 * DAY + timedelta(seconds=2)]


def test_the_premium_ex_post_is_of_the_30_days_after_and_known_then() -> None:
    snapshots = [implied(START), implied(START + timedelta(minutes=7), 0.6), implied(START + 2 * HOUR, None)]
    ends = [realised(START + 30 * DAY, 0.3), realised(START + 30 * DAY + HOUR, 0.35), realised(START, 0.9)]
    frames = {"implied_vol": frame(IMPLIED_VOL, snapshots), "realised_vol": frame(REALISED_VOL, ends)}
    found = rows_of(VRP_EX_POST, **frames)
    assert_declared(VRP_EX_POST, found)
    assert found["vrp_ex_post_vol_pts"].to_list() == [pytest.approx(20.0), pytest.approx(25.0), None]
    assert found["rv30_after"].to_list() == [0.3, 0.35, None]
    assert found["status"].to_list() == ["ok", "ok", "neither"]
    assert found["knowledge_time"].to_list() == [START + 30 * DAY + i * HOUR for i in range(3)]
