"""Smiles, wings, terms and distributions against other formulas, other code and arithmetic by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator
from scipy.special import ndtri

from gex_pipeline.core.black76 import price
from gex_pipeline.core.density import Distribution, cdf
from gex_pipeline.core.smile import STEEPEST, Smile
from gex_pipeline.core.term import constant_maturity
from gex_pipeline.core.wings import delta_sizes, iv_at_delta

pytestmark = pytest.mark.filterwarnings("error")
NAN = math.nan
PROBABILITIES = (0.025, 0.16, 0.5, 0.84, 0.975)


def one(values: list[float]) -> np.ndarray:
    return np.array([values])


# ---------------------------------------------------------------- between strikes


def test_between_quotes_a_smile_is_scipys_pchip() -> None:
    """Drawn quotes with gaps, of which rows have different numbers."""
    rng = np.random.default_rng(1)
    x, w = np.sort(rng.uniform(-1.0, 1.0, (60, 14)), axis=1), rng.uniform(0.01, 0.02, (60, 14))
    w[rng.random(w.shape) < 0.4] = NAN
    w[:, :3] = 0.015
    points = np.broadcast_to(np.linspace(-1.1, 1.1, 301), (60, 301))
    value, slope = Smile.from_quotes(x, w).at(points)
    for i in range(60):
        known = ~np.isnan(w[i])
        other = PchipInterpolator(x[i][known], w[i][known])
        inside = (points[i] > x[i][known][0]) & (points[i] <= x[i][known][-1])
        np.testing.assert_allclose(value[i][inside], other(points[i][inside]), rtol=1e-11)
        np.testing.assert_allclose(slope[i][inside], other.derivative()(points[i][inside]), rtol=1e-8, atol=1e-11)


def test_a_grid_is_its_points() -> None:
    smile = Smile.from_quotes(one([-0.2, -0.1, 0.0, 0.1, 0.3]), one([0.02, 0.015, 0.01, 0.012, 0.02]))
    start, step = np.array([-0.5]), np.array([0.013])
    points = start[:, None] + np.arange(80) * step[:, None]
    for of_grid, of_points in zip(smile.on_grid(start, step, 80), smile.at(points), strict=True):
        np.testing.assert_array_equal(of_grid, of_points)


def test_beyond_the_quotes_variance_goes_on_rising_and_never_falls() -> None:
    """Left of -0.2 it rises outwards by 0.05; right of 0.2 it falls, so it stays; no slope is above Lee's bound."""
    smile = Smile.from_quotes(one([-0.2, -0.1, 0.0, 0.1, 0.2]), one([0.03, 0.025, 0.02, 0.015, 0.01]))
    value, slope = smile.at(one([-1.2, -0.2, 0.2, 1.2]))
    np.testing.assert_allclose(value, one([0.08, 0.03, 0.01, 0.01]), rtol=1e-12)
    assert slope[0, 0] == pytest.approx(-0.05)
    assert slope[0, -1] == 0.0
    steep = Smile.from_quotes(one([-0.1, 0.0, 0.1]), one([1.0, 0.1, 1.0]))
    assert steep.at(one([-9.0, 9.0]))[1].tolist() == [[-STEEPEST, STEEPEST]]


# ---------------------------------------------------------------- distributions


def distribution(x: np.ndarray, w: np.ndarray) -> Distribution:
    smile = Smile.from_quotes(x, w)
    return Distribution.from_smile(smile, np.sqrt(smile.at(np.zeros((len(x), 1)))[0][:, 0]))


@pytest.mark.parametrize("v", [0.003, 0.05, 0.4, 1.5])
def test_a_flat_smile_is_lognormal(v: float) -> None:
    x = one([-0.6, -0.3, -0.1, 0.2, 0.5])
    found = distribution(x, np.full_like(x, v * v))
    np.testing.assert_allclose(found.quantiles(PROBABILITIES)[0], v * ndtri(PROBABILITIES) - 0.5 * v * v, atol=1e-9)
    assert found.repair[0] < 1e-6


#: Total variance of J. Gatheral's SVI at two tenors, free of arbitrage: a, b, rho, m, sigma.
SVI = [(0.002, 0.03, -0.4, 0.01, 0.08), (0.04, 0.10, -0.3, 0.0, 0.30)]


def svi(x: np.ndarray, a: float, b: float, rho: float, m: float, sigma: float) -> np.ndarray:
    return a + b * (rho * (x - m) + np.sqrt((x - m) ** 2 + sigma**2))


@pytest.mark.parametrize("parameters", SVI)
def test_probabilities_are_the_slope_of_call_prices(parameters: tuple) -> None:
    """1 + dC/dK by central differences of Black-76 prices along the smile, which knows nothing of d2."""
    x = np.linspace(-0.5, 0.5, 41)
    h = 1e-5
    up, down = (price(1.0, np.exp(y), 1.0, np.sqrt(svi(y, *parameters)), True) for y in (x + h, x - h))
    numeric = 1.0 + (up - down) / (np.exp(x + h) - np.exp(x - h))
    slope = (svi(x + h, *parameters) - svi(x - h, *parameters)) / (2 * h)
    np.testing.assert_allclose(cdf(x, svi(x, *parameters), slope), numeric, atol=1e-9)


@pytest.mark.parametrize("parameters", SVI)
def test_quantiles_of_a_quoted_smile_are_those_of_the_true_one(parameters: tuple) -> None:
    """Strikes a quarter of a standard deviation apart: quantiles to a fiftieth of one."""
    sd = math.sqrt(svi(np.zeros(1), *parameters)[0])
    x = one(list(np.arange(-4.0, 4.01, 0.25) * sd))
    found = distribution(x, svi(x, *parameters))
    fine = np.linspace(-5 * sd, 5 * sd, 20_001)
    true = cdf(fine, svi(fine, *parameters), np.gradient(svi(fine, *parameters), fine))
    want = np.interp(PROBABILITIES, true, fine)
    np.testing.assert_allclose(found.quantiles(PROBABILITIES)[0], want, atol=0.02 * sd)
    assert found.repair[0] < 0.005


def test_the_mean_of_the_distribution_is_the_forward() -> None:
    """The integral of 1 - P over prices; a distribution that misses it prices the forward wrongly."""
    x = np.linspace(-3.0, 3.0, 60_001)
    for parameters in SVI:
        sd = math.sqrt(svi(np.zeros(1), *parameters)[0])
        quotes = one(list(np.arange(-4.0, 4.01, 0.5) * sd))
        smile = Smile.from_quotes(quotes, svi(quotes, *parameters))
        above = 1.0 - cdf(x[None], *smile.at(x[None]))[0]
        k = np.exp(x)
        mean = k[0] + np.sum(0.5 * (above[1:] + above[:-1]) * np.diff(k))
        assert mean == pytest.approx(1.0, abs=2e-4)


def test_quotes_with_arbitrage_need_repair() -> None:
    """A smile that leaps from 72 % to 78 % within a few strikes: the distribution falls behind the leap."""
    x = one([-0.3, -0.2, -0.1, 0.0, 0.03, 0.06, 0.1, 0.2, 0.3])
    iv = one([0.75, 0.74, 0.73, 0.725, 0.72, 0.78, 0.78, 0.78, 0.78])
    leap = distribution(x, iv**2 * 0.02)
    assert leap.repair[0] > 0.05
    assert (np.diff(leap.probability) >= 0).all()


# ---------------------------------------------------------------- wings


def test_iv_at_a_delta_by_hand() -> None:
    """Deltas 0.6, 0.35, 0.15: at 0.25 half of each variance; at 0.10 nothing is beyond; at 0.35 its own."""
    size, iv = one([0.6, NAN, 0.35, 0.15]), one([0.5, NAN, 0.6, 0.8])
    assert iv_at_delta(size, iv, 0.25)[0] == pytest.approx(math.sqrt((0.36 + 0.64) / 2))
    assert np.isnan(iv_at_delta(size, iv, 0.10)[0])
    assert iv_at_delta(size, iv, 0.35)[0] == pytest.approx(0.6)
    assert iv_at_delta(size, iv, 0.6)[0] == pytest.approx(0.5)
    assert np.isnan(iv_at_delta(size, iv, 0.7)[0])


def test_a_far_quote_that_contradicts_has_no_say() -> None:
    """Delta falls to 0.2 and is 0.24 again far out: the bracket is 0.3 and 0.2."""
    assert iv_at_delta(one([0.3, 0.2, 0.24]), one([0.5, 0.5, 4.0]), 0.25)[0] == pytest.approx(0.5)


def test_a_smile_of_one_iv_has_it_at_every_delta() -> None:
    strikes = one([80.0, 90.0, 100.0, 110.0, 120.0])
    f, t, iv = np.array([100.0]), np.array([0.25]), np.full((1, 5), 0.4)
    call = delta_sizes(f, strikes, t, iv, is_call=True)
    put = delta_sizes(f, strikes, t, iv, is_call=False)
    np.testing.assert_allclose(call + put, 1.0, rtol=1e-14)
    # N(d1) = 0.25 at d1 = -0.67449: K = F exp(0.2 x 0.67449 + 0.02) = 116.76, between 110 and 120
    assert call[0, 3] > 0.25 > call[0, 4]
    assert iv_at_delta(call, iv, 0.25)[0] == pytest.approx(0.4)
    assert iv_at_delta(put[:, ::-1], iv[:, ::-1], 0.25)[0] == pytest.approx(0.4)


# ---------------------------------------------------------------- terms


def test_a_constant_maturity_by_hand() -> None:
    """50 % at 20 days and 60 % at 50 days: variance 0.25 x 20 = 5 and 0.36 x 50 = 18, so 9.3333 at 30 days."""
    tenors, iv = one([20 / 365, 35 / 365, 50 / 365]), one([0.5, NAN, 0.6])
    assert constant_maturity(tenors, iv, 30)[0] == pytest.approx(math.sqrt((5 + 13 / 3) / 30))
    assert constant_maturity(tenors, iv, 20)[0] == pytest.approx(0.5)
    assert constant_maturity(tenors, iv, 50)[0] == pytest.approx(0.6)
    assert np.isnan(constant_maturity(tenors, iv, 19)[0])
    assert np.isnan(constant_maturity(tenors, iv, 51)[0])
    assert np.isnan(constant_maturity(tenors, np.full((1, 3), NAN), 30)[0])
