"""The commands for real, from a file to a picture, on a small made-up chain."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import shlex
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gex_pipeline import cli, open_warehouse
from gex_pipeline.warehouse import Warehouse

FIRST = datetime(2026, 3, 17, 14, tzinfo=UTC)
SNAPSHOTS = [FIRST + timedelta(hours=h) for h in range(3)]
EXPIRIES = ["2026-03-18", "2026-03-27"]
SPOT = 100.0

MAPPING = """
name = "synthetic-hand"
venue = "deribit"
format = "csv"

[chain]
received_at = { column = "at", format = "iso" }
instrument = { build = "deribit" }
underlying = { value = "BTC" }
settlement = { value = "inverse" }
expiry_at = { column = "expiry", format = "%Y-%m-%d", at = "08:00" }
strike_usd = "strike"
option_type = "type"
forward_usd = "forward"
index_usd = "index"
mark_usd = { column = "mark", unit = "usd" }
mark_iv = { column = "iv", unit = "fraction" }
open_interest_coin = { column = "oi", unit = "coin" }
"""


def rows() -> list[dict[str, Any]]:
    return [
        {
            "at": at.isoformat(),
            "expiry": expiry,
            "strike": strike,
            "type": kind,
            "forward": SPOT,
            "index": SPOT,
            "mark": max(SPOT - strike if kind == "C" else strike - SPOT, 0.0) + 1.0,
            "iv": 0.5,
            "oi": 10 * math.exp(-(((strike - (105 if kind == "C" else 92)) / 8) ** 2)),
        }
        for at in SNAPSHOTS
        for expiry in EXPIRIES
        for strike in range(80, 125, 5)
        for kind in "CP"
    ]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse filled and built through the command line."""
    folder = tmp_path_factory.mktemp("cli")
    table = rows()
    with (folder / "chain.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)
    (folder / "mapping.toml").write_text(MAPPING)
    root = folder / "warehouse"
    words = ["import", "chain", str(folder / "chain.csv"), "--mapping", str(folder / "mapping.toml")]
    assert cli.main([*words, "--warehouse", str(root)]) == 0
    assert cli.main(["build", "--workers", "1", "--warehouse", str(root)]) == 0
    return root


@pytest.fixture
def gex(warehouse, capsys, monkeypatch):
    """Run a command on the warehouse -> status, standard output, standard error."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "")

    def run(*words: str) -> tuple[int, str, str]:
        status = cli.main([*words, "--warehouse", str(warehouse)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


NOW = ["--at", "2026-03-17T16:30Z"]


def test_levels_json_is_the_stored_answer(gex):
    status, out, err = gex("levels", "btcusdt", *NOW, "--json", "--include", "ranked,spot", "--include", "max_pain")
    assert (status, err) == (0, "")
    document = json.loads(out)
    assert document["meta"]["computed_at"] == "2026-03-17T16:00:00Z"
    assert document["meta"]["freshness_seconds"] == 1800
    assert document["meta"]["extra"]["is_stale"] is False
    assert document["data"]["spot"] == {"spot_price": 100.0, "perps_price": None}
    _, csv_text, _ = gex(
        "sql",
        "SELECT level, value_usd FROM levels WHERE scope = 'all_expiry' AND venues = 'all' "
        "AND snapshot_at = TIMESTAMPTZ '2026-03-17 16:00:00Z'",
        "--format",
        "csv",
    )
    stored = {r["level"]: float(r["value_usd"]) if r["value_usd"] else None for r in csv.DictReader(csv_text.split())}
    assert document["data"]["all_expiry"] == {k: stored[k] for k in document["data"]["all_expiry"]}


def test_an_old_answer_is_given_and_called_stale(gex):
    status, out, err = gex("levels", "BTC", "--json", "--at", "2026-04-01")
    assert status == 0
    assert json.loads(out)["meta"]["extra"]["is_stale"] is True
    assert err.startswith("gex: BTC: stale: the snapshot of 2026-03-17 16:00 UTC is 14 d 8 h old")
    assert err.count("\n") == 1


def test_a_venue_that_is_not_in_the_snapshot_is_said(gex):
    status, out, err = gex("levels", "BTC", *NOW, "--venue", "okx,deribit", "--json")
    assert json.loads(out)["meta"]["source"] == ["deribit"]
    assert json.loads(out)["meta"]["exchanges_filtered"] == ["okx", "deribit"]
    assert (status, err) == (0, "gex: BTC: nothing from okx in the snapshot of 2026-03-17 16:00 UTC\n")
    status, out, err = gex("levels", "BTC", *NOW, "--venue", "okx")
    assert (status, out) == (1, "")
    assert "deribit" in err


def test_before_the_first_snapshot_there_is_no_answer(gex):
    status, out, err = gex("levels", "BTC", "--at", "2026-03-01")
    assert (status, out) == (1, "")
    assert "no snapshot of BTC was known" in err


@pytest.mark.parametrize(
    "words",
    [
        ["levels", "BTC", "--include", "candles,expected_move,max_pain,ranked,spot,zones"],
        ["profile", "BTC"],
        ["profile", "BTC", "--expiry", "odte"],
        ["heatmap", "BTC"],
        ["levels", "BTC", "--sign-model", "short_all"],
        ["levels", "BTC", "--venue", "deribit", "--spot-window-pct", "12"],
    ],
)
def test_tables_are_readable_in_80_columns(gex, words):
    status, out, err = gex(*words, *NOW)
    assert (status, err) == (0, "")
    assert out.startswith("BTC  2026-03-17 16:00 UTC  deribit")
    assert "SYNTHETIC" in out.splitlines()[0]
    assert max(map(len, out.splitlines())) <= 80
    assert "nan" not in out.lower().replace("none_", "")


@pytest.mark.parametrize("command", ["levels", "profile", "heatmap"])
def test_plots_are_written_and_said(gex, tmp_path, command):
    target = tmp_path / f"{command}.png"
    status, out, err = gex(command, "BTC", *NOW, "--plot", str(target), "--json")
    assert (status, err) == (0, f"gex: wrote {target}\n")
    assert json.loads(out)["success"] is True
    assert target.read_bytes().startswith(b"\x89PNG")


def test_profile_and_heatmap_agree(gex):
    profile = json.loads(gex("profile", "BTC", *NOW, "--json")[1])["data"]
    heatmap = json.loads(gex("heatmap", "BTC", *NOW, "--json")[1])["data"]
    assert heatmap["strikes"] == [row["strike"] for row in profile["strikes"]]
    assert [sum(v or 0.0 for v in row) for row in heatmap["net_gex_usd"]] == pytest.approx(
        [row["net_gex_usd"] for row in profile["strikes"]]
    )


def lines_of(*pages: str) -> list[str]:
    """The examples that the help pages of these commands show."""
    lines = (line for page in pages for line in cli.app[page].help_epilogue.splitlines())
    return [line.strip() for line in lines if line.startswith("    gex ")]


@pytest.mark.parametrize("line", lines_of("levels", "profile", "heatmap", "bundle", "sql", "status", "verify", "build"))
def test_every_example_runs(gex, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)  # some write a file
    _, *words = shlex.split(line.split("&&")[0].replace(" --warehouse /srv/gex", ""))
    words += ["--workers", "1"] if words[0] == "build" else []
    status, out, err = gex(*words)
    if words[:2] in (["levels", "ETH"], ["heatmap", "ETH"]):
        assert status == 1 and "no chain of ETH" in err
    elif words[0] == "bundle":
        assert status == 3 and "no chain of ETH" in err
    elif "--check" in words:
        assert status == 1 and "stale" in err
    else:
        assert status == 0
        assert out or "0 problems" in err or any(tmp_path.iterdir())


@pytest.mark.parametrize("word", ["BTCUSDC", "btc-usd", "BTC_USDT"])
def test_an_underlying_is_named_as_people_do(gex, warehouse, word):
    assert json.loads(gex("levels", word, *NOW, "--json")[1])["meta"]["symbol"] == "BTC"
    with open_warehouse(warehouse) as opened:
        assert opened.levels(word, at=NOW[1])["meta"]["symbol"] == "BTC"


def test_a_usual_venue_that_is_absent_is_said(gex, monkeypatch):
    true = Warehouse.answer
    monkeypatch.setattr(
        Warehouse, "answer", lambda *a, **k: dataclasses.replace(true(*a, **k), absent_venues=["bybit", "okx"])
    )
    status, out, err = gex("levels", "BTC", *NOW, "--json")
    assert status == 0
    assert json.loads(out)["meta"]["extra"]["absent_venues"] == ["bybit", "okx"]
    snapshot = "in the snapshot of 2026-03-17 16:00 UTC"
    assert err == f"gex: BTC: nothing from bybit, okx {snapshot}; --venue bybit gives its latest\n"
    assert gex("levels", "BTC", *NOW, "--venue", "deribit")[2] == ""  # one that was not asked for is not missed
    assert gex("levels", "BTC", *NOW, "--venue", "deribit,okx")[2] == f"gex: BTC: nothing from okx {snapshot}\n"


def test_bundle_serves_what_there_is(gex):
    status, out, err = gex("bundle", "BTC", "ETH", "b/c", *NOW, "--json")
    document = json.loads(out)
    assert status == 3
    assert document["data"]["served"] == ["BTC"]
    assert list(document["data"]["missing"]) == ["ETH"]
    assert document["data"]["invalid"] == ["b/c"]
    assert [line.split(":")[0] for line in err.splitlines()] == ["gex", "gex"]
    assert gex("bundle", "ETH", *NOW)[0] == 1
    assert gex("bundle", "BTC", *NOW)[::2] == (0, "")


def test_sql_in_every_format(gex, tmp_path):
    query = "SELECT strike_usd, count(*) AS n FROM chain GROUP BY strike_usd ORDER BY strike_usd"
    assert json.loads(gex("sql", query, "--format", "json")[1])[0] == {"strike_usd": 80.0, "n": 12}
    assert gex("sql", query, "--format", "csv")[1].splitlines()[:2] == ["strike_usd,n", "80.0,12"]
    assert gex("sql", query)[1].split()[:2] == ["strike_usd", "n"]
    target = tmp_path / "out.parquet"
    assert gex("sql", query, "--out", str(target)) == (0, "", f"gex: wrote 9 rows to {target}\n")
    assert pl.read_parquet(target)["n"].to_list() == [12] * 9


@pytest.mark.parametrize("query", ["SELEC 1", "SELECT * FROM nothing_here", "DROP VIEW chain", "SELECT 1; SELECT 2"])
def test_sql_that_cannot_run_is_one_line(gex, query):
    status, out, err = gex("sql", query)
    assert (status, out) == (1, "")
    assert err.startswith("gex: ")
    assert err.count("\n") == 1


def test_status_tells_stale_and_check_fails_on_it(gex):
    status, out, err = gex("status")
    assert status == 0
    assert out.splitlines()[-1].split()[:2] == ["BTC", "deribit"]
    assert err.startswith("gex: deribit BTC: stale, last snapshot")
    assert gex("status", "--check")[0] == 1


def test_verify_names_a_damaged_file(gex, warehouse):
    assert gex("verify") == (0, "", f"gex: verify: 0 problems in {warehouse}\n")
    file = next(warehouse.rglob("levels/**/*.parquet"))
    content = file.read_bytes()
    file.write_bytes(content[:-10])
    try:
        status, out, err = gex("verify")
    finally:
        file.write_bytes(content)
    assert status == 1
    assert str(file.relative_to(warehouse)) in out
    assert err == f"gex: verify: 1 problem in {warehouse}\n"


def test_a_file_that_fails_does_not_stop_the_others(gex, tmp_path, warehouse):
    (tmp_path / "bad.csv").write_text("nonsense\n1\n")
    good, mapping = warehouse.parent / "chain.csv", warehouse.parent / "mapping.toml"
    status, out, err = gex("import", "chain", str(tmp_path / "bad.csv"), str(good), "--mapping", str(mapping))
    assert status == 3
    assert "chain: 0 new rows, 108 already stored" in out
    assert sum("bad.csv" in line for line in err.splitlines() if line.startswith("gex: ")) == 1


def test_an_import_of_which_nothing_worked_failed(gex, tmp_path, warehouse):
    mapping = ["--mapping", str(warehouse.parent / "mapping.toml")]
    (tmp_path / "bad.csv").write_text("nonsense\n1\n")
    status, _, err = gex("import", "chain", str(tmp_path / "bad.csv"), str(tmp_path / "none.csv"), *mapping)
    assert status == 1
    assert err.splitlines()[-1] == "gex: import: nothing was stored: no file could be used"
    assert [sum(name in line for line in err.splitlines()) for name in ("bad.csv", "none.csv")] == [1, 1]


def test_an_import_of_a_folder_without_files_failed(gex, tmp_path, warehouse):
    (tmp_path / "notes.txt").write_text("no archive")
    status, _, err = gex("import", "chain", str(tmp_path), "--mapping", str(warehouse.parent / "mapping.toml"))
    assert status == 1
    assert err.startswith(f"gex: import: no file found in {tmp_path}: archives end in .csv, ")
    assert err.count("\n") == 1


def test_a_list_without_archives_says_what_it_lacks(gex, tmp_path):
    listed = tmp_path / "archives.toml"
    listed.write_text("# nothing yet\n")
    line = f"gex: {listed} lists no archive: it needs [[archive]] with source and files\n"
    assert gex("import", "archives", str(listed)) == (2, "", line)


@pytest.mark.parametrize("source", ["chain", "archives"])
def test_an_import_hears_ctrl_c_itself(gex, tmp_path, warehouse, source):
    """Polars has put its own handler in place, which may lose one."""
    mapping = warehouse.parent / "mapping.toml"
    (tmp_path / "archives.toml").write_text(f"[[archive]]\nsource = 'chain'\nfiles = '*.csv'\nmapping = '{mapping}'\n")
    words = ["archives", str(tmp_path / "archives.toml")]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        gex("import", *(words if source == "archives" else ["chain", str(tmp_path), "--mapping", str(mapping)]))
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_difference_of_times_is_answered(gex):
    query = "SELECT max(snapshot_at) - min(snapshot_at) AS span FROM chain"
    assert json.loads(gex("sql", query, "--format", "json")[1]) == [{"span": "02:00:00"}]
    status, out, err = gex("sql", "SELECT TIMESTAMPTZ 'infinity' AS t")
    assert (status, out) == (1, "")
    assert err.startswith("gex: column t has a time") and err.count("\n") == 1


def test_build_again_finds_everything_fresh(gex):
    status, out, _ = gex("build", "--workers", "1")
    assert status == 0
    assert out.startswith("0 partitions built, 1 already fresh")
    status, out, _ = gex("build", "--workers", "1", "--force", "--underlying", "BTC")
    assert out.startswith("1 partition built, 0 already fresh")
