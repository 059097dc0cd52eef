"""`gex demo`: by which doors its rows come, that they are the market's, and what it does to a folder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gex_pipeline import cli
from gex_pipeline.engine import demo
from gex_pipeline.engine.demo_folder import new_folder
from gex_pipeline.market import books
from gex_pipeline.market.chains import utc
from gex_pipeline.market.quotes import quotes
from gex_pipeline.market.world import World
from gex_pipeline.store.partitions import Store
from tests.integration.live import Run, query

DAYS = 2
#: Decimals that a vendor's file and a venue's reply carry of a forward in USD.
DIGITS = {"archive": 4, "live": 2}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo of two days."""
    folder = tmp_path_factory.mktemp("demo") / "out"
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
    assert set(polls["n"]) == {8} and polls.height == 4
    asked = query(out / "warehouse", "SELECT count(*) FROM raw WHERE sent_at >= snapshot_at").item()  # not kept lists
    told = re.search(r"\(deribit (\d+), bybit (\d+), okx (\d+), binance (\d+) requests\)", page(out))
    assert told is not None
    candles = query(out / "warehouse", "SELECT count(*) FROM candles WHERE market = 'perp'").item()
    assert candles > 0
    assert asked < sum(map(int, told.groups())) < asked + 100  # candles are asked for, too, and not kept as they came


def page(out: Path) -> str:
    return (out / "report.html").read_text(encoding="utf-8")


def stored(out: Path, book: books.Book, at: datetime) -> pl.DataFrame:
    settlement, names = book.settlement, "instrument LIKE '%-USDT'" if book.family == "USDT" else "true"
    return query(
        out / "warehouse",
        f"SELECT * FROM chain WHERE venue = '{book.venue}' AND underlying = '{book.coin}' AND snapshot_at = '{at}' "
        f"AND settlement = '{settlement}' AND {names} ORDER BY instrument",
    )


@pytest.mark.parametrize("book", [books.BOOKS[i] for i in (0, 2, 6, 11, 13, 16)], ids=lambda b: f"{b.venue}-{b.family}")
@pytest.mark.parametrize(("at", "door"), [("2026-01-06T05:00", "archive"), ("2026-01-06T22:00", "live")])
def test_what_is_stored_is_what_the_market_says(out: Path, book: books.Book, at: str, door: str) -> None:
    """To the last digit that the file or the reply carries; a reply is of one of the seconds that a poll takes."""
    rows = stored(out, book, utc(at))
    world = World(demo.SEED, demo.START, DAYS + 1)
    seconds = range(8) if door == "live" else range(1)
    said = [quotes(book, world, round(utc(at).timestamp() * 1e6) + 1_000_000 * second) for second in seconds]
    order = np.argsort(np.array(said[0].listed.names))
    assert rows["instrument"].to_list() == np.array(said[0].listed.names)[order].tolist()
    assert rows["strike_usd"].to_list() == said[0].listed.strike[order].tolist()
    if door == "live" and book.venue == "binance":  # it publishes no forward: that is by parity of rounded marks
        rows = rows.with_columns(forward_usd=pl.when((pl.col("forward_usd") / pl.col("index_usd") - 1).abs() < 1e-4)
                                 .then("index_usd").otherwise("forward_usd"))  # fmt: skip
    least = {"open_interest": 1e-9, "mark_iv": 1e-9, "forward": 0.5 * 10.0 ** -DIGITS[door] + 1e-9}
    for name, column in (("open_interest", "open_interest_coin"), ("mark_iv", "mark_iv"), ("forward", "forward_usd")):
        distances = [np.abs(getattr(q, name)[order] - rows[column].to_numpy()).max() for q in said]
        assert min(distances) <= least[name], (column, distances)


def test_everything_says_that_it_is_made_up(out: Path) -> None:
    for table in ("chain", "chain_rejected", "candles"):
        sources = query(out / "warehouse", f"SELECT DISTINCT source FROM {table}")["source"]
        assert sources.str.starts_with("synthetic").all()
    assert "SYNTHETIC DATA" in page(out)


def test_the_report_loads_nothing(out: Path) -> None:
    links = re.findall(r'(?:src|href)="([^"]{0,40})', page(out))
    assert links and all(link.startswith("data:") for link in links)
    assert not re.search(r"url\(|@import|<script", page(out))


def test_it_does_not_mix_with_a_real_warehouse(out: Path, gex: Run, place: Path) -> None:
    Store(place).create("real")
    archive = out / "archive"
    for words in (
        ("chain", "--mapping", str(archive / "okx.toml"), str(archive / "okx")),
        ("tardis-options-chain", str(archive / "*.csv.gz")),
    ):
        status, _, errors = gex("import", *words)
        assert status == 1 and "synthetic" in errors
    assert not list(place.rglob("*.parquet"))


def test_a_folder_that_is_no_demo_s_stays_as_it_is(tmp_path: Path, gex: Run) -> None:
    (tmp_path / "thesis.txt").write_text("all my work")
    status, _, errors = gex("demo", "--out", str(tmp_path))
    assert status == 2 and "is not empty and no demo" in errors
    status, _, errors = gex("demo", "--out", str(tmp_path / "thesis.txt"))
    assert status == 2 and "is no folder" in errors
    (tmp_path / "SYNTHETIC.txt").write_text("a demo's")
    status, _, errors = gex("demo", "--out", str(tmp_path))
    assert status == 2 and "has 'thesis.txt', which is no demo's" in errors
    assert (tmp_path / "thesis.txt").read_text() == "all my work"


@pytest.mark.parametrize("kind", ["real", "undecided", None])
def test_a_warehouse_that_is_no_demo_s_stays_as_it_is(tmp_path: Path, gex: Run, kind: str | None) -> None:
    (tmp_path / "SYNTHETIC.txt").touch()
    (tmp_path / "warehouse").mkdir()
    if kind:
        Store(tmp_path / "warehouse").create(kind)
    before = sorted(tmp_path.rglob("*"))
    status, _, errors = gex("demo", "--out", str(tmp_path))
    assert status == 2 and errors.count("\n") == 1 and "a warehouse that is no demo's" in errors
    assert sorted(tmp_path.rglob("*")) == before


def test_a_demo_goes_once_the_next_one_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with new_folder(out, 2):
        Store(out / "warehouse").create("synthetic")
        (out / "report.html").write_text("first")
    with pytest.raises(KeyboardInterrupt):
        fail_after(out, (out / "archive").mkdir)
    assert {path.name for path in out.iterdir()} == {"SYNTHETIC.txt", "warehouse", "report.html"}
    assert (out / "report.html").read_text() == "first"
    with new_folder(out, 2):
        (out / "report.html").write_text("second")
    assert {path.name for path in out.iterdir()} == {"SYNTHETIC.txt", "report.html"}
    assert (out / "report.html").read_text() == "second"


def fail_after(out: Path, work: Callable[[], None]) -> None:
    with new_folder(out, 2):
        assert not (out / "report.html").exists()
        work()
        raise KeyboardInterrupt


def test_a_demo_that_was_killed_gives_way(tmp_path: Path) -> None:
    killed = new_folder(tmp_path, 2)
    killed.__enter__()
    (tmp_path / "archive").mkdir()
    with pytest.raises(KeyboardInterrupt):
        fail_after(tmp_path, lambda: None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("days", ["1", "0", "366"])
def test_days_that_cannot_be(days: str, gex: Run, tmp_path: Path) -> None:
    status, _, errors = gex("demo", "--days", days, "--out", str(tmp_path / "out"))
    assert status == 2 and "must be from 2 to 365" in errors


def test_no_room(gex: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**9, 10**9 - 5 * 10**6, 5 * 10**6))
    status, _, errors = gex("demo", "--days", "90", "--out", str(tmp_path / "out"))
    assert status == 1 and re.search(r"a demo of 90 days needs 8\d\d MB in .*, which has 5: fewer --days", errors)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("seconds", [2.0, 6.0])
def test_interrupted_it_leaves_nothing(tmp_path: Path, seconds: float) -> None:
    command = [sys.executable, "-m", "gex_pipeline.cli", "demo", "--days", "30", "--out", str(tmp_path / "a" / "out")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert not list(tmp_path.iterdir())
    assert "Traceback" not in errors


def test_the_end_of_a_demo_is_its_last_hour() -> None:
    done = demo.Demo(Path("x"), World(demo.SEED, demo.START, DAYS + 1))
    assert done.end == utc("2026-01-06T23:00") and done.at - done.end < timedelta(hours=1)
