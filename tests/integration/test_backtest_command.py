"""`gex backtest` for real on a small made-up warehouse: what it prints, stores and writes, and how it fails."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

import gex_backtest.rules as registry
from gex_backtest.family import q_values
from gex_backtest.panel import Panel
from gex_backtest.study import Study
from gex_pipeline import cli, open_warehouse
from gex_pipeline.schema import BACKTESTS, CANDLES
from gex_pipeline.store.layout import MARKER
from gex_pipeline.store.verify import verify
from tests.html_pages import Page
from tests.integration.two_days import HOURS, bars, fill
from tests.unit.backtest.drifts import DRIFTS, START, VOLS, Parameters
from tests.unit.store.build import OVER, chain, data_files, store

Gex = Callable[..., tuple[int, str, str]]
_DAY = {n: f"2026-03-{n:02d}T00:00:00Z" for n in (2, 3)}
STORED = (
    f"of BTC there are levels from {START:%Y-%m-%d}T00:00Z to {START + timedelta(hours=HOURS):%Y-%m-%d}T00:00Z "
    f"and candles from {START:%Y-%m-%d}T00:00Z to {START + timedelta(hours=HOURS):%Y-%m-%d}T00:00Z: "
    "choose --from and --to among them"
)
NO_DVOL = "no dvol in this span: `gex market` or `gex import` brings some"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("backtest") / "warehouse")


@pytest.fixture
def root(filled: Path, tmp_path: Path) -> Path:
    return shutil.copytree(filled, tmp_path / "warehouse")


@pytest.fixture
def gex(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Gex:
    """Runs the command line with two small rules -> status, standard output, standard error."""
    monkeypatch.setattr(registry, "RULES", {rule.name: rule for rule in (DRIFTS, VOLS)})
    monkeypatch.setenv("FORCE_COLOR", "")

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = cli.main(["backtest", *words, "--warehouse", str(root)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def query(root: Path, sql: str) -> pl.DataFrame:
    with open_warehouse(root) as warehouse:
        return warehouse.query(sql)


def test_a_run_is_summed_up_and_stored(gex: Gex, root: Path) -> None:
    status, out, err = gex("drifts")
    assert status == 0, err
    assert err == "backtest: 1 to do\nbacktest: 1 of 1\n"
    (line,) = [line for line in out.splitlines() if line.startswith("drifts")]
    stats = query(root, "FROM backtest_stats ORDER BY place")
    headline, sharpe = stats.row(0, named=True), stats.row(by_predicate=pl.col("name") == "sharpe", named=True)
    for shown in (f"{headline['value']:+.3g}", f"{headline['low']:+.3g}", f"{headline['n']}", f"{sharpe['value']:.2f}"):
        assert shown in line
    (sql,) = [line for line in out.splitlines() if line.startswith("gex ")]
    asked = sql.split('"')[1]
    assert query(root, asked).height == stats.height
    assert f"--warehouse {root}" in sql


def test_the_tables_of_a_run_belong_together(gex: Gex, root: Path) -> None:
    _, out, _ = gex("drifts", "--json")
    document = json.loads(out)
    run = query(root, "FROM backtest_runs").row(0, named=True)
    assert json.loads(run["document"]) == document
    assert (run["run_id"], run["bars"], run["snapshots"]) == (document["run_id"], HOURS, HOURS + 1)
    assert (run["from_at"], run["until_at"]) == (START, START + timedelta(hours=HOURS))
    (outcome,) = document["outcomes"]
    counted = {t.name: query(root, f"FROM {t.name} WHERE run_id = '{run['run_id']}'").height for t in BACKTESTS}
    assert counted["backtest_events"] == outcome["events"] > 0
    assert counted["backtest_trades"] == outcome["metrics"]["n_trades"] > 0
    assert (counted["backtest_equity"], counted["backtest_runs"]) == (2, 1)
    last = query(root, "SELECT equity FROM backtest_equity ORDER BY close_at").item(1, 0)
    assert last - 1 == pytest.approx(outcome["metrics"]["total_return"])
    assert verify(root) == []


def test_tables_and_document_tell_the_same_of_many_tests(gex: Gex, root: Path, tmp_path: Path) -> None:
    """q-values and track records; the family of the variants, which two days say too little of."""
    (tmp_path / "two.toml").write_text("[rules.drifts]\nhours = [1, 4]\n")
    status, out, err = gex("--config", str(tmp_path / "two.toml"), "--json")
    assert status == 0, err
    document = json.loads(out)
    stats = query(root, "FROM backtest_stats WHERE rule = 'drifts' ORDER BY variant, place")
    estimates = [each for o in document["outcomes"] for each in o["estimates"]]
    assert stats.filter(kind="estimate")["q_value"].to_list() == [each["q_value"] for each in estimates]
    headlines = [o["estimates"][0]["p_value"] for o in document["outcomes"]]
    assert [o["headline_q_value"] for o in document["outcomes"]] == pytest.approx(q_values(headlines))
    assert any(p is not None for p in headlines)
    trials = stats.filter(name="trials").select("value", "n", "sample", "status").rows()
    assert trials == [(2.0, 2, "daily returns", "ok")] * 2
    deflated = stats.filter(name="deflated_sharpe").select("value", "status").rows()
    assert deflated == [(None, "too few days")] * 2
    assert [o["track_record"]["trials"] for o in document["outcomes"]] == [2, 2]
    assert document["family"] == {
        "variants": 2,
        "days": 2,
        "spa_p_value": None,
        "reality_check_p_value": None,
        "status": "too few days",
    }


def test_a_test_that_variants_share_counts_once(gex: Gex, tmp_path: Path) -> None:
    """They differ in how they trade; the headline is of the hours alone."""
    said: list[list[float]] = []
    for sides in ("'follow'", "'follow', 'fade'"):
        (tmp_path / "two.toml").write_text(f"[rules.drifts]\nhours = [1, 4]\nside = [{sides}]\n")
        words = ("--config", str(tmp_path / "two.toml"), "--out", str(tmp_path / "out"))
        assert "\n2 tests in all" in gex(*words)[1]
        assert "Headlines with a p-value: 2;" in Page((tmp_path / "out" / "report.html").read_text()).text
        outcomes = json.loads((tmp_path / "out" / "run.json").read_text())["outcomes"]
        said.append([outcome["headline_q_value"] for outcome in outcomes])
    alone, twice = said
    assert None not in alone and twice == [alone[0], alone[0], alone[1], alone[1]]


def test_paths_are_in_the_document(gex: Gex, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pl.DataFrame({"hour": [-1, 0], "mean": [0.5, 0.0], "low": [None, -0.1], "high": [None, 0.1], "n": [9, 9]})

    def study(panel: Panel, parameters: Parameters) -> Study:
        return replace(DRIFTS.study(panel, parameters), paths={"moves": path})

    monkeypatch.setattr(registry, "RULES", {"drifts": replace(DRIFTS, study=study)})
    (outcome,) = json.loads(gex("drifts", "--json")[1])["outcomes"]
    assert pl.DataFrame(outcome["paths"]["moves"]).equals(path)


def test_the_same_run_gives_the_same_bytes_in_its_own_place(gex: Gex, root: Path) -> None:
    gex("drifts", "--json")
    before = data_files(root)
    _, again, _ = gex("drifts", "--json", "--from", f"{START:%Y-%m-%d}T00:00Z")
    assert len(query(root, "FROM backtest_runs")) == 2  # another configuration is another run
    assert data_files(root).items() > before.items()
    with_both = data_files(root)
    assert gex("drifts", "--json", "--from", f"{START:%Y-%m-%d}")[1] == again
    assert data_files(root) == with_both


def test_other_data_is_another_run(gex: Gex, root: Path) -> None:
    gex("drifts")
    shutil.rmtree(root / "candles")
    shorter = bars(chain(f"{START:%Y-%m-%d}T00:00", HOURS, venue="deribit"))
    store(root, OVER).merge(CANDLES, shorter, {})
    gex("drifts")
    assert query(root, "SELECT bars FROM backtest_runs ORDER BY bars")["bars"].to_list() == [HOURS - 1, HOURS]


def test_a_rule_without_its_data_is_named_and_has_no_numbers(gex: Gex, root: Path) -> None:
    status, out, err = gex()
    assert (status, err.splitlines()[-1]) == (0, f"gex: vols: {NO_DVOL}")
    assert "no dvol in this span" in out
    assert query(root, "SELECT DISTINCT rule FROM backtest_stats")["rule"].to_list() == ["drifts"]
    document = json.loads(query(root, "FROM backtest_runs")["document"].item())
    assert [o["status"] for o in document["outcomes"]] == ["ok", NO_DVOL]


def test_variants_of_a_file(gex: Gex, root: Path, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("[rules.drifts]\nhours = [1, 2]\nside = ['follow', 'fade']\n")
    status, out, _ = gex("--config", str(tmp_path / "run.toml"))
    assert status == 0
    assert [line.split("  ")[0] for line in out.splitlines() if line.startswith("drifts")] == [
        f'drifts hours={hours} side="{side}"' for hours in (1, 2) for side in ("fade", "follow")
    ]
    found = query(root, "SELECT variant, parameters FROM backtest_stats WHERE place = 1 ORDER BY variant")
    assert [json.loads(text)["side"] for text in found["parameters"]] == ["fade", "follow"] * 2
    assert query(root, "SELECT variants FROM backtest_runs").item() == 4


def test_sizing_is_told_and_scales_what_is_held(gex: Gex, root: Path, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("[sizing]\nannual_vol = 0.05\nwindow_hours = 12")
    status, out, err = gex("drifts", "--config", str(tmp_path / "run.toml"), "--report", str(tmp_path / "r.html"))
    assert status == 0, err
    by = "by that of the price in the 12 hours before, at most 1 times"
    told = f"positions are scaled to an annual volatility of 0.05, {by}"
    assert told in out.splitlines()
    assert told in Page((tmp_path / "r.html").read_text(encoding="utf-8")).text
    weights = query(root, "SELECT abs(weight) AS w FROM backtest_trades")["w"]
    assert weights.min() > 0 and weights.max() < 1
    (tmp_path / "run.toml").write_text("[rules.drifts]")
    assert "scaled" not in gex("--config", str(tmp_path / "run.toml"))[1]


def test_out_writes_plain_files_of_the_same_rows(gex: Gex, root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "results"
    assert gex("drifts", "--out", str(folder))[0] == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "drifts_equity.png",
        "drifts_equity.svg",
        "drifts_price.png",
        "drifts_price.svg",
        "equity.parquet",
        "events.parquet",
        "report.html",
        "run.json",
        "stats.parquet",
        "trades.parquet",
    ]
    for name in ("equity", "events", "stats", "trades"):
        stored = query(root, f"FROM backtest_{name} ORDER BY ALL")
        assert pl.read_parquet(folder / f"{name}.parquet").sort(pl.all()).equals(stored)
    document = json.loads((folder / "run.json").read_text())
    assert document == json.loads(query(root, "FROM backtest_runs")["document"].item())


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_has_one_run_and_keeps_what_is_not_of_runs(gex: Gex, tmp_path: Path) -> None:
    folder, fresh = tmp_path / "out", tmp_path / "fresh"
    others = ["drifts_notes.png", "mine.parquet", "other_price.png", ".equity.parquet", ".run.json.txt", "equity.csv"]
    left = [".run.json.ab3_x9zz", ".drifts_price.png.00000000", "vols_path_12.svg", "drifts_over_time.png"]
    folder.mkdir()
    for name in (*others, *left):
        (folder / name).write_text("x")
    (tmp_path / "two.toml").write_text("[rules.drifts]\nhours = [1, 4]\n")
    assert gex("--config", str(tmp_path / "two.toml"), "--out", str(folder))[0] == 0
    assert "drifts_variants.png" in names_in(folder)
    for place in (folder, fresh):
        assert gex("drifts", "--out", str(place))[0] == 0
    assert names_in(folder) == sorted([*names_in(fresh), *others])
    for name in names_in(fresh):
        assert (folder / name).read_bytes() == (fresh / name).read_bytes()


def test_a_folder_whose_writing_stops_has_no_document(gex: Gex, tmp_path: Path) -> None:
    """An earlier one would tell of other tables."""
    folder = tmp_path / "out"
    assert gex("drifts", "--out", str(folder))[0] == 0
    (folder / "report.html").unlink()
    (folder / "report.html").symlink_to(tmp_path / "none" / "report.html")  # cannot be written, after the tables
    status, out, err = gex("drifts", "--out", str(folder), "--from", f"{START:%Y-%m-%d}T01:00Z")
    assert (status, out) == (1, "")
    assert "the run itself is stored" in err.splitlines()[-1]
    assert "run.json" not in names_in(folder) and "stats.parquet" in names_in(folder)


@pytest.mark.parametrize("name", ["run.json", "equity.parquet", "drifts_price.png"])
def test_a_folder_in_the_place_of_a_file_is_told_before_the_run(
    gex: Gex, root: Path, tmp_path: Path, name: str
) -> None:
    before = data_files(root)
    (tmp_path / "out" / name).mkdir(parents=True)
    status, out, err = gex("drifts", "--out", str(tmp_path / "out"))
    told = f"gex: --out {tmp_path / 'out'} cannot be written: {name} in it is no file; choose another place\n"
    assert (status, out, err) == (2, "", told)
    assert data_files(root) == before


def test_a_file_in_the_place_of_the_folder(gex: Gex, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "out"):
        status, _, err = gex("drifts", "--out", str(place))
        assert (status, err.count("\n")) == (2, 1)
        assert f"--out {place} cannot be made: " in err and "choose another place" in err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_leaves_the_run_in_the_warehouse(gex: Gex, root: Path) -> None:
    status, out, err = gex("drifts", "--report", "/dev/full")
    (run,) = query(root, "FROM backtest_runs")["run_id"]
    assert (status, out) == (1, "")
    assert err.splitlines()[-1] == (
        "gex: cannot write /dev/full: No space left on device: free room there and run again; "
        f"the run itself is stored, as {run} in {root}"
    )


def test_the_report_says_what_the_run_says(gex: Gex, root: Path, tmp_path: Path) -> None:
    status, out, err = gex("--report", str(tmp_path / "r.html"), "--out", str(tmp_path / "out"))
    assert status == 0, err
    assert f"report {tmp_path / 'r.html'}\n" in out
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert text == (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    document = json.loads((tmp_path / "out" / "run.json").read_text())
    verdicts = Page(text).tables[0][1:]
    assert [(row[0], row[-1]) for row in verdicts] == [(o["rule"], o["verdict"]) for o in document["outcomes"]]
    for words in (document["run_id"], document["configuration_sha256"], *document["inputs_sha256"].values()):
        assert words in text
    assert "SYNTHETIC" not in text


def test_a_report_of_made_up_data_says_so(gex: Gex, root: Path, tmp_path: Path) -> None:
    (root / MARKER).write_text('{"format": 1, "kind": "synthetic"}')
    assert gex("drifts", "--report", str(tmp_path / "r.html"))[0] == 0
    assert "SYNTHETIC DATA" in Page((tmp_path / "r.html").read_text(encoding="utf-8")).text


@pytest.mark.parametrize("place", ["none/r.html", "."])
def test_a_report_that_cannot_be_written_is_told_before_the_run(
    gex: Gex, root: Path, tmp_path: Path, place: str
) -> None:
    before = data_files(root)
    status, out, err = gex("drifts", "--report", str(tmp_path / place))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "name a file in a folder that exists" in err
    assert data_files(root) == before


@pytest.mark.parametrize("words", [("--out", "/proc"), ("--report", "/proc/r.html")])
def test_a_place_that_takes_no_file_is_told_before_the_run(gex: Gex, root: Path, words: tuple[str, str]) -> None:
    """Nobody may write there, the superuser neither."""
    before = data_files(root)
    status, out, err = gex("drifts", *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"{' '.join(words)} cannot be written: " in err
    assert data_files(root) == before


def test_sixty_minutes_are_an_hour(gex: Gex, root: Path) -> None:
    assert gex("drifts", "--interval", "60m")[0] == 0
    assert query(root, "SELECT interval FROM backtest_runs").item() == "1h"


def test_out_may_not_be_in_a_warehouse(gex: Gex, root: Path) -> None:
    before = data_files(root)
    for words in (("--out", str(root / "levels")), ("--report", str(root / "levels" / "r.html"))):
        status, out, err = gex("drifts", *words)
        assert (status, out, err.count("\n")) == (2, "", 1)
    assert data_files(root) == before


def test_the_list_needs_no_warehouse(gex: Gex, root: Path) -> None:
    shutil.rmtree(root)
    status, out, err = gex("--list")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[:6] == [
        "drifts (has a trading form)",
        "    The price goes where net GEX points.",
        "    hours = 4",
        "    least = 0.0",
        '    side = "follow"',
        "    lags = [1, 2]",
    ]
    assert "vols (no trading form)" in lines
    assert gex("vols", "--list")[1].splitlines()[0] == "vols (no trading form)"
    (listed,) = json.loads(gex("drifts", "--list", "--json")[1])["rules"]
    assert listed["rule"] == "drifts" and listed["parameters"]["lags"] == [1, 2]


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        (["drift"], 2, "unknown rule 'drift'; nearest is 'drifts'"),
        (["--list", "drift"], 2, "unknown rule 'drift'; nearest is 'drifts'"),
        (["--config", "none.toml"], 2, "none.toml cannot be read: No such file or directory"),
        (["--list", "DRIFTS"], 2, "unknown rule 'DRIFTS'; nearest is 'drifts'"),
        (["xyz"], 2, "unknown rule 'xyz': there are drifts, vols"),
        (["--from", "2026-03-03", "--to", "2026-03-02"], 2, f"from {_DAY[3]} is not before to {_DAY[2]}"),
        (["--from", "2026-03-03", "--to", "2026-03-03"], 2, f"from {_DAY[3]} is not before to {_DAY[3]}"),
        (["--venue", " "], 2, "venue is empty"),
        (["--venue="], 2, "--venue is empty"),
        (["--out="], 2, "--out is empty; is a variable of your script not set?"),
        (["--market", "prep"], 2, "did you mean 'perp'?"),
        (["--underlying", "ETH"], 1, "no candles of ETH are stored: `gex candles` or `gex import` brings some"),
        (["--market", "mark"], 1, "no candles of BTC are mark: there are "),
        (["--interval", "7m"], 2, "unknown interval '7m': valid are 1m, 3m,"),
        (["--interval", "5m"], 1, "no candles of BTC are 5m: there are "),
        (["--from", "2027-01-01"], 1, f"no candles of BTC in this span: {STORED}"),
        (["--to", "2026-02-01"], 1, f"no candles of BTC in this span: {STORED}"),
        (
            ["--from", "2026-03-02T03:10", "--to", "2026-03-02T03:50"],
            1,
            "no candles of BTC in this span: `gex candles`",
        ),
        (["vols"], 1, f"no rule can be run: {NO_DVOL} (vols)"),
    ],
)
def test_what_cannot_be_run_is_one_line(gex: Gex, root: Path, words: list[str], status: int, reason: str) -> None:
    before = data_files(root)
    found, out, err = gex(*words)
    messages = [line for line in err.splitlines() if line.startswith("gex: ")]
    assert (found, out, len(messages)) == (status, "", 1)
    assert reason in messages[0]
    assert data_files(root) == before


def test_a_warehouse_without_levels(gex: Gex, root: Path) -> None:
    shutil.rmtree(root / "levels")
    status, out, err = gex("drifts")
    assert (status, out) == (1, "")
    assert (
        err.splitlines()[-1]
        == "gex: no rule can be run: no levels in this span: `gex build` makes them of chains (drifts)"
    )


def longer(root: Path) -> None:
    """Candles of the two days after the levels, too."""
    rows = chain(f"{START + timedelta(hours=HOURS):%Y-%m-%d}T00:00", HOURS + 1, venue="deribit")
    after = bars(rows).with_columns(pl.col("open_at", "close_at") + timedelta(hours=HOURS))
    store(root, OVER).merge(CANDLES, after, {})


def test_levels_of_another_span_are_told_once(gex: Gex, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    longer(root)
    after = ("--from", f"{START + timedelta(hours=HOURS + 1):%Y-%m-%dT%H:%M}")
    status, _, err = gex(*after)
    line = err.splitlines()[-1]
    assert status == 1
    assert line.startswith(
        "gex: no rule can be run: no levels in this span: `gex build` makes them of chains (drifts, vols); "
    )
    assert f"of BTC there are levels from {START:%Y-%m-%d}T00:00Z to " in line
    assert (line.count("no levels"), line.count("there are levels"), line.count(NO_DVOL)) == (1, 1, 1)
    needless = replace(VOLS, needs=())
    monkeypatch.setattr(registry, "RULES", {"drifts": DRIFTS, "other": replace(DRIFTS, name="other"), "vols": needless})
    status, _, err = gex(*after)
    said = [line for line in err.splitlines() if line.startswith("gex: ")]
    assert (status, len(said)) == (0, 2)
    assert said[0] == "gex: drifts, other: no levels in this span: `gex build` makes them of chains"
    assert said[1].startswith("gex: of BTC there are levels from ")


@pytest.mark.parametrize(("candles", "status"), [("", 1), ("[candles]\ninterval = '1h'\n", 2)])
def test_a_window_of_sizing_that_is_too_short_is_told_before_the_work(
    gex: Gex, root: Path, tmp_path: Path, candles: str, status: int
) -> None:
    """By the file alone where it names the bars, else by the bars that are stored."""
    (tmp_path / "run.toml").write_text(f"{candles}[sizing]\nwindow_hours = 4\n[rules.drifts]\n")
    before = data_files(root)
    found, out, err = gex("--config", str(tmp_path / "run.toml"))
    assert (found, out, err.count("\n")) == (status, "", 1)
    assert "[sizing] window_hours = 4 is too short: from 5 on here" in err
    assert data_files(root) == before


def test_a_pipe_is_no_configuration(gex: Gex, tmp_path: Path) -> None:
    """Nobody writes into it: reading would wait for ever."""
    os.mkfifo(tmp_path / "pipe.toml")
    status, _, err = gex("--config", str(tmp_path / "pipe.toml"))
    assert (status, err) == (2, f"gex: {tmp_path / 'pipe.toml'} is not a regular file\n")


def test_no_warehouse(gex: Gex, root: Path) -> None:
    shutil.rmtree(root)
    status, out, err = gex("drifts")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "does not exist" in err
