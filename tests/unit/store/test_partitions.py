"""Replacing and merging partitions: bytes, manifests, conflicts, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gex_pipeline.errors import StoreError
from gex_pipeline.schema import CANDLES, CHAIN, CHAIN_REJECTED, TABLES
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.layout import MARKER
from gex_pipeline.store.manifest import file_hash
from gex_pipeline.store.partitions import ORIGIN, UNDECIDED, MergeReport, Store
from gex_pipeline.store.verify import verify
from tests.unit.store.build import OPEN, OVER, all_files, chain, data_files, partition, rows, store

DAY = partition("2026-03-05")


def test_what_is_replaced_is_read_back_with_its_manifest(tmp_path):
    made, frame = store(tmp_path), chain()
    manifest = made.replace(DAY, frame, {"a.csv": "1"})
    assert made.read(DAY).equals(frame.sort(CHAIN.sort))
    assert made.manifest(DAY) == manifest
    assert (manifest.rows, manifest.inputs, manifest.schema_version) == (frame.height, {"a.csv": "1"}, CHAIN.version)
    assert manifest.content_hash == file_hash(tmp_path / DAY.path)
    assert manifest.created_at == "2026-03-20T12:00:00Z"
    assert made.partitions(CHAIN) == [DAY]
    assert verify(tmp_path) == []


def test_writing_the_same_rows_again_gives_the_same_bytes(tmp_path):
    made, frame = store(tmp_path), chain()
    made.replace(DAY, frame, {})
    before = data_files(tmp_path)
    made.replace(DAY, frame.sample(fraction=1, shuffle=True, seed=3), {})
    assert data_files(tmp_path) == before


def test_some_columns_of_a_partition(tmp_path):
    made, frame = store(tmp_path), chain()
    made.replace(DAY, frame, {})
    found = made.read(DAY, ("venue", "strike_usd", "underlying"))
    assert found.equals(frame.sort(CHAIN.sort).select("venue", "strike_usd", "underlying"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (pl.lit(None, pl.Float64).alias("mark_iv"), "chain.mark_iv: null in 24 row"),
        (pl.lit(float("nan")).alias("forward_usd"), "chain.forward_usd: not finite"),
        (pl.lit("same").alias("instrument"), "duplicate key"),
        (pl.lit("X").alias("option_type"), "not one of C, P"),
    ],
)
def test_rows_that_break_a_rule_are_refused_and_nothing_changes(tmp_path, change, reason):
    made = store(tmp_path)
    made.replace(DAY, chain(), {})
    before = all_files(tmp_path)
    with pytest.raises(StoreError, match=reason) as caught:
        made.replace(DAY, chain().with_columns(change), {})
    assert "\n" not in str(caught.value)
    assert all_files(tmp_path) == before


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


def candles(year: int, n: int = 3) -> pl.DataFrame:
    opens = pl.datetime_range(datetime(year, 1, 1), datetime(year, 1, 1, n - 1), "1h", time_zone="UTC", eager=True)
    frame = pl.DataFrame({"open_at": opens, "close_at": opens.dt.offset_by("1h")})
    fixed = {"venue": "okx", "market": "perp", "symbol": "X", "underlying": "BTC", "interval": "1h", "source": "t"}
    prices = dict.fromkeys(("open", "high", "low", "close", "volume_coin"), 100.0)
    frame = frame.with_columns(pl.lit(v).alias(k) for k, v in (fixed | prices).items())
    return frame.select(CANDLES.names).cast(dict(polars_schema(CANDLES)))


def test_yearly_tables_grow_one_file_a_year(tmp_path):
    made = store(tmp_path)
    made.merge(CANDLES, pl.concat([candles(2025), candles(2026)]), {})
    made.merge(CANDLES, candles(2026, 5), {})
    assert [p.period for p in made.partitions(CANDLES)] == ["2025", "2026"]
    assert rows(made, "candles").height == 8
    assert verify(tmp_path) == []


def test_the_manifest_is_stable_readable_json(tmp_path):
    made = store(tmp_path)
    made.replace(DAY, chain(), {"b": "2", "a": "1"})
    text = (tmp_path / DAY.manifest_path).read_text()
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert text.endswith("}\n")


# ---------------------------------------------------------------- the folder


def test_a_folder_becomes_a_warehouse_once(tmp_path):
    made = Store(tmp_path / "new" / "warehouse")
    with pytest.raises(StoreError, match="does not exist"):
        made.require()
    made.create()
    made.create()
    made.require()
    assert json.loads((made.root / "gex-warehouse.json").read_text()) == {"format": 1, "kind": "real"}


@pytest.mark.parametrize("leftover", [".gitignore", "gex-warehouse.json.tmp"])
def test_a_creation_that_was_cut_short_can_be_repeated(tmp_path, leftover):
    (tmp_path / leftover).write_text("")
    Store(tmp_path).create()
    assert not (tmp_path / "gex-warehouse.json.tmp").exists()


@pytest.mark.parametrize("kind", ["real", "synthetic", UNDECIDED])
def test_a_warehouse_of_a_newer_layout_is_refused(tmp_path, kind):
    (tmp_path / MARKER).write_text('{"format": 2, "kind": "real"}')
    with pytest.raises(StoreError, match="use a newer gex"):
        Store(tmp_path).create(kind)


def test_folders_and_files_that_are_no_warehouse_are_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(StoreError, match="neither empty nor a warehouse"):
        Store(tmp_path).create()
    with pytest.raises(StoreError, match="is not a warehouse"):
        Store(tmp_path).require()
    with pytest.raises(StoreError, match="is a file, not a folder"):
        Store(tmp_path / "thesis.tex").create()
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


# ---------------------------------------------------------------- other schema versions


@pytest.fixture
def older(tmp_path, monkeypatch) -> Store:
    """A warehouse with a chain of version 1 in day files, read by code whose chain has version 2."""
    made = store(tmp_path)
    made.merge(CHAIN, chain(), {})
    monkeypatch.setitem(TABLES, "chain", replace(CHAIN, version=2))
    return made


def test_base_rows_of_an_older_schema_are_refused_with_what_to_do(older):
    before = all_files(older.root)
    with pytest.raises(StoreError, match=r"schema version 1, this is version 2: delete it and import its files again"):
        older.merge(TABLES["chain"], chain("2026-03-05T10:00"), {})
    with pytest.raises(StoreError, match="schema version 1"):
        replace(older, clock=lambda: OVER).compact(TABLES["chain"], OVER.date())
    assert all_files(older.root) == before


def test_after_deleting_it_the_import_works(older):
    (older.root / DAY.path).unlink()
    older.merge(TABLES["chain"], chain(), {})
    assert older.manifest(DAY).schema_version == 2
    assert verify(older.root) == []


def test_times_of_manifests_come_from_the_clock(tmp_path):
    made = store(tmp_path, OPEN)
    assert made.draft(CHAIN, 1, {}).created_at == "2026-03-20T12:00:00Z"
    assert made.draft(CHAIN, 1, {}).code_version == ""
    assert len(made.draft(TABLES["levels"], 1, {}).code_version) == 16


@pytest.mark.parametrize(("key", "value"), [("rows", "x"), ("inputs", []), ("content_hash", None), ("created_at", 7)])
def test_a_manifest_of_wrong_types_is_damaged(tmp_path, key, value):
    made = store(tmp_path)
    made.replace(DAY, chain(), {})
    path = tmp_path / DAY.manifest_path
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(StoreError, match=rf"is damaged \(.*\$\.{key}.*run `gex verify`"):
        made.manifest(DAY)


def test_a_manifest_that_cannot_be_read_is_named(tmp_path):
    made = store(tmp_path)
    made.replace(DAY, chain(), {})
    path = tmp_path / DAY.manifest_path
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match=r"cannot read .*manifest\.json: Is a directory"):
        made.manifest(DAY)
