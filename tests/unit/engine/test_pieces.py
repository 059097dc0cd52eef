"""Where a period's chain is cut: between snapshots, each row in exactly one piece."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gex_pipeline.engine.pieces import pieces

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
TYPE = pl.Datetime("us", "UTC")


def rows(minutes: list[int], venue: str = "okx") -> pl.DataFrame:
    """A snapshot of two rows at each of some minutes."""
    at = [BEGIN + timedelta(minutes=m) for m in sorted(minutes) for _ in range(2)]
    columns = {"snapshot_at": at, "venue": [venue] * len(at), "row": list(range(len(at)))}
    return pl.DataFrame(columns, schema={"snapshot_at": TYPE, "venue": pl.String, "row": pl.Int64})


def snapshots(frames: list[pl.DataFrame]) -> list[int]:
    return [piece["snapshot_at"].n_unique() for piece in pieces(frames)]


@pytest.mark.parametrize(
    ("every", "days", "expected"),
    [
        (24 * 60, 60, [48, 12]),
        (8 * 60, 20, [48, 12]),
        (60, 3, [48, 24]),
        (15, 2, [96, 96]),
        (14, 1, [26, 26, 26, 25]),
        (5, 1, [72, 72, 72, 72]),
    ],
)
def test_few_snapshots_come_together_and_many_in_quarters(every: int, days: int, expected: list[int]) -> None:
    assert snapshots([rows(list(range(0, days * 24 * 60, every)))]) == expected


def test_days_around_one_of_many_snapshots_stand_alone() -> None:
    day = 24 * 60
    sparse = [0, day, 3 * day, 4 * day]
    assert snapshots([rows([*sparse, *range(2 * day, 3 * day, 5)])]) == [2, 72, 72, 72, 72, 2]


def test_nothing_is_no_piece() -> None:
    assert list(pieces([rows([])])) == []


@given(*[st.lists(st.integers(0, 6 * 24 * 12), max_size=300, unique=True)] * 2)
def test_every_row_is_in_one_piece_in_order_and_no_snapshot_is_cut(one: list[int], two: list[int]) -> None:
    frames = [rows([5 * m for m in minutes], venue) for minutes, venue in ((one, "deribit"), (two, "okx"))]
    found = list(pieces(frames))
    for frame, venue in zip(frames, ("deribit", "okx"), strict=True):
        again = pl.concat([frame.clear(), *(p.filter(venue=venue) for p in found)])
        assert again.equals(frame)
    times = [set(p["snapshot_at"]) for p in found]
    assert sum(map(len, times)) == len(set().union(*times))
    assert all(p["venue"].is_sorted() for p in found)
