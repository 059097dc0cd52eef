"""Snapshots of all four venues from the local server: seconds of the client, requests, and bytes on disk."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from gex_pipeline import open_warehouse, settings
from gex_pipeline.engine.live import snapshot
from gex_pipeline.engine.polls import Network, now
from gex_pipeline.store.partitions import Store
from tests.bench.measure import GEX, Cost, run

_SNAPSHOTS, _APART, _REPEATS = 24, timedelta(seconds=5), 3
_HOURS_A_MONTH = 730


def lines(folder: Path) -> Iterator[str]:
    """One line per figure."""
    warehouse = folder / "live"
    with _venues() as urls:
        began = now() - timedelta(minutes=5)
        costs = [_snapshot(warehouse, urls, began + number * _APART) for number in range(_SNAPSHOTS)]
        alone = min((_alone(warehouse, urls) for _ in range(_REPEATS)), key=lambda cost: cost.wall)
    with open_warehouse(warehouse) as opened:
        last = opened.query("FROM snapshots WHERE snapshot_at = (SELECT max(snapshot_at) FROM snapshots)")
        first = opened.query("FROM snapshots WHERE snapshot_at = (SELECT min(snapshot_at) FROM snapshots)")
    rows = int(last["rows"].sum())
    best = min(costs[1:], key=lambda cost: cost.wall)
    yield (
        f"gex snapshot of {rows:,} contracts, whole process, with kept lists of instruments: wall {best.wall:.2f} s "
        f"(below 3), CPU {best.cpu:.2f} s (below 2), peak {max(c.peak_mb for c in costs):.0f} MB (below 400)"
    )
    yield f"  the first, without: wall {costs[0].wall:.2f} s, CPU {costs[0].cpu:.2f} s"
    yield f"  without the start of a process, as in Dagster: wall {alone.wall:.2f} s, CPU {alone.cpu:.2f} s"
    for (venue,), share in first.group_by("venue", maintain_order=True):
        again = last.filter(venue=venue)["requests"][0]
        yield f"  {venue}: {share['requests'][0]} requests, then {again}; {_raw(warehouse, str(venue))}"
    yield from _disk(warehouse)


@contextmanager
def _venues() -> Generator[dict[str, str]]:
    """The local venues in a process of their own; the variables that point the client there."""
    process = subprocess.Popen([sys.executable, "-m", "gex_pipeline.market.server"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield dict(process.stdout.readline().strip().split("=", 1) for _ in range(7))
    finally:
        process.terminate()
        process.wait()


def _snapshot(warehouse: Path, urls: dict[str, str], at: datetime) -> Cost:
    return run([*GEX, "--warehouse", str(warehouse), "snapshot", "--at", f"{at:%Y-%m-%dT%H:%M:%SZ}"], **urls)


def _alone(warehouse: Path, urls: dict[str, str]) -> Cost:
    """One snapshot in this process."""
    found = settings.load(urls)
    network = Network(found.hosts, found.http_timeout_seconds, found.snapshot_deadline_seconds)
    wall, cpu = time.perf_counter(), time.process_time()
    snapshot(Store(warehouse), network, found.venues, found.underlyings, now().replace(microsecond=0))
    return Cost(time.perf_counter() - wall, time.process_time() - cpu, 0.0)


def _raw(warehouse: Path, venue: str) -> str:
    sizes = [f.stat().st_size for f in (warehouse / "raw" / f"venue={venue}").rglob("*.parquet")]
    return f"raw {sum(sizes) / len(sizes) / 1e3:.0f} KB a snapshot (below 1,000)"


def _disk(warehouse: Path) -> Iterator[str]:
    for table in ("raw", "chain", "chain_rejected", "snapshots"):
        size = sum(f.stat().st_size for f in (warehouse / table).rglob("*.parquet"))
        a_snapshot = size / _SNAPSHOTS
        yield f"  {table}: {a_snapshot / 1e3:.0f} KB a snapshot, {a_snapshot * _HOURS_A_MONTH / 1e6:.0f} MB a month"
