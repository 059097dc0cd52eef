"""Sums over groups of rows against loops."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gex_pipeline.core.groups import group_sum, run_sums


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
    assert group_sum(group, values.astype(float), 6).tolist() == expected
