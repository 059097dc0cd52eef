"""Writers that are killed, disks that are full, folders that are read-only, readers and writers at once."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gex_backtest import results
from gex_backtest.config import configure
from gex_backtest.identity import Origin
from gex_backtest.suite import run
from gex_pipeline.errors import StoreError
from gex_pipeline.schema import BACKTESTS, CHAIN
from gex_pipeline.store.manifest import file_hash
from gex_pipeline.store.partitions import Store
from gex_pipeline.store.session import Session
from gex_pipeline.store.verify import verify
from tests.integration import writers
from tests.integration.writers import COMMITTED, DAY, FORKS, STAGES, state
from tests.unit.backtest import drifts
from tests.unit.store.build import OVER, all_files, chain, data_files, fold_all, partition, rows, store

MONTH = partition("2026-03")
_KILLS = 32


def start(body: Any, *arguments: Any) -> BaseProcess:
    process = FORKS.Process(target=body, args=arguments)
    process.start()
    return process


def killed(body: Any, *arguments: Any) -> None:
    process = start(body, *arguments)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def number(made: Store) -> int:
    """Which write is stored; fails unless rows, manifest and bytes belong to one and the same write."""
    assert made.partitions(CHAIN) == [DAY]
    found, manifest = made.read(DAY), made.manifest(DAY)
    (stored,) = found["volume_24h_coin"].unique()
    assert found.equals(state(int(stored))[0].sort(CHAIN.sort))
    assert manifest is not None
    assert (manifest.inputs, manifest.rows) == ({"number": str(int(stored))}, found.height)
    assert manifest.content_hash == file_hash(made.root / DAY.path)
    return int(stored)


def assert_only_leftovers(root: Path) -> None:
    problems = [f.problem for f in verify(root)]
    assert all(p.startswith(("left over", "superseded")) for p in problems), problems


# ---------------------------------------------------------------- killed writers


def test_a_writer_killed_at_any_moment_leaves_the_old_or_the_new_state(tmp_path: Path) -> None:
    """Each kill is of a writer that goes on where the one before was killed."""
    root = tmp_path / "warehouse"
    made, last, cut_short = store(root), 0, 0
    made.replace(DAY, *state(0))
    moments = random.Random(7)
    for _ in range(_KILLS):
        here, there = FORKS.Pipe(duplex=False)
        process = start(writers.write_forever, root, last + 1, there)
        assert here.poll(60)
        time.sleep(moments.uniform(0, 3) * here.recv())
        process.kill()
        process.join()
        found = number(made)
        assert found >= last
        last = found
        cut_short += bool(verify(root))
        assert_only_leftovers(root)
        assert Session(root).query("SELECT count(*), max(volume_24h_coin) FROM chain").row(0) == (24, found)
    assert last > 10, "the writers were killed before they wrote: the moments are too early"
    assert cut_short > 0, "no kill fell into a write"
    made.replace(DAY, *state(last + 1))
    assert number(made) == last + 1
    assert verify(root) == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_kill_at_each_stage(tmp_path, stage):
    made = store(tmp_path)
    made.replace(DAY, *state(1))
    killed(writers.write_and_die, tmp_path, 2, stage)
    assert number(made) == (2 if stage in COMMITTED else 1)
    assert verify(tmp_path) != []  # the kill came before the end
    assert_only_leftovers(tmp_path)
    made.replace(DAY, *state(3))
    assert number(made) == 3
    assert verify(tmp_path) == []


@pytest.mark.parametrize(("first", "second"), list(itertools.product(STAGES, STAGES)))
def test_two_kills_in_a_row(tmp_path, first, second):
    """What the first killed writer committed has its manifest only as pending; the second must not lose it."""
    made = store(tmp_path)
    made.replace(DAY, *state(1))
    killed(writers.write_and_die, tmp_path, 2, first)
    killed(writers.write_and_die, tmp_path, 3, second)
    assert number(made) == (3 if second in COMMITTED else 2 if first in COMMITTED else 1)
    assert_only_leftovers(tmp_path)
    made.merge(CHAIN, chain("2026-03-05T10:00", 1), {})
    assert verify(tmp_path) == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_kill_in_the_first_write_of_a_partition(tmp_path, stage):
    made = store(tmp_path)
    killed(writers.write_and_die, tmp_path, 1, stage)
    assert made.partitions(CHAIN) == ([DAY] if stage in COMMITTED else [])
    assert_only_leftovers(tmp_path)
    assert Session(tmp_path).query("SELECT count(*) FROM chain").item() == (24 if stage in COMMITTED else 0)
    made.replace(DAY, *state(2))
    assert number(made) == 2
    assert verify(tmp_path) == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_kill_while_a_month_is_folded(tmp_path, stage):
    made = store(tmp_path)
    made.merge(CHAIN, chain("2026-03-05T00:00", 4, hours=12), {})
    before = rows(made)
    killed(writers.fold_and_die, tmp_path, stage)
    assert rows(made).equals(before)
    assert Session(tmp_path).query("SELECT count(*) FROM chain").item() == before.height
    assert_only_leftovers(tmp_path)
    fold_all(made)
    replace(made, clock=lambda: OVER).merge(CHAIN, chain("2026-03-09T00:00", 1), {})
    assert rows(made).height == before.height + 12
    assert verify(tmp_path) == []


KILLS_OF_A_RUN = [("backtest_events", "manifest"), ("backtest_stats", "renamed")]


@pytest.mark.parametrize(("table", "stage"), [*KILLS_OF_A_RUN, *(("backtest_runs", stage) for stage in STAGES)])
def test_a_run_that_is_killed_while_it_is_stored_is_there_whole_or_not_at_all(tmp_path, table, stage):
    Store(tmp_path).create()
    record, is_whole = run_of_drifts(), table == "backtest_runs" and stage in COMMITTED
    killed(writers.store_run_and_die, tmp_path, record, table, stage)
    rows = {name: frame.height if is_whole else 0 for name, frame in record.frames.items()}
    assert counted(tmp_path) == rows
    assert verify(tmp_path) != []
    assert_only_leftovers(tmp_path)
    results.store(tmp_path, record)
    assert counted(tmp_path) == {name: frame.height for name, frame in record.frames.items()}
    assert verify(tmp_path) == []


def run_of_drifts() -> results.Record:
    of, instrument = drifts.history(), {"venue": "okx", "market": "perp", "symbol": "BTC-PERP", "interval": "1h"}
    asked = configure(["drifts"], rules=drifts.RULES)
    return results.Record(run(of, asked), Origin.of(asked, of, [instrument]))


def counted(root: Path) -> dict[str, int]:
    session = Session(root)
    return {table.name: session.query(f"SELECT count(*) FROM {table.name}").item() for table in BACKTESTS}


# ---------------------------------------------------------------- several processes


def test_processes_that_merge_into_one_partition_at_once_lose_nothing(tmp_path):
    root, parties, pieces = tmp_path / "warehouse", 3, 24
    together = FORKS.Barrier(parties)
    processes = [start(writers.merge_pieces, root, pieces, i, parties, together) for i in range(parties)]
    for process in processes:
        process.join(60)
    assert [p.exitcode for p in processes] == [0] * parties
    made = Store(root)
    assert rows(made).equals(chain(steps=4).sort(CHAIN.key))
    assert set(made.manifest(DAY).inputs) == {f"{i}.csv" for i in range(pieces)}
    assert verify(root) == []
    alone = store(tmp_path / "alone")
    alone.merge(CHAIN, chain(steps=4), {})
    assert data_files(root) == data_files(alone.root)


def test_a_lock_is_freed_when_its_holder_dies(tmp_path):
    made = store(tmp_path)
    killed(writers.write_and_die, tmp_path, 1, "pending")
    began = time.monotonic()
    made.replace(DAY, *state(2))
    assert time.monotonic() - began < 5


@pytest.fixture
def months(tmp_path) -> Store:
    """Six months in day files, from a time when every month was open."""
    made = store(tmp_path)
    for month in range(1, 7):
        instant = chain(f"2025-{month:02d}-05T00:00", 5, hours=24)
        for day in instant.partition_by("snapshot_at"):
            made.replace(partition(f"{day['snapshot_at'][0]:%Y-%m-%d}"), day, {})
    return made


SQL = "SELECT count(*), count(DISTINCT (snapshot_at, instrument)), sum(open_interest_coin)::DECIMAL(18, 1) FROM chain"


def fold_slowly(made: Store) -> None:
    for month in made.foldable(CHAIN, OVER.date()):
        time.sleep(0.03)
        made.fold(month)


def test_a_query_while_months_are_folded_sees_each_row_once(months, tmp_path):
    expected = Session(tmp_path).query(SQL).row(0)
    ready, stop, result = FORKS.Event(), FORKS.Event(), tmp_path.with_name("answers.txt")
    process = start(writers.query_forever, tmp_path, SQL, ready, stop, result)
    assert ready.wait(60)
    fold_slowly(months)
    stop.set()
    process.join(60)
    assert process.exitcode == 0
    assert result.read_text().splitlines() == [str(expected)]
    assert len(data_files(tmp_path)) == 6


def test_a_question_while_months_are_folded_is_answered(months, tmp_path):
    ready, stop, result = FORKS.Event(), FORKS.Event(), tmp_path.with_name("asked.txt")
    process = start(writers.ask_forever, tmp_path, ready, stop, result)
    assert ready.wait(60)
    fold_slowly(months)
    stop.set()
    process.join(60)
    assert process.exitcode == 0
    assert len(result.read_text().splitlines()) == 1


# ---------------------------------------------------------------- disks and permissions


def mount(*words: str) -> None:
    """Run mount; skip the test by name where this user may not."""
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("mounting a small or read-only file system needs root and mount(8)")
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def assert_refused(made: Store, frame: pl.DataFrame, reason: str) -> None:
    before = all_files(made.root)
    with pytest.raises(StoreError, match=reason) as caught:
        made.merge(CHAIN, frame, {"big": "1"})
    assert "\n" not in str(caught.value)
    assert "is unchanged" in str(caught.value)
    assert all_files(made.root) == before
    assert verify(made.root) == []


def test_a_full_disk_leaves_the_old_rows_and_no_trace(small_disk):
    made = store(small_disk)
    made.merge(CHAIN, chain(), {})
    assert_refused(
        made, chain("2026-03-05T00:00", 24, venue="deribit", is_whole=True), "no space left to write .*: free some room"
    )
    made.merge(CHAIN, chain("2026-03-05T10:00", 1), {})
    assert rows(made).height == 36


def test_a_disk_that_is_full_to_the_last_byte(small_disk):
    made = store(small_disk)
    made.merge(CHAIN, chain(), {})
    with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(bytes(4096)):
            pass
    before = all_files(small_disk)
    with pytest.raises(StoreError, match="no space left"):
        made.merge(CHAIN, chain("2026-03-05T10:00", 1), {})
    assert all_files(small_disk) == before
    assert Session(small_disk).query("SELECT count(*) FROM chain").item() == 24


def test_a_limit_on_the_size_of_files_is_told_in_one_line(tmp_path):
    root, result = tmp_path / "warehouse", tmp_path / "result.txt"
    made = store(root)
    made.merge(CHAIN, chain(), {})
    before = all_files(root)
    process = start(writers.merge_with_little_room, root, 20_000, result)
    process.join(60)
    assert process.exitcode == 0
    message = result.read_text()
    assert "cannot write" in message
    assert "File too large" in message
    assert "\n" not in message
    assert all_files(root) == before


def test_a_read_only_file_system_can_be_read_and_not_written(tmp_path):
    root = tmp_path / "warehouse"
    made = store(root)
    made.merge(CHAIN, chain(), {})
    mount("--bind", str(root), str(root))
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(root)], check=True)
        assert_refused(made, chain("2026-03-05T10:00", 1), "no permission to write")
        assert Session(root).query("SELECT count(*) FROM chain").item() == 24
        with pytest.raises(StoreError, match="no permission to write"):
            made.remove(DAY)
        for words, status in ((["verify"], 0), (["sql", "SELECT 1"], 0), (["build"], 1)):
            done = gex(*words, root=root)
            assert done.returncode == status, done.stderr
            assert "internal error" not in done.stderr
    finally:
        subprocess.run(["umount", str(root)], check=True)
    made.merge(CHAIN, chain("2026-03-05T10:00", 1), {})


def gex(*words: str, root: Path) -> subprocess.CompletedProcess[str]:
    project = Path(__file__).parents[2]
    command = [sys.executable, "-m", "gex_pipeline.cli", *words, "--warehouse", str(root)]
    return subprocess.run(command, capture_output=True, text=True, cwd=project, timeout=120, check=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="permission bits do not bind root; the read-only mount covers it")
def test_a_folder_without_permission_to_write(tmp_path):
    made = store(tmp_path)
    made.merge(CHAIN, chain(), {})
    folder = (tmp_path / DAY.path).parent
    folder.chmod(0o555)
    try:
        assert_refused(made, chain("2026-03-05T10:00", 1), "no permission to write")
    finally:
        folder.chmod(0o755)


def test_an_interrupt_while_a_file_is_written_leaves_no_trace(tmp_path, monkeypatch):
    made = store(tmp_path)
    made.merge(CHAIN, chain(), {})
    before = all_files(tmp_path)

    def interrupted(path: Path, *_: Any) -> None:
        path.write_bytes(b"PAR1")
        raise KeyboardInterrupt

    monkeypatch.setattr("gex_pipeline.store.parquet.write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.merge(CHAIN, chain("2026-03-05T10:00", 1), {})
    assert all_files(tmp_path) == before
