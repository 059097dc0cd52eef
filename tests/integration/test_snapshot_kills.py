"""kill -9 at random moments of a snapshot: what is stored stays readable, and the next run completes it."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import polars as pl
import pytest

from gex_pipeline.engine import live, polls
from gex_pipeline.market.server.server import serve
from gex_pipeline.schema import CHAIN, RAW, SNAPSHOTS
from gex_pipeline.settings import load
from gex_pipeline.store.objects import LocalObjects
from gex_pipeline.store.partitions import Store
from gex_pipeline.store.verify import verify
from gex_pipeline.venues.raw import from_frame

KILLS, BETWEEN = 50, 20
COINS = ("SOL", "HYPE")
#: A forked server has the imports done, so that a process is in the snapshot at once.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["gex_pipeline.engine.live", "gex_pipeline.store.partitions", "scipy.special"])


def take(root: Path, urls: Mapping[str, str], at: datetime, begun: Connection) -> None:
    """Take a snapshot; say when it begins, when it first writes and when it is over."""
    os.fsync = lambda handle: None  # a kill is no power cut, and more of them fall into writes
    replace = LocalObjects.replace

    def first(self: LocalObjects, *arguments: object) -> None:
        LocalObjects.replace = replace  # type: ignore[method-assign]
        begun.send("first write")
        replace(self, *arguments)  # type: ignore[arg-type]

    LocalObjects.replace = first  # type: ignore[method-assign, assignment]
    begun.send("begun")
    network = polls.Network(load(urls).hosts, 5.0, 10.0)
    live.snapshot(Store(root), network, ["deribit"], COINS, at)
    begun.send("over")


def seconds(root: Path, urls: Mapping[str, str], at: datetime) -> tuple[float, float]:
    """How long a whole snapshot takes to its first write, and in all."""
    mine, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=take, args=(root, urls, at, theirs))
    process.start()
    times = {mine.recv(): time.monotonic() for _ in range(3)}
    process.join()
    return times["first write"] - times["begun"], times["over"] - times["begun"]


def kill(root: Path, urls: Mapping[str, str], at: datetime, wait_for: str, seconds: float) -> bool:
    """Begin a snapshot and kill it some seconds after it has come so far; whether it had begun to write."""
    mine, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=take, args=(root, urls, at, theirs))
    process.start()
    said = [mine.recv()]
    while said[-1] != wait_for:
        said.append(mine.recv())
    time.sleep(seconds)
    process.kill()
    process.join()
    while mine.poll():
        said.append(mine.recv())
    return "first write" in said


def instants(store: Store, table: str) -> set[datetime]:
    """Snapshots of which a table has rows; reading them all is the test."""
    found = {"raw": RAW, "chain": CHAIN, "snapshots": SNAPSHOTS}[table]
    return {at for part in store.partitions(found) for at in store.read(part)["snapshot_at"].unique()}


def test_kills_at_random_moments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One in five at any moment, the others once the snapshot has begun to write."""
    root, store, between = tmp_path / "warehouse", Store(tmp_path / "warehouse"), 0
    moments = random.Random(20261127)
    start = polls.now().replace(second=0, microsecond=0) - timedelta(minutes=KILLS + 5)
    with serve() as server:
        first, whole = min(seconds(root, server.urls, start + timedelta(minutes=i)) for i in range(2))
        for number in range(KILLS):
            at = start + timedelta(minutes=2 + number)
            wait_for, span = ("begun", whole) if number % 5 == 0 else ("first write", whole - first)
            is_writing = kill(root, server.urls, at, wait_for, moments.uniform(0, span))
            between += is_writing and at not in instants(store, "snapshots")
            if number % 10 == 0:
                assert instants(store, "chain") <= instants(store, "raw")
        seconds(root, server.urls, start + timedelta(minutes=2 + KILLS))
    with capsys.disabled():
        print(f" {between} of {KILLS} kills fell between the first and the last write ", end="")
    assert between >= BETWEEN
    assert instants(store, "chain") == instants(store, "snapshots") == instants(store, "raw")
    said = pl.concat(map(store.read, store.partitions(SNAPSHOTS)))
    assert set(said["status"]) == {"ok"}
    rows = pl.concat(store.read(p) for p in store.partitions(CHAIN)).group_by("snapshot_at", "underlying").len()
    both = said.join(rows.cast({"underlying": pl.String}), on=["snapshot_at", "underlying"])
    assert both.height == said.height and (both["rows"] == both["len"]).all()
    assert all(from_frame(store.read(p)).replies for p in store.partitions(RAW))
    assert [f for f in verify(root) if "left over" not in f.problem] == []
