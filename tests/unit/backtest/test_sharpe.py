"""The worked examples of Bailey and Lopez de Prado, and records that say too little."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from gex_backtest.sharpe import Sharpe, best_by_chance, least_record, probabilistic, track_records


def annual(value: float, per_year: int, n: int = 0, skew: float = 0.0, kurtosis: float = 3.0) -> Sharpe:
    return Sharpe(value / math.sqrt(per_year), n, skew, kurtosis)


def test_probabilistic_sharpe_ratio_of_the_paper_of_2012() -> None:
    """Two years of a hedge fund's months: 0.982 if its returns were normal, 0.913 as they are."""
    fund = Sharpe(0.458, 24, -2.448, 10.164)
    assert probabilistic(fund) == pytest.approx(0.913, abs=5e-4)
    assert probabilistic(fund._replace(skew=0, kurtosis=3)) == pytest.approx(0.982, abs=5e-4)


@pytest.mark.parametrize(("per_year", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_minimum_track_record_of_the_paper_of_2012(per_year: int, years: float) -> None:
    """An annual ratio of 2, to be above 1 with 95 %: years of days, weeks and months."""
    needed = least_record(annual(2.0, per_year), 1.0 / math.sqrt(per_year))
    assert needed / per_year == pytest.approx(years, abs=5e-3)


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "deflated"), [(100, -3, 10, 0.9004), (46, -3, 10, 0.9505), (88, 0, 3, 0.9505)]
)
def test_deflated_sharpe_ratio_of_the_paper_of_2014(trials: int, skew: float, kurtosis: float, deflated: float) -> None:
    """Five years of days, an annual ratio of 2.5, the variance of the trials' annual ratios one half."""
    found = annual(2.5, 250, 1250, skew, kurtosis)
    chance = best_by_chance(trials, 0.5 / 250)
    assert probabilistic(found, chance) == pytest.approx(deflated, abs=5e-4)
    assert trials != 100 or chance == pytest.approx(0.1132, abs=5e-5)


def test_at_the_minimum_track_record_the_probability_is_95_percent() -> None:
    found = Sharpe(0.11, 0, -1.2, 7.0)
    needed = least_record(found)
    assert probabilistic(found._replace(n=needed)) == pytest.approx(0.95)


def test_the_best_by_chance_is_the_mean_of_the_largest_of_draws() -> None:
    largest = np.random.default_rng(3).normal(0, 0.05, size=(20_000, 50)).max(axis=1).mean()
    assert best_by_chance(50, 0.05**2) == pytest.approx(largest, rel=0.02)  # the formula is a limit


def test_moments_are_those_of_scipy() -> None:
    r = np.random.default_rng(4).gamma(2.0, size=500) - 1.9
    found = Sharpe.of(r)
    assert found.value == pytest.approx(r.mean() / r.std(ddof=1))
    assert found.skew == pytest.approx(scipy.stats.skew(r))
    assert found.kurtosis == pytest.approx(scipy.stats.kurtosis(r, fisher=False))


def test_every_variant_that_was_tried_is_a_trial() -> None:
    """Alone a record is judged against 0; beside others, one of which never traded, against the best by chance."""
    rng = np.random.default_rng(5)
    daily = [rng.normal(0.0006, 0.01, 900), rng.normal(-0.0006, 0.01, 900), np.zeros(900)]
    (alone,), three = track_records(daily[:1]), track_records(daily)
    assert (alone.trials, alone.deflated_sharpe) == (1, alone.probabilistic_sharpe)
    assert [each.trials for each in three] == [3, 3, 3]
    ratios = [Sharpe.of(r) for r in daily[:2]]
    chance = best_by_chance(3, np.var([each.value for each in ratios], ddof=1))
    assert three[0].deflated_sharpe == probabilistic(ratios[0], chance) < alone.deflated_sharpe
    assert three[0].probabilistic_sharpe == alone.probabilistic_sharpe


def test_the_deflated_ratio_is_seldom_large_where_nothing_works() -> None:
    """The best of 20 variants of noise is above 95 % in a few of 200 runs; undeflated it is in more than half."""
    rng = np.random.default_rng(6)
    best = []
    for _ in range(200):
        found = track_records(list(rng.normal(0, 0.01, (20, 250))))
        best.append(max((each.probabilistic_sharpe, each.deflated_sharpe) for each in found))
    plain, deflated = np.mean(np.array(best) > 0.95, axis=0)
    assert plain > 0.5 and deflated < 0.05


@pytest.mark.parametrize(
    ("daily", "note"),
    [
        (np.zeros(0), "too few days"),
        (np.tile([0.01, -0.01], 9), "too few days"),
        (np.zeros(90), "daily returns hardly vary"),
    ],
)
def test_a_record_that_says_nothing_says_why(daily: np.ndarray, note: str) -> None:
    (found,) = track_records([daily])
    assert (found.note, found.days) == (note, len(daily))
    assert all(map(math.isnan, (found.probabilistic_sharpe, found.deflated_sharpe, found.least_record_days)))


def test_a_record_is_too_short_below_its_least_days_and_not_from_there_on() -> None:
    """The same days again and again have the same moments, so that only their number differs."""
    month = np.random.default_rng(8).normal(0, 0.01, 30)
    month += 0.002 - month.mean()
    for sign in (1, -1):
        records = [track_records([sign * np.tile(month, n)])[0] for n in range(1, 40)]
        is_short = [record.is_too_short for record in records]
        assert is_short == sorted(is_short, reverse=True) and len(set(is_short)) == 2
        if sign > 0:
            assert is_short == [record.days < record.least_record_days for record in records]


def test_a_week_is_too_short_whatever_its_ratio() -> None:
    (found,) = track_records([np.array([0.02, 0.01, 0.02, 0.03, 0.01, 0.02, 0.02])])
    assert found.is_too_short


def test_no_length_of_record_proves_a_loss() -> None:
    (found,) = track_records([np.random.default_rng(7).normal(-0.002, 0.01, 400)])
    assert found.probabilistic_sharpe < 0.05
    assert math.isnan(found.least_record_days) and found.note == "no record proves a Sharpe ratio that is not positive"
