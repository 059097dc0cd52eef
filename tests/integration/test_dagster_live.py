"""Dagster's hourly snapshot against the local venues: what it makes, what it says of a venue that is away."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from dagster import (
    DagsterInstance,
    ExecuteInProcessResult,
    RunRequest,
    build_run_status_sensor_context,
    build_schedule_context,
)

from gex_pipeline.definitions import build_defs
from gex_pipeline.defs import live as live_assets
from gex_pipeline.defs.alerts import failed_run, text_of
from gex_pipeline.defs.jobs import every_hour
from gex_pipeline.defs.partitions import HOURS
from gex_pipeline.engine.hourly import instant_in
from gex_pipeline.engine.polls import now
from gex_pipeline.market.server.faults import Fault
from gex_pipeline.market.server.server import VenueServer
from gex_pipeline.schema import BUILT
from gex_pipeline.warehouse import open_warehouse
from tests.instants import utc
from tests.integration.live import healthy

SUMMARY = "public/get_book_summary_by_currency"
AROUND = ("candles", "dvol", "funding", "perps", "settlements", "trades")


@pytest.fixture
def server(venues: VenueServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VenueServer:
    monkeypatch.setattr(live_assets, "_RETRY_SECONDS", 0)
    monkeypatch.setenv("GEX_WAREHOUSE", str(tmp_path / "warehouse"))
    return healthy(venues, monkeypatch, GEX_VENUES="deribit", GEX_UNDERLYINGS="BTC,SOL", GEX_SNAPSHOT_DEADLINE="3")


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


def hour() -> str:
    return f"{now():%Y-%m-%d-%H}:00"


def run(instance: DagsterInstance, key: str | None, job: str = "hourly") -> ExecuteInProcessResult:
    found = build_defs().resolve_job_def(job)
    return found.execute_in_process(partition_key=key, instance=instance, raise_on_error=False)


def made(result: ExecuteInProcessResult) -> dict[str, str | None]:
    found = result.get_asset_materialization_events()
    return {e.asset_key.to_user_string(): e.partition for e in found if e.asset_key}


def said(result: ExecuteInProcessResult) -> str:
    failed = [e.step_failure_data.user_failure_data for e in result.all_events if e.is_step_failure]
    return "\n".join(f.description or "" for f in failed if f)


def test_an_hour_and_its_day_are_made(server: VenueServer, instance: DagsterInstance, tmp_path: Path) -> None:
    key = hour()
    result = run(instance, key)
    assert result.success
    day = dict.fromkeys((t.name for t in BUILT), key[:10])
    assert made(result) == {"raw/deribit": key, "snapshots": key, **day}
    assert [(c.check_name, c.passed) for c in result.get_asset_check_evaluations()] == [("is_sound", True)]
    with open_warehouse(tmp_path / "warehouse") as warehouse:
        [at] = warehouse.query("SELECT DISTINCT snapshot_at AS at FROM levels")["at"].to_list()
    assert f"{at:%Y-%m-%d-%H}:00" == key and now() - timedelta(minutes=11) < at


def test_a_venue_that_is_away_is_asked_again(server: VenueServer, instance: DagsterInstance) -> None:
    server.inject(Fault("deribit", SUMMARY, "maintenance", times=2))
    result = run(instance, hour())
    assert result.success and "raw/deribit" in made(result)
    assert [e.event_type_value for e in result.all_events].count("STEP_UP_FOR_RETRY") == 1


def test_a_venue_that_stays_away_fails_the_run_and_not_the_rest(server: VenueServer, instance: DagsterInstance) -> None:
    server.inject(Fault("deribit", "public/get_index_price", "wrong_type", times=None, field="index_price"))
    server.inject(Fault("deribit", SUMMARY, "maintenance", times=None))
    result = run(instance, hour())
    assert not result.success and "raw/deribit" not in made(result)
    [check] = result.get_asset_check_evaluations()
    assert not check.passed and check.severity.value == "ERROR"
    assert check.description is not None and "BTC: " in check.description and "11051" in check.description
    assert "deribit SOL: " in said(result)


def test_a_coin_that_failed_does_not_keep_the_day_from_being_built(
    server: VenueServer, instance: DagsterInstance
) -> None:
    server.inject(Fault("deribit", SUMMARY, "half_the_rows", times=None, after=1))
    result = run(instance, hour())
    assert not result.success
    assert {t.name for t in BUILT} <= set(made(result))
    assert ": completeness: " in said(result)


def test_an_hour_that_is_over_cannot_be_had(server: VenueServer, instance: DagsterInstance) -> None:
    result = run(instance, f"{now() - timedelta(days=2):%Y-%m-%d-%H}:00")
    assert not result.success and not server.requests
    assert said(result).endswith("is not the present hour: a venue says only what is now")


def test_what_is_around_the_chain_is_fetched(server: VenueServer, instance: DagsterInstance, tmp_path: Path) -> None:
    result = run(instance, None, "around")
    assert result.success
    assert made(result) == {
        **dict.fromkeys(("candles", "dvol"), f"{now():%Y-%m-%d}"),
        **dict.fromkeys(("funding", "perps", "settlements", "trades")),
    }
    with open_warehouse(tmp_path / "warehouse") as warehouse:
        rows = {name: warehouse.query(f"SELECT count(*) AS n FROM {name}")["n"].item() for name in AROUND}
    said = {e.asset_key.to_user_string(): e for e in result.get_asset_materialization_events() if e.asset_key}
    assert all(rows.values())
    assert {
        name: said[name].step_materialization_data.materialization.metadata["new rows"].value for name in AROUND
    } == rows


def test_what_is_around_the_chain_and_cannot_be_had_is_red(server: VenueServer, instance: DagsterInstance) -> None:
    server.inject(Fault("deribit", "public/get_volatility_index_data", "html_200", times=None))
    result = run(instance, None, "around")
    assert not result.success and "get_volatility_index_data" in said(result)
    assert {(c.passed, c.severity.value) for c in result.get_asset_check_evaluations()} == {(False, "ERROR")}


@pytest.mark.parametrize(
    ("now_at", "polled", "expected"),
    [
        ("06:00", [], "06:00"),
        ("06:10", ["06:03"], "06:00"),
        ("06:11", [], "06:11"),
        ("06:31", ["05:59", "06:02", "06:29", "06:30"], "06:29"),
        ("06:59", ["06:29"], "06:59"),
    ],
)
def test_the_instant_of_a_run_that_comes_late(now_at: str, polled: list[str], expected: str) -> None:
    """An hour's numbers are stored as of its beginning only while that is true."""
    at, *earlier = (utc(f"2026-11-06T{clock}") for clock in (now_at, *polled))
    assert instant_in(utc("2026-11-06T06:00"), at, earlier) == utc(f"2026-11-06T{expected}")


def test_the_schedule_asks_for_the_hour_that_begins() -> None:
    at = utc("2026-11-06T06:00")
    asked = every_hour(build_schedule_context(scheduled_execution_time=at))
    assert isinstance(asked, RunRequest) and asked.partition_key == "2026-11-06-06:00"
    assert HOURS.get_partition_keys(current_time=at + timedelta(seconds=1))[-1] == "2026-11-06-06:00"


def test_a_failed_run_is_told_to_the_command(
    server: VenueServer, instance: DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = tmp_path / "heard.txt"
    script = f"import sys, pathlib; pathlib.Path({str(heard)!r}).write_text(sys.stdin.read())"
    monkeypatch.setenv("GEX_ALERT_COMMAND", f'{sys.executable} -c "{script}"')
    result = run(instance, f"{now() - timedelta(days=2):%Y-%m-%d-%H}:00")
    context = build_run_status_sensor_context(
        sensor_name="alert",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=next(e for e in result.all_events if e.is_job_failure),
    ).for_run_failure()
    failed_run(context)
    assert heard.read_text() == text_of(context)
    assert text_of(context).splitlines()[0].startswith("gex: hourly 2") and "present hour" in text_of(context)
