"""Days of a finished month become one file: the same rows, leftovers ignored, nothing that comes late is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from gex_pipeline.errors import StoreError
from gex_pipeline.schema import CHAIN
from gex_pipeline.store import parquet
from gex_pipeline.store.partitions import Store
from gex_pipeline.store.session import Session
from gex_pipeline.store.verify import verify
from tests.unit.store.build import OPEN, OVER, all_files, chain, data_files, fold_all, partition, rows, store

MONTH = partition("2026-03")
DAYS = ["2026-03-05", "2026-03-06", "2026-03-07"]


def later(made: Store, now: datetime = OVER) -> Store:
    return replace(made, clock=lambda: now)


@pytest.fixture
def days(tmp_path) -> Store:
    """Three days of March in day files, two snapshots each."""
    made = store(tmp_path)
    made.merge(CHAIN, chain("2026-03-05T00:00", 6, hours=12), {"march.csv": "1"})
    assert [p.period for p in made.partitions(CHAIN)] == DAYS
    return made


def fold(made: Store) -> list[str]:
    return [p.path for p in fold_all(made)]


def test_the_month_has_the_rows_of_its_days(days):
    before = rows(days)
    assert fold(days) == [MONTH.path]
    assert days.partitions(CHAIN) == [MONTH]
    assert rows(days).equals(before)
    assert days.manifest(MONTH).inputs == {"march.csv": "1"}
    assert list(data_files(days.root)) == [MONTH.path]
    assert verify(days.root) == []


def test_an_open_month_is_left_alone(days):
    before = all_files(days.root)
    assert fold_all(days, OPEN) == []
    assert fold_all(days, datetime(2026, 3, 31, tzinfo=UTC)) == []
    assert all_files(days.root) == before


def test_folding_twice_is_folding_once(days):
    fold(days)
    before = all_files(days.root)
    assert fold(days) == []
    later(days).fold(MONTH)  # as a second process would that listed the days before the first was done
    assert all_files(days.root) == before


def test_a_month_imported_by_day_equals_one_imported_late(days, tmp_path):
    fold(days)
    late = store(tmp_path / "late", OVER)
    late.merge(CHAIN, chain("2026-03-05T00:00", 6, hours=12), {})
    assert data_files(late.root)[MONTH.path] == data_files(days.root)[MONTH.path]


def test_a_late_import_into_a_month_of_day_files_loses_nothing(days):
    late = chain("2026-03-09T00:00", 1)
    report = later(days).merge(CHAIN, late, {"late.csv": "2"})
    assert (report.new, report.written) == (late.height, (MONTH,))
    assert rows(days).height == 7 * 12
    assert days.manifest(MONTH).inputs == {"march.csv": "1", "late.csv": "2"}
    assert list(data_files(days.root)) == [MONTH.path]


def test_a_late_import_of_rows_that_are_there_still_folds(days):
    before = rows(days)
    report = later(days).merge(CHAIN, chain("2026-03-05T00:00", 6, hours=12).head(12), {})
    assert (report.new, report.same) == (0, 12)
    assert days.partitions(CHAIN) == [MONTH]
    assert rows(days).equals(before)


def test_a_late_import_into_a_folded_month_loses_nothing(days):
    fold(days)
    report = later(days).merge(CHAIN, chain("2026-03-31T00:00", 2, hours=12), {})
    assert (report.new, report.same) == (24, 0)
    assert days.partitions(CHAIN) == [MONTH]
    assert rows(days).height == 8 * 12


def test_a_writer_whose_clock_is_behind_adds_to_the_month(days):
    """Its day file beside the month would be ignored: the rows would be reported as stored, and be lost."""
    fold(days)
    report = days.merge(CHAIN, chain("2026-03-08T00:00", 1), {})
    assert (report.new, report.written) == (12, (MONTH,))
    assert rows(days).height == 7 * 12
    assert verify(days.root) == []


def leftovers(days: Store) -> None:
    """The state after a kill between the rename of the month and the removal of its days."""
    kept = {p.path: (days.root / p.path).read_bytes() for p in days.partitions(CHAIN)}
    manifests = {p.manifest_path: (days.root / p.manifest_path).read_bytes() for p in days.partitions(CHAIN)}
    fold(days)
    for path, data in (kept | manifests).items():
        (days.root / path).write_bytes(data)


def test_day_files_beside_their_month_are_ignored_and_named(days):
    before = rows(days)
    leftovers(days)
    assert days.partitions(CHAIN) == [MONTH]
    assert rows(days).equals(before)
    assert Session(days.root).query("SELECT count(*) FROM chain").item() == before.height
    assert [f.path for f in verify(days.root)] == [partition(d).path for d in DAYS]
    assert all("superseded" in f.problem for f in verify(days.root))


def test_the_next_write_of_the_month_removes_them(days):
    leftovers(days)
    later(days).merge(CHAIN, chain("2026-03-09T00:00", 1), {})
    assert list(data_files(days.root)) == [MONTH.path]
    assert verify(days.root) == []
    assert rows(days).height == 7 * 12


def test_other_venues_and_months_are_not_touched(days):
    days.merge(CHAIN, chain("2026-03-05T00:00", 1, venue="okx"), {})
    april = store(days.root, OVER)
    april.merge(CHAIN, chain("2026-04-01T00:00", 1), {})
    assert fold(april) == [MONTH.path, partition("2026-03", "okx").path]
    assert partition("2026-04-01") in april.partitions(CHAIN)


def test_a_broken_day_leaves_its_month_as_it_is(days):
    path = days.root / partition(DAYS[1]).path
    path.write_bytes(path.read_bytes()[:2000])
    before = all_files(days.root)
    with pytest.raises(StoreError, match="2026-03-06") as caught:
        fold(days)
    assert "\n" not in str(caught.value)
    assert all_files(days.root) == before


def falsify(days: Store) -> None:
    """Other numbers in a file that can be read: what most flipped bits do, and only the manifest knows."""
    day = partition(DAYS[1])
    frame = days.read(day).with_columns(mark_iv=pl.lit(1.5))
    parquet.write(days.root / day.path, CHAIN, frame)


def test_a_damaged_day_is_not_folded_into_a_month_that_looks_sound(days):
    falsify(days)
    with pytest.raises(StoreError, match="2026-03-06"):
        fold(days)
    assert partition(DAYS[1]).path in {f.path for f in verify(days.root)}


def test_merging_into_a_damaged_file_does_not_make_it_look_sound(days):
    falsify(days)
    with pytest.raises(StoreError, match="2026-03-06"):
        days.merge(CHAIN, chain("2026-03-06T06:00", 1), {})
    assert partition(DAYS[1]).path in {f.path for f in verify(days.root)}


def test_a_long_lived_session_sees_the_month_instead_of_its_days(days):
    with_days = "SELECT count(*) AS n, sum(open_interest_coin)::DECIMAL(18, 4) AS oi FROM chain"
    session = Session(days.root)
    before = session.query(with_days)
    fold(days)
    assert session.query(with_days).equals(before)
    later(days).merge(CHAIN, chain("2026-03-09T00:00", 1), {})
    assert session.query(with_days)["n"].item() == before["n"].item() + 12
    assert session.query("SELECT count(DISTINCT (snapshot_at, instrument)) FROM chain").item() == 84
    session.close()


def test_frames_keep_their_types(days):
    fold(days)
    assert rows(days).schema["snapshot_at"] == pl.Datetime("us", "UTC")
