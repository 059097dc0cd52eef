"""The words for what a headline says, on numbers made for it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gex_backtest.estimates import independent
from gex_backtest.study import TOO_LITTLE, Estimate
from gex_backtest.verdicts import power, verdict

RNG = np.random.default_rng(3)


def found(value: float, error: float) -> Estimate:
    """As a normal distribution has it."""
    reach = 1.959963984540054 * error
    p_value = float(2 * stats.norm.sf(abs(value) / error))
    return Estimate("a", "b", "1", 100, "m", value, error, value - reach, value + reach, p_value)


@pytest.mark.parametrize(
    ("value", "error", "claimed", "expected"),
    [
        (0.30, 0.10, 0.2, "supported"),
        (-0.30, 0.10, -0.2, "supported"),
        (0.30, 0.10, -0.2, "not supported"),
        (-0.30, 0.10, 0.2, "not supported"),
        (0.30, 0.16, 0.2, "too little data to say"),
        (0.05, 0.05, 0.2, "not supported"),  # 0.14 would have been found
        (0.05, 0.08, 0.2, "too little data to say"),  # 0.224 would have been needed
        (0.02, 0.01, 5.0, "supported"),  # small, and sure
        (0.01, 0.01, 5.0, "not supported"),
    ],
)
def test_the_words(value: float, error: float, claimed: float, expected: str) -> None:
    assert verdict(found(value, error), claimed) == expected


def test_without_a_number_there_is_too_little_data() -> None:
    assert verdict(Estimate("a", "b", "1", 3, "m", status=TOO_LITTLE), 1.0) == "too little data to say"
    assert power(Estimate("a", "b", "1", 3, "m", status=TOO_LITTLE), 1.0) is None


def test_four_of_five_tests_find_what_is_detectable() -> None:
    """By drawing samples: also the power of the size that is claimed."""
    made = [independent("a", "b", "1", 0.28 + RNG.normal(size=100)) for _ in range(2000)]
    found_it = np.mean([each.p_value is not None and each.p_value < 0.05 for each in made])
    said = np.mean([each.detectable for each in made if each.detectable is not None])
    assert found_it == pytest.approx(0.79, abs=0.03) and said == pytest.approx(0.28, abs=0.01)
    powers = [power(each, 0.2) for each in made]
    few = np.mean(
        [
            each.p_value is not None and each.p_value < 0.05
            for each in (independent("a", "b", "1", 0.2 + RNG.normal(size=100)) for _ in range(2000))
        ]
    )
    assert np.mean([each for each in powers if each is not None]) == pytest.approx(few, abs=0.04)
