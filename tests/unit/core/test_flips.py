"""Refinement of crossings: where it begins at the root, and where nothing is left of the numbers."""

from __future__ import annotations

import numpy as np
import pytest

from gex_pipeline.core.flips import Brackets, refine
from gex_pipeline.core.profile import Gaussians

pytestmark = pytest.mark.filterwarnings("error")


def refined(bumps: Gaussians, signs: list[float], guess: float, is_up: bool) -> float:
    """The crossing of one book within 0.001 of the guess."""
    low, high, begin, up = (np.array([a]) for a in (guess - 0.001, guess + 0.001, guess, is_up))
    first, last = np.array([[0]]), np.array([[len(bumps.m)]])
    found = refine(Brackets(np.array([0]), low, high, begin, up), bumps, bumps.c * np.array(signs), first, last)
    return float(found.x[0])


@pytest.mark.parametrize(("root", "is_up"), [(0.006092124977878253, True), (0.05903891087857223, False)])
def test_a_guess_that_is_the_root_stays(root: float, is_up: bool) -> None:
    """There the terms cancel to exactly nothing, which is not what they are where they underflow."""
    bumps = Gaussians(np.array([0.03, -0.05, -0.09]), np.array([0.02, 0.09, 0.09]), np.array([6.0, 7.0, 5.0]))
    assert refined(bumps, [1.0, -1.0, 1.0], root, is_up) == root


@pytest.mark.parametrize("v", [0.05, 0.01, 0.004, 0.0025, 0.001, 0.0001])
def test_the_root_is_found_also_where_the_terms_underflow(v: float) -> None:
    """Between a call at -0.1 and a put of the same size at 0.1: at 0."""
    pair = Gaussians(np.array([-0.1, 0.1]), np.full(2, v), np.full(2, 2.0))
    assert abs(refined(pair, [1.0, -1.0], 0.0004, is_up=False)) < 2e-7
