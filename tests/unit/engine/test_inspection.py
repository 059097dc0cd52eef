"""Stored rows read back: days that have data, and what is wrong with files."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from gex_pipeline.engine.build import build
from gex_pipeline.engine.days import Days
from gex_pipeline.engine.imports import import_files
from gex_pipeline.engine.inspection import days_without, inspect
from gex_pipeline.importers import Options, load_mapping
from gex_pipeline.schema import CHAIN
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store
from tests.unit.engine.test_imports import HEADER, MAPPING

FIRST, DAY = date(2026, 1, 5), timedelta(days=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "warehouse"


def stored(root: Path, *instants: str) -> None:
    """A chain of one contract at these days and hours, like 05T23."""
    mapping, file = root.parent / "map.toml", root.parent / "rows.csv"
    mapping.write_text(MAPPING)
    file.write_text(HEADER + "".join(f"2026-01-{at}:00:00Z,BTC-30JAN26-100-C,100,0.5,1\n" for at in instants))
    assert import_files(root, "chain", [file], Options(load_mapping(mapping))).failures == []


def without(root: Path, first: int, last: int) -> list[int]:
    days = Days(FIRST.replace(day=first), FIRST.replace(day=last))
    return [day.day for day in days_without(root, "chain", inspect(root, ["chain"], days)["chain"], days)]


def test_the_midnight_that_ends_a_day_is_no_data_of_the_next(root: Path) -> None:
    stored(root, "05T23", "06T00", "07T01")
    assert without(root, 4, 7) == [4, 6]
    assert without(root, 6, 6) == [6]  # the day before is looked at
    assert without(root, 5, 5) == without(root, 7, 7) == []


def test_one_snapshot_a_day_at_midnight_is_data(root: Path) -> None:
    stored(root, "05T00", "06T00", "07T00")
    assert without(root, 4, 8) == [4, 8]
    assert without(root, 6, 6) == []


def test_rows_are_counted_whatever_their_hour(root: Path) -> None:
    stored(root, "05T23", "06T00")
    found = inspect(root, ["chain"], Days(FIRST, FIRST + DAY))["chain"]
    assert dict(found.rows) == {FIRST: 1, FIRST + DAY: 1}


def test_a_damaged_manifest_is_a_problem_of_its_file_alone(root: Path) -> None:
    stored(root, "05T01")
    build(root)
    (partition,) = Store(root).partitions(CHAIN)
    (root / partition.manifest_path).write_text("{")
    found = inspect(root, ["chain", "levels"], Days(FIRST, FIRST))
    (problem,) = found["chain"].problems
    assert problem.startswith(f"{root / partition.manifest_path} is damaged")
    assert (found["chain"].rows.total(), found["levels"].rows.total() > 0) == (0, True)


def test_a_file_that_is_replaced_while_it_is_looked_at_is_not_damaged(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import beside writes file and manifest after the manifest was read and before the file is."""
    stored(root, "05T01")
    (partition,) = Store(root).partitions(CHAIN)
    hash_of, writes = Store.content_hash, iter([lambda: stored(root, "05T01", "05T02")])

    def hash_after_a_write(self: Store, partition: Partition) -> str:
        for write in writes:
            write()
        return hash_of(self, partition)

    monkeypatch.setattr(Store, "content_hash", hash_after_a_write)
    found = inspect(root, ["chain"], Days(FIRST, FIRST))["chain"]
    assert (dict(found.rows), found.problems) == ({FIRST: 2}, [])
    Store(root).objects.path(partition.path).write_bytes(b"x")
    (problem,) = inspect(root, ["chain"], Days(FIRST, FIRST))["chain"].problems
    assert "is damaged: it is not what was written" in problem
