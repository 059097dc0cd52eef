"""Importing many files: what one bad file, one bad coin or one damaged partition costs, and what manifests say."""

from __future__ import annotations

from pathlib import Path

import pytest

from gex_pipeline.engine.imports import import_files
from gex_pipeline.errors import StoreError
from gex_pipeline.schema import TABLES
from gex_pipeline.store.partitions import Store

MAPPING = """
name = "test"
venue = "deribit"
[chain]
received_at = { column = "ts", format = "iso" }
instrument = { column = "name", grammar = "deribit" }
forward_usd = "f"
index_usd = "f"
mark_iv = "iv"
open_interest_coin = "oi"
"""
HEADER = "ts,name,f,iv,oi\n"


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "map.toml"
    path.write_text(MAPPING)
    return path


def archive(folder: Path, name: str, coin: str, oi: float = 1.0, hour: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"{HEADER}2026-01-05T{hour:02d}:00:00Z,{coin}-30JAN26-100-C,100,0.5,{oi}\n")
    return path


def inputs(store: Store, coin: str) -> set[str]:
    partition = next(p for p in store.partitions(TABLES["chain"]) if p.value("underlying") == coin)
    manifest = store.manifest(partition)
    assert manifest is not None
    return set(manifest.inputs)


def test_a_manifest_lists_the_files_whose_rows_it_has(tmp_path: Path, mapping: Path) -> None:
    one = archive(tmp_path / "1", "x.csv", "BTC", hour=0)
    two = archive(tmp_path / "2", "x.csv", "BTC", hour=1)
    other = archive(tmp_path / "2", "y.csv", "ETH")
    root = tmp_path / "warehouse"
    summary = import_files(root, "chain", [one, two, other], mapping=mapping)
    assert (summary.failures, summary.conflicts, summary.rows["chain"]) == ([], [], 3)
    assert inputs(Store(root), "BTC") == {str(one), str(two)}
    assert inputs(Store(root), "ETH") == {str(other)}


def test_a_damaged_partition_does_not_stop_the_others(tmp_path: Path, mapping: Path) -> None:
    root = tmp_path / "warehouse"
    import_files(root, "chain", [archive(tmp_path, "btc.csv", "BTC")], mapping=mapping)
    store = Store(root)
    (damaged,) = store.partitions(TABLES["chain"])
    store.objects.path(damaged.path).write_bytes(b"not parquet")
    again = [archive(tmp_path, "btc2.csv", "BTC", hour=2), archive(tmp_path, "eth.csv", "ETH")]
    summary = import_files(root, "chain", again, mapping=mapping)
    assert summary.rows["chain"] == 1
    (failure,) = summary.failures
    assert failure.startswith(f"{again[0]}: ")
    assert "damaged" in failure
    assert inputs(store, "ETH") == {str(again[1])}


def test_made_up_rows_and_real_ones_do_not_share_a_warehouse(tmp_path: Path, mapping: Path) -> None:
    real = archive(tmp_path, "real.csv", "BTC")
    made_up = tmp_path / "made-up.toml"
    made_up.write_text(MAPPING.replace('"test"', '"synthetic-test"'))
    root = tmp_path / "warehouse"
    import_files(root, "chain", [real], mapping=mapping)
    with pytest.raises(StoreError, match="is a warehouse of real data: synthetic rows need another --warehouse"):
        import_files(root, "chain", [real], mapping=made_up)
    import_files(tmp_path / "other", "chain", [real], mapping=made_up)
    with pytest.raises(StoreError, match="is a warehouse of synthetic data: real rows need another --warehouse"):
        import_files(tmp_path / "other", "chain", [real], mapping=mapping)


def test_contradicting_rows_name_their_file_and_stay_out(tmp_path: Path, mapping: Path) -> None:
    root = tmp_path / "warehouse"
    import_files(root, "chain", [archive(tmp_path, "a.csv", "BTC", oi=1.0)], mapping=mapping)
    other = archive(tmp_path, "b.csv", "BTC", oi=2.0)
    summary = import_files(root, "chain", [other], mapping=mapping)
    (line,) = summary.conflicts
    assert line.startswith(f"{other}: 1 row(s) contradict what is stored in chain/underlying=BTC/venue=deribit/")
    (partition,) = Store(root).partitions(TABLES["chain"])
    assert Store(root).read(partition)["open_interest_coin"].to_list() == [1.0]


def test_two_archives_that_agree_do_not_contradict_each_other(tmp_path: Path, mapping: Path) -> None:
    root, file = tmp_path / "warehouse", archive(tmp_path, "a.csv", "BTC")
    other = tmp_path / "other.toml"
    other.write_text(MAPPING.replace('"test"', '"other"'))
    import_files(root, "chain", [file], mapping=mapping)
    summary = import_files(root, "chain", [file], mapping=other)
    assert (summary.rows["chain"], summary.same["chain"], summary.conflicts) == (0, 1, [])


def test_an_import_that_reads_nothing_makes_no_warehouse(tmp_path: Path, mapping: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("ts,name\n")
    summary = import_files(tmp_path / "warehouse", "chain", [bad, tmp_path / "missing.csv"], mapping=mapping)
    assert len(summary.failures) == 2
    assert not (tmp_path / "warehouse").exists()
