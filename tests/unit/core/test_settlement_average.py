"""Gamma of the settlement average against its twin, derivatives of an integrated price, and simulated averages."""

from __future__ import annotations

import itertools
import math
from datetime import date
from functools import cache

import numpy as np
import pytest

from gex_pipeline.core import black76
from gex_pipeline.core.instruments import VENUES
from gex_pipeline.core.settlement_average import WINDOW_MINUTES, gamma, window_minutes
from tests.slow import settlement_average as slow

pytestmark = pytest.mark.filterwarnings("error")

MINUTE = 1 / (365 * 1_440)
MINUTES = (1 / 60, 0.5, 5.0, 29.999, 30.0, 30.001, 59.0, 60.0, 119.0)
GRID = [
    (f, f * m, n * MINUTE, s, window * MINUTE, f * a)
    for f, m, n, s, window, a in itertools.product(
        (0.625, 101_000.0), (0.2, 0.99, 0.999, 1.0, 1.001, 1.05), MINUTES, (0.2, 0.6), (30, 60), (0.99, 1.0, 1.02)
    )
]


def scalar(*contract: float) -> float:
    return float(gamma(*(np.array(x) for x in contract)))


def peak(f: float, t: float, s: float, window: float) -> float:
    """Gamma at the money, of which errors are a share."""
    return slow.gamma(f, f, t, s, window, f)


def test_it_agrees_with_the_twin() -> None:
    actual = gamma(*(np.array(column) for column in zip(*GRID, strict=True)))
    for contract, value in zip(GRID, actual, strict=True):
        f, _, t, s, window, _ = contract
        assert value == pytest.approx(slow.gamma(*contract), rel=1e-8, abs=1e-12 * peak(f, t, s, window)), contract


@pytest.mark.parametrize("minutes", [0.5, 5.0, 29.0, 31.0, 90.0])
@pytest.mark.parametrize("moneyness", [-1.5, -0.3, 0.0, 0.4, 2.0])
@pytest.mark.parametrize("average", [0.9995, 1.0, 1.001])
def test_it_is_the_second_derivative_of_the_price(minutes: float, moneyness: float, average: float) -> None:
    """The running average stays where it is while the forward moves."""
    f, s, window, t = 101_000.0, 0.6, 30 * MINUTE, minutes * MINUTE
    w = min(t / window, 1.0)
    width = f * s * math.sqrt(t / 3 if w < 1 else t - 2 * window / 3)
    k = (1 - w) * average * f + w * (f + moneyness * width)
    step = 0.01 * width
    below, at, above = (slow.price(x, k, t, s, window, average * f) for x in (f - step, f, f + step))
    expected = (above - 2 * at + below) / step**2
    assert scalar(f, k, t, s, window, average * f) == pytest.approx(expected, abs=1e-4 * peak(f, t, s, window))


@pytest.mark.parametrize("minutes", [5.0, 15.0, 30.0, 45.0])
@pytest.mark.parametrize("moneyness", [-1.0, 0.0, 0.7])
def test_matching_the_variance_is_close_to_the_true_average(minutes: float, moneyness: float) -> None:
    """300,000 simulated paths of 120 steps, seed fixed: gamma = w/F (K'/F)^2 x the density of average / forward at K'.

    Four per cent: a cell of some 20,000 paths is known to 0.7 %, the steps and the width of the cell make the rest.
    """
    f, s, window, t = 100.0, 0.6, 30 * MINUTE, minutes * MINUTE
    w = min(t / window, 1.0)
    ratio = average_over_forward(t, s, window)
    spread = float(ratio.std())
    point, half = 1 + moneyness * spread, 0.1 * spread
    density = np.mean(np.abs(ratio - point) < half) / (2 * half)
    strike = (1 - w) * f + w * f * point
    assert scalar(f, strike, t, s, window, f) == pytest.approx(w / f * point**2 * density, rel=0.04)


@cache
def average_over_forward(t: float, s: float, window: float, paths: int = 300_000, steps: int = 120) -> np.ndarray:
    """The average of the open part of the window over today's forward, once per simulated path."""
    rng = np.random.default_rng(20260318)
    ahead, open_part = max(t - window, 0.0), min(t, window)
    log, total = s * math.sqrt(ahead) * rng.standard_normal(paths) - 0.5 * s * s * ahead, np.zeros(paths)
    h = open_part / steps
    for i in range(steps):
        # the middle of each step: half a step, then whole ones
        d = h if i else 0.5 * h
        log += s * math.sqrt(d) * rng.standard_normal(paths) - 0.5 * s * s * d
        total += np.exp(log)
    return total / steps


@pytest.mark.parametrize("moneyness", [0.995, 1.0, 1.003])
def test_the_two_formulas_meet_where_the_window_opens(moneyness: float) -> None:
    window = 30 * MINUTE
    before, inside = (scalar(100.0, 100.0 * moneyness, window * x, 0.6, window, 100.0) for x in (1 + 1e-9, 1 - 1e-9))
    assert inside == pytest.approx(before, rel=1e-6)
    assert scalar(100.0, 100.0 * moneyness, window, 0.6, window, 100.0) == pytest.approx(before, rel=1e-6)


def test_it_falls_to_zero_where_plain_gamma_explodes() -> None:
    """At the money with everything averaged at F: w / sqrt(r) falls as the root of what is left."""
    f, s, window = 100.0, 0.6, 30 * MINUTE
    left = np.array([4.0, 1.0, 0.25, 0.01, 0.0]) * MINUTE
    averaged, plain = gamma(f, f, left, s, window, f), black76.gamma(np.array(f), np.array(f), left[:-1], np.array(s))
    assert averaged[1:4] / averaged[:3] == pytest.approx([0.5, 0.5, 0.2], rel=1e-4)
    assert averaged[-1] == 0.0
    assert np.all(np.diff(plain) > 0)
    assert scalar(f, 100.01, 0.0, s, window, f) == 0.0


def test_long_before_the_window_it_is_plain_gamma() -> None:
    f, k, t, s = (np.array(x) for x in (100.0, 103.0, 30 / 365, 0.6))
    assert scalar(100.0, 103.0, 30 / 365, 0.6, 30 * MINUTE, 100.0) == pytest.approx(
        float(black76.gamma(f, k, t, s)), rel=1e-3
    )


def test_by_hand() -> None:
    """15 of 30 minutes left, averaged so far 100.2: K' = (100.1 - 0.5 x 100.2) / 0.5 = 100, the forward itself."""
    root = 0.6 * math.sqrt(15 * MINUTE / 3)
    expected = 0.5 * math.exp(-root * root / 8) / (math.sqrt(2 * math.pi) * 100.0 * root)
    assert scalar(100.0, 100.1, 15 * MINUTE, 0.6, 30 * MINUTE, 100.2) == pytest.approx(expected, rel=1e-9)


def test_a_strike_that_is_passed_for_good_has_no_gamma() -> None:
    """Nine tenths averaged at 100: whatever comes, the average ends above 80."""
    assert scalar(100.0, 80.0, 3 * MINUTE, 0.6, 30 * MINUTE, 100.0) == 0.0
    assert scalar(100.0, 90.0, 3 * MINUTE, 0.6, 30 * MINUTE, 100.0) == 0.0  # K' = 0


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("minutes", [10.0, 90.0])
def test_nan_in_nan_out(place: int, minutes: float) -> None:
    contract = [100.0, 101.0, minutes * MINUTE, 0.6, 30 * MINUTE, 100.0]
    contract[place] = math.nan
    is_needed = place < 5 or minutes < 30  # nothing is averaged before the window
    assert math.isnan(scalar(*contract)) == is_needed


def test_the_windows_of_the_venues() -> None:
    assert set(WINDOW_MINUTES) == set(VENUES)
    for venue, day in itertools.product(
        VENUES, (date(2020, 1, 1), date(2026, 3, 17), date(2026, 3, 18), date(2027, 1, 1))
    ):
        assert window_minutes(venue, day) == slow.window_minutes(venue, day)
    assert window_minutes("bitmex", date(2026, 1, 1)) is None
