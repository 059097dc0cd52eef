"""What a stage says of days without data."""

from __future__ import annotations

from pathlib import Path

from gex_pipeline.engine.days import Days
from gex_pipeline.engine.stages import build_days
from gex_pipeline.schema import TABLES
from gex_pipeline.store.partitions import Store
from tests.unit.engine.test_inspection import DAY, FIRST, stored


def test_a_derived_table_without_rows_of_a_chain_that_is_there(tmp_path: Path) -> None:
    root, days = tmp_path / "warehouse", Days(FIRST, FIRST)
    stored(root, "05T01")
    assert build_days(root, days).empty == {}
    store = Store(root)
    (partition,) = store.partitions(TABLES["max_pain"])
    store.replace(partition, store.read(partition).clear(), store.manifest(partition).inputs)
    outcome = build_days(root, days)
    assert outcome.empty == {"max_pain": "no rows of max_pain on 2026-01-05: the chain gave none"}
    assert outcome.blank == {"max_pain"}


def test_a_day_of_a_range_without_chain(tmp_path: Path) -> None:
    root = tmp_path / "warehouse"
    stored(root, "05T01")
    outcome = build_days(root, Days(FIRST, FIRST + DAY))
    assert set(outcome.empty.values()) == {"no chain on 2026-01-06: import it first"}
    assert outcome.empty.keys() == {"levels", "max_pain", "expected_move", "gamma_profile", "exposure_totals"}
    assert outcome.blank == set()
