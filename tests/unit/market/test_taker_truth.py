"""The book by the trades against the truth of made-up markets: what dealers hold, found from the tape alone."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
import pytest

from tests import taker_truth
from tests.taker_truth import Likeness

DAYS = 20


@cache
def rows(agreement: float, *, is_whole: bool) -> pl.DataFrame:
    """Positions from the fifth day on, of all contracts or of those that were listed since the tape began."""
    found = taker_truth.positions(taker_truth.world_of(agreement, DAYS))
    found = found.filter(pl.col("snapshot_at") >= pl.col("snapshot_at").min() + pl.duration(days=5))
    return found.filter("is_whole") if is_whole else found


def likeness(agreement: float, column: str, *, is_whole: bool) -> Likeness:
    return taker_truth.likeness(rows(agreement, is_whole=is_whole), column)


@pytest.mark.parametrize("is_whole", [True, False])
@pytest.mark.parametrize("agreement", [0.0, -0.8])
def test_trades_tell_more_than_the_convention_that_customers_do_not_follow(agreement: float, is_whole: bool) -> None:
    taker, naive = (likeness(agreement, c, is_whole=is_whole) for c in ("dealer_coin", "naive_coin"))
    assert taker.correlation > 0.85 and naive.correlation < 0.8
    assert taker.right > 0.95 and naive.right < 0.9
    assert taker.error < 0.35 and naive.error > 2 * taker.error
    assert abs(np.log(taker.ratio)) < 0.35


def test_of_contracts_that_are_wholly_known_the_size_is_right() -> None:
    for agreement in (0.8, 0.0, -0.8):
        assert likeness(agreement, "dealer_coin", is_whole=True).ratio == pytest.approx(1.0, abs=0.15)


def test_of_customers_with_the_usual_habits_both_tell() -> None:
    """Signs of contracts are what the convention says, but not their sizes: nobody holds all of the open interest."""
    taker, naive = (likeness(0.8, c, is_whole=True) for c in ("dealer_coin", "naive_coin"))
    assert min(taker.correlation, naive.correlation) > 0.85
    assert naive.of_gamma > 0.99 > taker.of_gamma > 0.85
    assert taker.error < naive.error


def test_the_tape_adds_up_to_what_dealers_hold() -> None:
    """In the mean: the trades of a made-up market are drawn, not what moved the positions one by one."""
    for agreement in (0.8, 0.0, -0.8):
        found = rows(agreement, is_whole=True)
        true, told = (found[c].fill_null(0.0).to_numpy() for c in ("truth_coin", "inventory_coin"))
        assert -(true @ told) / (true @ true) == pytest.approx(1.0, abs=0.15)
        assert np.corrcoef(true, -told)[0, 1] > 0.8
