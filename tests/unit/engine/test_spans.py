"""Stretches of time: united, subtracted, cut, laid on a grid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gex_pipeline.engine.spans import Stretch, cut, missing_bars, on_grid, united, without

START = datetime(2026, 11, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
#: Stretches within a hundred hours.
STRETCHES = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=8)


def at(hours: float) -> datetime:
    return START + hours * HOUR


def stretch(first: float, last: float) -> Stretch:
    return at(first), at(last)


def hours(stretches: list[Stretch]) -> set[int]:
    """Which whole hours lie within; each once."""
    found = [h for start, end in stretches for h in range((start - START) // HOUR, (end - START) // HOUR)]
    assert len(found) == len(set(found))
    return set(found)


def members(pairs: list[tuple[int, int]]) -> set[int]:
    return {h for first, last in pairs for h in range(first, last)}


@given(STRETCHES)
def test_united_has_the_same_hours_and_no_neighbours(pairs: list[tuple[int, int]]) -> None:
    found = united(stretch(*pair) for pair in pairs)
    assert hours(found) == members(pairs)
    assert all(a[1] < b[0] for a, b in pairwise(found))


@given(STRETCHES, st.tuples(st.integers(0, 100), st.integers(0, 100)))
def test_without_leaves_what_is_not_known(pairs: list[tuple[int, int]], whole: tuple[int, int]) -> None:
    found = without(stretch(*whole), [stretch(*pair) for pair in pairs])
    assert hours(found) == members([whole]) - members(pairs)
    assert found == united(found)


@given(STRETCHES, st.integers(1, 30))
def test_pieces_are_the_whole_and_none_is_longer(pairs: list[tuple[int, int]], longest: int) -> None:
    whole = united(stretch(*pair) for pair in pairs)
    pieces = list(cut(whole, longest * HOUR))
    assert hours(pieces) == hours(whole)
    assert all(HOUR <= end - start <= longest * HOUR for start, end in pieces)


def test_the_grid_takes_whole_bars_alone() -> None:
    assert on_grid(stretch(1.5, 4.9), HOUR) == stretch(2, 4)
    assert on_grid(stretch(1, 4), HOUR) == stretch(1, 4)
    assert on_grid((START + timedelta(minutes=1), at(30)), timedelta(days=1)) == (at(24), at(24))


def test_bars_that_are_missing_are_few_stretches() -> None:
    assert missing_bars(stretch(0, 6), HOUR, [at(1), at(2), at(5)]) == [stretch(0, 1), stretch(3, 5)]
    assert missing_bars(stretch(0, 2), HOUR, [at(0), at(1)]) == []
