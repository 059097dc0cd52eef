"""Merging rows: the same bytes whatever the order, counts, conflicts, refusals."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gex_pipeline.errors import StoreError
from gex_pipeline.schema import CHAIN, CHAIN_REJECTED
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.merge import ORIGIN, MergeReport
from tests.unit.store.build import all_files, chain, data_files, partition, rows, store

DAY = partition("2026-03-05")


def test_merging_the_same_rows_twice_writes_nothing(tmp_path):
    made, frame = store(tmp_path), chain()
    assert made.merge(CHAIN, frame, {"a": "1"}) == MergeReport(new=24, same=0, conflicts=(), written=(DAY,))
    before = all_files(tmp_path)
    assert made.merge(CHAIN, frame, {"b": "2"}) == MergeReport(same=24)
    assert made.merge(CHAIN, frame.head(5), {"c": "3"}) == MergeReport(same=5)
    assert all_files(tmp_path) == before


def test_rows_offered_twice_in_one_merge_are_counted_once(tmp_path):
    made, frame = store(tmp_path), chain()
    report = made.merge(CHAIN, pl.concat([frame, frame.head(3)]), {})
    assert (report.new, report.same, report.conflicts) == (24, 3, ())


def test_no_rows_are_no_work(tmp_path):
    made = store(tmp_path)
    assert made.merge(CHAIN, chain().clear(), {"a": "1"}) == MergeReport()
    assert made.partitions(CHAIN) == []


@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 23), max_size=4), order=st.randoms(use_true_random=False))
def test_the_order_of_imports_does_not_matter_for_the_bytes(tmp_path_factory, cuts, order):
    frame = chain()
    edges = [0, *sorted(cuts), 24]
    pieces = [frame[a:b] for a, b in pairwise(edges)]
    order.shuffle(pieces)
    at_once, in_pieces = (store(tmp_path_factory.mktemp("w")) for _ in range(2))
    at_once.merge(CHAIN, frame, {})
    for piece in pieces:
        in_pieces.merge(CHAIN, piece, {})
    assert data_files(at_once.root) == data_files(in_pieces.root)


def test_categories_in_any_representation_give_the_same_bytes(tmp_path):
    frame = chain()
    enums = {
        name: pl.Enum([*sorted(frame[name].unique(), reverse=True), "unused"])
        for name in ("underlying", "venue", "instrument", "option_type", "source")
    }
    strings, mixed = store(tmp_path / "a"), store(tmp_path / "b")
    strings.merge(CHAIN, frame, {})
    mixed.merge(CHAIN, frame.cast(enums).tail(10), {})
    mixed.merge(CHAIN, frame.cast(dict.fromkeys(enums, pl.Categorical)).head(20), {})
    assert data_files(tmp_path / "a") == data_files(tmp_path / "b")


def rejected(instruments: list[str | None]) -> pl.DataFrame:
    n = len(instruments)
    instant = [datetime(2026, 3, 5, tzinfo=UTC)] * n
    given_ = {"snapshot_at": instant, "knowledge_time": instant, "instrument": instruments, "raw": ["{}"] * n}
    fixed = {"underlying": "BTC", "venue": "okx", "source": "t", "reason": "no_iv"}
    frame = pl.DataFrame(given_).with_columns(pl.lit(v).alias(k) for k, v in fixed.items())
    absent = [pl.lit(None).alias(n) for n in CHAIN_REJECTED.names if n not in frame.columns]
    return frame.with_columns(absent).select(CHAIN_REJECTED.names).cast(dict(polars_schema(CHAIN_REJECTED)))


def test_rejected_rows_without_a_name_are_kept_once_and_in_one_order(tmp_path):
    forward, backward = store(tmp_path / "a"), store(tmp_path / "b")
    for name in ("b", None, "a"):
        forward.merge(CHAIN_REJECTED, rejected([name]), {})
    backward.merge(CHAIN_REJECTED, rejected(["a", None, "b", None]), {})
    assert data_files(tmp_path / "a") == data_files(tmp_path / "b")
    assert rows(forward, "chain_rejected")["instrument"].to_list() == [None, "a", "b"]
    assert forward.merge(CHAIN_REJECTED, rejected([None, "a"]), {}) == MergeReport(same=2)


def test_a_conflict_keeps_the_stored_row_and_names_the_file(tmp_path):
    made, frame = store(tmp_path), chain()
    made.merge(CHAIN, frame, {"first.csv": "1"})
    before = data_files(tmp_path)
    other = frame.head(3).with_columns(mark_iv=pl.lit(1.5))
    offered = pl.concat([other, frame.tail(2)]).with_columns(pl.lit("second.csv").alias(ORIGIN))
    report = made.merge(CHAIN, offered, {"second.csv": "2"})
    assert (report.new, report.same, report.written) == (0, 2, ())
    (conflict,) = report.conflicts
    assert (conflict.partition, conflict.count, conflict.origins) == (DAY, 3, ("second.csv",))
    assert other["instrument"][0] in conflict.example
    assert data_files(tmp_path) == before


def test_new_rows_beside_a_conflict_are_stored(tmp_path):
    made, frame = store(tmp_path), chain()
    made.merge(CHAIN, frame.head(20), {})
    report = made.merge(CHAIN, frame.tail(6).with_columns(mark_iv=pl.lit(1.5)), {})
    assert (report.new, report.same, report.conflicts[0].count) == (4, 0, 2)
    found = rows(made).join(frame.head(20), on=["snapshot_at", "instrument"])
    assert (found["mark_iv"] == found["mark_iv_right"]).all()


def test_a_contradiction_within_one_file_keeps_its_first_row(tmp_path):
    made, frame = store(tmp_path), chain().head(1)
    offered = pl.concat([frame, frame.with_columns(mark_iv=pl.lit(1.5))])
    report = made.merge(CHAIN, offered, {})
    assert (report.new, report.conflicts[0].count) == (1, 1)
    assert rows(made)["mark_iv"].to_list() == frame["mark_iv"].to_list()


def test_a_merge_is_split_by_venue_underlying_and_day(tmp_path):
    frames = [
        chain("2026-03-05T23:00", 2),
        chain("2026-03-05T23:00", 1, venue="okx"),
        chain("2026-03-06T01:00", 1, underlying="ETH"),
        chain("2026-01-31T23:00", 1),
    ]
    made = store(tmp_path)
    report = made.merge(CHAIN, pl.concat(frames), {})
    assert made.partitions(CHAIN) == sorted(
        [
            DAY,
            partition("2026-03-06"),
            partition("2026-03-05", "okx"),
            partition("2026-03-06", underlying="ETH"),
            partition("2026-01"),  # over, so at once a month
        ]
    )
    assert set(report.written) == set(made.partitions(CHAIN))
    assert report.new == rows(made).height


def test_inputs_accumulate_over_merges(tmp_path):
    made, frame = store(tmp_path), chain()
    made.merge(CHAIN, frame.head(10), {"a.csv": "1"})
    made.merge(CHAIN, frame.tail(14), {"b.csv": "2"})
    assert made.manifest(DAY).inputs == {"a.csv": "1", "b.csv": "2"}


@pytest.mark.parametrize("venue", ["a/b", "../okx", "a=b", "", "a b", "okx%2F"])
def test_a_venue_that_cannot_name_a_folder_is_refused(tmp_path, venue):
    """Its rows would be stored where no reader finds them."""
    made = store(tmp_path)
    with pytest.raises(StoreError, match="cannot name a folder"):
        made.merge(CHAIN, chain().with_columns(venue=pl.lit(venue)), {})
    assert data_files(tmp_path) == {}
