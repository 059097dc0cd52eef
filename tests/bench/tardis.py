"""A day of ticks as Tardis sells it, made up, and the time its import takes beside `zcat FILE | wc -l`."""

from __future__ import annotations

import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from isal import igzip

from gex_pipeline.importers.tardis import COLUMNS
from tests import made_up
from tests.bench.measure import Cost, command

_DAY = datetime(2026, 1, 5, tzinfo=UTC)
_DAY_US = 86_400_000_000
_ROWS = 250_000  # at once
_ROW_BYTES = 219  # of a line, on average
_COINS = ("BTC", "ETH", "SOL")


def lines(folder: Path, gigabytes: float) -> list[str]:
    """The benchmark's lines."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "deribit_options_chain_2026-01-05_OPTIONS.csv.gz"
    began = time.perf_counter()
    rows, size = write(path, int(gigabytes * 1e9 / _ROW_BYTES))
    made = time.perf_counter() - began
    plain = min(_zcat(path) for _ in range(2))
    costs = [_import(folder / f"warehouse{i}", path) for i in range(2)]
    again = command("--warehouse", str(folder / "warehouse0"), "import", "tardis-options-chain", str(path))
    best = min(costs, key=lambda c: c.wall)
    return [
        f"tardis: {rows:,} rows, {size / 1e9:.2f} GB, {path.stat().st_size / 1e9:.2f} GB as gzip, made in {made:.0f} s",
        f"  zcat FILE | wc -l: {plain:.1f} s = {size / 1e6 / plain:.0f} MB/s",
        (
            f"  gex import: wall {best.wall:.1f} s = {size / 1e6 / best.wall:.0f} MB/s, CPU {best.cpu:.1f} s, peak "
            f"{best.peak_mb:,.0f} MB (at most 1,000); {plain / best.wall:.2f} x the speed of zcat (at least 1)"
        ),
        f"  gex import of the same file again: {again.wall:.1f} s",
    ]


def write(path: Path, rows: int) -> tuple[int, int]:
    """Write a file of about so many rows; returns rows and bytes before compression."""
    contracts = pl.concat([_contracts(coin) for coin in _COINS])
    rng = np.random.default_rng(0)
    n_parts = max(1, rows // _ROWS)
    size = 0
    with igzip.open(path, "wb", compresslevel=1) as file:
        for part in range(n_parts):
            first, last = (_DAY_US * i // n_parts for i in (part, part + 1))
            received = np.sort(rng.integers(first, last, _ROWS)) + int(_DAY.timestamp() * 1e6)
            text = _ticks(contracts, received, rng).write_csv(include_header=part == 0).encode()
            size += file.write(text)
    return n_parts * _ROWS, size


def _contracts(coin: str) -> pl.DataFrame:
    return made_up.chain("deribit", coin, _DAY).with_columns(pl.col(pl.Enum).cast(pl.String))


def _ticks(contracts: pl.DataFrame, received: np.ndarray, rng: np.random.Generator) -> pl.DataFrame:
    """Updates of contracts drawn by chance, in the columns and units of Deribit's file."""
    c = contracts[rng.integers(0, contracts.height, len(received))]
    noise = 1 + 0.001 * rng.standard_normal(len(received))
    per = pl.when(pl.col("settlement") == "inverse").then("forward_usd").otherwise(1.0)
    mark = c.select(pl.col("mark_usd") / per).to_series() * noise
    iv = 100 * c["mark_iv"] * noise
    amount = pl.Series(np.round(50 * rng.random(len(received)), 1))
    greek = pl.Series(np.round(rng.random(len(received)), 5))
    return c.select(
        exchange=pl.lit("deribit"),
        symbol=pl.col("instrument").str.to_uppercase(),
        timestamp=pl.Series(received // 1_000 * 1_000 - 5_000),
        local_timestamp=pl.Series(received),
        type=pl.when(pl.col("option_type") == "C").then(pl.lit("call")).otherwise(pl.lit("put")),
        strike_price=pl.col("strike_usd").cast(pl.Int64),
        expiration=pl.col("expiry_at").dt.epoch("us"),
        open_interest="open_interest_coin",
        last_price=(mark * 1.01).round(4),
        bid_price=(mark * 0.98).round(4),
        bid_amount=amount,
        bid_iv=(iv * 0.98).round(2),
        ask_price=(mark * 1.02).round(4),
        ask_amount=amount.reverse(),
        ask_iv=(iv * 1.02).round(2),
        mark_price=mark.round(6),
        mark_iv=iv.round(2),
        underlying_index=pl.lit("SYN.") + pl.col("instrument").str.extract(r"^([^-]+-[^-]+)"),
        underlying_price=(pl.col("forward_usd") * pl.Series(noise)).round(4),
        delta=greek,
        gamma=(greek * 1e-4).round(5),
        vega=(greek * 100).round(5),
        theta=(greek * -100).round(5),
        rho=(greek * 50).round(5),
    ).select(COLUMNS)


def _zcat(path: Path) -> float:
    began = time.perf_counter()
    subprocess.run(f"zcat '{path}' | wc -l", shell=True, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _import(root: Path, path: Path) -> Cost:
    return command("--warehouse", str(root), "import", "tardis-options-chain", str(path))
