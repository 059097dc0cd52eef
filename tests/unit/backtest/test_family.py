"""Many variants and many tests at once: how often chance alone is found."""

from __future__ import annotations

import numpy as np
import pytest

from gex_backtest.family import family, grid_q_values, q_values
from gex_backtest.study import Estimate
from gex_pipeline.core.black76 import Floats


def noise(rng: np.random.Generator, variants: int, days: int = 250) -> list[Floats]:
    """Daily returns of variants that share half of their variance; their sizes differ."""
    size = np.linspace(0.002, 0.02, variants)[:, None]
    return list(size * (rng.normal(size=days) + rng.normal(size=(variants, days))) / np.sqrt(2))


def test_nothing_is_found_in_noise_more_often_than_its_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gex_backtest.family._DRAWS", 99)  # of each of a hundred families
    rng = np.random.default_rng(1)
    found = [family(noise(rng, 8, 100)) for _ in range(100)]
    for p_values in zip(*((each.spa_p_value, each.reality_check_p_value) for each in found), strict=True):
        assert np.mean(np.array(p_values) < 0.05) < 0.12
        assert np.mean(np.array(p_values) < 0.5) > 0.25


def test_one_good_variant_of_twenty_is_found_by_its_ratio_though_others_swing_more() -> None:
    """What is small and steady is drowned in White's test by what is large, and not in Hansen's."""
    daily = noise(np.random.default_rng(2), 20)
    daily[0] = daily[0] + 0.0006
    found = family(daily)
    assert (found.variants, found.days, found.status) == (20, 250, "ok")
    assert found.spa_p_value is not None and found.reality_check_p_value is not None
    assert found.spa_p_value < 0.01 and found.reality_check_p_value > 0.1


def test_both_agree_with_bootstraps_of_days_written_out() -> None:
    """Days of these do not depend on each other: single days are drawn."""
    rng = np.random.default_rng(3)
    daily = [each + 0.08 * each.std() for each in noise(rng, 6)]
    daily[3] = daily[3] - 0.5 * daily[3].std()  # far below 0, which Hansen's test leaves out
    found, r = family(daily), np.column_stack(daily)
    drawn = r[rng.integers(250, size=(4_000, 250))].mean(axis=1)
    reality = np.mean((drawn - r.mean(axis=0)).max(axis=1) > r.mean(axis=0).max())
    ratio, spread = r.mean(axis=0) / r.std(axis=0), drawn / r.std(axis=0)
    centre = np.where(ratio >= -np.sqrt(2 * np.log(np.log(250)) / 250), ratio, 0.0)
    spa = np.mean((spread - centre).max(axis=1) > ratio.max())
    assert found.reality_check_p_value == pytest.approx(reality, abs=0.05)
    assert found.spa_p_value == pytest.approx(spa, abs=0.05)


def test_the_same_returns_give_the_same_p_values_and_a_variant_that_holds_nothing_changes_none() -> None:
    daily = noise(np.random.default_rng(4), 5)
    once, again, more = family(daily), family(daily), family([*daily, np.zeros(250)])
    assert once == again
    assert (more.variants, more.spa_p_value) == (6, once.spa_p_value)


@pytest.mark.parametrize(
    ("daily", "variants", "days", "status"),
    [
        ([], 0, 0, "no variant trades"),
        ([np.zeros(90)], 1, 90, "no variant trades"),
        ([np.zeros(0)], 1, 0, "no variant trades"),
        ([np.tile([0.01, -0.02], 5)], 1, 10, "too few days"),
    ],
)
def test_too_little_says_why(daily: list[Floats], variants: int, days: int, status: str) -> None:
    found = family(daily)
    assert (found.variants, found.days, found.status) == (variants, days, status)
    assert (found.spa_p_value, found.reality_check_p_value) == (None, None)


def test_q_values_of_the_paper_of_1995() -> None:
    """The 15 comparisons of its section 4: at 5 % the four smallest count, by Bonferroni three."""
    small = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    found = [q for q in q_values([*small, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]) if q is not None]
    assert sum(q <= 0.05 for q in found) == 4
    assert found[3] == pytest.approx(0.0095 * 15 / 4)
    assert found == sorted(found) and (len(found), found[-1]) == (15, 1)


def test_what_has_no_p_value_is_no_test() -> None:
    assert q_values([0.02, None, 0.04]) == pytest.approx([0.04, None, 0.04])
    assert (q_values([None]), q_values([])) == ([None], [])


def test_grids_are_of_one_name() -> None:
    made = [
        Estimate(name, group, "1", 30, "made up", p_value=p)
        for name, group, p in [("a", "x", 0.01), ("b", "x", 0.04), ("a", "y", 0.04), ("a", "z", None), ("a", "u", 0.9)]
    ]
    assert grid_q_values(made) == pytest.approx([0.03, 0.04, 0.06, None, 0.9])
