"""`gex demo`: by which doors its rows come, that they are the market's, and what it does to a folder."""

from __future__ import annotations

import fcntl
import html
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stdout
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import pytest
from polars.testing import assert_frame_equal

from gex_backtest import words
from gex_backtest.rules import RULES
from gex_pipeline import cli
from gex_pipeline.engine import demo, demo_archives
from gex_pipeline.engine.demo_folder import new_folder
from gex_pipeline.engine.demo_venues import venues_apart
from gex_pipeline.engine.progress import Silent
from gex_pipeline.market import books, chains
from gex_pipeline.market.archive import pieces
from gex_pipeline.market.world import World
from gex_pipeline.present import demo_words
from gex_pipeline.schema import CHAIN
from gex_pipeline.store.partitions import Store
from tests.html_pages import Page
from tests.instants import utc
from tests.integration.live import Run, query

DAYS = 2
#: An instant of each door, and how long before it the market was looked at.
DOORS = {
    "tardis": ("2026-01-05T10:00", timedelta(seconds=1)),
    "parquet": ("2026-01-06T05:00", timedelta(0)),
    "live": ("2026-01-06T22:00", timedelta(0)),
}
CASES = sorted({(d, b.venue, b.coin) for b in books.BOOKS for d in DOORS if d != "tardis" or b.venue == "deribit"})
#: What a file or a reply does not carry, and what is not compared to the last digit but found by the clients.
ABSENT = {
    "tardis": {"contract_size_coin", "volume_24h_coin", "index_usd"},
    "parquet": {"bid_iv", "ask_iv"},
    "deribit": {"bid_iv", "ask_iv"},
    "binance": {"forward_usd"},
}
EXACT = {
    "expiry_at",
    "strike_usd",
    "option_type",
    "settlement",
    "open_interest_coin",
    "contract_size_coin",
    "mark_iv",
    "bid_iv",
    "ask_iv",
    "forward_usd",
    "index_usd",
    "volume_24h_coin",
}
PRICES = ("mark_usd", "bid_usd", "ask_usd")
IS_INVERSE = pl.col("settlement") == "inverse"


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo of two days, made by one of the processes that run the tests."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "my demo"
    with (folder.parent / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with folder.with_name("said.txt").open("w") as said, redirect_stdout(said):
                assert cli.main(["demo", "--days", str(DAYS), "--out", str(folder)]) == 0
    return folder


def test_rows_come_from_files_and_from_requests(out: Path) -> None:
    """Every row of the files is stored, or rejected as expired; every reply is in `raw`; there is nothing else."""
    counted = query(out / "warehouse", "SELECT source, count(*) AS n FROM chain GROUP BY 1")
    found = dict(counted.iter_rows())
    vendor = sum(pl.read_parquet(path).height for path in (out / "archive").rglob("*.parquet"))
    ticks = sum(pl.read_csv(path).height for path in (out / "archive").glob("*.csv.gz"))
    expired = query(out / "warehouse", "SELECT count(*) FROM chain_rejected WHERE reason = 'expired'").item()
    assert found.pop("synthetic-archive") == vendor
    assert found.pop("synthetic-tardis-options-chain") == ticks - expired
    assert set(found) == {f"synthetic-{venue}-rest" for venue in ("deribit", "bybit", "okx", "binance")}
    polls = query(out / "warehouse", "SELECT venue, count(DISTINCT snapshot_at) AS n FROM raw GROUP BY 1")
    assert set(polls["n"]) == {4} and polls.height == 4
    asked = query(out / "warehouse", "SELECT count(*) FROM raw WHERE sent_at >= snapshot_at").item()  # not kept lists
    told = re.search(r"\(deribit (\d+), bybit (\d+), okx (\d+), binance (\d+) requests\)", page(out))
    assert told is not None
    # what is around the chain is asked for, too, and not kept as it came
    assert asked < sum(map(int, told.groups())) < asked + 300


@pytest.mark.parametrize("table", ["candles", "perps", "funding", "settlements", "trades", "dvol"])
def test_what_is_around_the_chain_is_there(out: Path, table: str) -> None:
    assert query(out / "warehouse", f"SELECT count(*) FROM {table}").item() > 0


def page(out: Path, name: str = "report.html") -> str:
    return (out / name).read_text(encoding="utf-8")


def test_it_ends_with_the_claims_confronted(out: Path) -> None:
    """A verdict per rule, alike in the tables, on both pages and in the terminal."""
    (document,) = query(out / "warehouse", "SELECT document FROM backtest_runs")["document"]
    said = {each["rule"]: each["verdict"] for each in json.loads(document)["outcomes"]}
    assert set(said) == set(RULES)
    short = next(t for t in Page(page(out)).tables if t[0] == list(words.VERDICTS))
    whole = Page(page(out, "backtest.html")).tables[0]
    for head, *rows in (short, whole):
        assert {row[0]: row[head.index("verdict")] for row in rows} == said
    terminal = out.with_name("said.txt").read_text()
    assert all(re.search(rf"^{rule} .* {verdict} *$", terminal, re.MULTILINE) for rule, verdict in said.items())
    assert f"backtest   {out / 'backtest.html'}\n" in terminal


@pytest.mark.parametrize(("door", "venue", "coin"), CASES)
def test_what_is_stored_is_what_the_market_says(out: Path, door: str, venue: str, coin: str) -> None:
    """Of every book, to the last digit that the file or the reply carries."""
    at, before = DOORS[door]
    instant = np.array([round((utc(at) - before).timestamp() * 1e6)])
    said = chains.chain(venue, coin, World(demo.SEED, demo.START, DAYS + 1), instant)
    sql = f"SELECT * FROM chain WHERE venue = '{venue}' AND underlying = '{coin}' AND snapshot_at = '{at}'"
    stored = in_units(query(out / "warehouse", sql)).sort("instrument")
    sent = (as_sent(in_units(said), venue) if door == "live" else rounded(in_units(said))).sort("instrument")
    absent = ABSENT.get(venue if door == "live" else door, set())
    columns = ["instrument", *PRICES, *sorted(EXACT - absent)]
    # The last bit of a price depends on how many are worked out at once, and with it which way a half is rounded.
    assert_frame_equal(stored.select(columns), sent.select(columns), rel_tol=0, abs_tol=1.01e-8)
    assert ((stored["forward_usd"] / sent["forward_usd"] - 1).abs() < 1e-4).all()


def in_units(rows: pl.DataFrame) -> pl.DataFrame:
    """Prices as they are quoted: of inverse options in coin."""
    text = pl.col(pl.Enum, pl.Categorical).cast(pl.String)
    return rows.with_columns(text).with_columns(
        pl.when(IS_INVERSE).then(pl.col(PRICES) / pl.col("forward_usd")).otherwise(pl.col(PRICES))
    )


def rounded(rows: pl.DataFrame) -> pl.DataFrame:
    """To the decimals of the files."""
    quotes = pl.col("bid_usd", "ask_usd").round(4)
    return rows.with_columns(pl.col("mark_usd").round(8), pl.when(quotes > 0).then(quotes))


def as_sent(rows: pl.DataFrame, venue: str) -> pl.DataFrame:
    """Marks to the decimals of the replies; quotes are on ticks already, and so are Binance's marks."""
    decimals = {"bybit": 8, "binance": 8}.get(venue, 4)
    mark = pl.col("mark_usd")
    return rows.with_columns(pl.when(IS_INVERSE).then(mark.round(8)).otherwise(mark.round(decimals)).alias("mark_usd"))


def test_the_last_hours_have_the_same_rows_again(out: Path, tmp_path: Path) -> None:
    again = demo.Demo(tmp_path, World(demo.SEED, demo.START, DAYS + 1))
    with venues_apart(demo.SEED, demo.START, again.end) as venues:
        demo.take_last_hours(again, venues, 2, Silent())
    sql = "SELECT * FROM chain WHERE snapshot_at >= '2026-01-06T22:00' ORDER BY venue, snapshot_at, instrument"
    assert_frame_equal(query(out / "warehouse", sql), query(tmp_path, sql))


def test_a_shell_takes_the_commands_as_they_are_shown(out: Path) -> None:
    shown = re.search(r"<pre>(.*)</pre>", page(out), re.DOTALL)
    assert shown is not None
    commands, dagster = html.unescape(shown[1]).split("\nGEX_WAREHOUSE=")
    assert commands.count("gex --warehouse") == 4 and dagster.startswith("'")
    here = f'set -e\ngex() {{ "{sys.executable}" -m gex_pipeline.cli "$@"; }}\n'
    subprocess.run(["sh", "-c", here + commands], check=True)


def test_the_queries_to_try_count_no_book_twice(out: Path) -> None:
    """By two sign models, on a day with trades."""
    flips, _, below = (query(out / "warehouse", sql) for sql in demo_words.QUERIES)
    assert flips["snapshot_at"].n_unique() == flips.height == 5
    naive = "SELECT * FROM levels_wide WHERE venues = 'all' AND scope = 'all_expiry' AND sign_model = 'naive'"
    shares = query(out / "warehouse", naive).group_by("underlying").agg((pl.col("net_gex_usd") < 0).mean().alias("n"))
    assert below["share_below_zero"].to_list() == pytest.approx(shares.sort("underlying")["n"].to_list(), abs=0.005)


@pytest.mark.parametrize(("folder", "is_make"), [("data/demo", True), ("elsewhere", False)])
def test_dagster_shows_the_demo_that_was_made(
    folder: str, is_make: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Makefile", "workspace.yaml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    done = demo.Demo(Path(folder) / "warehouse", World(demo.SEED, demo.START, DAYS + 1))
    last = demo_words.commands(done)[-1]
    assert (last == "make ui") is is_make
    assert is_make or last.startswith(
        f"GEX_WAREHOUSE={tmp_path}/elsewhere/warehouse GEX_ARCHIVES={tmp_path}/elsewhere/"
    )


def test_everything_says_that_it_is_made_up(out: Path) -> None:
    for table in ("chain", "chain_rejected", "candles"):
        sources = query(out / "warehouse", f"SELECT DISTINCT source FROM {table}")["source"]
        assert sources.str.starts_with("synthetic").all()
    assert "SYNTHETIC DATA" in page(out) and "SYNTHETIC DATA" in page(out, "backtest.html")


def test_the_report_loads_nothing(out: Path) -> None:
    """And leads to the page beside it alone."""
    links = re.findall(r'(?:src|href)="([^"]{0,40})', page(out))
    assert links.count("backtest.html") == 1 and (out / "backtest.html").is_file()
    assert {link[:5] for link in links if link != "backtest.html"} == {"data:"}
    assert not re.search(r"url\(|@import|<script", page(out))


def test_it_does_not_mix_with_a_real_warehouse(out: Path, gex: Run, place: Path) -> None:
    Store(place).create("real")
    archive = out / "archive"
    for what in (
        ("chain", "--mapping", str(archive / "okx.toml"), str(archive / "okx")),
        ("tardis-options-chain", str(archive / "*.csv.gz")),
    ):
        status, _, errors = gex("import", *what)
        assert status == 1 and "synthetic" in errors
    assert not list(place.rglob("*.parquet"))


def test_its_files_have_the_same_bytes_again(out: Path, tmp_path: Path) -> None:
    again = demo.Demo(tmp_path / "warehouse", World(demo.SEED, demo.START, DAYS + 1))
    Store(again.warehouse).create("synthetic")
    (tmp_path / "archive").mkdir()
    shutil.copy(out / "archive" / "deribit.toml", tmp_path / "archive")
    of_deribit = [piece for piece in pieces(again.world, 24 * DAYS - 4) if piece.venue == "deribit"]
    for piece in of_deribit:
        demo_archives.fill(tmp_path, again.world, again.end, piece)
        assert (tmp_path / "archive" / piece.name).read_bytes() == (out / "archive" / piece.name).read_bytes()
    assert {piece.is_ticks for piece in of_deribit} == {True, False}
    assert len(inputs(again.warehouse)) == len(of_deribit) and inputs(again.warehouse) <= inputs(out / "warehouse")


def inputs(warehouse: Path) -> set[str]:
    """Hashes of what its chains were made from."""
    store = Store(warehouse)
    manifests = [store.manifest(partition) for partition in store.partitions(CHAIN)]
    return {value for manifest in manifests if manifest for value in manifest.inputs.values()}


@pytest.mark.parametrize(
    ("days", "why"),
    [("1", "from 2 to 365"), ("0", "from 2 to 365"), ("366", "from 2 to 365"), ("2.5", "'2.5' is not a whole number")],
)
def test_days_that_cannot_be(days: str, why: str, gex: Run, tmp_path: Path) -> None:
    status, _, errors = gex("demo", "--days", days, "--out", str(tmp_path / "out"))
    assert status == 2 and errors.count("\n") == 1 and why in errors


@pytest.mark.parametrize(
    ("signals", "status"),
    [
        ([signal.SIGINT, signal.SIGINT], 130),
        ([signal.SIGTERM], 143),
        ([signal.SIGKILL], -signal.SIGKILL),
    ],
)
def test_stopped_it_leaves_nothing(tmp_path: Path, signals: list[int], status: int) -> None:
    out = tmp_path / "a" / "out"
    with demo_process("--days", "10", "--out", str(out)) as process:
        wait_for(lambda: any(out.glob("archive/*/*.parquet")))
        for number in signals:
            to = os.killpg if number == signal.SIGINT else os.kill  # as a terminal does, and a supervisor
            to(process.pid, number)
            time.sleep(0.2)
        errors = process.communicate(timeout=60)[1]
        assert process.returncode == status and "Traceback" not in errors, errors
        wait_for(lambda: not processes_of(process.pid))
    if status < 0:
        with pytest.raises(KeyboardInterrupt), new_folder(out, 2):
            raise KeyboardInterrupt
        shutil.rmtree(tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_no_room_for_a_file_is_one_line(tmp_path: Path) -> None:
    """By the limit on the size of a file, which no journal and no marker comes near."""
    small = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (20_000, 20_000))
    with demo_process("--days", "2", "--out", str(tmp_path / "out"), preexec_fn=small) as process:
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert re.fullmatch(r"gex: cannot write .*/archive/.*: File too large; .*", errors.splitlines()[-1])
    assert "Traceback" not in errors and not list(tmp_path.iterdir())


@contextmanager
def demo_process(*words: str, **options: Any) -> Generator[subprocess.Popen[str]]:
    """`gex demo` in a session of its own, of which nothing is left."""
    command = [sys.executable, "-m", "gex_pipeline.cli", "demo", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True, **options)
    try:
        yield process
    finally:
        for pid in processes_of(process.pid):
            os.kill(pid, signal.SIGKILL)


def processes_of(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = [p for p in psutil.process_iter(["pid", "status"]) if p.info["status"] != psutil.STATUS_ZOMBIE]
    return [p.pid for p in found if session_of(p.pid) == session]


def session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def wait_for(is_so: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_end_of_a_demo_is_its_last_hour() -> None:
    done = demo.Demo(Path("x"), World(demo.SEED, demo.START, DAYS + 1))
    assert done.end == utc("2026-01-06T23:00") and done.at - done.end < timedelta(hours=1)
