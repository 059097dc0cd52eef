"""Curves on the search grid against the Gaussians they are sums of, for every width that a grid of its own serves."""

from __future__ import annotations

import numpy as np
import pytest

from gex_pipeline.core.curves import SMOOTH, Samples, curves
from gex_pipeline.core.profile import SEARCH_STEP, Gaussians, profile_indices, search_grid

pytestmark = pytest.mark.filterwarnings("error")

X = search_grid()
#: Steps of the grid: evaluated directly, at every point, every second, every fourth; each with its edges.
WIDTHS = [0.04, 1.0, SMOOTH - 1e-9, SMOOTH, 2 * SMOOTH - 1e-9, 2 * SMOOTH, 4 * SMOOTH - 1e-9, 4 * SMOOTH, 60.0, 400.0]


def one(m: float, v: float, c: float = 3.0) -> Gaussians:
    return Gaussians(*(np.array([a]) for a in (m, v, c)))


def direct(bumps: Gaussians) -> np.ndarray:
    """Each contract's own curve, (contracts, points)."""
    with np.errstate(under="ignore"):
        z = (X - bumps.m[:, None]) / bumps.v[:, None]
        return bumps.c[:, None] * np.exp(-0.5 * z * z) * np.exp(X)


def many(seed: int, n: int = 400) -> Gaussians:
    draw = np.random.default_rng(seed)
    return Gaussians(draw.uniform(-1.2, 0.9, n), np.exp(draw.uniform(np.log(1e-4), 0.0, n)), draw.exponential(1.0, n))


@pytest.mark.parametrize("steps", WIDTHS)
@pytest.mark.parametrize("m", [0.0, 0.3 * SEARCH_STEP, -0.31, X[0], X[-1], X[1] + 0.7 * SEARCH_STEP, X[0] - 0.02, 0.8])
def test_a_contract_is_missed_by_a_few_hundred_millionths_of_its_peak(steps: float, m: float) -> None:
    bumps = one(m, steps * SEARCH_STEP)
    missed = np.abs(curves(bumps, np.array([0]), 1) - direct(bumps))[0] / (3.0 * np.exp(X))
    assert missed.max() < 2.6e-8
    exact = [0, *profile_indices(), len(X) - 1]
    assert missed[exact].max() < 2e-13


@pytest.mark.parametrize("steps", WIDTHS[2:])
@pytest.mark.parametrize("m", [X[0] - 0.02, X[0] - 0.3, X[-1] + 0.01, X[-1] + 0.25])
def test_of_a_peak_outside_the_range_the_tail_is_exact(steps: float, m: float) -> None:
    """A book may have nothing else: relative to the largest value that is seen."""
    bumps = one(m, steps * SEARCH_STEP)
    expected = direct(bumps)[0]
    if expected.max() > 1e-9:  # beyond eight widths nothing is left of a contract
        assert np.abs(curves(bumps, np.array([0]), 1)[0] - expected).max() < 1e-5 * expected.max()


def test_groups_are_sums_of_their_contracts_and_empty_ones_are_zero() -> None:
    bumps, group = many(1), np.sort(np.random.default_rng(2).choice([1, 2, 5, 6], 400))
    found = curves(bumps, group, 8)
    for g in range(8):
        expected = direct(bumps[group == g]).sum(axis=0)
        np.testing.assert_allclose(found[g], expected, rtol=0, atol=2.6e-8 * (bumps.c * (group == g)).sum() * 1.5)
    assert not found[[0, 3, 4, 7]].any()


def test_samples_add_up_to_whichever_sums_are_asked() -> None:
    bumps, group = many(3), np.sort(np.random.default_rng(4).integers(0, 12, 400))
    samples = Samples.of(bumps, group)
    each = samples.curves(np.arange(12), 12)
    to = np.array([2, 0, 2, 2, 0, 4, 4, 2, 0, 0, 2, 4])
    found = samples.curves(to, 5)
    for i in range(5):
        np.testing.assert_allclose(found[i], each[to == i].sum(axis=0), rtol=1e-12, atol=1e-12)


def test_contracts_of_no_size_and_none_at_all_are_nothing() -> None:
    assert not curves(one(0.0, 0.1, 0.0), np.array([0]), 1).any()
    none = Gaussians(*(np.empty(0) for _ in range(3)))
    assert curves(none, np.empty(0, dtype=np.intp), 2).tolist() == np.zeros((2, len(X))).tolist()
