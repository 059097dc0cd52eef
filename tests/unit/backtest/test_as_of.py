"""Which snapshot a decision may use."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gex_backtest.as_of import known_rows
from tests.slow.as_of import known_row

MINUTE = 60_000_000
HOUR = 60 * MINUTE


def rows(snapshots: list[int], known: list[int], decided: list[int], latency: int = 0) -> list[int]:
    return known_rows(np.array(snapshots), np.array(known), np.array(decided), latency).tolist()


@given(
    st.lists(st.tuples(st.integers(1, 300), st.integers(0, 400)), max_size=20),
    st.lists(st.integers(0, 4000), min_size=1, max_size=20),
    st.integers(0, 30),
)
def test_is_what_going_through_all_snapshots_finds(parts: list[tuple[int, int]], decided: list[int], late: int) -> None:
    instants = np.cumsum([gap for gap, _ in parts]).astype(int).tolist()
    known = [at + delay for at, (_, delay) in zip(instants, parts, strict=True)]
    found = rows([m * MINUTE for m in instants], [m * MINUTE for m in known], [m * MINUTE for m in decided], late)
    listed = [(at * MINUTE, when * MINUTE) for at, when in zip(instants, known, strict=True)]
    assert found == [known_row(listed, m * MINUTE, late) for m in decided]


def test_a_snapshot_counts_from_its_knowledge_plus_the_latency_on() -> None:
    assert rows([0], [10], [9, 10], 0) == [-1, 0]
    assert rows([0], [10], [14, 15], 5) == [-1, 0]


@pytest.mark.parametrize("every", [5 * MINUTE, HOUR, 24 * HOUR])
def test_one_older_than_twice_the_usual_interval_is_absent(every: int) -> None:
    instants = [every * i for i in range(8)]
    last = instants[-1]
    assert rows(instants, instants, [last + 2 * every, last + 2 * every + 1]) == [7, -1]


def test_a_hole_is_no_usual_interval() -> None:
    instants = [HOUR * i for i in (0, 1, 2, 3, 4, 30)]
    assert rows(instants, instants, [32 * HOUR, 32 * HOUR + 1]) == [5, -1]


def test_a_snapshot_that_is_heard_of_late_does_not_replace_a_later_one() -> None:
    assert rows([0, HOUR], [3 * HOUR, HOUR], [HOUR, 3 * HOUR]) == [1, 1]


def test_without_snapshots_there_is_none() -> None:
    assert rows([], [], [0, 1]) == [-1, -1]
