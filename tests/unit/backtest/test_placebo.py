"""Placebos of walls, one kind after the other; spot is 100,000 and a tenth of the barrier 0.1 %."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gex_backtest.bars import Bars
from gex_backtest.panel import Panel
from gex_backtest.placebo import KINDS, placebos
from gex_backtest.sessions import Sessions
from tests.unit.backtest.hand_made import at, bare, bars, books, levels, us

SPOT, NAN = 100_000.0, math.nan
BARRIER = np.array([0.01])


def made(
    walls: list[float],
    strikes: list[float] = [],  # noqa: B006
    coin: str = "BTC",
    seed: int = 1,
    day: int = 2,
    scale: float = 1.0,
) -> dict[str, list[float]]:
    """Kind -> placebos of the walls of a session that is decided at 09:00 UTC."""
    prices = SPOT * scale * np.ones(100)
    prices[24 * day - 20], prices[24 * day - 15] = 102_500 * scale, 96_000 * scale
    history = bare(coin, bars(prices), levels({}), books([at(24 * day)], strikes))
    begin = np.array([us(at(24 * day))])
    session = Sessions(np.array([24 * day]), begin, begin + 86_400_000_000, np.array([SPOT * scale]), np.array([0.5]))
    found = placebos(Panel(history), session, np.array([walls]), BARRIER, seed)[0]
    return {kind: np.round(row, 6).tolist() for kind, row in zip(KINDS, found, strict=True)}


def test_mirrored_placebos_are_as_far_on_the_other_side() -> None:
    np.testing.assert_allclose(made([103_000, 95_000])["mirror"], [SPOT**2 / 103_000, SPOT**2 / 95_000])


def test_random_placebos_are_about_as_far_and_drawn_by_seed_and_day() -> None:
    walls = [130_000.0, 70_000.0]
    drawn = [made(walls, seed=seed)["random"] for seed in range(20)]
    ratio = np.log(np.array(drawn) / SPOT) / np.log(np.array(walls) / SPOT)
    assert (ratio > 0.8).all() and (ratio < 1.25).all() and np.ptp(ratio) > 0.3
    assert drawn[3] == made(walls, seed=3)["random"] != made(walls, seed=3, day=3)["random"]


def test_strikes_are_listed_ones_on_the_same_side_that_are_no_walls() -> None:
    walls, strikes = [103_000.0, 104_000.0, 97_000.0], [96_000.0, 97_000, 99_000, 103_000, 103_999, 104_000, 104_500]
    assert made(walls, strikes)["strike"] == [104_500, 104_500, 96_000]
    assert made([103_000.0], [99_000.0, 101_000.0, 120_000.0])["strike"] == pytest.approx([NAN], nan_ok=True)
    assert made([103_000.0])["strike"] == pytest.approx([NAN], nan_ok=True)


def test_round_numbers_are_the_roundest_within_reach() -> None:
    wanted = [(109_000, 110_000), (106_000, 105_000), (102_400, 102_000), (95_000, 96_000), (130_000, 140_000)]
    for wall, number in wanted:
        assert made([float(wall)])["round"] == [number], wall


def test_round_numbers_of_other_coins_go_by_their_spot() -> None:
    # spot 3,000: the power of ten below 60 is 10, so the roundest are multiples of 100
    assert made([3_130.0, 3_020.0], coin="ETH", scale=0.03)["round"] == [3_100, 3_030]


def test_the_day_before_gives_its_high_above_and_its_low_below() -> None:
    assert made([103_000, 96_500])["prior_day"] == [102_500, 96_000]
    assert made([104_000, 98_000])["prior_day"] == pytest.approx([NAN, NAN], nan_ok=True)


def test_placebos_too_close_to_any_wall_are_none() -> None:
    walls = [103_000.0, SPOT**2 / 103_000 * 1.0009, 102_599.0, SPOT**2 / 95_000 * 1.0011, 95_000.0]
    found = made(walls)
    assert np.isnan(found["mirror"]).tolist() == [True, True, False, False, False]
    assert np.isnan(found["prior_day"]).tolist() == [True, False, True, True, False]


def test_no_wall_has_no_placebo() -> None:
    assert all(np.isnan(row).all() for row in made([NAN, NAN], [101_000.0]).values())


def test_a_day_with_bars_missing_has_no_high() -> None:
    full = bars(SPOT * np.ones(100))
    rows = np.r_[0:40, 47:60]
    few = Bars(*(getattr(full, name)[rows] for name in Bars.__dataclass_fields__))
    history = bare("BTC", few, levels({}), books([], []))
    begin = np.array([us(at(48))])
    session = Sessions(np.array([42]), begin, begin + 86_400_000_000, np.array([SPOT]), np.array([0.5]))
    found = placebos(Panel(history), session, np.array([[103_000.0]]), BARRIER, 1)
    assert np.isnan(found[0, KINDS.index("prior_day")]).all()
