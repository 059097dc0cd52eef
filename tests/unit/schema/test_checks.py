"""Every kind of rule a frame can break, found and counted; nothing found where nothing is broken."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from gex_pipeline.schema import CHAIN, CHAIN_REJECTED, TABLES
from gex_pipeline.schema.checks import is_sorted, violations
from gex_pipeline.schema.model import Column, Table
from gex_pipeline.schema.types import polars_schema
from tests.unit.store.build import chain

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = Table(
    "sample",
    "One column for each kind of rule.",
    (
        Column("snapshot_at", "timestamp", "UTC", "Instant."),
        Column("name", "string", "", "Name."),
        Column("share", "float", "1", "Closed bounds.", minimum=0.0, maximum=1.0),
        Column("level", "float", "1", "Open bounds.", True, 0.0, True, 5.0, True),
        Column("rank", "int", "", "Bounded count.", minimum=1, maximum=10),
        Column("side", "category", "", "Closed set.", choices=("C", "P")),
        Column("note", "category", "", "Closed set, null allowed.", is_nullable=True, choices=("x",)),
    ),
    key=("snapshot_at", "name"),
    sort=("snapshot_at", "name"),
    period="day",
)
GOOD = pl.DataFrame(
    {
        "snapshot_at": [FIRST, FIRST, FIRST + timedelta(hours=1)],
        "name": ["a", "b", "a"],
        "share": [0.0, 0.5, 1.0],
        "level": [0.001, None, 4.999],
        "rank": [1, 5, 10],
        "side": ["C", "P", "C"],
        "note": [None, "x", None],
    },
    schema=polars_schema(TABLE),
)


def broken(column: str, value: object) -> list[tuple[str, str, int]]:
    """(column, rule, rows) after the value was put into the second row."""
    series = GOOD[column].to_list()
    series[1] = value
    frame = GOOD.with_columns(pl.Series(column, series, dtype=GOOD.schema[column]))
    return [(v.column, v.rule, v.count) for v in violations(TABLE, frame)]


def test_a_frame_that_obeys_has_no_violations():
    assert violations(TABLE, GOOD) == []
    assert violations(TABLE, GOOD.clear()) == []


@pytest.mark.parametrize("column", ["snapshot_at", "name", "share", "rank", "side"])
def test_null_where_a_value_is_required(column):
    assert (column, "null", 1) in broken(column, None)


@pytest.mark.parametrize("column", ["level", "note"])
def test_null_where_it_is_allowed(column):
    assert broken(column, None) == []


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("share", -1e-12, "below 0"),
        ("share", 1.0000001, "above 1"),
        ("level", 0.0, "not above 0"),
        ("level", -1.0, "not above 0"),
        ("level", 5.0, "not below 5"),
        ("level", 6.0, "not below 5"),
        ("rank", 0, "below 1"),
        ("rank", 11, "above 10"),
        ("side", "X", "not one of C, P"),
        ("side", "", "not one of C, P"),
        ("note", "y", "not one of x"),
    ],
)
def test_range_and_choices(column, value, rule):
    assert broken(column, value) == [(column, rule, 1)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("column", ["share", "level"])
def test_floats_are_finite(column, value):
    assert (column, "not finite", 1) in broken(column, value)


def test_a_violation_reads_as_one_line_with_its_count():
    frame = GOOD.with_columns(share=pl.lit(2.0))
    assert [str(v) for v in violations(TABLE, frame)] == ["sample.share: above 1 in 3 row(s)"]


@pytest.mark.parametrize("is_in_order", [True, False])
def test_duplicate_keys_are_found_among_neighbours_and_anywhere(is_in_order):
    twice = pl.concat([GOOD, GOOD.head(2)])
    frame = twice.sort(TABLE.sort) if is_in_order else twice
    assert is_sorted(frame, TABLE.sort) is is_in_order
    assert [(v.column, v.rule, v.count) for v in violations(TABLE, frame)] == [
        ("snapshot_at, name", "duplicate key", 2)
    ]


def test_an_enum_of_more_than_the_choices_is_looked_at():
    more = GOOD.with_columns(side=pl.Series(["C", "P", "call"], dtype=pl.Enum(["P", "call", "C"])))
    assert [str(v) for v in violations(TABLE, more)] == ["sample.side: not one of C, P in 1 row(s)"]
    assert violations(TABLE, more.head(2)) == []
    assert violations(TABLE, GOOD.cast({"side": pl.Enum(["P", "C"])})) == []


@pytest.mark.parametrize("is_enum", [True, False])
def test_duplicates_where_the_order_of_the_file_is_not_the_key(is_enum):
    """`chain` is sorted by more than its key; the same instrument twice is found although the rows differ."""
    frame = chain(steps=2)
    names = pl.Enum(frame["instrument"].unique()) if is_enum else pl.String
    twice = pl.concat([frame, frame.head(1).with_columns(strike_usd=pl.lit(1.0))]).sort(CHAIN.sort)
    for rows, count in ((frame, 0), (twice, 1)):
        found = violations(CHAIN, rows.cast({"instrument": names}))
        assert [(v.rule, v.count) for v in found] == [("duplicate key", count)] * (count > 0)


def rejected(instruments: list[str | None]) -> pl.DataFrame:
    """Rows of `chain_rejected` that differ in the instrument alone."""
    frame = pl.DataFrame(
        {"instrument": instruments, "snapshot_at": FIRST, "knowledge_time": FIRST, "underlying": "BTC", "venue": "okx"}
    )
    rest = [pl.lit(None).alias(n) for n in CHAIN_REJECTED.names if n not in frame.columns]
    frame = frame.with_columns(rest).with_columns(source=pl.lit("t"), reason=pl.lit("no_iv"), raw=pl.lit("{}"))
    return frame.select(CHAIN_REJECTED.names).cast(dict(polars_schema(CHAIN_REJECTED)))


def test_duplicate_keys_with_nulls_in_them_are_duplicates():
    assert [v.rule for v in violations(CHAIN_REJECTED, rejected(["a", None, "b"]))] == []
    for doubled in (["a", None, "a"], [None, None, "a"], ["a", "b", None, None]):
        found = violations(CHAIN_REJECTED, rejected(doubled))
        assert [(v.rule, v.count) for v in found] == [("duplicate key", 1)], doubled


def test_rows_with_nulls_between_them_are_not_taken_for_sorted():
    assert is_sorted(rejected([None, "a", "b"]), ("instrument",)) in (True, False)  # either is right: it costs a sort
    assert not is_sorted(rejected(["b", None, "a"]), ("instrument",))
    assert not is_sorted(rejected(["a", None, "b"]), ("instrument",))  # Polars sorts nulls first


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (GOOD, True),
        (GOOD.reverse(), False),
        (GOOD[[0, 0, 1]], True),
        (GOOD[[1, 0, 2]], False),
        (GOOD.head(1), True),
        (GOOD.clear(), True),
    ],
)
def test_is_sorted(frame, expected):
    assert is_sorted(frame, TABLE.sort) is expected


def test_a_missing_column_is_a_defect_of_the_caller():
    with pytest.raises(ValueError, match=r"sample: column\(s\) missing from the frame: rank, note"):
        violations(TABLE, GOOD.drop("rank", "note"))


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_rules_of_every_table_can_be_evaluated(table):
    assert violations(table, pl.DataFrame(schema=polars_schema(table))) == []


def test_where_all_of_the_key_is_in_the_path_a_file_has_one_row():
    table = replace(TABLE, key=("note",), hive=("note",), sort=("rank",))
    for rows, found in ((GOOD.head(0), []), (GOOD.head(1), []), (GOOD.head(3), [("duplicate key", 2)])):
        assert [(v.rule, v.count) for v in violations(table, rows)] == found
