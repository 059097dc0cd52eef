"""Importing many files: what one bad file, one bad coin or one damaged partition costs, and what manifests say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gex_pipeline.engine import imports
from gex_pipeline.engine.imports import import_files
from gex_pipeline.engine.journal import Entry, Journal
from gex_pipeline.errors import StoreError
from gex_pipeline.importers import Options, load_mapping
from gex_pipeline.schema import TABLES
from gex_pipeline.store.partitions import Store
from gex_pipeline.store.verify import verify
from tests.unit.importers.test_deribit_book_summary import response, saved, summary
from tests.unit.store.build import fold_all

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


def read_with(mapping: Path, **options: Any) -> Options:
    return Options(load_mapping(mapping), **options)


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
    summary = import_files(root, "chain", [one, two, other], read_with(mapping))
    assert (summary.failures, summary.conflicts, summary.rows["chain"]) == ([], [], 3)
    assert inputs(Store(root), "BTC") == {str(one), str(two)}
    assert inputs(Store(root), "ETH") == {str(other)}


def test_a_damaged_partition_does_not_stop_the_others(tmp_path: Path, mapping: Path) -> None:
    root = tmp_path / "warehouse"
    import_files(root, "chain", [archive(tmp_path, "btc.csv", "BTC")], read_with(mapping))
    store = Store(root)
    (damaged,) = store.partitions(TABLES["chain"])
    store.objects.path(damaged.path).write_bytes(b"not parquet")
    again = [archive(tmp_path, "btc2.csv", "BTC", hour=2), archive(tmp_path, "eth.csv", "ETH")]
    summary = import_files(root, "chain", again, read_with(mapping))
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
    import_files(root, "chain", [real], read_with(mapping))
    with pytest.raises(StoreError, match="is a warehouse of real data: synthetic rows need another --warehouse"):
        import_files(root, "chain", [real], read_with(made_up))
    import_files(tmp_path / "other", "chain", [real], read_with(made_up))
    with pytest.raises(StoreError, match="is a warehouse of synthetic data: real rows need another --warehouse"):
        import_files(tmp_path / "other", "chain", [real], read_with(mapping))


def test_contradicting_rows_name_their_file_and_stay_out(tmp_path: Path, mapping: Path) -> None:
    root = tmp_path / "warehouse"
    import_files(root, "chain", [archive(tmp_path, "a.csv", "BTC", oi=1.0)], read_with(mapping))
    other = archive(tmp_path, "b.csv", "BTC", oi=2.0)
    summary = import_files(root, "chain", [other], read_with(mapping))
    (line,) = summary.conflicts
    assert line.startswith(f"{other}: 1 row(s) contradict what is stored in chain/underlying=BTC/venue=deribit/")
    (partition,) = Store(root).partitions(TABLES["chain"])
    assert Store(root).read(partition)["open_interest_coin"].to_list() == [1.0]


def test_two_archives_that_agree_do_not_contradict_each_other(tmp_path: Path, mapping: Path) -> None:
    root, file = tmp_path / "warehouse", archive(tmp_path, "a.csv", "BTC")
    other = tmp_path / "other.toml"
    other.write_text(MAPPING.replace('"test"', '"other"'))
    import_files(root, "chain", [file], read_with(mapping))
    summary = import_files(root, "chain", [file], read_with(other))
    assert (summary.rows["chain"], summary.same["chain"], summary.conflicts) == (0, 1, [])


def test_an_import_that_reads_nothing_makes_no_warehouse(tmp_path: Path, mapping: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("ts,name\n")
    summary = import_files(tmp_path / "warehouse", "chain", [bad, tmp_path / "missing.csv"], read_with(mapping))
    assert len(summary.failures) == 2
    assert not (tmp_path / "warehouse").exists()


# ---------------------------------------------------------------- running again


def chain_files(store: Store) -> dict[str, bytes]:
    return {p.path: store.objects.read(p.path) for p in store.partitions(TABLES["chain"])}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that the chain reader opens, in order."""
    names: list[str] = []
    real = imports.READERS["chain"]

    def read(path: Path, options: Any) -> Any:
        names.append(path.name)
        return real(path, options)

    monkeypatch.setitem(imports.READERS, "chain", read)
    return names


def test_files_that_are_stored_are_not_read_again(tmp_path: Path, mapping: Path, reads: list[str]) -> None:
    files = [archive(tmp_path, f"{hour:02d}.csv", "BTC", hour=hour) for hour in range(3)]
    root = tmp_path / "warehouse"
    first = import_files(root, "chain", files[:2], read_with(mapping))
    before = chain_files(Store(root))
    again = import_files(root, "chain", files, read_with(mapping))
    assert reads == ["00.csv", "01.csv", "02.csv"]
    assert (first.files, first.skipped, again.files, again.skipped) == (2, 0, 1, 2)
    assert (again.rows["chain"], again.same["chain"], again.coins["BTC"]) == (1, 2, 3)
    assert chain_files(Store(root)).keys() == before.keys()
    assert verify(root) == []


def test_another_way_of_reading_reads_again(tmp_path: Path, mapping: Path, reads: list[str]) -> None:
    root, file = tmp_path / "warehouse", archive(tmp_path, "a.csv", "BTC")
    import_files(root, "chain", [file], read_with(mapping))
    import_files(root, "chain", [file], read_with(mapping, every=timedelta(hours=1)))
    archive(tmp_path, "a.csv", "BTC", hour=5)
    import_files(root, "chain", [file], read_with(mapping))
    mapping.write_text(MAPPING.replace('iv = "iv"', 'iv = { column = "iv", unit = "percent" }').replace("0.5", "50"))
    import_files(root, "chain", [file], read_with(mapping))
    assert reads == ["a.csv"] * 4


def test_the_grid_of_the_source_is_a_way_of_reading(tmp_path: Path) -> None:
    """Asked for or the source's own, it is the same one; another grid is another way."""
    file, root = saved(tmp_path, response([summary()])), tmp_path / "warehouse"
    minute = timedelta(minutes=1)
    read = [
        import_files(root, "deribit-book-summary", [file], Options(every=e)).files for e in (None, minute, 5 * minute)
    ]
    assert read == [1, 0, 1]


@pytest.mark.parametrize("harm", ["delete", "damage", "journal"])
def test_what_is_no_longer_stored_is_read_again(tmp_path: Path, mapping: Path, reads: list[str], harm: str) -> None:
    root, file = tmp_path / "warehouse", archive(tmp_path, "a.csv", "BTC")
    import_files(root, "chain", [file], read_with(mapping))
    store = Store(root)
    (partition,) = store.partitions(TABLES["chain"])
    whole = store.objects.read(partition.path)
    if harm == "delete":
        store.objects.delete(partition.path)
        store.objects.delete(partition.manifest_path)
    elif harm == "damage":
        store.objects.path(partition.path).write_bytes(whole[:-1] + b"x")
    else:
        (journal,) = (root / ".imports").iterdir()
        journal.write_text("[{")
    summary = import_files(root, "chain", [file], read_with(mapping))
    assert reads == ["a.csv", "a.csv"]
    if harm == "damage":
        assert "damaged" in summary.failures[0]
    else:
        assert store.objects.read(partition.path) == whole


def test_a_partition_vouches_for_a_way_of_reading(tmp_path: Path, mapping: Path) -> None:
    """A day read on two grids, removed, and read on the first grid again: the second is not skipped."""
    file = archive(tmp_path, "a.csv", "BTC", hour=1)
    file.write_text(file.read_text() + "2026-01-05T01:20:00Z,BTC-30JAN26-200-C,100,0.5,1.0\n")
    root, hour, half = tmp_path / "warehouse", timedelta(hours=1), timedelta(minutes=30)
    grids = [import_files(root, "chain", [file], read_with(mapping, every=g)).rows["chain"] for g in (hour, half)]
    store = Store(root)
    whole = chain_files(store)
    for partition in store.partitions(TABLES["chain"]):
        store.remove(partition)
    again = [import_files(root, "chain", [file], read_with(mapping, every=g)).rows["chain"] for g in (hour, half)]
    assert again == grids
    assert again[1] > 0
    assert chain_files(store) == whole


def test_a_month_does_not_vouch_for_a_day_that_was_deleted_before_it_was_folded(
    tmp_path: Path, mapping: Path, reads: list[str]
) -> None:
    """A file over two days: its name is among the month's inputs, by the day that is left."""
    file, root = tmp_path / "a.csv", tmp_path / "warehouse"
    rows = [f"2090-01-{day}T01:00:00Z,BTC-30JAN90-100-C,100,0.5,1.0\n" for day in ("05", "06")]
    file.write_text(HEADER + "".join(rows))  # of a month that is not over yet, so that days are files
    import_files(root, "chain", [file], read_with(mapping))
    store = Store(root, lambda: datetime(2090, 2, 2, tzinfo=UTC))
    first, _ = store.partitions(TABLES["chain"])
    store.remove(first)
    fold_all(store, store.clock())
    (month,) = store.partitions(TABLES["chain"])
    assert (month.period, store.read(month).height) == ("2090-01", 1)
    again = import_files(root, "chain", [file], read_with(mapping))
    assert (again.skipped, again.rows["chain"], again.same["chain"]) == (0, 1, 1)
    assert reads == ["a.csv", "a.csv"]


def test_a_file_with_a_conflict_is_told_again(tmp_path: Path, mapping: Path) -> None:
    root = tmp_path / "warehouse"
    import_files(root, "chain", [archive(tmp_path, "a.csv", "BTC", oi=1.0)], read_with(mapping))
    other = archive(tmp_path, "b.csv", "BTC", oi=2.0)
    lines = [import_files(root, "chain", [other], read_with(mapping)).conflicts for _ in range(2)]
    assert lines[0] == lines[1] != []


def test_twin_files_with_a_conflict_are_both_named_and_told_again(tmp_path: Path, mapping: Path) -> None:
    """The same row in both: neither is stored, whichever of them is read first."""
    root = tmp_path / "warehouse"
    import_files(root, "chain", [archive(tmp_path, "a.csv", "BTC", oi=1.0)], read_with(mapping))
    twins = [archive(tmp_path, name, "BTC", oi=2.0) for name in ("b.csv", "c.csv")]
    runs = [import_files(root, "chain", twins, read_with(mapping)) for _ in range(2)]
    for done in runs:
        (line,) = done.conflicts
        assert line.startswith(f"{twins[0]}, {twins[1]}: 2 row(s) contradict what is stored")
        assert (done.skipped, done.same["chain"]) == (0, 0)


def test_a_file_of_which_no_row_can_be_used_is_told_again(tmp_path: Path, mapping: Path) -> None:
    root, file = tmp_path / "warehouse", archive(tmp_path, "a.csv", "BTC")
    file.write_text(file.read_text().replace(",0.5,", ",0,"))
    lines = [import_files(root, "chain", [file], read_with(mapping)).failures for _ in range(2)]
    assert lines[0] == lines[1] == [f"{file}: no row can be used, most are no_iv: is a unit or column wrong?"]


def test_a_twin_file_counts_as_stored_while_its_rows_are(tmp_path: Path, mapping: Path, reads: list[str]) -> None:
    """The same rows came from another file first: the partition names that one among its inputs, not this."""
    root = tmp_path / "warehouse"
    one, two = archive(tmp_path, "a.csv", "BTC"), archive(tmp_path, "b.csv", "BTC")
    two.write_text(two.read_text() + "\n")
    for _ in range(2):
        import_files(root, "chain", [one], read_with(mapping))
        import_files(root, "chain", [two], read_with(mapping))
    assert reads == ["a.csv", "b.csv"]


def test_what_another_process_writes_into_the_journal_does_not_matter(tmp_path: Path) -> None:
    """Its temporary file, which may go away at any moment and counts for nothing."""
    store = Store(tmp_path)
    Journal(store).record([Entry("key", {}, {}, {}, {})])
    (written,) = (tmp_path / ".imports").iterdir()
    assert Journal(store).find("key")
    written.rename(written.with_name(written.name + ".tmp"))
    (tmp_path / ".imports" / "gone.json").symlink_to("nowhere")
    assert Journal(store).find("key") is None


def test_an_interrupted_import_goes_on_where_it_was(
    tmp_path: Path, mapping: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [archive(tmp_path, f"{hour:02d}.csv", "BTC", hour=hour) for hour in range(6)]
    monkeypatch.setattr(imports, "_BATCH_ROWS", 2)
    counting = imports.READERS["chain"]

    def stop(path: Path, options: Any) -> Any:
        if path.name == "05.csv":
            raise KeyboardInterrupt
        return counting(path, options)

    root = tmp_path / "warehouse"
    with monkeypatch.context() as patch:
        patch.setitem(imports.READERS, "chain", stop)
        with pytest.raises(KeyboardInterrupt):
            import_files(root, "chain", files, read_with(mapping))
    assert reads == ["00.csv", "01.csv", "02.csv", "03.csv", "04.csv"]
    summary = import_files(root, "chain", files, read_with(mapping))
    assert reads[5:] == ["04.csv", "05.csv"]  # the batch that was not full is read again
    assert (summary.files, summary.skipped, summary.rows["chain"], summary.same["chain"]) == (2, 4, 2, 4)
    whole = tmp_path / "whole"
    monkeypatch.undo()
    import_files(whole, "chain", files, read_with(mapping))
    assert chain_files(Store(root)) == chain_files(Store(whole))


def test_a_batch_is_stored_when_it_is_old(tmp_path: Path, mapping: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "_BATCH_SECONDS", -1.0)
    root = tmp_path / "warehouse"
    import_files(
        root, "chain", [archive(tmp_path, f"{h:02d}.csv", "BTC", hour=h) for h in range(3)], read_with(mapping)
    )
    assert len(list((root / ".imports").iterdir())) == 3


def test_a_glob_in_quotes(tmp_path: Path, mapping: Path) -> None:
    for hour in range(3):
        archive(tmp_path / "deep", f"{hour:02d}.csv", "BTC", hour=hour)
    root = tmp_path / "warehouse"
    assert import_files(root, "chain", [tmp_path / "*" / "0[01].csv"], read_with(mapping)).files == 2
    nothing = import_files(root, "chain", [tmp_path / "*.csv"], read_with(mapping))
    assert nothing.failures == [f"{tmp_path}/*.csv does not exist"]
