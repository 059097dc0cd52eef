"""Sums and medians over groups of rows against loops."""

from __future__ import annotations

from statistics import median

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gex_pipeline.core.groups import group_medians, group_sum, group_sum_of_runs, run_sums


@given(st.lists(st.integers(0, 4), max_size=12))
def test_runs_of_rows_add_up_and_empty_ones_are_zero(counts: list[int]) -> None:
    values = np.arange(1.0, sum(counts) + 1)
    rows = iter(values.tolist())
    expected = [sum(next(rows) for _ in range(n)) for n in counts]
    assert run_sums(values, np.array(counts, dtype=np.intp)).tolist() == expected


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-9, 9)), max_size=20))
def test_groups_add_up_in_whatever_order_their_rows_come(rows: list[tuple[int, int]]) -> None:
    group, values = (np.array([row[i] for row in rows], dtype=np.intp) for i in (0, 1))
    expected = [float(sum(v for g, v in rows if g == i)) for i in range(6)]
    for summed in (group_sum, group_sum_of_runs):
        assert summed(group, values.astype(float), 6).tolist() == expected


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([-2.0, 0.5, 3.0]), st.integers(1, 4)), max_size=12))
def test_medians_are_those_of_all_rows_in_runs_or_not(runs: list[tuple[int, float, int]]) -> None:
    rows = [(group, value) for group, value, n in runs for _ in range(n)]
    group, values = np.array([g for g, _ in rows], dtype=np.intp), np.array([v for _, v in rows])
    expected = [median([v for g, v in rows if g == i]) if i in group else None for i in range(5)]
    assert [None if np.isnan(m) else m for m in group_medians(group, values, 5)] == expected
