"""Distances of settlements from strikes, by the gamma of their expiry."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from gex_backtest.clustering import compared
from gex_backtest.study import Estimate
from gex_pipeline.core.black76 import Floats
from tests.unit.backtest.hand_made import EIGHT


def by_gamma(kinds: list[str], gross: Floats, distance: Floats) -> Estimate:
    days = [EIGHT + timedelta(days=i) for i in range(len(kinds))]
    measured = pl.DataFrame({"expiry_at": days, "expiry_type": kinds, "gross_gex_usd": gross, "distance": distance})
    measured = measured.with_columns(level_usd=pl.lit(90_000.0))
    *_, found = compared(measured, measured.clear())
    assert found.name == "strike distance with large less with small gamma"
    return found


def test_gamma_is_large_above_the_median_of_earlier_settlements_of_its_type() -> None:
    """Large every other day, the first five left out, and all of a type that is rare; what comes later is not asked."""
    kinds, gross, distance = 64 * ["daily"], np.tile([1.0, 3.0], 32), np.tile([0.3, 0.1, 0.32, 0.12], 16)
    found = by_gamma([*kinds, *5 * ["quarterly"]], np.append(gross, 5 * [9.0]), np.append(distance, 5 * [0.5]))
    assert (found.n, found.value) == (29, pytest.approx(-0.2, abs=0.002))
    later = by_gamma([*kinds, *20 * ["daily"]], np.append(gross, 20 * [0.5]), np.append(distance, 20 * [0.3]))
    assert (later.n, later.value) == (30, pytest.approx(-0.2, abs=0.01))


def test_gamma_that_never_changes_is_not_large() -> None:
    found = by_gamma(64 * ["daily"], np.ones(64), np.tile([0.3, 0.1], 32))
    assert (found.n, found.status) == (0, "too little data")
