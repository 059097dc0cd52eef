"""`gex build`: only what is needed, always the same bytes, and what happens when something breaks or is interrupted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import psutil
import pytest
from polars.testing import assert_frame_equal

from gex_pipeline import cli
from gex_pipeline.engine import tasks
from gex_pipeline.engine.build import BuildSummary, build
from gex_pipeline.engine.pool import run_all
from gex_pipeline.errors import GexError, StoreError
from gex_pipeline.schema import CHAIN, DERIVED, TABLES
from gex_pipeline.store import manifest
from gex_pipeline.store.partitions import Store
from gex_pipeline.store.verify import verify
from tests.instants import utc
from tests.unit.store.build import OPEN, OVER, all_files, chain, data_files, partition, rows, store

PROJECT = Path(__file__).parents[2]
#: Months that were over when they were stored: one job each for BTC, one for ETH.
PERIODS = [("BTC", "2025-10"), ("BTC", "2025-11"), ("BTC", "2025-12"), ("ETH", "2025-12")]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chain of four jobs, not built."""
    made = store(tmp_path_factory.mktemp("template"))
    for underlying, month in PERIODS:
        for venue in ("binance", "okx"):
            made.merge(CHAIN, chain(f"{month}-30T07:00", 2, venue=venue, underlying=underlying), {month: "1"})
    return made.root


@pytest.fixture
def filled(template, tmp_path) -> Store:
    """A copy of it for one test."""
    return Store(shutil.copytree(template, tmp_path / "warehouse"), lambda: OPEN)


def built(made: Store, **options: object) -> BuildSummary:
    return build(made.root, workers=1, **options)  # type: ignore[arg-type]


def counts(summary: BuildSummary) -> tuple[int, int, list[str]]:
    return summary.built, summary.fresh, summary.failures


def derived_files(root: Path) -> dict[str, tuple[int, bytes]]:
    return {path: content for path, content in all_files(root).items() if not path.startswith("chain/")}


def gex(*words: str, root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gex_pipeline.cli", *words, "--warehouse", str(root)]
    return subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=120, check=False)


# ---------------------------------------------------------------- what is built


def test_everything_is_built_once(filled):
    first = built(filled)
    assert counts(first) == (4, 0, [])
    assert first.rows["chain"] == rows(filled).height
    for table in DERIVED:
        assert [p.period for p in filled.partitions(table)] == [period for _, period in PERIODS]
        assert first.rows[table.name] == rows(filled, table.name).height
    assert verify(filled.root) == []
    before = all_files(filled.root)
    second = built(filled)
    assert counts(second) == (0, 4, [])
    assert second.rows == Counter()
    assert all_files(filled.root) == before


def test_only_the_touched_period_is_rebuilt_after_an_import(filled):
    built(filled)
    before = derived_files(filled.root)
    filled.merge(CHAIN, chain("2025-11-30T12:00", 1), {"late": "2"})
    assert counts(built(filled)) == (1, 3, [])
    changed = {path for path, content in derived_files(filled.root).items() if before[path] != content}
    assert changed == {path for path in before if "underlying=BTC/month=2025-11" in path}


def test_an_import_that_brings_nothing_new_rebuilds_nothing(filled):
    built(filled)
    filled.merge(CHAIN, chain("2025-11-30T07:00", 2), {"again": "2"})
    assert counts(built(filled)) == (0, 4, [])


def test_a_change_of_the_code_rebuilds_everything(filled, monkeypatch):
    built(filled)
    before = data_files(filled.root)
    monkeypatch.setattr("gex_pipeline.store.partitions.code_version", lambda: "changed")
    assert counts(built(filled)) == (4, 0, [])
    assert counts(built(filled)) == (0, 4, [])
    assert data_files(filled.root) == before


def test_the_code_version_is_of_the_source_that_derives(tmp_path, monkeypatch):
    package = tmp_path / "package"
    for folder in ("core", "schema", "transforms"):
        (package / folder).mkdir(parents=True)
        (package / folder / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(manifest, "files", lambda _: package)

    def version() -> str:
        manifest.source_hash.cache_clear()
        return manifest.code_version()

    before = version()
    (package / "core" / "notes.txt").write_text("")
    assert version() == before
    (package / "transforms" / "a.py").write_text("x = 2\n")
    assert version() != before
    monkeypatch.undo()
    manifest.source_hash.cache_clear()


def test_a_change_of_the_schema_rebuilds_that_table(filled, monkeypatch):
    built(filled)
    newer = replace(TABLES["ranked"], version=2)
    monkeypatch.setitem(TABLES, "ranked", newer)
    monkeypatch.setattr(tasks, "DERIVED", tuple(newer if t.name == "ranked" else t for t in DERIVED))
    findings = verify(filled.root)
    assert {f.problem for f in findings} == {"schema version 1, this is version 2: run `gex build`"}
    assert len(findings) == 4
    assert counts(built(filled)) == (4, 0, [])
    assert verify(filled.root) == []


def test_force_builds_everything_again_to_the_same_bytes(filled):
    built(filled)
    before = data_files(filled.root)
    assert counts(built(filled, is_forced=True)) == (4, 0, [])
    assert data_files(filled.root) == before


def test_deleting_all_derived_tables_and_building_gives_the_same_bytes(filled):
    built(filled)
    before = data_files(filled.root)
    for path in derived_files(filled.root):
        if path != "gex-warehouse.json":
            (filled.root / path).unlink()
    assert set(data_files(filled.root)) == {p for p in before if p.startswith("chain/")}
    assert counts(build(filled.root, workers=2)) == (4, 0, [])  # in a pool, to the same bytes
    assert data_files(filled.root) == before


def test_the_order_of_imports_does_not_matter_for_derived_bytes(filled, tmp_path):
    built(filled)
    other = store(tmp_path / "other")
    for underlying, month in reversed(PERIODS):
        for venue in ("okx", "binance"):
            frame = chain(f"{month}-30T07:00", 2, venue=venue, underlying=underlying)
            for snapshot in reversed(frame.partition_by("snapshot_at")):
                other.merge(CHAIN, snapshot.reverse(), {})
    built(other)
    assert data_files(other.root) == data_files(filled.root)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"underlyings": ["ETH"]}, [("ETH", "2025-12")]),
        ({"underlyings": ["ETH", "BTC"], "start": utc("2025-12-01")}, [("BTC", "2025-12"), ("ETH", "2025-12")]),
        ({"start": utc("2025-11-29"), "end": utc("2025-11-30")}, [("BTC", "2025-11")]),
        ({"end": utc("2025-10-31")}, [("BTC", "2025-10")]),
    ],
)
def test_a_selection_builds_that_and_no_more(filled, options, expected):
    assert counts(built(filled, **options)) == (len(expected), 0, [])
    made = [(p.value("underlying"), p.period) for p in filled.partitions(TABLES["levels"])]
    assert made == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": utc("2026-01-01")}, "from 2026-01-01 on"),
        ({"end": utc("2025-10-29")}, "until 2025-10-29"),
        ({"start": utc("2025-11-15"), "end": utc("2025-11-15T12:00")}, "on 2025-11-15"),  # a day of a stored month
        ({"start": utc("2025-11-01"), "end": utc("2025-11-29")}, "on 2025-11-01 .. 2025-11-29"),
    ],
)
def test_days_without_a_chain(filled, options, words):
    with pytest.raises(GexError) as raised:
        built(filled, **options)
    assert str(raised.value) == f"no chain {words}: import it first"
    with pytest.raises(GexError, match=f"no chain of BTC {words}: "):
        built(filled, underlyings=["BTC"], **options)


def test_an_underlying_without_a_chain_is_a_failure_and_no_wrong_usage(filled, capsys):
    assert cli.main(["build", "--underlying", "DOGE", "--warehouse", str(filled.root)]) == 1
    assert capsys.readouterr().err == "gex: no chain of DOGE in the warehouse: it has BTC, ETH\n"


def test_days_are_built_one_by_one_and_folded_when_the_month_is_over(tmp_path, monkeypatch):
    made = store(tmp_path)
    made.merge(CHAIN, chain("2026-03-05T00:00", 3, hours=24), {})
    monkeypatch.setattr("gex_pipeline.store.partitions._now", lambda: OPEN)
    monkeypatch.setattr(Store.__init__, "__defaults__", (lambda: OPEN,))
    assert counts(built(made)) == (3, 0, [])
    levels = rows(made, "levels")
    made.merge(CHAIN, chain("2026-03-06T12:00", 1), {})
    assert counts(built(made)) == (1, 2, [])
    monkeypatch.setattr(Store.__init__, "__defaults__", (lambda: OVER,))
    assert counts(built(made)) == (1, 0, [])
    assert {p.period for t in (CHAIN, *DERIVED) for p in made.partitions(t)} == {"2026-03"}
    assert len(data_files(tmp_path)) == 1 + len(DERIVED)
    untouched = levels.filter(pl.col("snapshot_at").dt.date() != date(2026, 3, 6))
    assert rows(made, "levels").join(untouched, on=levels.columns, nulls_equal=True).height == untouched.height > 0
    assert verify(tmp_path) == []


def test_a_day_of_many_snapshots_is_built_in_quarters_with_the_same_rows(tmp_path, monkeypatch):
    """One venue begins at half past nine, so that quarters have different venues."""
    made, whole = store(tmp_path / "quarters", OVER), store(tmp_path / "whole", OVER)
    for each in (made, whole):
        each.merge(CHAIN, chain("2026-03-05T00:00", 200, 1 / 12, venue="okx"), {})
        each.merge(CHAIN, chain("2026-03-05T09:30", 50, 1 / 12, venue="deribit"), {})
    built(made)
    monkeypatch.setattr("gex_pipeline.engine.pieces._MANY", 1_000)
    built(whole)
    for table in DERIVED:
        found, expected = rows(made, table.name), rows(whole, table.name)
        key = [name for name in table.sort if name != "price_usd"]
        assert found.height == expected.height and found.select(key).equals(expected.select(key)), table.name
        assert_frame_equal(found, expected, rel_tol=1e-6, abs_tol=1e-6)


def test_derived_partitions_outlive_a_lost_chain_and_are_named(filled):
    """They may be all that is left of it."""
    built(filled)
    coin = partition("2025-10", "okx").value("underlying")
    for venue in ("binance", "okx"):
        gone = partition("2025-10", venue)
        (filled.root / gone.path).unlink()
        (filled.root / gone.manifest_path).unlink()
    assert counts(built(filled, underlyings=["ETH"])) == (0, 1, [])
    assert len(filled.partitions(TABLES["levels"])) == 4  # a selection removes nothing
    assert counts(built(filled)) == (0, 3, [f"{coin} 2025-10: its chain is gone; run `gex verify`"])
    assert len(filled.partitions(TABLES["levels"])) == 4


def test_a_warehouse_without_chain_has_nothing_to_build(tmp_path):
    assert counts(built(store(tmp_path))) == (0, 0, [])


def test_a_folder_that_is_no_warehouse(tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        build(tmp_path / "none")


# ---------------------------------------------------------------- broken inputs and outputs


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:3000])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 4] ^= 1
    path.write_bytes(data)


def spoil_manifest(path: Path) -> None:
    path.with_name(path.name.replace(".parquet", ".manifest.json")).write_text("{")


@pytest.mark.parametrize(("damage", "workers"), [(cut, 1), (flip, 1), (spoil_manifest, 1), (cut, 2)])
def test_one_broken_input_is_named_and_the_others_are_built(filled, damage, workers):
    broken = partition("2025-11", "okx")
    damage(filled.root / broken.path)
    summary = build(filled.root, workers=workers)
    assert (summary.built, summary.fresh, len(summary.failures)) == (3, 0, 1)
    assert summary.failures[0].startswith("BTC 2025-11: ")
    assert broken.folder in summary.failures[0]
    assert "\n" not in summary.failures[0]
    assert {f.path for f in verify(filled.root)} == {broken.path}


def test_a_broken_input_is_exit_status_3_and_one_line(filled):
    cut(filled.root / partition("2025-11", "okx").path)
    done = gex("build", "--workers", "1", root=filled.root)
    assert done.returncode == 3
    assert [line for line in done.stderr.splitlines() if "2025-11" in line and "okx" in line]
    assert "Traceback" not in done.stderr


def test_an_input_that_broke_after_it_was_built_keeps_its_derived_tables(filled):
    built(filled)
    levels = rows(filled, "levels")
    cut(filled.root / partition("2025-11", "okx").path)
    assert counts(built(filled))[:2] == (0, 4)
    assert rows(filled, "levels").equals(levels)


def test_a_broken_day_of_a_finished_month_is_named_and_the_others_are_built(tmp_path):
    made = store(tmp_path)
    made.merge(CHAIN, chain("2026-03-05T00:00", 3, hours=24), {})
    made.merge(CHAIN, chain("2026-03-05T00:00", 2, hours=24, underlying="ETH"), {})
    cut(tmp_path / partition("2026-03-06").path)
    summary = built(made)
    assert summary.built == 3  # two days of BTC, and the month of ETH, which was folded
    assert all("2026-03-06" in line for line in summary.failures)
    assert any(line.startswith("chain BTC binance 2026-03: ") for line in summary.failures)
    assert [p.period for p in made.partitions(CHAIN)] == ["2026-03-05", "2026-03-06", "2026-03-07", "2026-03"]


@pytest.mark.parametrize("damage", ["delete", "cut", "spoil"])
def test_the_advice_for_a_broken_derived_file_works(filled, damage):
    built(filled)
    before = data_files(filled.root)
    path = filled.root / filled.partitions(TABLES["levels"])[1].path
    if damage == "spoil":
        spoil_manifest(path)
    else:
        cut(path)
        (finding,) = verify(filled.root)
        assert finding.problem.endswith("delete it and run `gex build`")
        path.unlink()
    assert counts(built(filled)) == (1, 3, [])
    assert data_files(filled.root) == before
    assert verify(filled.root) == []


# ---------------------------------------------------------------- interrupts


@pytest.fixture(scope="module")
def long(template, tmp_path_factory) -> Path:
    """Twelve more jobs of whole books, so that a build lasts."""
    made = Store(shutil.copytree(template, tmp_path_factory.mktemp("long") / "warehouse"), lambda: OPEN)
    for month in range(1, 13):
        made.merge(CHAIN, chain(f"2024-{month:02d}-20T07:00", 6, is_whole=True), {"2024": "1"})
    return made.root


def has_stored(root: Path, _: int) -> bool:
    return any(root.glob("levels/**/*.parquet"))


def has_workers(_: Path, pid: int) -> bool:
    return len(psutil.Process(pid).children()) > 1  # one is the resource tracker


def interrupted(
    root: Path, workers: str, moment: float, has_begun: Callable[[Path, int], bool] = has_stored
) -> tuple[int, str]:
    """Status and messages of a build that gets Control-C, with its workers, a moment after it has begun."""
    command = [sys.executable, "-m", "gex_pipeline.cli", "build", "--workers", workers, "--warehouse", str(root)]
    process = subprocess.Popen(
        command, cwd=PROJECT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    wait_for(lambda: has_begun(root, process.pid) or process.poll() is not None)
    time.sleep(moment)
    os.killpg(process.pid, signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    return process.returncode, messages


@pytest.mark.parametrize(("workers", "moment"), [("1", 0.07), ("2", 0.0)])
def test_an_interrupted_build_leaves_what_is_valid_and_the_next_completes(long, tmp_path, workers, moment):
    root = Path(shutil.copytree(long, tmp_path / "warehouse"))
    _, messages = interrupted(root, workers, moment)
    assert "Traceback" not in messages
    assert verify(root) == []
    made = Store(root)
    done = len(made.partitions(DERIVED[-1]))  # the last table of a job
    assert done < 16, "the build was over before the interrupt"
    summary = built(made)
    assert (summary.built, summary.fresh, summary.failures) == (16 - done, done, [])
    assert verify(root) == []


def test_an_interrupt_while_workers_start_is_quiet(long, tmp_path):
    root = Path(shutil.copytree(long, tmp_path / "warehouse"))
    _, messages = interrupted(root, "2", 0.1, has_workers)
    assert "Traceback" not in messages
    assert len(Store(root).partitions(DERIVED[-1])) < 16
    assert verify(root) == []


def test_an_interrupt_is_status_130_in_one_line(long, tmp_path):
    root = Path(shutil.copytree(long, tmp_path / "warehouse"))
    status, messages = interrupted(root, "1", 0.0)
    assert status == 130
    assert messages.splitlines()[-1] == "gex: interrupted"


def wait_for(is_so: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.005)


# ---------------------------------------------------------------- the pool


def fails_on_odd(number: int) -> int:
    if number % 2:
        raise GexError(f"{number} is odd")
    return number * 10


def test_every_item_gets_its_result_or_its_error():
    outcomes = dict(run_all(fails_on_odd, range(6), workers=1))
    assert {k: v for k, v in outcomes.items() if k % 2 == 0} == {0: 0, 2: 20, 4: 40}
    assert [str(v) for k, v in sorted(outcomes.items()) if k % 2] == ["1 is odd", "3 is odd", "5 is odd"]


def test_a_worker_that_is_killed_is_one_line():
    with pytest.raises(GexError, match=r"one of 2 worker processes was killed, .*: free some and run again"):
        list(run_all(os._exit, range(6), workers=2))


def test_build_on_the_command_line(filled):
    first, second = gex("build", "--workers", "1", root=filled.root), gex("build", root=filled.root)
    assert (first.returncode, second.returncode) == (0, 0)
    assert "4" in first.stdout
    manifests = [json.loads(p.read_text()) for p in filled.root.glob("levels/**/*.manifest.json")]
    assert {len(m["inputs"]) for m in manifests} == {2}
