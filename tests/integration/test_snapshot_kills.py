"""kill -9 at random moments of a snapshot: what is stored stays readable, and the next run completes it."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from gex_pipeline.engine import polls
from gex_pipeline.market.server.server import serve
from gex_pipeline.schema import CHAIN, RAW, SNAPSHOTS
from gex_pipeline.store.partitions import Store
from gex_pipeline.store.verify import verify
from gex_pipeline.venues.raw import from_frame
from tests.integration.writers import FORKS, take

#: Warehouses side by side, and snapshots killed in each.
WAREHOUSES, KILLS, BETWEEN = 5, 10, 20


def seconds(root: Path, urls: Mapping[str, str], at: datetime) -> tuple[float, float]:
    """How long a whole snapshot takes to its first write, and in all."""
    mine, theirs = FORKS.Pipe()
    process = FORKS.Process(target=take, args=(root, urls, at, theirs))
    process.start()
    theirs.close()  # so that the end of a process that fails is heard
    times = {mine.recv(): time.monotonic() for _ in range(3)}
    process.join()
    return times["first write"] - times["begun"], times["over"] - times["begun"]


def kill(root: Path, urls: Mapping[str, str], at: datetime, wait_for: str, seconds: float) -> bool:
    """Begin a snapshot and kill it some seconds after it has come so far; whether it had begun to write."""
    mine, theirs = FORKS.Pipe()
    process = FORKS.Process(target=take, args=(root, urls, at, theirs))
    process.start()
    theirs.close()
    said = [mine.recv()]
    while said[-1] != wait_for:
        said.append(mine.recv())
    time.sleep(seconds)
    process.kill()
    process.join()
    with suppress(EOFError):  # what it said before its end
        while True:
            said.append(mine.recv())
    return "first write" in said


def instants(store: Store, table: str) -> set[datetime]:
    """Snapshots of which a table has rows; reading them all is the test."""
    found = {"raw": RAW, "chain": CHAIN, "snapshots": SNAPSHOTS}[table]
    return {at for part in store.partitions(found) for at in store.read(part)["snapshot_at"].unique()}


def kills(root: Path, urls: Mapping[str, str], start: datetime) -> int:
    """Kill one snapshot after the other, then take one; how many were killed between the first and the last write.

    One in five is killed at any moment, the others once they have begun to write.
    """
    store, between, moments = Store(root), 0, random.Random(root.name)
    first, whole = min(seconds(root, urls, start + timedelta(minutes=i)) for i in range(2))
    for number in range(KILLS):
        at = start + timedelta(minutes=2 + number)
        wait_for, span = ("begun", whole) if number % 5 == 0 else ("first write", whole - first)
        is_writing = kill(root, urls, at, wait_for, moments.uniform(0, span))
        between += is_writing and at not in instants(store, "snapshots")
        if number % 5 == 0:
            assert instants(store, "chain") <= instants(store, "raw")
    seconds(root, urls, start + timedelta(minutes=2 + KILLS))
    return between


def check(root: Path) -> None:
    """Every snapshot is whole, and every file."""
    store = Store(root)
    assert instants(store, "chain") == instants(store, "snapshots") == instants(store, "raw")
    said = pl.concat(map(store.read, store.partitions(SNAPSHOTS)))
    assert set(said["status"]) == {"ok"}
    rows = pl.concat(store.read(p) for p in store.partitions(CHAIN)).group_by("snapshot_at", "underlying").len()
    both = said.join(rows.cast({"underlying": pl.String}), on=["snapshot_at", "underlying"])
    assert both.height == said.height and (both["rows"] == both["len"]).all()
    assert all(from_frame(store.read(p)).replies for p in store.partitions(RAW))
    assert [f for f in verify(root) if "left over" not in f.problem] == []


def test_kills_at_random_moments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roots = [tmp_path / f"warehouse-{number}" for number in range(WAREHOUSES)]
    start = polls.now().replace(second=0, microsecond=0) - timedelta(minutes=KILLS + 5)
    with serve() as server, ThreadPoolExecutor(WAREHOUSES) as pool:
        between = sum(pool.map(partial(kills, urls=server.urls, start=start), roots))
    with capsys.disabled():
        print(f" {between} of {WAREHOUSES * KILLS} kills fell between the first and the last write ", end="")
    assert between >= BETWEEN
    for root in roots:
        check(root)
