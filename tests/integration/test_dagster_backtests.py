"""Dagster's backtests: what a run stores, the page it leaves and what it shows, and of coins that lack data."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, ExecuteInProcessResult, RunRequest, build_schedule_context

from gex_backtest import words
from gex_backtest.rules import RULES
from gex_pipeline.definitions import build_defs
from gex_pipeline.defs.jobs import weekly
from gex_pipeline.schema import BACKTESTS
from tests.html_pages import Page
from tests.instants import utc
from tests.integration.live import query
from tests.integration.two_days import fill


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("dagster") / "warehouse")


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


def run(instance: DagsterInstance, root: Path, monkeypatch: pytest.MonkeyPatch, coins: str) -> ExecuteInProcessResult:
    monkeypatch.setenv("GEX_WAREHOUSE", str(root))
    monkeypatch.setenv("GEX_UNDERLYINGS", coins)
    return build_defs().resolve_job_def("backtest").execute_in_process(instance=instance, raise_on_error=False)


def metadata(result: ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """Asset -> what its materialisation says."""
    found = result.get_asset_materialization_events()
    return {
        event.asset_key.to_user_string(): {k: v.value for k, v in event.materialization.metadata.items()}
        for event in found
        if event.asset_key
    }


def test_a_run_is_stored_and_shown(instance: DagsterInstance, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a coin that has no candles, which is told and does not stop the other."""
    result = run(instance, root, monkeypatch, "BTC,SOL")
    assert result.success
    said = metadata(result)
    stored = {table.name: query(root, f"FROM {table.name}") for table in BACKTESTS}
    assert {name: each["dagster/row_count"] for name, each in said.items()} == {n: f.height for n, f in stored.items()}
    shown = said["backtest_runs"]
    rows = [line.strip("| ").split(" | ") for line in shown["BTC verdicts"].splitlines()]
    assert rows[0] == list(words.VERDICTS) and {row[0] for row in rows[2:]} == set(RULES)
    image = re.fullmatch(r"!\[headlines\]\(data:image/png;base64,(.*)\)", shown["BTC headlines"])
    assert image and base64.b64decode(image[1]).startswith(b"\x89PNG") and len(image[1]) < 20_000
    page = Page(Path(shown["BTC report"]).read_text())
    assert [row[0] for row in page.tables[0][1:]] == [row[0] for row in rows[2:]]
    assert stored["backtest_runs"]["run_id"].item() in page.text
    warnings = [e.user_message for e in instance.all_logs(result.run_id) if e.level == 30]
    assert [w for w in warnings if re.match(r"SOL: no candles of SOL", w)]


def test_no_coin_at_all_is_a_failure(instance: DagsterInstance, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(instance, root, monkeypatch, "SOL,HYPE")
    (failure,) = [e.step_failure_data.user_failure_data for e in result.all_events if e.is_step_failure]
    assert failure is not None
    lines = (failure.description or "").splitlines()
    assert [line.split(":")[0] for line in lines] == ["SOL", "HYPE"] and "gex candles" in lines[0]


def test_the_schedule_is_weekly() -> None:
    asked = weekly(build_schedule_context(scheduled_execution_time=utc("2026-01-10T09:30")))
    assert isinstance(asked, RunRequest) and asked.partition_key is None
    assert utc("2026-01-10T09:30").strftime("%w") == str(weekly.cron_schedule).split()[-1]
