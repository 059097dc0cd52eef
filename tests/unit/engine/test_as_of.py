"""Which snapshot answers a question about a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from gex_pipeline.engine import as_of
from gex_pipeline.engine.as_of import Found, find, latest, rows
from gex_pipeline.errors import GexError
from gex_pipeline.schema import CHAIN
from gex_pipeline.store.partitions import Store
from tests.instants import utc
from tests.unit.store.build import OVER, chain, fold_all, store

T7, T8, T9, T10 = (utc(f"2026-03-05T{h:02d}:00") for h in (7, 8, 9, 10))
SECOND = timedelta(seconds=1)


@pytest.fixture
def hourly(tmp_path) -> Store:
    """Snapshots at 7, 8, 9 and 10 o'clock, known at once."""
    made = store(tmp_path)
    made.merge(CHAIN, chain("2026-03-05T07:00", 4), {})
    return made


def found_at(made: Store, at: datetime, venues: list[str] | None = None) -> datetime:
    return find(made, "BTC", at, venues).snapshot_at


@pytest.mark.parametrize(
    ("at", "snapshot"),
    [
        (T7, T7),
        (T8 - timedelta(microseconds=1), T7),
        (T8, T8),
        (T8 + timedelta(minutes=59), T8),
        (T10, T10),
        (T10 + timedelta(days=400), T10),
    ],
)
def test_the_latest_snapshot_at_or_before_the_time(hourly, at, snapshot):
    assert found_at(hourly, at) == snapshot


def test_its_rows_are_all_rows_of_that_snapshot(hourly):
    found, frame = latest(hourly, "BTC", T8, None)
    assert frame.equals(rows(hourly, found))
    assert frame.height == 12
    assert set(frame["snapshot_at"]) == {T8}


def test_before_the_first_snapshot(hourly):
    with pytest.raises(
        GexError, match=r"no snapshot of BTC was known at 2026-03-05T06:59:59Z; the first is of 2026-03-05T07:00:00Z"
    ):
        find(hourly, "BTC", T7 - SECOND, None)
    with pytest.raises(GexError, match=r"the first is of 2026-03-05T07:00:00Z"):
        find(hourly, "BTC", utc("2020-01-01"), None)


def test_a_snapshot_that_was_not_known_yet_is_not_used(tmp_path):
    made = store(tmp_path)
    frame = chain("2026-03-05T07:00", 2)
    late = pl.when(pl.col("snapshot_at") == T8).then(pl.col("snapshot_at") + timedelta(minutes=20))
    made.merge(CHAIN, frame.with_columns(knowledge_time=late.otherwise("snapshot_at")), {})
    assert found_at(made, T8 + timedelta(minutes=19)) == T7
    assert found_at(made, T8 + timedelta(minutes=20)) == T8


def test_a_snapshot_counts_when_the_last_of_its_rows_is_known(tmp_path):
    made = store(tmp_path)
    frame = chain("2026-03-05T07:00", 2)
    is_last = (pl.col("snapshot_at") == T8) & (pl.int_range(pl.len()).over("snapshot_at") == 11)
    late = pl.when(is_last).then(pl.col("snapshot_at") + timedelta(minutes=5)).otherwise("snapshot_at")
    made.merge(CHAIN, frame.with_columns(knowledge_time=late), {})
    assert found_at(made, T8 + timedelta(minutes=4)) == T7
    assert latest(made, "BTC", T8 + timedelta(minutes=5), None)[1].height == 12


def test_a_venue_that_is_late_holds_back_only_questions_that_include_it(tmp_path):
    made = store(tmp_path)
    made.merge(CHAIN, chain("2026-03-05T07:00", 2), {})
    late = chain("2026-03-05T07:00", 2, venue="okx").with_columns(
        pl.col("snapshot_at").dt.offset_by("10m").alias("knowledge_time")
    )
    made.merge(CHAIN, late, {})
    at = T8 + timedelta(minutes=5)
    assert found_at(made, at) == T7
    assert found_at(made, at, ["binance"]) == T8
    assert found_at(made, at, ["okx"]) == T7
    assert set(latest(made, "BTC", at, ["binance"])[1]["venue"]) == {"binance"}


@pytest.mark.parametrize(
    ("age", "is_stale"), [(timedelta(0), False), (timedelta(hours=2), False), (timedelta(hours=2) + SECOND, True)]
)
def test_older_than_twice_the_usual_interval_is_stale(hourly, age, is_stale):
    found = find(hourly, "BTC", T10 + age, None)
    assert found.usual_interval_seconds == 3600
    assert found.age_seconds(T10 + age) == age.total_seconds()
    assert found.is_stale(T10 + age) is is_stale


def test_the_usual_interval_is_that_of_the_last_snapshots(tmp_path):
    """An hour until there are two; then not what an archive had in another rhythm."""
    made = store(tmp_path)
    made.merge(CHAIN, chain("2026-01-05T00:00", 20, hours=0.1), {})
    made.merge(CHAIN, chain("2026-03-01T00:00", 1), {})
    archive = find(made, "BTC", utc("2026-01-05T00:00"), None)
    assert archive.usual_interval_seconds == 3600
    assert archive.is_stale(utc("2026-01-05T02:00") + SECOND) and not archive.is_stale(utc("2026-01-05T02:00"))
    for instant in ("2026-03-09T01:00", "2026-03-09T02:00", "2026-03-09T04:00", "2026-03-09T05:00"):
        made.merge(CHAIN, chain(instant, 1), {})
    assert find(made, "BTC", OVER, None).usual_interval_seconds == 3600
    assert find(made, "BTC", utc("2026-01-06T00:00"), None).usual_interval_seconds == 360


def test_the_day_before_the_last_snapshot_counts_across_months(tmp_path):
    """Not the three of the new month alone."""
    made = store(tmp_path)
    made.merge(CHAIN, chain("2026-02-28T12:00", 12), {})
    made.merge(CHAIN, chain("2026-03-01T00:00", 3, hours=0.5), {})
    assert find(made, "BTC", utc("2026-03-01T02:00"), None).usual_interval_seconds == 3600


def test_the_usual_interval_is_that_before_the_question(tmp_path):
    """What came after the time asked about was not known then."""
    made = store(tmp_path)
    made.merge(CHAIN, chain("2026-03-05T00:00", 4, hours=1), {})
    made.merge(CHAIN, chain("2026-03-05T03:10", 20, hours=0.1), {})
    assert find(made, "BTC", utc("2026-03-05T03:05"), None).usual_interval_seconds == 3600


def test_snapshots_of_several_months_and_file_periods(tmp_path):
    """Two months folded, one open; the interval is known although the newest month has one snapshot."""
    made = store(tmp_path)
    for start in ("2026-01-31T22:00", "2026-02-28T23:00", "2026-03-01T00:00"):
        made.merge(CHAIN, chain(start, 1), {})
    assert {p.period for p in made.partitions(CHAIN)} == {"2026-01", "2026-02", "2026-03-01"}
    assert found_at(made, OVER) == utc("2026-03-01")
    assert find(made, "BTC", OVER, None).usual_interval_seconds is not None
    assert found_at(made, utc("2026-03-01") - SECOND) == utc("2026-02-28T23:00")
    assert found_at(made, utc("2026-02-10")) == utc("2026-01-31T22:00")


def test_a_month_folded_between_listing_and_reading_is_no_error(hourly, monkeypatch):
    def find_then_fold(*question: Any) -> Found:
        found = find(*question)
        fold_all(hourly)
        return found

    monkeypatch.setattr(as_of, "find", find_then_fold)
    found, frame = latest(hourly, "BTC", T8, None)
    assert (found.snapshot_at, frame.height) == (T8, 12)
    assert [p.period for p in found.partitions] == ["2026-03"]


def test_an_unknown_underlying_is_told_what_there_is(hourly, tmp_path):
    with pytest.raises(GexError, match=r"no chain of DOGE in .*: it has BTC"):
        find(hourly, "DOGE", T8, None)
    with pytest.raises(GexError, match="it has nothing yet"):
        find(store(tmp_path / "empty"), "BTC", T8, None)


def test_an_unknown_venue_is_told_what_there_is(hourly):
    with pytest.raises(GexError, match="no chain of BTC from okx, bybit: it has binance"):
        find(hourly, "BTC", T8, ["okx", "bybit"])
    assert found_at(hourly, T8, ["okx", "binance"]) == T8
