"""Snapshots of all four venues from the local server: seconds of the client, requests, and bytes on disk."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from gex_pipeline import open_warehouse
from gex_pipeline.engine.polls import now
from tests.bench.measure import GEX, Cost, run

_SNAPSHOTS = 24
_HOURS_A_MONTH = 730


def lines(folder: Path) -> Iterator[str]:
    """One line per figure."""
    warehouse = folder / "live"
    with _venues() as urls:
        costs = [_snapshot(warehouse, urls, number) for number in range(_SNAPSHOTS)]
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
        yield dict(process.stdout.readline().strip().split("=", 1) for _ in range(5))
    finally:
        process.terminate()
        process.wait()


def _snapshot(warehouse: Path, urls: dict[str, str], number: int) -> Cost:
    at = now().replace(second=0, microsecond=0) - timedelta(minutes=_SNAPSHOTS - number)
    return run([*GEX, "--warehouse", str(warehouse), "snapshot", "--at", f"{at:%Y-%m-%dT%H:%MZ}"], **urls)


def _raw(warehouse: Path, venue: str) -> str:
    sizes = [f.stat().st_size for f in (warehouse / "raw" / f"venue={venue}").rglob("*.parquet")]
    return f"raw {sum(sizes) / len(sizes) / 1e3:.0f} KB a snapshot (below 1,000)"


def _disk(warehouse: Path) -> Iterator[str]:
    for table in ("raw", "chain", "chain_rejected", "snapshots"):
        size = sum(f.stat().st_size for f in (warehouse / table).rglob("*.parquet"))
        a_snapshot = size / _SNAPSHOTS
        yield f"  {table}: {a_snapshot / 1e3:.0f} KB a snapshot, {a_snapshot * _HOURS_A_MONTH / 1e6:.0f} MB a month"
