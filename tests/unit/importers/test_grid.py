"""Which row stands for which snapshot: grid edges, age, ties, repeats, duplicates."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gex_pipeline.errors import UsageError
from gex_pipeline.importers import Imported
from tests.instants import utc
from tests.unit.importers.build import chain_of, good, reasons, row

A, B = "BTC-10JAN26-100000-C", "BTC-10JAN26-90000-P"


def _served(imported: Imported, name: str = A) -> list[tuple[str, float]]:
    """(time of day, open interest) of the snapshots of one contract; open interest tells the rows apart."""
    frame = good(imported)
    rows = frame.filter(frame["instrument"] == name).sort("snapshot_at")
    return [(f"{at:%H:%M}", oi) for at, oi in rows.select("snapshot_at", "open_interest_coin").iter_rows()]


def _at(time: str, oi: int, name: str = A, **cells: Any) -> dict[str, Any]:
    return row(at=f"2026-01-01T{time}Z", oi=oi, name=name, **cells)


def _balance(imported: Imported) -> None:
    heights = sum(t.height for t in imported.tables.values())
    assert imported.rows == heights - imported.repeated + sum(imported.dropped.values())


def test_last_row_at_or_before_the_instant(tmp_path: Path) -> None:
    rows = [_at("00:56:00", 1), _at("00:59:59", 2), _at("01:00:00", 3), _at("01:00:01", 4), _at("01:04:00", 5)]
    imported = chain_of(tmp_path, rows, every="5m")
    assert _served(imported) == [("01:00", 3), ("01:05", 5)]
    assert imported.dropped == {"superseded on the grid": 3}
    assert (good(imported)["knowledge_time"] == good(imported)["snapshot_at"]).all()
    _balance(imported)


def test_each_contract_by_itself(tmp_path: Path) -> None:
    rows = [_at("00:56:00", 1), _at("00:57:00", 2, B), _at("00:58:00", 3)]
    imported = chain_of(tmp_path, rows, every="5m")
    assert _served(imported) == [("01:00", 3)]
    assert _served(imported, B) == [("01:00", 2)]


def test_an_age_equal_to_max_age_still_counts(tmp_path: Path) -> None:
    imported = chain_of(tmp_path, [_at("01:00:00", 1), _at("01:00:00.000001", 2, B)], every="5m")
    assert _served(imported) == [("01:00", 1), ("01:05", 1)]  # age 0 and age 5 minutes
    assert _served(imported, B) == [("01:05", 2)]
    assert imported.repeated == 1
    _balance(imported)


def test_max_age_shorter_and_longer_than_the_grid(tmp_path: Path) -> None:
    rows = [_at("01:01:00", 1), _at("01:08:00", 2), _at("01:18:00", 3)]
    short = chain_of(tmp_path, rows, every="5m", max_age="3m")
    assert _served(short) == [("01:10", 2), ("01:20", 3)]
    assert short.dropped == {"too old for the grid": 1}
    _balance(short)
    long = chain_of(tmp_path, rows, every="5m", max_age="8m")
    assert _served(long) == [("01:05", 1), ("01:10", 2), ("01:15", 2), ("01:20", 3), ("01:25", 3)]
    _balance(long)


def test_options_override_the_mapping(tmp_path: Path) -> None:
    rows = [_at("01:01:00", 1)]
    hour = {"every": timedelta(hours=1), "max_age": timedelta(hours=2)}
    assert _served(chain_of(tmp_path, rows, options=hour, every="5m")) == [("02:00", 1), ("03:00", 1)]


def test_order_in_the_file_decides_equal_receipts_only(tmp_path: Path) -> None:
    late_first = [_at("00:59:00", 1), _at("00:57:00", 2), _at("00:59:00", 3), _at("00:58:00", 4)]
    assert _served(chain_of(tmp_path, late_first, every="5m")) == [("01:00", 3)]


def test_an_option_that_expires_before_the_instant_is_rejected(tmp_path: Path) -> None:
    name = "BTC-1JAN26-100000-C"
    imported = chain_of(tmp_path, [_at("07:59:00", 1, name), _at("07:54:00", 2, name)], every="5m")
    assert _served(imported, name) == [("07:55", 2)]
    assert reasons(imported) == ["expired"]
    assert imported.tables["chain_rejected"]["snapshot_at"].to_list() == [utc("2026-01-01T08:00")]


def test_rows_without_a_name_supersede_nothing(tmp_path: Path) -> None:
    rows = [_at("00:58:00", 1), _at("00:58:00", 2, ""), _at("00:59:00", 3, "")]
    assert reasons(chain_of(tmp_path, rows, every="5m")) == ["name_not_parsed"] * 2


def test_a_grid_must_divide_the_day(tmp_path: Path) -> None:
    for every in ("7m", "5h", "2d"):
        with pytest.raises(UsageError, match="does not divide a day"):
            chain_of(tmp_path, [row()], every=every)
    with pytest.raises(UsageError, match="needs a grid"):
        chain_of(tmp_path, [row()], max_age="5m")


def test_without_a_grid_every_receipt_is_a_snapshot(tmp_path: Path) -> None:
    imported = chain_of(tmp_path, [_at("01:00:01", 1), _at("01:00:02", 2), _at("01:00:02", 3, B)])
    assert good(imported).select("snapshot_at", "open_interest_coin").rows() == [
        (utc("2026-01-01T01:00:01"), 1),
        (utc("2026-01-01T01:00:02"), 3),
        (utc("2026-01-01T01:00:02"), 2),
    ]


def test_equal_rows_are_one_and_different_ones_duplicates(tmp_path: Path) -> None:
    first, last = _at("01:00:00", 1), _at("01:00:00", 2)
    imported = chain_of(tmp_path, [first, first, last])
    assert _served(imported) == [("01:00", 2)]
    assert reasons(imported) == ["duplicate"]
    assert imported.dropped == {"identical": 1}
    _balance(imported)
    # "1" after "2" again: equal to an earlier row, so not a newer word
    assert _served(chain_of(tmp_path, [first, last, first])) == [("01:00", 2)]


def test_a_duplicate_takes_no_part_in_the_index(tmp_path: Path) -> None:
    imported = chain_of(tmp_path, [_at("01:00:00", 1, fwd="50000"), _at("01:00:00", 2, fwd="100000")])
    assert good(imported)["index_usd"].to_list() == [100000.0]


SECONDS = st.integers(0, 3 * 3600)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    receipts=st.lists(st.tuples(SECONDS, st.sampled_from([A, B])), min_size=1, max_size=12),
    every=st.sampled_from([5, 15, 60]),
    age=st.sampled_from([1, 5, 20, 60, 130]),
)
def test_grid_agrees_with_its_slow_twin(tmp_path: Path, receipts: list[tuple[int, str]], every: int, age: int) -> None:
    start = utc("2026-01-01")
    rows = [row(at=(start + timedelta(seconds=s)).isoformat(), name=name, oi=i) for i, (s, name) in enumerate(receipts)]
    imported = chain_of(tmp_path, rows, every=f"{every}m", max_age=f"{age}m")
    found = set(good(imported).select("snapshot_at", "instrument", "open_interest_coin").iter_rows())
    assert found == _slow(receipts, start, every, age)
    _balance(imported)


def _slow(receipts: list[tuple[int, str]], start: datetime, every: int, age: int) -> set[tuple[datetime, str, float]]:
    """The definition, instant by instant."""
    expected = set()
    for step in range(6 * 60 // every + 1):
        for name in (A, B):
            instant = step * every * 60
            seen = [(s, i) for i, (s, n) in enumerate(receipts) if n == name and s <= instant]
            if seen and instant - max(seen)[0] <= age * 60:
                expected.add((start + timedelta(seconds=instant), name, float(max(seen)[1])))
    return expected
