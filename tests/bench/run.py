"""`make bench`: every figure of speed and memory, measured in one run and printed side by side.

    python -m tests.bench.run [--years 3] [--ticks-gb 5] [--folder DIR]

Writes about 3 GB a year below the folder, and the ticks, and removes it all at the end unless --keep is given.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from gex_pipeline import open_warehouse
from gex_pipeline.engine.pool import cores
from gex_pipeline.schema import DERIVED, TRADES
from tests.bench import backtest, fill, kernels, live, market, orchestration, tardis
from tests.bench.measure import GEX, Cost, best, command

_QUERY = (
    "SELECT snapshot_at, value_usd FROM levels WHERE underlying = 'BTC' AND venues = 'all' AND scope = 'all_expiry' "
    "AND sign_model = 'naive' AND level = 'zero_gamma' AND year(snapshot_at) = {year}"
)
_MACROS = ("levels_for", "strike_profile", "strike_expiry_heatmap")
_MACRO = (
    "FROM {macro}(underlying := 'BTC', at := TIMESTAMPTZ '{year}-06-15 12:00Z', venues := ['deribit', 'okx'], "
    "sign_model := 'short_all', moneyness_min := 0.9, moneyness_max := 1.1)"
)


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=3)
    parser.add_argument("--ticks-gb", type=float, default=5.0, help="size of the archive of ticks before compression")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="gex-bench-"))
    print(f"{cores()} cores; synthetic chains in {folder}", flush=True)
    try:
        ticks = tardis.lines(folder / "ticks", options.ticks_gb)
        for line in [*kernels.lines(), *market.lines(), *backtest.lines(), *live.lines(folder), *ticks]:
            print(line, flush=True)
        _warehouse(folder / "warehouse", options.years)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def _warehouse(root: Path, years: int) -> None:
    for year in range(fill.FIRST_YEAR, fill.FIRST_YEAR + years):
        began = time.perf_counter()
        rows = fill.fill(root, year)
        seconds = time.perf_counter() - began
        print(f"{year}: generated {rows:,} rows in {seconds:.1f} s = {rows / seconds / 1e6:.2f} M rows/s (at least 1)")
        if year == fill.FIRST_YEAR:
            for line in _month(root, year):
                print(line, flush=True)
        cost = _build(root, f"{year}-01-01", f"{year}-12-31")
        print(_line(f"build of the whole year {year} (at most 120 s, 4,000 MB)", cost), flush=True)
        if year == fill.FIRST_YEAR:
            for line in orchestration.lines(root, year):
                print(line, flush=True)
    _sizes(root)
    _queries(root, fill.FIRST_YEAR + years // 2)


def _month(root: Path, year: int) -> Iterator[str]:
    """A January without trades and with them, which are taken away again."""
    days = f"{year}-01-01", f"{year}-01-31"
    without = _build(root, *days)
    yield _line(f"build of one month ({year}-01)", without)
    rows = fill.add_trades(root, year)
    cost = _build(root, *days)
    yield _line(f"the same with {rows:,} trades, {cost.cpu / without.cpu:.2f} times the CPU", cost)
    shutil.rmtree(root / TRADES.name)


def _build(root: Path, start: str, end: str) -> Cost:
    return command("--warehouse", str(root), "build", "--force", "--from", start, "--to", end)


def _line(what: str, cost: Cost) -> str:
    return f"{what}: wall {cost.wall:.1f} s, CPU {cost.cpu:.1f} s, peak {cost.peak_mb:,.0f} MB over all processes"


def _sizes(root: Path) -> None:
    with open_warehouse(root) as warehouse:
        names = ("chain", *(table.name for table in DERIVED))
        counts = {n: warehouse.query(f"SELECT count(*) FROM {n}").item() for n in names}
    for name, rows in counts.items():
        size = sum(f.stat().st_size for f in (root / name).rglob("*.parquet")) / 1e6
        print(f"  {name}: {rows:,} rows, {size:,.0f} MB")


def _queries(root: Path, year: int) -> None:
    with open_warehouse(root) as warehouse:
        point = best(lambda: warehouse.query(_QUERY.format(year=year)), 5)
        rows = warehouse.query(_QUERY.format(year=year)).height
        ask = best(lambda: warehouse.levels("BTC"), 5)
        macros = {name: best(lambda m=name: warehouse.query(_MACRO.format(macro=m, year=year)), 10) for name in _MACROS}
    print(f"one level for a year by SQL, warm: {point * 1e3:.0f} ms for {rows:,} rows (at most 200)")
    print(f"levels of BTC in Python, warm: {ask * 1e3:.0f} ms")
    for name, seconds in macros.items():
        print(f"{name} at one instant with filters, warm: {seconds * 1e3:.0f} ms (at most 100)")
    print(f"gex --help, whole process: {min(command('--help').wall for _ in range(5)):.2f} s (below 0.3)")
    runs = [command("--warehouse", str(root), "levels", "BTC").wall for _ in range(3)]
    print(f"gex levels BTC, whole process: {min(runs):.2f} s (below 1.5)   [{' '.join(GEX[1:])}]")
    fill.add_candles(root, year)
    runs = [command("--warehouse", str(root), "scan", "--at", f"{year}-12-31T12:30Z").wall for _ in range(3)]
    print(f"gex scan of three coins, five-minute candles, whole process: {min(runs):.2f} s (below 1.5)")


if __name__ == "__main__":
    main()
