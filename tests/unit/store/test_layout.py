"""Partition <-> path, the period a day belongs to, and which partitions count."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gex_pipeline.schema import CANDLES, CHAIN, TABLES
from gex_pipeline.store import layout
from gex_pipeline.store.layout import Partition, current, is_folder_name, parse, period_of

DAYS = st.dates(date(1990, 1, 1), date(2099, 12, 31))
NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,20}", fullmatch=True)
STORED = [t for t in TABLES.values() if t.period]


@st.composite
def partitions(draw: st.DrawFn) -> Partition:
    table = draw(st.sampled_from(STORED))
    hive = tuple((column, draw(NAMES)) for column in table.hive)
    forms = ["%Y"] if table.period == "year" else ["%Y-%m", "%Y-%m-%d"]
    return Partition(table.name, hive, draw(DAYS).strftime(draw(st.sampled_from(forms))))


@given(partitions())
def test_a_path_names_the_partition_it_came_from(partition):
    assert parse(partition.path) == partition
    assert partition.path.endswith(layout.DATA)
    assert partition.manifest_path == partition.path.removesuffix(layout.DATA) + layout.MANIFEST
    assert [partition.value(column) for column, _ in partition.hive] == [value for _, value in partition.hive]


@given(st.lists(st.text("abc=/-.0123456789", max_size=12), min_size=1, max_size=6))
def test_a_path_that_parses_is_the_path_of_its_partition(parts):
    path = "/".join(parts) + layout.DATA
    partition = parse(path)
    assert partition is None or partition.path == path


@pytest.mark.parametrize(
    "path",
    [
        "2026-01-05.parquet",
        "chain/2026-01-05.parquet",
        "chain/underlying=BTC/venue=okx/2026-01-05.parquet",
        "chain/underlying=BTC/venue=okx/month=2026-02/2026-01-05.parquet",
        "chain/underlying=BTC/venue=okx/year=2026/2026-01-05.parquet",
        "chain/BTC/okx/month=2026-01/2026-01-05.parquet",
        "chain/underlying=BTC/venue=okx/month=2026-01/2026-01-05.parquet.tmp",
        "chain/underlying=BTC/venue=okx/month=2026-01/2026-01-05.manifest.json",
    ],
)
def test_what_is_no_partition(path):
    assert parse(path) is None


def test_paths_are_as_documented():
    hive = (("underlying", "BTC"), ("venue", "deribit"))
    folder = "chain/underlying=BTC/venue=deribit/month=2026-01"
    assert Partition("chain", hive, "2026-01-05").path == f"{folder}/2026-01-05.parquet"
    assert Partition("chain", hive, "2026-01").path == f"{folder}/2026-01.parquet"
    assert Partition("candles", hive, "2026").path == "candles/underlying=BTC/venue=deribit/year=2026/2026.parquet"


@given(DAYS, DAYS)
def test_the_period_of_a_day(day, today):
    assert period_of(CANDLES, day, today) == f"{day:%Y}"
    is_over = (day.year, day.month) < (today.year, today.month)
    assert period_of(CHAIN, day, today) == (f"{day:%Y-%m}" if is_over else day.isoformat())


def test_a_month_is_over_from_the_first_instant_of_the_next_one():
    last = date(2026, 2, 28)
    assert period_of(CHAIN, last, last) == "2026-02-28"
    assert period_of(CHAIN, last, last + timedelta(days=1)) == "2026-02"
    assert period_of(CHAIN, date(2025, 12, 31), date(2026, 1, 1)) == "2025-12"


@given(st.lists(partitions(), max_size=12, unique=True))
def test_a_month_supersedes_its_days_and_nothing_else(found):
    kept = current(found)
    assert kept == sorted(kept)
    months = {(p.table, p.hive, p.period) for p in found if p.is_month}
    for p in found:
        is_superseded = p.is_day and (p.table, p.hive, p.period[:7]) in months
        assert (p in kept) is not is_superseded


def test_a_month_of_another_venue_supersedes_nothing():
    mine, other = (("underlying", "BTC"), ("venue", "okx")), (("underlying", "BTC"), ("venue", "bybit"))
    day, month = Partition("chain", mine, "2026-01-05"), Partition("chain", other, "2026-01")
    assert set(current([day, month])) == {day, month}
    assert current([day, Partition("chain", mine, "2026-01")]) == [Partition("chain", mine, "2026-01")]


@pytest.mark.parametrize(("value", "expected"), [("BTC", True), ("my-venue_2.x", True), ("a/b", False), ("a=b", False)])
def test_values_that_can_name_a_folder(value, expected):
    assert is_folder_name(value) is expected


@pytest.mark.parametrize("value", ["", ".", "..", "a b", "a%2F", "ü", "a\n"])
def test_values_that_readers_would_not_find_again(value):
    assert not is_folder_name(value)
