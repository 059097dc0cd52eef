"""`gex scan` for real on a small warehouse: a line per coin, what changed in a day, and why something is missing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from gex_pipeline import cli, open_warehouse
from gex_pipeline.engine.build import build
from gex_pipeline.present.stand import Stand
from gex_pipeline.schema import CANDLES, CHAIN
from gex_pipeline.store.partitions import Store
from gex_pipeline.store.session import Session
from tests.integration.test_premium_and_regimes import FIRST, HOURS, candles
from tests.slow.candles import drawn
from tests.unit.store.build import OVER, chain, store

Run = Callable[..., tuple[int, str, str]]
LAST = FIRST + timedelta(hours=HOURS - 1)
AT = f"{LAST + timedelta(minutes=30):%Y-%m-%dT%H:%MZ}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Thirty hours of BTC with candles, one snapshot of ETH without."""
    made = store(tmp_path_factory.mktemp("scan") / "warehouse", OVER)
    late = pl.col("knowledge_time") + timedelta(seconds=2)
    btc = chain("2026-03-05T07:00", HOURS, venue="deribit", is_whole=True)
    eth = chain("2026-03-06T12:00", 1, venue="deribit", underlying="ETH", is_whole=True)
    for rows in (btc, eth):
        made.merge(CHAIN, rows.with_columns(knowledge_time=late), {})
    made.merge(CANDLES, candles(drawn(21, 34, start=FIRST - timedelta(days=31))), {})
    assert build(made.root, workers=1).failures == []
    return made


@pytest.fixture
def scan(made: Store, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> tuple[int, str, str]:
        status = cli.main(["scan", *words, "--warehouse", str(made.root)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_a_line_per_coin_says_what_the_views_say(made: Store, scan: Run) -> None:
    status, out, err = scan("--at", AT)
    assert (status, err) == (0, "")
    with open_warehouse(made.root) as warehouse:
        found = warehouse.query("FROM regime WHERE underlying = 'BTC' ORDER BY snapshot_at DESC LIMIT 1")
    now = found.row(0, named=True)
    (line,) = [line for line in out.splitlines() if line.startswith("BTC ")]
    for word in (
        f"{now['spot_usd']:,.0f}",
        now["regime"],
        f"{now['vrp_vol_pts']:+.1f} pts",
        "30 min",
        "27MAR26 quarterly",
    ):
        assert word in line
    assert "ETH: no premium: " in out


def test_the_document_has_the_row_its_changes_and_reasons(made: Store, scan: Run) -> None:
    _, out, _ = scan("BTCUSDT", "--at", AT, "--json")
    found = json.loads(out)["data"]["results"]["BTC"]
    before = json.loads(scan("BTC", "--at", f"{LAST - timedelta(hours=23.5):%Y-%m-%dT%H:%MZ}", "--json")[1])
    before = before["data"]["results"]["BTC"]
    assert found["snapshot_at"] == f"{LAST:%Y-%m-%dT%H:%M:%SZ}" and found["age_seconds"] == 1800
    assert before["snapshot_at"] == f"{LAST - timedelta(hours=24):%Y-%m-%dT%H:%M:%SZ}"
    with open_warehouse(made.root) as warehouse:
        row = warehouse.query("FROM regime WHERE snapshot_at = ? AND underlying = 'BTC'", [LAST]).row(0, named=True)
    for name in ("net_gex_usd", "zero_gamma_usd", "vex_usd", "vrp_vol_pts", "cell", "meaning", "confidence"):
        assert found[name] == row[name], name
    change = found["spot_usd"] / before["spot_usd"] - 1
    assert (f"spot {change:+.1%}".replace("%", " %") in found["changes"]) == (abs(change) >= 0.001)
    assert found["reasons"][-1] == f"no z: {found['vrp_count']} snapshots have a premium, on fewer than 30 days"


def test_nothing_is_known_before_its_time(scan: Run) -> None:
    """Rows are known two seconds after their instant."""
    at = LAST + timedelta(seconds=1)
    _, out, _ = scan("BTC", "--at", f"{at:%Y-%m-%dT%H:%M:%SZ}", "--json")
    assert json.loads(out)["data"]["results"]["BTC"]["snapshot_at"] == f"{LAST - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"


def test_what_one_coin_lacks_does_not_stop_the_others(scan: Run) -> None:
    status, out, err = scan("BTC", "SOL", "--at", AT)
    assert status == 3 and "BTC" in out and "SOL" not in out
    assert err.startswith("gex: SOL: no chain of SOL in ") and err.count("\n") == 1
    status, out, err = scan("SOL", "--at", AT)
    assert (status, out) == (1, "")
    status, _, err = scan("no coin")
    assert status == 2 and "is not an underlying" in err


def test_a_chain_that_is_not_built_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = store(tmp_path / "warehouse", OVER)
    made.merge(CHAIN, chain("2026-03-05T07:00", 2, venue="deribit"), {})
    assert cli.main(["scan", "--at", "2026-03-05T09:00Z", "--warehouse", str(made.root)]) == 1
    assert "no regime of BTC was known at 2026-03-05T09:00:00Z: run gex build" in capsys.readouterr().err


def test_a_day_before_is_the_snapshot_nearest_to_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One a day, some minutes early or late; not the one of two days before because that of yesterday is too young."""
    made = store(tmp_path / "warehouse", OVER)
    for start in ("2026-03-04T16:20", "2026-03-05T16:18", "2026-03-06T16:11"):
        made.merge(CHAIN, chain(start, 1, venue="deribit", is_whole=True), {})
    assert build(made.root, workers=1).failures == []
    assert cli.main(["scan", "--at", "2026-03-06T17:00Z", "--json", "--warehouse", str(made.root)]) == 0
    assert json.loads(capsys.readouterr().out)["data"]["results"]["BTC"]["before_at"] == "2026-03-05T16:18:00Z"


def test_books_of_other_venues_are_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = store(tmp_path / "warehouse", OVER)
    made.merge(CHAIN, chain("2026-03-05T07:00", 25, venue="deribit", is_whole=True), {})
    made.merge(CHAIN, chain("2026-03-05T07:00", 24, venue="okx", is_whole=True), {})
    assert build(made.root, workers=1).failures == []
    assert cli.main(["scan", "--at", "2026-03-06T07:00Z", "--warehouse", str(made.root)]) == 0
    out = capsys.readouterr().out
    assert "not to be compared: deribit, okx a day before" in out and "BTC: nothing from okx in the snapshot" in out


@pytest.mark.parametrize("table", ["levels", "exposure_totals", "implied_vol", "expiry_summary"])
def test_a_damaged_file_of_one_coin_does_not_stop_the_others(
    table: str, made: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(shutil.copytree(made.root, tmp_path / "warehouse"))
    (file,) = (root / table / "underlying=BTC").rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:500])
    assert cli.main(["scan", "--at", AT, "--warehouse", str(root)]) == 3
    printed = capsys.readouterr()
    assert any(line.startswith("ETH ") for line in printed.out.splitlines()) and "BTC" not in printed.out
    assert printed.err.startswith("gex: BTC: cannot read ") and printed.err.count("\n") == 1


@pytest.mark.parametrize("days", [1, 380, 500, 5000])
def test_what_is_said_of_a_snapshot_does_not_depend_on_when_it_is_asked(days: int, scan: Run) -> None:
    results = [json.loads(scan("BTC", "--at", at, "--json")[1])["data"]["results"]["BTC"] for at in (AT, _later(days))]
    for found in results:
        del found["age_seconds"], found["is_stale"]
    assert results[0] == results[1] and results[0]["vrp_count"] == HOURS


def _later(days: int) -> str:
    return f"{LAST + timedelta(days=days):%Y-%m-%dT%H:%MZ}"


def test_an_old_snapshot_is_stale(scan: Run) -> None:
    _, out, err = scan("BTC", "--at", "2026-03-08T00:00Z")
    assert "stale" in out and err == "gex: BTC: stale: over twice the usual interval\n"


def stand(**changed: object) -> Stand:
    row = {
        "regime": "positive",
        "confidence": "high",
        "cell": "C",
        "vrp_vol_pts": 1.0,
        "vrp_z": 0.5,
        "vrp_count": 900,
        "spot_usd": 100.0,
        "zero_gamma_usd": 90.0,
        "call_resistance": 110.0,
        "put_support": 80.0,
        "opex_at": FIRST,
        "vrp_status": "ok",
        "venues": ["deribit"],
        "snapshot_at": LAST,
        "net_gex_usd": 5e6,
        "without_low_usd": 1e6,
        "without_high_usd": 2e6,
        "odte_net_gex_usd": 3e6,
    }
    before = row | {"snapshot_at": LAST - timedelta(hours=24)}
    return Stand("BTC", row | changed, before, 60.0, is_stale=False)


def test_changes_and_reasons_in_words() -> None:
    assert list(stand().changes()) == list(stand().reasons()) == []
    changed = stand(regime="negative", cell=None, zero_gamma_usd=99.0, put_support=None, spot_usd=100.05)
    assert list(changed.changes()) == ["regime was positive", "flip +10.0 %"]
    assert next(stand(snapshot_at=LAST + timedelta(hours=3)).changes()) == "in 27 h"
    assert list(stand(without_low_usd=-1e6).reasons()) == ["without one of the venues net GEX has the other sign"]
    assert list(stand(odte_net_gex_usd=-3e6).reasons()) == ["0DTE alone has the other sign, -3.00 M"]
    assert list(stand(odte_net_gex_usd=0.0, without_low_usd=None, without_high_usd=None).reasons()) == []
    assert list(stand(venues=[]).reasons()) == ["nothing from deribit in the snapshot"]
    assert list(stand(vrp_vol_pts=None, vrp_status="no_candles").reasons()) == ["no premium: no 30 days of candles"]
    assert list(stand(opex_at=None).reasons()) == ["no monthly or quarterly expiry is listed"]


@pytest.mark.parametrize(("day", "has_levels"), [(date(2026, 3, 31), True), (date(2026, 4, 1), False)])
def test_a_session_since_a_day_has_no_older_files(day: date, has_levels: bool, made: Store) -> None:
    """A month, or a year of candles, that has the day in it is there as a whole."""
    with closing(Session(made.root, since=day)) as session:
        assert (session.query("SELECT count(*) FROM levels").item() > 0) == has_levels
        assert session.query("SELECT count(*) FROM candles").item() > 0
