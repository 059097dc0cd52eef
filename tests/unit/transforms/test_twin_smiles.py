"""Expiry summaries, densities and constant maturities against the slow twins."""

from __future__ import annotations

import math
import random
from datetime import timedelta

import polars as pl
import pytest

from gex_pipeline.schema import DENSITY, EXPIRY_SUMMARY, IMPLIED_VOL
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.density import density
from gex_pipeline.transforms.expiry_summary import expiry_summary
from gex_pipeline.transforms.implied_vol import implied_vol
from tests.slow import compare
from tests.slow.books import BOOKS
from tests.slow.chains import FRIDAY, random_book, row
from tests.slow.exposure import Row
from tests.slow.frames import assert_declared, chain_frame

pytestmark = pytest.mark.filterwarnings("error")


def book(rows: list[Row]) -> Book:
    return Book.from_chain(chain_frame(rows))


def with_volumes(rows: list[Row], seed: int) -> list[Row]:
    """Volumes at all venues but the last; some contracts traded nothing."""
    rng = random.Random(seed)
    silent = max(r["venue"] for r in rows)
    return [{**r, "volume_24h_coin": None if r["venue"] == silent else rng.choice([0.0, rng.random()])} for r in rows]


def quiet(seed: int, **arguments) -> list[Row]:
    """A drawn chain whose smiles are straight lines in log-moneyness: distributions exist."""
    rows = random_book(seed, **arguments)
    return [{**r, "mark_iv": 0.5 + 0.2 * (1.0 - r["strike_usd"] / r["forward_usd"])} for r in rows]


def one_wall(option_type: str, wall: float, forward: float) -> list[Row]:
    """A curved smile of both types and open interest of one contract: its strike lies between spot and forward."""
    return [
        row(
            strike,
            side,
            1.0 if (side, strike) == (option_type, wall) else 0.0,
            iv=0.4 + math.log(strike / forward) ** 2,
            expiry_at=FRIDAY + timedelta(days=28),
            forward=forward,
        )
        for strike in (float(k) for k in range(70, 190, 10))
        for side in "CP"
    ]


QUIET = {
    "wide": lambda: quiet(50, days=(0, 7, 35, 182), strikes=15, width=0.5, venues=2),
    "near": lambda: quiet(51, days=(0, 1, 2), strikes=21, width=0.1),
    "hour": lambda: quiet(52, days=(0, 28), snapshot_at=FRIDAY - timedelta(hours=1), strikes=25, width=0.05),
    "years": lambda: quiet(53, days=(91, 364, 728), strikes=12, width=0.7, venues=3),
    "call_wall_alone_below_forward": lambda: one_wall("C", 110.0, 135.0),
    "put_wall_alone_above_forward": lambda: one_wall("P", 90.0, 80.0),
}


@pytest.mark.parametrize("name", BOOKS)
def test_expiry_summary_agrees(name: str) -> None:
    rows = with_volumes(BOOKS[name](), 1)
    frame = expiry_summary(book(rows))
    assert_declared(EXPIRY_SUMMARY, frame)
    compare.assert_expiry_summary(rows, frame)


@pytest.mark.parametrize("name", [*BOOKS, *QUIET])
def test_density_agrees(name: str) -> None:
    rows = {**BOOKS, **QUIET}[name]()
    frame = density(book(rows))
    assert_declared(DENSITY, frame)
    compare.assert_density(rows, frame)
    if name in QUIET:
        assert frame["status"].cast(pl.String).to_list().count("ok") > frame.height / 2


@pytest.mark.parametrize("name", [*BOOKS, *QUIET])
def test_implied_vol_agrees(name: str) -> None:
    rows = {**BOOKS, **QUIET}[name]()
    frame = implied_vol(book(rows))
    assert_declared(IMPLIED_VOL, frame)
    compare.assert_implied_vol(rows, frame)


def test_snapshots_of_one_book_are_kept_apart() -> None:
    """More snapshots than are searched at a time, among them some whose front expiry is minutes away."""
    instants = [FRIDAY - timedelta(minutes=m) for m in (*range(1500, 60, -60), 59, 20, 3)]
    parts = [quiet(60 + i, snapshot_at=at, strikes=5, days=(0, 7)) for i, at in enumerate(instants)]
    assert len(parts) > 24
    together = book([r for rows in parts for r in rows])
    frames = [table(together) for table in (expiry_summary, density, implied_vol)]
    checks = (compare.assert_expiry_summary, compare.assert_density, compare.assert_implied_vol)
    for rows in parts:
        at = pl.col("snapshot_at") == rows[0]["snapshot_at"]
        for check, frame in zip(checks, frames, strict=True):
            check(rows, frame.filter(at))
