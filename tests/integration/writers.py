"""What other processes do to a warehouse in the fault tests: they write, wait for each other and are killed.

Every function here is the body of a process that is forked from a server which has the imports done: this module's
and those below. There is one such server in a process, so what it loads is said here, once.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier as BarrierType
from multiprocessing.synchronize import Event as EventType
from pathlib import Path
from typing import Any

import polars as pl

from gex_backtest import results
from gex_pipeline.engine import live, polls
from gex_pipeline.errors import StoreError
from gex_pipeline.market.world import World
from gex_pipeline.schema import CHAIN
from gex_pipeline.settings import load
from gex_pipeline.store import layout, parquet
from gex_pipeline.store.manifest import Manifest
from gex_pipeline.store.objects import LocalObjects
from gex_pipeline.store.partitions import Store
from gex_pipeline.store.session import Session
from tests.unit.store.build import OPEN, OVER, chain, fold_all, partition

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["pytest", "tests.integration.writers", "gex_pipeline.engine.answers", "httpcore2"])
DAY = partition("2026-03-05")
World(1, date(2026, 3, 5), 1).market("BTC")  # of the rows below: made once, before the processes are forked
#: The stages of a write at which a process can be killed.
STAGES = ("temporary", "pending", "renamed", "manifest")
#: Stages after which the new rows are stored.
COMMITTED = ("renamed", "manifest")


def state(number: int) -> tuple[pl.DataFrame, dict[str, str]]:
    """Rows and inputs that both tell the number of the write they belong to."""
    frame = chain().with_columns(volume_24h_coin=pl.lit(float(number)))
    return frame, {"number": str(number)}


def write_forever(root: Path, first: int, usual: Connection) -> None:
    """Say how many seconds a write takes, then replace the partition by one state after the other until killed."""
    os.fsync = lambda handle: None  # a kill is no power cut, and it now falls into far more writes
    frame, _ = state(0)
    elsewhere = Store(root.with_name(f"{root.name}-{os.getpid()}"), lambda: OPEN)
    elsewhere.replace(DAY, frame, {})  # the first write of a process starts threads and takes far longer than others
    began = time.monotonic()
    elsewhere.replace(DAY, frame, {})
    store, number = Store(root, lambda: OPEN), first
    usual.send(time.monotonic() - began)
    while True:
        store.replace(DAY, frame.with_columns(volume_24h_coin=pl.lit(float(number))), {"number": str(number)})
        number += 1


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def write_and_die(root: Path, number: int, stage: str) -> None:
    """Replace the partition once and be killed at a stage."""
    _kill_at(stage)
    Store(root, lambda: OPEN).replace(DAY, *state(number))


def fold_and_die(root: Path, stage: str) -> None:
    """Fold the month of the partition and be killed at a stage."""
    _kill_at(stage)
    fold_all(Store(root))


def store_run_and_die(root: Path, record: results.Record, table: str, stage: str) -> None:
    """Store the run of a backtest and be killed at a stage of the write of a table."""
    replace = Store.replace

    def replaced(self: Store, partition: layout.Partition, *rest: Any) -> Manifest:
        if partition.table == table:
            _kill_at(stage)
        return replace(self, partition, *rest)

    Store.replace = replaced  # type: ignore[method-assign]
    results.store(root, record)


def _kill_at(stage: str) -> None:
    if stage == "temporary":
        parquet.write = _half_a_file
    elif stage == "manifest":
        LocalObjects.delete = lambda self, name: _die()  # type: ignore[method-assign]
    else:
        suffix = {"pending": layout.PENDING, "renamed": layout.MANIFEST}[stage]
        LocalObjects.write = _killed(LocalObjects.write, suffix, is_before=stage == "renamed")  # type: ignore[method-assign]


def _half_a_file(path: Path, *_: Any) -> None:
    path.write_bytes(b"PAR1 and no more")
    _die()


def _killed(write: Callable[..., None], suffix: str, *, is_before: bool) -> Callable[..., None]:
    """Die after the write of a name, or before it once the pending manifest is there."""
    is_announced = False

    def killed(self: LocalObjects, name: str, data: bytes) -> None:
        nonlocal is_announced
        is_due = name.endswith(suffix) and (is_announced or not is_before)
        if is_due and is_before:
            _die()
        write(self, name, data)
        if is_due:
            _die()
        is_announced = is_announced or name.endswith(layout.PENDING)

    return killed


def merge_pieces(root: Path, pieces: int, mine: int, parties: int, together: BarrierType) -> None:
    """Create the warehouse and merge every ``parties``-th piece of the rows, all processes at once."""
    frame = chain(steps=4)
    size = -(-frame.height // pieces)
    together.wait()
    store = Store(root, lambda: OPEN)
    store.create()
    for piece in range(mine, pieces, parties):
        store.merge(CHAIN, frame.slice(piece * size, size), {f"{piece}.csv": "1"})


def merge_with_little_room(root: Path, limit: int, result: Path) -> None:
    """Merge rows with a limit on the size of files; the error goes to a file."""
    frame = chain("2026-03-05T00:00", 6, is_whole=True)
    store = Store(root, lambda: OPEN)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    try:
        store.merge(CHAIN, frame, {"big": "1"})
    except StoreError as error:
        message = str(error)
    else:
        message = "stored"
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    result.write_text(message)


def query_forever(root: Path, sql: str, ready: EventType, stop: EventType, result: Path) -> None:
    """Run one query again and again, in one session and in new ones; the distinct answers go to a file."""
    session, answers, n = Session(root), set(), 0
    while not stop.is_set() or n < 3:
        answers.add(str(session.query(sql).row(0)))
        with_new = Session(root)
        answers.add(str(with_new.query(sql).row(0)))
        with_new.close()
        n += 1
        ready.set()
    result.write_text("\n".join(sorted(answers)))


def ask_forever(root: Path, ready: EventType, stop: EventType, result: Path) -> None:
    """Ask for the levels of the last snapshot again and again; the distinct answers go to a file."""
    from gex_pipeline.engine.answers import answer

    store, answers, n = Store(root, lambda: OVER), set(), 0
    while not stop.is_set() or n < 3:
        found = answer(store, "BTC", at=OVER)
        answers.add(f"{found.snapshot_at.isoformat()} {found.exposure.height}")
        n += 1
        ready.set()
    result.write_text("\n".join(sorted(answers)))


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
    network = polls.Network(load(urls).hosts, 30.0, 60.0)  # several are taken side by side
    live.snapshot(Store(root), network, ["deribit"], ("SOL", "HYPE"), at)
    begun.send("over")
