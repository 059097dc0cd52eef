"""`verify` names everything that is not as it was written, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gex_pipeline.errors import StoreError
from gex_pipeline.schema import CHAIN, TABLES
from gex_pipeline.store.commits import way_out
from gex_pipeline.store.partitions import Store
from gex_pipeline.store.verify import verify
from tests.unit.store.build import chain, partition, store

DAY, OTHER = partition("2026-03-05"), partition("2026-03-06")


@pytest.fixture
def stored(tmp_path) -> Store:
    made = store(tmp_path)
    made.merge(CHAIN, chain("2026-03-05T00:00", 4, hours=12), {"a": "1"})
    return made


def truncate(root: Path) -> None:
    data = (root / DAY.path).read_bytes()
    (root / DAY.path).write_bytes(data[: len(data) // 2])


def empty(root: Path) -> None:
    (root / DAY.path).write_bytes(b"")


def flip(root: Path) -> None:
    data = bytearray((root / DAY.path).read_bytes())
    data[len(data) // 4] ^= 1
    (root / DAY.path).write_bytes(data)


def exchange(root: Path) -> None:
    """Another sound file under the name."""
    (root / DAY.path).write_bytes((root / OTHER.path).read_bytes())


def lose_manifest(root: Path) -> None:
    (root / DAY.manifest_path).unlink()


def lose_data(root: Path) -> None:
    (root / DAY.path).unlink()


def damage_manifest(root: Path) -> None:
    (root / DAY.manifest_path).write_bytes(b'{"table": "chain", "ro')


def binary_manifest(root: Path) -> None:
    (root / DAY.manifest_path).write_bytes(b"\xff\xfe\x00")


def other_json_manifest(root: Path) -> None:
    (root / DAY.manifest_path).write_text("[1, 2]")


def rewrite_manifest(root: Path, **fields: object) -> None:
    path = root / DAY.manifest_path
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def older(root: Path) -> None:
    rewrite_manifest(root, schema_version=0)


def wrong_rows(root: Path) -> None:
    rewrite_manifest(root, rows=7)


AGAIN = "delete it and import its files again; live rows come back by `gex build --from-raw`"


@pytest.mark.parametrize(
    ("damage", "path", "problem"),
    [
        (truncate, DAY.path, f"damaged: its content is not what was written (truncated or not Parquet): {AGAIN}"),
        (empty, DAY.path, f"damaged: its content is not what was written (truncated or not Parquet): {AGAIN}"),
        (flip, DAY.path, f"damaged: its content is not what was written: {AGAIN}"),
        (exchange, DAY.path, f"damaged: its content is not what was written: {AGAIN}"),
        (lose_manifest, DAY.path, "foreign: it has no manifest, so queries leave it out"),
        (lose_data, DAY.manifest_path, "its data file is missing: import or build again"),
        (damage_manifest, DAY.path, f"its manifest is damaged: {AGAIN}"),
        (binary_manifest, DAY.path, f"its manifest is damaged: {AGAIN}"),
        (other_json_manifest, DAY.path, f"its manifest is damaged: {AGAIN}"),
        (older, DAY.path, f"schema version 0, this is version {CHAIN.version}: run `gex build`"),
        (wrong_rows, DAY.path, "it has 24 rows, the manifest says 7"),
    ],
)
def test_each_kind_of_damage_is_named_at_its_file(stored, damage: Callable[[Path], None], path, problem):
    assert verify(stored.root) == []
    damage(stored.root)
    assert [(f.path, f.problem) for f in verify(stored.root)] == [(path, problem)]


@pytest.mark.parametrize("damage", [truncate, empty, flip, lose_manifest, lose_data, damage_manifest, older])
def test_the_advice_works(stored, damage: Callable[[Path], None]):
    """Delete what is named, import again: everything is as before."""
    wanted = (stored.root / DAY.path).read_bytes()
    damage(stored.root)
    (stored.root / DAY.path).unlink(missing_ok=True)
    stored.merge(CHAIN, chain("2026-03-05T00:00", 4, hours=12), {"a": "1"})
    assert verify(stored.root) == []
    assert (stored.root / DAY.path).read_bytes() == wanted


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "chain/notes.txt",
        "chain/stray.parquet",
        "quotes/underlying=BTC/venue=okx/month=2026-01/2026-01.parquet",
        "exposure/underlying=BTC/month=2026-01/2026-01.parquet",  # a view has no files
        "chain/underlying=BTC/venue=okx/month=2026-02/2026-01-05.parquet",
    ],
)
def test_foreign_files_are_named_and_not_read(stored, name):
    path = stored.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"PAR1")
    (finding,) = verify(stored.root)
    assert (finding.path, finding.problem.split(":")[0]) == (name, "foreign")
    assert stored.partitions(CHAIN) == [DAY, OTHER]


@pytest.mark.parametrize("suffix", [".parquet.tmp", ".manifest.pending", ".manifest.json.tmp"])
def test_what_a_stopped_writer_left_is_named(stored, suffix):
    name = DAY.path.removesuffix(".parquet") + suffix
    (stored.root / name).write_bytes((stored.root / DAY.manifest_path).read_bytes())
    (finding,) = verify(stored.root)
    assert finding.path == name
    assert finding.problem.startswith("left over by a writer that was stopped")
    stored.replace(DAY, chain("2026-03-05T00:00", 2, hours=12), {})
    assert verify(stored.root) == []


def test_columns_that_are_not_those_of_the_table(stored, monkeypatch):
    fewer = replace(CHAIN, columns=tuple(c for c in CHAIN.columns if c.name != "source"))
    monkeypatch.setitem(TABLES, "chain", fewer)
    assert {f.problem for f in verify(stored.root)} == {f"its columns are not those of the table: {way_out(CHAIN)}"}


def test_several_problems_are_listed_by_path(stored):
    flip(stored.root)
    (stored.root / OTHER.manifest_path).unlink()
    (stored.root / "x").write_text("")
    assert [f.path for f in verify(stored.root)] == [DAY.path, OTHER.path, "x"]


def test_a_folder_that_is_no_warehouse(tmp_path):
    with pytest.raises(StoreError, match="is not a warehouse"):
        verify(tmp_path)
