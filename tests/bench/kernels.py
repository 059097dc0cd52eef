"""Kernels beside slower ways to the same numbers, on one synthetic chain of about 900 contracts."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from gex_pipeline.core import curves, profile
from gex_pipeline.schema import EXPECTED_MOVE, FLIP_ZONES, GAMMA_PROFILE, LEVELS, MAX_PAIN, RANKED
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.derive import TRANSFORMS, derive
from tests import made_up
from tests.bench.measure import best
from tests.instants import utc

N_POINTS = 81
_CORE = (LEVELS, FLIP_ZONES, GAMMA_PROFILE, RANKED, MAX_PAIN, EXPECTED_MOVE)


def one_chain(hours: int = 1) -> pl.DataFrame:
    """Hourly chains of one synthetic venue and coin, about 900 contracts each."""
    return made_up.chain("deribit", "BTC", utc("2026-01-05T12:00"), hours).with_columns(pl.col(pl.Enum).cast(pl.String))


def lines() -> list[str]:
    """The benchmark's lines."""
    chain = one_chain()
    bumps = Book.from_chain(one_chain(hours=7)).contracts.bumps[:6_000]
    group = np.zeros(len(bumps.m), dtype=np.intp)
    grid = np.linspace(profile.X_MIN, profile.X_MAX, N_POINTS)
    whole = best(lambda: curves.curves(bumps, group, 1), 20)
    per_81 = whole / len(bumps.m) * N_POINTS / len(profile.search_grid())
    direct = best(lambda: _direct(bumps, grid), 20) / len(bumps.m)
    loop = best(lambda: _loop(bumps, grid), 1) / len(bumps.m)
    everything = best(lambda: derive(chain), 50)  # as the store hands it over
    core = best(lambda: _core(chain), 50)
    return [
        f"one chain of {chain.height} contracts, frame -> levels to expected move: {core * 1e3:.1f} ms (at most 5)",
        f"  -> all tables: {everything * 1e3:.1f} ms (at most 10)",
        f"whole-book kernel, {len(bumps.m)} contracts, {len(profile.search_grid())} points: {whole * 1e3:.2f} ms",
        (
            f"  per contract and {N_POINTS} points: {per_81 * 1e9:.0f} ns (at most 100); "
            f"direct re-pricing {direct * 1e9:.0f} ns; plain loop {loop * 1e9:.0f} ns"
        ),
    ]


def _core(chain: pl.DataFrame) -> list[pl.DataFrame]:
    """The tables that the others rest on."""
    book = Book.from_chain(chain, is_ordered=True)
    return [
        TRANSFORMS[table.name](book) for table in (LEVELS, FLIP_ZONES, GAMMA_PROFILE, RANKED, MAX_PAIN, EXPECTED_MOVE)
    ]


def _direct(bumps: profile.Gaussians, grid: np.ndarray) -> np.ndarray:
    z = (grid[:, None] - bumps.m) / bumps.v
    return (bumps.c * np.exp(-0.5 * z * z)).sum(axis=1) * np.exp(grid)


def _loop(bumps: profile.Gaussians, grid: np.ndarray) -> list[float]:
    contracts = list(zip(bumps.m.tolist(), bumps.v.tolist(), bumps.c.tolist(), strict=True))
    return [math.exp(x) * sum(c * math.exp(-0.5 * ((x - m) / v) ** 2) for m, v, c in contracts) for x in grid.tolist()]
