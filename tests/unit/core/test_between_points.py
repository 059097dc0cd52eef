"""Curves between the points of the search grid against the Gaussians they are made of."""

from __future__ import annotations

import numpy as np
import pytest

from gex_pipeline.core.between_points import SMOOTH_VOL, Polynomials
from gex_pipeline.core.profile import SEARCH_STEP, search_grid

pytestmark = pytest.mark.filterwarnings("error")


def error(m: float, v: float, x: np.ndarray) -> tuple[float, float]:
    """Largest error of value (of the peak) and slope (of the peak over the width) of one Gaussian."""
    grid = search_grid()
    curve = np.exp(-0.5 * ((grid - m) / v) ** 2 + grid)[None]
    rows = np.arange(len(x))
    value, slope = Polynomials.through(curve, np.zeros_like(rows), x).at(rows, x)
    z = (x - m) / v
    true = np.exp(-0.5 * z * z)
    return float(np.abs(value - true).max()), float(np.abs(slope + true * z / v).max() * v)


@pytest.mark.parametrize("shift", [0.0, 0.2, 0.5])
def test_the_narrowest_smooth_contract_is_read_to_a_ten_millionth(shift: float) -> None:
    x = np.linspace(-0.1, 0.1, 5_001)
    of_value, of_slope = error(shift * SEARCH_STEP, SMOOTH_VOL, x)
    assert of_value < 1e-7
    assert of_slope < 2e-6


@pytest.mark.parametrize(("cells", "most"), [((1, 2), 9e-7), ((-3, -2), 9e-7), ((0, 1), 1e-4), ((-2, -1), 1e-4)])
def test_the_outer_cells_are_read_less_well(cells: tuple[int, int], most: float) -> None:
    """Between the outer two points, and beyond them at the ends of the range."""
    low, high = search_grid()[list(cells)]
    for m in np.linspace(low - 2 * SMOOTH_VOL, high + 2 * SMOOTH_VOL, 9):
        assert error(float(m), SMOOTH_VOL, np.linspace(low, high, 101))[0] < most


def test_a_wide_contract_is_read_as_exactly_as_it_is_stored() -> None:
    assert error(0.01, 0.1, np.linspace(-0.6, 0.4, 2_001))[0] < 1e-12


def test_a_root_is_found_where_the_curve_crosses_and_the_guess_kept_where_it_does_not() -> None:
    grid = search_grid()
    curve = np.exp(-0.5 * ((grid - 0.02) / 0.05) ** 2) - np.exp(-0.5 * ((grid + 0.03) / 0.05) ** 2)
    crossing = -0.005  # halfway between two equal Gaussians of opposite sign
    low, high = np.array([-0.006, 0.011]), np.array([-0.004, 0.012])
    guess = np.array([-0.0041, 0.0115])
    found = Polynomials.through(np.stack([curve, curve]) * np.exp(grid), np.array([0, 1]), guess).roots(
        low, high, guess
    )
    assert abs(found[0] - crossing) < 1e-9
    assert found[1] == guess[1]
