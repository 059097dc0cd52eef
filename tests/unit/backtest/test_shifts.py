"""States that last beside outcomes that last: regressions of moved states."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
import statsmodels.api as sm

from gex_backtest.shifts import Moved, shifted
from gex_pipeline.core.black76 import Floats

RNG = np.random.default_rng(11)


def lasting(n: int, keep: float) -> Floats:
    """Noise that keeps a share of what it was."""
    return np.array(list(accumulate(RNG.normal(size=n), lambda before, new: keep * before + new)))


def test_every_t_is_that_of_the_regression_on_the_moved_state() -> None:
    """Beside statsmodels, one regression after another."""
    y, x, controls = (
        lasting(60, 0.5),
        (lasting(60, 0.8) > 0).astype(float),
        np.column_stack([lasting(60, 0.3), np.ones(60)]),
    )
    moved = Moved.of(y, x, controls)
    fits = [sm.OLS(y, np.column_stack([np.roll(x, i), controls])).fit() for i in range(60)]
    assert moved.t() == pytest.approx(np.array([fit.tvalues[0] for fit in fits]))
    assert moved.slope == pytest.approx(fits[0].params[0])
    less = [sm.OLS(y - 0.7 * x, np.column_stack([np.roll(x, i), controls])).fit().tvalues[0] for i in range(60)]
    assert moved.t(0.7) == pytest.approx(np.array(less))


def test_a_state_that_means_nothing_is_found_as_often_as_chance_has_it() -> None:
    """Both last for weeks of their own: the t of a plain regression is beyond 2 in half of these."""
    p_values, plain = [], []
    for _ in range(400):
        y, x = lasting(300, 0.95), (lasting(300, 0.95) > 0).astype(float)
        found = shifted("a", "b", "1", y, x, [])
        if found.p_value is not None:
            p_values.append(found.p_value)
            plain.append(abs(sm.OLS(y, sm.add_constant(x)).fit().tvalues[1]) > 2)
    assert len(p_values) > 300 and np.mean(plain) > 0.3
    assert 0.02 < np.mean(np.array(p_values) < 0.05) < 0.09


def test_a_state_that_matters_is_found() -> None:
    x = np.repeat(RNG.integers(2, size=40).astype(float), 10)
    control = lasting(400, 0.5)
    found = shifted("a", "b", "1", 0.5 * x + control + 0.5 * RNG.normal(size=400), x, [control])
    assert found.value == pytest.approx(0.5, abs=0.15)
    assert found.low is not None and found.p_value is not None and found.low > 0 and found.p_value < 0.05


def test_what_is_found_does_not_widen_the_interval() -> None:
    """One market after another with an effect of none, some and much: what could be detected is the same."""
    detectable = []
    for effect in (0.0, 0.5, 2.0):
        random = np.random.default_rng(5)
        of_each = []
        for _ in range(100):
            noise, level = random.normal(size=(2, 400))
            x = (np.convolve(level, np.ones(30))[:400] > 0).astype(float)
            found = shifted("a", "b", "1", effect * x + noise, x, [])
            of_each += [found.detectable] if found.detectable else []
        assert len(of_each) > 80
        detectable.append(np.median(of_each))
    assert detectable[1:] == pytest.approx([detectable[0]] * 2, rel=1e-6)


def test_the_interval_says_what_the_p_value_says() -> None:
    n = 0
    for i in range(60):
        x = (lasting(200, 0.9) > 0).astype(float)
        found = shifted("a", "b", "1", 0.02 * i * x + lasting(200, 0.5), x, [])
        if found.p_value is not None and found.low is not None and found.high is not None:
            n += 1
            if found.p_value != 0.05:
                assert (found.low > 0 or found.high < 0) == (found.p_value < 0.05)
    assert n > 40


@pytest.mark.parametrize(
    "x", [np.ones(200), (np.arange(200) > 100).astype(float), (np.arange(200) == 50).astype(float)]
)
def test_a_state_that_hardly_changes_says_too_little(x: Floats) -> None:
    found = shifted("a", "b", "1", RNG.normal(size=200), x, [])
    assert (found.value, found.p_value, found.status) == (None, None, "too little data")
