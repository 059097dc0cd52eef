"""Black-76 against QuantLib, vollib, complex-step derivatives and the slow twin."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import QuantLib as ql
import vollib.black
from scipy.special import erfc
from vollib.black.greeks import analytical as vollib_greeks

from gex_pipeline.core import black76
from tests.slow import black76 as slow

pytestmark = pytest.mark.filterwarnings("error")

YEAR = 365 * 86_400.0
ONE_MINUTE = 60 / YEAR
TENORS = (ONE_MINUTE, 3_600 / YEAR, 1 / 365, 30 / 365, 1.0, 2.0)
VOLS = (0.01, 0.2, 0.55, 1.5, 4.99)
MONEYNESS = (0.05, 0.5, 0.9, 0.99, 1.0, 1.01, 1.1, 2.0, 20.0)
FORWARDS = (0.625, 3_000.0, 112_345.678)
GRID = [(f, f * m, t, s) for f, m, t, s in itertools.product(FORWARDS, MONEYNESS, TENORS, VOLS)]
#: Contracts whose density does not underflow: where relative errors mean something.
LIVE = [(f, k, t, s) for f, k, t, s in GRID if abs(slow.d1(f, k, t, s)) < 35.0]
F, K, T, S = (np.array(column) for column in zip(*GRID, strict=True))
CALL, PUT = np.ones(len(GRID), dtype=bool), np.zeros(len(GRID), dtype=bool)


def quantlib(f: float, k: float, t: float, s: float, option_type: int) -> ql.BlackCalculator:
    return ql.BlackCalculator(ql.PlainVanillaPayoff(option_type, k), f, s * math.sqrt(t), 1.0)


@pytest.mark.parametrize(("is_call", "ql_type"), [(CALL, ql.Option.Call), (PUT, ql.Option.Put)], ids=["call", "put"])
def test_price_delta_gamma_vega_agree_with_quantlib(is_call: np.ndarray, ql_type: int) -> None:
    engines = [quantlib(*contract, ql_type) for contract in GRID]
    price = [ql.blackFormula(ql_type, k, f, s * math.sqrt(t)) for f, k, t, s in GRID]
    np.testing.assert_allclose(black76.price(F, K, T, S, is_call) / F, np.array(price) / F, atol=2e-12, rtol=0)
    delta = [e.deltaForward() for e in engines]
    np.testing.assert_allclose(black76.delta(F, K, T, S, is_call), delta, atol=2e-12, rtol=0)
    gamma = np.array([e.gammaForward() for e in engines])
    np.testing.assert_allclose(black76.gamma(F, K, T, S) * F, gamma * F, atol=1e-12, rtol=1e-9)
    vega = np.array([e.vega(t) for e, (_, _, t, _) in zip(engines, GRID, strict=True)])
    np.testing.assert_allclose(black76.vega(F, K, T, S) / F, vega / F, atol=1e-13, rtol=1e-9)


@pytest.mark.parametrize("flag", ["c", "p"])
def test_price_and_greeks_agree_with_vollib(flag: str) -> None:
    chosen = [x for x in LIVE if 0.5 <= x[1] / x[0] <= 2.0]
    f, k, t, s = (np.array(column) for column in zip(*chosen, strict=True))
    is_call = np.full(len(chosen), flag == "c")

    def oracle(function) -> np.ndarray:
        return np.array([function(flag, a, b, c, 0.0, d) for a, b, c, d in chosen])

    price = oracle(vollib.black.black)
    np.testing.assert_allclose(black76.price(f, k, t, s, is_call) / f, price / f, atol=1e-12)
    np.testing.assert_allclose(black76.delta(f, k, t, s, is_call), oracle(vollib_greeks.delta), atol=1e-12)
    np.testing.assert_allclose(black76.gamma(f, k, t, s) * f, oracle(vollib_greeks.gamma) * f, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(black76.vega(f, k, t, s), 100 * oracle(vollib_greeks.vega), rtol=1e-9, atol=1e-13)
    theta = 365 * oracle(vollib_greeks.theta)
    np.testing.assert_allclose(black76.theta(f, k, t, s) / f, theta / f, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", ["price", "delta"])
@pytest.mark.parametrize("option_type", ["C", "P"])
def test_price_and_delta_keep_their_digits_in_the_wings(name: str, option_type: str) -> None:
    """Relative agreement with the erfc twin for the option that is out of the money, down to 1e-250."""
    is_out = (lambda f, k: k > f) if option_type == "C" else (lambda f, k: k < f)
    for f, k, t, s in LIVE:
        if not is_out(f, k):
            continue
        d1 = slow.d1(f, k, t, s)
        expected = getattr(slow, name)(f, k, t, s, option_type)
        actual = float(getattr(black76, name)(f, k, t, s, option_type == "C"))
        # the twin's own price is the difference of two numbers with a relative rounding error of about d1^2 eps
        slack = 1e-15 * (1 + d1 * d1) * f * slow.cdf(-abs(d1)) if name == "price" else 0.0
        assert actual == pytest.approx(expected, rel=1e-10, abs=slack + 1e-300), (f, k, t, s)


@pytest.mark.parametrize("name", ["gamma", "vega", "vanna", "charm", "theta"])
def test_greeks_agree_with_the_twin_everywhere(name: str) -> None:
    actual = getattr(black76, name)(F, K, T, S)
    expected = np.array([getattr(slow, name)(*contract) for contract in GRID])
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-290)


def complex_delta(f: complex, k: complex, t: complex, s: complex) -> complex:
    """Call delta for complex arguments: its imaginary part over the step is the derivative, without cancellation."""
    d1 = (np.log(f / k) + s * s * t / 2) / (s * np.sqrt(t))
    return 0.5 * erfc(-d1 / np.sqrt(2))


def complex_price(f: complex, k: complex, t: complex, s: complex) -> complex:
    d1 = (np.log(f / k) + s * s * t / 2) / (s * np.sqrt(t))
    return 0.5 * (f * erfc(-d1 / np.sqrt(2)) - k * erfc(-(d1 - s * np.sqrt(t)) / np.sqrt(2)))


DERIVATIVES = [
    ("gamma", complex_delta, 0, 1.0),
    ("charm", complex_delta, 2, -1.0),
    ("vanna", complex_delta, 3, 1.0),
    ("theta", complex_price, 2, -1.0),
    ("vega", complex_price, 3, 1.0),
]


@pytest.mark.parametrize(("name", "of", "argument", "sign"), DERIVATIVES, ids=[d[0] for d in DERIVATIVES])
def test_greeks_are_the_derivatives_they_claim_to_be(name: str, of, argument: int, sign: float) -> None:
    """charm and theta are per year of calendar time going forward, so minus the derivative in the tenor."""
    for f, k, t, s in LIVE:
        if abs(slow.d1(f, k, t, s)) > 6.0:
            continue
        point = [complex(x) for x in (f, k, t, s)]
        step = 1e-20 * point[argument].real
        point[argument] += 1j * step
        expected = sign * of(*point).imag / step
        actual = float(getattr(black76, name)(f, k, t, s))
        scale = slow.phi(slow.d1(f, k, t, s)) / point[argument].real * (f if of is complex_price else 1.0)
        assert actual == pytest.approx(expected, rel=1e-7, abs=1e-9 * scale), (f, k, t, s)


def test_charm_of_call_and_put_is_the_same_forward_difference() -> None:
    """No rate, so no extra term for puts: both deltas move alike as an hour passes."""
    f, k, t, s, hour = 100.0, 103.0, 30 / 365, 0.6, 1 / 8_760
    moves = [
        float(black76.delta(f, k, t - hour / 2, s, c) - black76.delta(f, k, t + hour / 2, s, c)) for c in (True, False)
    ]
    assert moves[0] == pytest.approx(moves[1], rel=1e-9)
    assert moves[0] / hour == pytest.approx(float(black76.charm(f, k, t, s)), rel=1e-5)


def test_put_call_parity_of_price_and_delta() -> None:
    parity = black76.price(F, K, T, S, CALL) - black76.price(F, K, T, S, PUT)
    np.testing.assert_allclose(parity, F - K, atol=1e-9, rtol=1e-12)
    np.testing.assert_allclose(black76.delta(F, K, T, S, CALL) - black76.delta(F, K, T, S, PUT), 1.0, rtol=1e-14)


def test_delta_at_expiry_is_zero_one_or_one_half() -> None:
    f, k = np.array([101.0, 100.0, 99.0]), np.full(3, 100.0)
    assert black76.delta(f, k, np.zeros(3), np.full(3, 0.5), np.ones(3, bool)).tolist() == [1.0, 0.5, 0.0]
    assert black76.delta(f, k, np.zeros(3), np.full(3, 0.5), np.zeros(3, bool)).tolist() == [0.0, -0.5, -1.0]


@pytest.mark.parametrize("is_call", [True, False], ids=["call", "put"])
def test_implied_vol_inverts_the_price(is_call: bool) -> None:
    """As far as the digits of the price allow: the error of a rounded price over vega."""
    price = black76.price(F, K, T, S, np.full(len(GRID), is_call))
    intrinsic = np.maximum(F - K, 0) if is_call else np.maximum(K - F, 0)
    upper = F if is_call else K
    vega_rel = np.array([slow.vega(*x) for x in GRID]) * S
    rounding = 4 * np.finfo(float).eps * (price + intrinsic)
    is_invertible = (price - intrinsic > 1e-300) & (upper - price > 1e-6 * upper) & (rounding < 1e-4 * vega_rel)
    assert is_invertible.sum() > 200
    found = black76.implied_vol(price, F, K, T, np.full(len(GRID), is_call))[is_invertible]
    tolerance = 1e-9 + 8 * (rounding / np.where(vega_rel > 0, vega_rel, 1.0))[is_invertible]
    np.testing.assert_array_less(np.abs(found / S[is_invertible] - 1.0), tolerance)


def test_implied_vol_agrees_with_bisection() -> None:
    for f, k, t, kind, value in [
        (100.0, 100.0, 0.1, "C", 5.0),
        (100.0, 130.0, 1 / 365, "C", 0.01),
        (100.0, 70.0, 2.0, "P", 12.0),
        (100.0, 70.0, 0.25, "C", 31.0),
        (0.625, 0.5, 7 / 365, "P", 0.002),
        (112_345.678, 120_000.0, ONE_MINUTE, "C", 1e-3),
        (100.0, 100.0, 1.0, "C", 99.0),
    ]:
        expected = slow.implied_vol(value, f, k, t, kind)
        assert float(black76.implied_vol(value, f, k, t, kind == "C")) == pytest.approx(expected, rel=1e-9), (k, kind)


@pytest.mark.parametrize(
    ("price", "k", "t", "is_call"),
    [
        (0.0, 110.0, 0.1, True),
        (-1.0, 110.0, 0.1, True),
        (10.0, 90.0, 0.1, True),
        (9.0, 90.0, 0.1, True),
        (100.0, 110.0, 0.1, True),
        (150.0, 110.0, 0.1, True),
        (110.0, 110.0, 0.1, False),
        (10.0, 110.0, 0.1, False),
        (5.0, 110.0, 0.0, True),
        (5.0, 110.0, -0.1, True),
        (float("nan"), 110.0, 0.1, True),
    ],
)
def test_implied_vol_without_a_solution_is_nan(price: float, k: float, t: float, is_call: bool) -> None:
    assert math.isnan(float(black76.implied_vol(price, 100.0, k, t, is_call)))
    assert slow.implied_vol(price, 100.0, k, t, "C" if is_call else "P") is None


def test_implied_vol_of_an_array_with_and_without_solutions() -> None:
    price = np.array([5.0, 0.0, 5.0])
    found = black76.implied_vol(price, 100.0, np.array([100.0, 100.0, 105.0]), 0.1, np.ones(3, bool))
    assert np.isnan(found).tolist() == [False, True, False]
    assert black76.implied_vol(np.array([]), 100.0, np.array([]), 0.1, np.array([], bool)).shape == (0,)
