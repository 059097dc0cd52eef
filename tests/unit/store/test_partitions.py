"""Replacing partitions: bytes, manifests, refusals, older schemas."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest

from gex_pipeline.engine.build import renewed
from gex_pipeline.errors import StoreError
from gex_pipeline.schema import CANDLES, CHAIN, TABLES
from gex_pipeline.schema.model import Column
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.manifest import file_hash
from gex_pipeline.store.partitions import Store
from gex_pipeline.store.verify import verify
from gex_pipeline.warehouse import open_warehouse
from tests.unit.store.build import OPEN, all_files, chain, data_files, fold_all, partition, rows, store

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


# ---------------------------------------------------------------- other schema versions


NEXT = CHAIN.version + 1


@pytest.fixture
def older(tmp_path, monkeypatch) -> Store:
    """A warehouse with a chain of today's version in day files, read by code whose chain has a column that it lacks."""
    made = store(tmp_path)
    made.merge(CHAIN, chain(), {})
    column = Column("needed", "float", "1", "In every row.")
    monkeypatch.setitem(TABLES, "chain", replace(CHAIN, columns=(*CHAIN.columns, column), version=NEXT))
    return made


def test_base_rows_of_an_older_schema_are_refused_with_what_to_do(older):
    before = all_files(older.root)
    with pytest.raises(StoreError, match=f"version {CHAIN.version}, this is version {NEXT}: delete it and import"):
        older.merge(TABLES["chain"], chain("2026-03-05T10:00").with_columns(needed=1.0), {})
    with pytest.raises(StoreError, match=f"schema version {CHAIN.version}"):
        fold_all(older)
    assert all_files(older.root) == before


def test_after_deleting_it_the_import_works(older):
    (older.root / DAY.path).unlink()
    older.merge(TABLES["chain"], chain().with_columns(needed=1.0), {})
    assert older.manifest(DAY).schema_version == NEXT
    assert verify(older.root) == []


@pytest.fixture
def grown(tmp_path, monkeypatch) -> Store:
    """A warehouse whose chain is older than a column that may be null."""
    made = store(tmp_path)
    made.merge(CHAIN, chain(), {"a": "1"})
    column = Column("later", "float", "1", "Came later.", is_nullable=True)
    monkeypatch.setitem(TABLES, "chain", replace(CHAIN, columns=(*CHAIN.columns, column), version=NEXT))
    return made


def test_a_build_gives_older_files_a_column_that_came_later(grown):
    before = grown.read(DAY)
    assert before["later"].null_count() == before.height > 0
    assert [f.problem for f in verify(grown.root)] == [
        f"schema version {CHAIN.version}, this is version {NEXT}: run `gex build`"
    ]
    assert renewed(grown) == []
    assert verify(grown.root) == [] and grown.manifest(DAY).inputs == {"a": "1"}
    with open_warehouse(grown.root) as warehouse:
        assert warehouse.query("SELECT count(*), count(later) FROM chain").row(0) == (before.height, 0)
    assert renewed(grown) == [] and grown.outgrown() == []


def test_rows_are_added_to_a_file_without_it(grown):
    before = grown.read(DAY).height
    grown.merge(TABLES["chain"], chain("2026-03-05T20:00").with_columns(later=pl.lit(1.0)), {})
    assert grown.read(DAY)["later"].null_count() == before < grown.read(DAY).height
    assert verify(grown.root) == []


def test_a_damaged_file_is_not_renewed(grown):
    path = grown.root / DAY.path
    content = path.read_bytes()
    path.write_bytes(content[:200] + b"\x0f" + content[201:])
    (line,) = renewed(grown)
    assert line.startswith(f"{DAY.path}: ") and "damaged" in line
    assert path.read_bytes() != content and grown.manifest(DAY).schema_version == CHAIN.version


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
