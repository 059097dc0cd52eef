"""The rule on crossings: what its hours mean, where spot goes through a line that stands still."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from statistics import fmean

import numpy as np
import polars as pl
import pytest

from gex_backtest.errors import BacktestError
from gex_backtest.panel import Panel
from gex_backtest.rules.regime_cross import RULE, Parameters, study
from gex_backtest.study import Study
from tests.unit.backtest.seen import at_close, history

#: Hours of the closes that are on the other side of the line than the one before; the first is below.
CROSSED = (60, 63, 64, 72, 77, 100, 150, 151, 152, 153, 158)
#: Of the line, from the first close; steps of no crossing are as small as this.
HALFWAY, SMALL = 0.005, 0.0001


def sized() -> list[float]:
    """Ten days of small steps up and down, but for 1 % through the line."""
    steps, side = [], -1.0
    for row in range(240):
        side = -side if row in CROSSED else side
        steps.append(2 * HALFWAY * side if row in CROSSED else SMALL * (1 if row % 2 else -1))
    return steps


STEPS, LINE = sized(), 100.0 * math.exp(HALFWAY)
MARKET = Panel(history(STEPS, dict.fromkeys(("zero_gamma", "hvl", "hvl_slope", "net_gex_usd"), [LINE] * len(STEPS))))


def crossed(found: Study) -> list[tuple[object, str]]:
    events = found.events.filter(pl.col("subject") == "zero_gamma")
    return list(events.select("decided_at", "kind").iter_rows())


@pytest.mark.parametrize(
    ("quiet", "kept"),
    [
        (1, (60, 63, 72, 77, 100, 150, 158)),
        (4, (60, 72, 77, 100, 150, 158)),
        (5, (60, 72, 100, 150)),
        (8, (60, 100, 150)),
        (24, (60, 150)),
    ],
)
def test_a_crossing_counts_after_so_many_hours_without_another(quiet: int, kept: tuple[int, ...]) -> None:
    kinds = {row: "into positive" if number % 2 == 0 else "into negative" for number, row in enumerate(CROSSED)}
    found = study(MARKET, Parameters(quiet_hours=quiet))
    assert crossed(found) == [(at_close(row), kinds[row]) for row in kept]


@pytest.mark.parametrize(
    ("closes", "line", "crosses"),
    [
        ((99, 101), (100, 100), True),
        ((101, 99), (100, 100), True),
        ((99, 99), (100, 98), False),  # the line went through spot
        ((104, 103), (100, 103.5), True),  # both move, spot through where the line is now
        ((104, 106), (100, 105), True),
        ((104, 103), (100, 105), False),  # the line jumps over where spot was
        ((99, 100), (100, 100), False),  # onto the line
        ((99, 101), (100, math.nan), False),
    ],
)
def test_spot_has_to_go_through_the_line_as_it_is_now(
    closes: tuple[float, float], line: tuple[float, float], crosses: bool
) -> None:
    flat = [math.log(closes[0] / 100.0), *[0.0] * 100, math.log(closes[1] / closes[0]), *[0.0] * 100]
    known = [*[float(line[0])] * 101, *[float(line[1])] * 101]
    panel = Panel(history(flat, dict.fromkeys(("zero_gamma", "hvl", "hvl_slope", "net_gex_usd"), known)))
    exact = np.round(panel.bars.close, 9)
    rounded = replace(panel.history, bars=replace(panel.bars, close=exact, open=exact, high=exact, low=exact))
    assert (at_close(101) in [at for at, _ in crossed(study(Panel(rounded), Parameters()))]) is crosses


@pytest.mark.parametrize("hours", [4, 12])
def test_the_outcome_is_volatility_of_the_hours_that_follow(hours: int) -> None:
    events = study(MARKET, Parameters(horizon_hours=hours)).events.filter(pl.col("subject") == "zero_gamma")
    assert (events["ends_at"] - events["decided_at"]).unique().to_list() == [timedelta(hours=hours)]
    after = [STEPS[row + 1 : row + 1 + hours] for row in (60, 72, 77, 100, 150, 158)]
    expected = [math.sqrt(fmean(step**2 for step in steps) * 24 * 365) for steps in after]
    assert events["value"].to_list() == pytest.approx(expected, rel=1e-6)
    assert events["level_usd"].to_list() == [pytest.approx(LINE)] * 6


def test_the_path_is_of_the_hours_asked_for() -> None:
    for hours in (6, 3):
        path = study(MARKET, Parameters(path_hours=hours)).paths["zero_gamma"]
        assert path["hour"].to_list() == list(range(-hours, hours))
        jump = path.filter(pl.col("hour") == -1)["mean"].item()
        assert jump == path["mean"].max() and jump > 0


@pytest.mark.parametrize(
    "wrong", [{"quiet_hours": 0}, {"quiet_hours": 25}, {"path_hours": 25}, {"horizon_hours": 5}, {"horizon_hours": 48}]
)
def test_impossible_parameters_are_named(wrong: dict[str, int]) -> None:
    with pytest.raises(BacktestError, match=next(iter(wrong))):
        Parameters(**wrong)


def test_crossings_are_studied_and_not_traded() -> None:
    assert RULE.orders is None and RULE.placebo_orders is None and RULE.claimed > 0
