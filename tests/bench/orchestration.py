"""What Dagster adds: a year of daily partitions of one coin in one run, beside `gex build` of the same.

    python -m tests.bench.orchestration WAREHOUSE YEAR

Both are processes of their own that start from chains without derived tables; Dagster writes to an instance on disk,
made from the template, and reads back every row it has built.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from gex_pipeline.schema import BUILT
from tests.bench.measure import Cost, command, run

COIN = "BTC"
TEMPLATE = Path(__file__).parents[2] / "data" / "dagster" / "dagster.yaml"
_LOCATION = "gex_pipeline.definitions"


def lines(root: Path, year: int) -> list[str]:
    """The benchmark's lines; leaves the coin built."""
    alone = _alone(root, year)
    with tempfile.TemporaryDirectory(prefix="gex-dagster-") as home:
        through = _through_dagster(root, year, Path(home))
    load = min(run([sys.executable, "-c", f"import {_LOCATION}"]).wall for _ in range(3))
    ratio = through.wall / alone.wall
    return [
        f"{COIN} {year}, `gex build` alone: wall {alone.wall:.1f} s, CPU {alone.cpu:.1f} s",
        f"  through Dagster, 365 partitions in one run: wall {through.wall:.1f} s, CPU {through.cpu:.1f} s",
        f"  that is {ratio:.2f} times (at most 1.5), peak {through.peak_mb:,.0f} MB",
        f"import {_LOCATION}, whole process: {load:.2f} s (below 2)",
    ]


def _alone(root: Path, year: int) -> Cost:
    _remove_derived(root)
    span = ("--from", f"{year}-01-01", "--to", f"{year}-12-31")
    return command("--warehouse", str(root), "build", "--underlying", COIN, *span)


def _through_dagster(root: Path, year: int, home: Path) -> Cost:
    _remove_derived(root)
    shutil.copy(TEMPLATE, home)
    config = f'{{"ops": {{"build_derived": {{"config": {{"underlyings": ["{COIN}"]}}}}}}}}'
    words = [sys.executable, "-m", "dagster", "asset", "materialize", "-m", _LOCATION, "--config-json", config]
    span = ["--select", ",".join(t.name for t in BUILT), "--partition-range", f"{year}-01-01...{year}-12-31"]
    return run([*words, *span], DAGSTER_HOME=str(home), GEX_WAREHOUSE=str(root.absolute()))


def _remove_derived(root: Path) -> None:
    for table in BUILT:
        shutil.rmtree(root / table.name / f"underlying={COIN}", ignore_errors=True)


if __name__ == "__main__":
    print(*lines(Path(sys.argv[1]), int(sys.argv[2])), sep="\n")
