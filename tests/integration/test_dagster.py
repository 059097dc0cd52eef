"""Dagster: what the graph shows, what a run stores and says, and that it says the words of the command line.

The graph is compared with tests/golden/asset_graph.txt; `python -m tests.asset_graph` writes it anew.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dagster import AssetKey, DagsterInstance, ExecuteInProcessResult, RunRequest, build_schedule_context
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.telemetry import _get_instance_telemetry_enabled

from gex_pipeline import cli, open_warehouse
from gex_pipeline.core.instruments import VENUES
from gex_pipeline.definitions import build_defs
from gex_pipeline.defs import partitions as days
from gex_pipeline.defs.event_log import BatchedSqliteEventLog
from gex_pipeline.defs.jobs import daily
from gex_pipeline.defs.resources import Places
from gex_pipeline.market import archive
from gex_pipeline.schema import BUILT, DERIVED, MAY_BE_EMPTY, TABLES
from gex_pipeline.store.partitions import Store
from tests import asset_graph, made_up
from tests.instants import utc
from tests.integration.live import Run
from tests.unit.importers.build import csv_text
from tests.unit.importers.test_tardis import tick

PROJECT = Path(__file__).parents[2]
TEMPLATE = PROJECT / "data" / "dagster" / "dagster.yaml"
DAYS = ("2026-01-05", "2026-01-06", "2026-01-07")
NONE = "2026-01-09"
HOURS = 3
CALL, PUT = "BTC-27MAR26-100000-C", "BTC-27MAR26-80000-P"
ARCHIVES = """
[[archive]]
source = "chain"
files = "files/*.parquet"
mapping = "map.toml"
"""

TICKS = """
[[archive]]
source = "tardis-options-chain"
files = "ticks/*.csv"
venue = "deribit"
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a list of archives, and files of three days, nothing imported."""
    folder = tmp_path_factory.mktemp("archives")
    (folder / "files").mkdir()
    for day in DAYS:
        rows = archive.vendor_rows(made_up.chain(archive.TARDIS_VENUE, "BTC", utc(day), HOURS))
        rows.write_parquet(folder / "files" / f"BTC-{day}.parquet")
    (folder / "archives.toml").write_text(ARCHIVES)
    shutil.copy(archive.mapping_path(), folder / "map.toml")
    return folder


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return Path(shutil.copytree(template, tmp_path / "place"))


@pytest.fixture
def ticks(place: Path) -> Path:
    """A vendor whose file of a day has the ticks received on it: on the grid they are of 01:00 to 24:00."""
    (place / "archives.toml").write_text(TICKS)
    (place / "ticks").mkdir()
    for day in DAYS[:2]:
        rows = [tick(name, f"{day}T{hour}:59:58") for hour in (22, 23) for name in (CALL, PUT)]
        (place / "ticks" / f"{day}.csv").write_text(csv_text(rows))
    return place


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


def run(place: Path, instance: DagsterInstance, job: str, day: str) -> ExecuteInProcessResult:
    places = Places(warehouse=str(place / "warehouse"), archives=str(place / "archives.toml"))
    found = build_defs(places=places).resolve_job_def(job)
    return found.execute_in_process(partition_key=day, instance=instance, raise_on_error=False)


def failed_checks(result: ExecuteInProcessResult) -> dict[str, tuple[str, str]]:
    """Asset and check -> severity and words, of those that did not pass."""
    found = result.get_asset_check_evaluations()
    return {
        f"{c.asset_key.to_user_string()} {c.check_name}": (c.severity.value, c.description or "")
        for c in found
        if not c.passed
    }


def materialised(result: ExecuteInProcessResult) -> set[str]:
    return {e.asset_key.to_user_string() for e in result.get_asset_materialization_events() if e.asset_key}


@pytest.fixture
def gex(place: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line on the same warehouse; exit status, standard output, standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()  # what Dagster said
        status = cli.main(["--warehouse", str(place / "warehouse"), *words])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


# ---------------------------------------------------------------- the graph


def test_the_graph_is_the_one_on_record() -> None:
    assert asset_graph.text() == asset_graph.GOLDEN.read_text(), "renew it: python -m tests.asset_graph"


def test_every_table_has_an_asset_with_its_columns() -> None:
    graph = build_defs().resolve_asset_graph()
    names = {key.path[0] for key in graph.get_all_asset_keys()}
    assert names == set(TABLES)
    for key in graph.get_all_asset_keys():
        node, table = graph.get(key), TABLES[key.path[0]]
        schema = node.metadata["dagster/column_schema"]
        assert [c.name for c in schema.columns] == list(table.names)
        assert all(c.description for c in schema.columns)


def test_the_schedule_asks_for_yesterday() -> None:
    """Which is a partition, as is the day that has just begun."""
    at = utc("2026-01-06T06:30")
    asked = daily(build_schedule_context(scheduled_execution_time=at))
    assert isinstance(asked, RunRequest)
    assert asked.partition_key == "2026-01-05"
    keys = days.DAYS.get_partition_keys(current_time=at)
    assert (keys[0], keys[-2:]) == ("2019-03-30", ["2026-01-05", "2026-01-06"])


PROBE = """
import json, sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
import gex_pipeline.definitions
heavy = {"polars", "duckdb", "pyarrow", "matplotlib", "scipy", "numpy", "pandas"} & sys.modules.keys()
print(json.dumps({"opened": opened, "heavy": sorted(heavy)}))
"""
#: Code, what packages say about themselves, what the system says about itself, timezones.
CODE = (".py", ".pyc", ".so", ".json", ".typed", "METADATA", "entry_points.txt", "top_level.txt", "RECORD", ".pth")


def test_loading_the_definitions_reads_no_data_and_nothing_heavy(place: Path) -> None:
    environment = os.environ | {"GEX_WAREHOUSE": str(place / "warehouse"), "GEX_ARCHIVES": str(place / "archives.toml")}
    words = [sys.executable, "-c", PROBE]
    done = subprocess.run(words, env=environment, cwd=PROJECT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["heavy"] == []
    assert any(name.endswith("definitions.cpython-311.pyc") or "definitions" in name for name in found["opened"])
    below = [name for name in found["opened"] if Path(name).absolute().is_relative_to(PROJECT / "data")]
    assert below == []
    assert not [name for name in found["opened"] if str(place) in name]
    inside = [Path(n).absolute() for n in found["opened"] if n.startswith(str(PROJECT / "gex_pipeline"))]
    assert all(path.name.endswith(CODE[:3]) or ".pyc." in path.name for path in inside)


# ---------------------------------------------------------------- one partition


def test_everything_for_one_day(place: Path, instance: DagsterInstance) -> None:
    result = run(place, instance, "everything", DAYS[0])
    assert result.success
    chains_of = {f"{name}/{venue}" for name in ("chain", "chain_rejected") for venue in VENUES}
    assert materialised(result) == chains_of | {t.name for t in BUILT} | {"candles", "dvol"}
    empty = {f"chain/{v} has_data": ("WARN", f"no chain of {v} on {DAYS[0]}: import it first") for v in VENUES}
    del empty["chain/deribit has_data"]
    assert {k: v for k, v in failed_checks(result).items() if k.startswith("chain")} == empty
    stored = Store(place / "warehouse")
    for table in ("chain", *(t.name for t in DERIVED)):
        assert stored.partitions(TABLES[table])


def test_metadata_of_a_materialisation(place: Path, instance: DagsterInstance) -> None:
    assert run(place, instance, "everything", DAYS[0]).success
    chain, levels, rejected = (
        instance.get_latest_materialization_event(AssetKey(path)).asset_materialization.metadata
        for path in (["chain", "deribit"], ["levels"], ["chain_rejected", "deribit"])
    )
    rows = pl.read_parquet(place / "files" / f"BTC-{DAYS[0]}.parquet").height
    assert chain["dagster/row_count"].value == chain["dagster/partition_row_count"].value == rows
    assert (chain["files"].value, chain["new rows"].value) == (1, rows)
    assert (rejected["dagster/row_count"].value, rejected["new rows"].value, chain["rejected"].value) == (0, 0, 0)
    assert (levels["partitions built"].value, levels["partitions fresh"].value) == (1, 0)
    assert levels["seconds"].value > 0
    for metadata in (chain, levels):
        words = str(metadata["rows"].value)
        assert words.startswith(f"snapshot_at {DAYS[0]} 02:00, underlying BTC, ")
        assert len(words) < 1000
        picture = str(metadata["picture"].value)
        assert "(data:image/png;base64,iVBOR" in picture
        assert len(picture) < 10_000
    assert "| zero_gamma |" in str(levels["rows"].value)


def test_metadata_of_rows_that_are_not_in_chain(ticks: Path, instance: DagsterInstance) -> None:
    """Each table says its own new rows; what was rejected or dropped, and why, is said at `chain`."""
    rows = [
        tick(CALL, f"{DAYS[0]}T11:58"),
        tick(PUT, f"{DAYS[0]}T11:58", mark_iv=""),
        tick(PUT, f"{DAYS[0]}T11:57", mark_iv=""),
    ]
    (ticks / "ticks" / f"{DAYS[0]}.csv").write_text(csv_text(rows))
    assert run(ticks, instance, "imports", DAYS[0]).success
    chain, rejected = (
        instance.get_latest_materialization_event(AssetKey([name, "deribit"])).asset_materialization.metadata
        for name in ("chain", "chain_rejected")
    )
    assert (chain["new rows"].value, rejected["new rows"].value) == (1, 1)
    assert (chain["rejected"].value, chain["rejected: no_iv"].value, rejected["rejected: no_iv"].value) == (1, 1, 1)
    assert (chain["dropped: superseded on the grid"].value, chain["notes"].value) == (1, 1)
    assert "dropped: superseded on the grid" not in rejected


def test_a_second_run_changes_nothing(place: Path, instance: DagsterInstance) -> None:
    run(place, instance, "everything", DAYS[0])
    before = {p: p.read_bytes() for p in (place / "warehouse").rglob("*.parquet")}
    assert run(place, instance, "everything", DAYS[0]).success
    assert {p: p.read_bytes() for p in (place / "warehouse").rglob("*.parquet")} == before
    metadata = instance.get_latest_materialization_event(AssetKey("ranked")).asset_materialization.metadata
    assert (metadata["partitions built"].value, metadata["partitions fresh"].value) == (0, 1)


def test_a_book_that_nets_to_nothing_has_no_ranks_and_no_flips(place: Path, instance: DagsterInstance) -> None:
    """The call and the put of each strike cancel: the tables are empty, made, and fresh."""
    (place / "archives.toml").write_text(TICKS)
    (place / "ticks").mkdir()
    rows = [tick(f"BTC-27MAR26-{strike}-{side}", f"{DAYS[0]}T12:00") for strike in (80_000, 90_000) for side in "CP"]
    (place / "ticks" / f"{DAYS[0]}.csv").write_text(csv_text(rows))
    result = run(place, instance, "everything", DAYS[0])
    assert result.success
    assert {t.name for t in BUILT} <= materialised(result)
    assert not {k for k in failed_checks(result) if k.split()[0] in {t.name for t in BUILT}}
    for name in ("ranked", "flip_zones"):
        found = instance.get_latest_materialization_event(AssetKey(name)).asset_materialization
        assert found.metadata["dagster/row_count"].value == 0


# ---------------------------------------------------------------- what goes wrong


def test_a_day_without_chain(place: Path, instance: DagsterInstance, gex: Run) -> None:
    """The words of the command line, and nothing counts as made."""
    run(place, instance, "everything", DAYS[0])
    line = f"no chain on {NONE}: import it first"
    result = run(place, instance, "build", NONE)
    assert not result.success
    assert materialised(result) == set()
    asked = {f"{t.name} {c}" for t in BUILT for c in ("is_sound", "has_data")}
    asked -= {f"{name} has_data" for name in MAY_BE_EMPTY}
    assert failed_checks(result) == dict.fromkeys(asked, ("ERROR", line))
    status, _, err = gex("build", "--from", NONE, "--to", NONE)
    assert (status, err) == (1, f"gex: {line}\n")


def test_a_venue_without_data_that_has_an_archive(place: Path, instance: DagsterInstance) -> None:
    result = run(place, instance, "imports", NONE)
    assert failed_checks(result)["chain/deribit has_data"] == (
        "ERROR",
        f"no chain of deribit on {NONE}: import it first",
    )


def test_a_venue_of_whose_archive_nothing_comes_is_not_fresh_and_stops_nobody(
    place: Path, instance: DagsterInstance
) -> None:
    """Freshness goes by materialisations: there is none until there are rows."""
    (place / "okx-2026-01-02.csv").write_text("no file of the day")
    okx = TICKS.replace("ticks/*.csv", "okx-*.csv").replace("deribit", "okx")
    (place / "archives.toml").write_text(ARCHIVES + okx)
    result = run(place, instance, "everything", DAYS[0])
    assert result.success
    words = ("ERROR", f"no chain of okx on {DAYS[0]}: import it first")
    assert failed_checks(result)["chain/okx has_data"] == words
    assert {"chain/deribit", "chain_rejected/okx", "levels"} <= materialised(result)
    assert "chain/okx" not in materialised(result)
    okx_chain = AssetKey(["chain", "okx"])
    assert instance.get_latest_materialization_event(okx_chain) is None
    assert instance.get_status_by_partition(okx_chain, [DAYS[0]], days.DAYS) == {DAYS[0]: None}


def test_a_broken_archive_stops_what_is_downstream(place: Path, instance: DagsterInstance, gex: Run) -> None:
    path = place / "files" / f"BTC-{DAYS[0]}.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    result = run(place, instance, "everything", DAYS[0])
    assert not result.success
    severity, words = failed_checks(result)["chain/deribit is_sound"]
    assert severity == "ERROR"
    assert not {"levels", "chain/deribit"} & materialised(result)
    assert "chain/okx" in materialised(result)
    status, _, err = gex("import", "archives", str(place / "archives.toml"))
    assert status == 3
    assert f"gex: {words}\n" in err


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 4] ^= 1
    path.write_bytes(data)


def test_a_damaged_chain_fails_and_stops_what_is_downstream(place: Path, instance: DagsterInstance, gex: Run) -> None:
    run(place, instance, "imports", DAYS[0])
    (path,) = (place / "warehouse" / "chain").rglob("*.parquet")
    damage(path)
    result = run(place, instance, "build", DAYS[0])
    assert not result.success
    severity, words = failed_checks(result)["levels is_sound"]
    assert (severity, materialised(result)) == ("ERROR", set())
    assert f"{path} is damaged: it is not what was written" in words
    assert gex("build")[2].splitlines()[-1] == f"gex: {words}"
    whole = run(place, instance, "everything", DAYS[0])
    assert str(path) in failed_checks(whole)["chain/deribit is_sound"][1]
    assert "levels" not in materialised(whole)


def test_a_damaged_manifest_fails_a_check_and_not_the_step(place: Path, instance: DagsterInstance) -> None:
    run(place, instance, "imports", DAYS[0])
    (path,) = (place / "warehouse" / "chain").rglob("*.manifest.json")
    path.write_text("{")
    severity, words = failed_checks(run(place, instance, "imports", DAYS[0]))["chain/deribit is_sound"]
    assert severity == "ERROR"
    assert f"{path} is damaged" in words


def test_a_damaged_derived_table_fails_alone(place: Path, instance: DagsterInstance) -> None:
    run(place, instance, "everything", DAYS[0])
    (path,) = (place / "warehouse" / "ranked").rglob("*.parquet")
    damage(path)
    result = run(place, instance, "build", DAYS[0])
    assert not result.success
    words = f"{path} is damaged: it is not what was written; run `gex verify`"
    assert failed_checks(result)["ranked is_sound"] == ("ERROR", words)
    assert materialised(result) == {t.name for t in BUILT} - {"ranked"}


def test_a_missing_list_of_archives_is_one_line(place: Path, instance: DagsterInstance, gex: Run) -> None:
    (place / "archives.toml").unlink()
    result = run(place, instance, "imports", DAYS[0])
    assert not result.success
    line = f"the list of archives {place / 'archives.toml'} cannot be read: No such file or directory"
    assert failed_checks(result)["chain/okx is_sound"] == ("ERROR", line)
    assert gex("import", "archives", str(place / "archives.toml"))[2] == f"gex: {line}\n"


# ---------------------------------------------------------------- rows of the next midnight

SNAPSHOTS = "SELECT DISTINCT strftime(snapshot_at, '%d %H:%M') FROM chain ORDER BY ALL"


def test_a_days_midnight_is_in_the_file_of_the_day_before(ticks: Path, instance: DagsterInstance) -> None:
    assert run(ticks, instance, "imports", DAYS[1]).success
    found = open_warehouse(ticks / "warehouse").query(SNAPSHOTS)
    assert found.rows() == [("05 23:00",), ("06 00:00",), ("06 23:00",), ("07 00:00",)]


def test_a_day_with_nothing_but_the_midnight_that_ends_the_day_before(ticks: Path, instance: DagsterInstance) -> None:
    """Its own file is missing, whatever the day before has left on it."""
    line = f"no chain of deribit on {DAYS[2]}: import it first"
    result = run(ticks, instance, "everything", DAYS[2])
    assert failed_checks(result)["chain/deribit has_data"] == ("ERROR", line)
    assert failed_checks(result)["levels has_data"] == ("ERROR", f"no chain on {DAYS[2]}: import it first")
    before = failed_checks(run(ticks, instance, "everything", DAYS[1]))
    assert not {"chain/deribit has_data", "levels has_data"} & before.keys()
    assert "chain/deribit" not in materialised(result)


# ---------------------------------------------------------------- a range, as a process


def dagster(*words: str, place: Path, home: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "DAGSTER_HOME": str(home),
        "HOME": str(home / "user"),
        "GEX_WAREHOUSE": str(place / "warehouse"),
        "GEX_ARCHIVES": str(place / "archives.toml"),
        "PYTHONPATH": str(PROJECT),
    }
    command = [sys.executable, "-m", "dagster", *words, "-m", "gex_pipeline.definitions"]
    return subprocess.run(
        command, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A DAGSTER_HOME as the template makes it."""
    folder = tmp_path / "home"
    (folder / "user").mkdir(parents=True)
    shutil.copy(TEMPLATE, folder)
    return folder


def test_a_range_is_one_run_with_an_event_per_day(place: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last day has no file: a warning names it."""
    words = (
        "asset",
        "materialize",
        "--select",
        "group:base or group:derived",
        "--partition-range",
        f"{DAYS[0]}...2026-01-08",
    )
    done = dagster(*words, place=place, home=home)
    assert done.returncode == 0, done.stderr
    assert "no chain of deribit on 2026-01-08: import it first" in done.stderr
    assert "Falling back" not in done.stderr, "a batch of events could not be stored as one"
    assert not list(home.rglob("event.log")), "telemetry was written"
    assert not (home / "user" / ".dagster").exists()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "0")  # the event log sets it: undone after the test
    made = Store(place / "warehouse")
    assert made.partitions(TABLES["levels"])
    with DagsterInstance.get() as found:
        assert len(found.get_runs()) == 1
        for key in (["chain", "deribit"], ["levels"], ["expected_move"]):
            assert found.get_materialized_partitions(AssetKey(key)) == {*DAYS, "2026-01-08"}
            latest = found.get_latest_materialization_event(AssetKey(key)).asset_materialization
            assert latest.partition == "2026-01-08"
            assert latest.metadata["dagster/row_count"].value > 0
        events = found.all_logs(found.get_runs()[0].run_id)
    ours, theirs = BatchedSqliteEventLog(str(home / "ours")), SqliteEventLogStorage(str(home / "theirs/history/runs"))
    for _, batch in groupby(events, key=lambda event: event.dagster_event_type):
        ours.store_event_batch(list(batch))
    for event in events:
        theirs.store_event(event)
    stored = rows_of(home / "ours")
    assert stored == rows_of(home / "theirs")
    assert {table for table, *_ in stored} >= {"event_logs", "asset_keys", "asset_event_tags", "asset_check_executions"}


def rows_of(folder: Path) -> list[tuple[Any, ...]]:
    """Every row of the databases of an event log, without the time at which it was written."""
    rows: list[tuple[Any, ...]] = []
    for path in sorted(folder.rglob("*.db")):
        with closing(sqlite3.connect(path)) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in sorted({*tables} - {"secondary_indexes"}):
                columns = [column for _, column, *_ in database.execute(f"PRAGMA table_info({table})")]
                kept = ", ".join(f'"{column}"' for column in columns if column != "create_timestamp")
                rows += [(table, *row) for row in database.execute(f"SELECT {kept} FROM {table}")]
    return rows


@pytest.mark.parametrize(("settings", "expected"), [(None, False), ("telemetry: {}\n", True)])
def test_telemetry_is_off_because_the_template_says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch, settings: str | None, expected: bool
) -> None:
    if settings is not None:
        (home / "dagster.yaml").write_text(settings)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "0")  # the event log sets it: undone after the test
    with DagsterInstance.get() as found:
        assert _get_instance_telemetry_enabled(found) is expected
