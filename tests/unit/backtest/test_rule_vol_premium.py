"""The premium of implied over realised volatility: by hand where steps are of one size, else by pandas."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from gex_backtest.bars import HOUR_US, Bars
from gex_backtest.errors import BacktestError
from gex_backtest.history import History
from gex_backtest.panel import Panel
from gex_backtest.rules.vol_premium import RULE, Parameters, headline, study
from tests.instants import utc
from tests.unit.backtest.hand_made import estimate, us
from tests.unit.backtest.seen import at_close, calm, history

YEAR_HOURS = 24 * 365
#: An hour of 1 % in vol points.
ONE_PERCENT = math.sqrt(YEAR_HOURS)
ESTIMATORS = ("close-to-close", "Parkinson", "Yang-Zhang")
DAYS, WINDOW = 80, 3
#: 49 of the days are of 2025.
BEGIN = utc("2025-11-13")
# Frames and series are of Any: the types of pandas know too little of what numpy makes of them.


def test_windows_are_of_thirty_days_on_their_own_side_of_the_decision() -> None:
    """50 days of hours of 2 %, then 50 of 1 %, under a DVOL of 150."""
    steps = [*calm(24 * 50, 0.02), *calm(24 * 50, 0.01)]
    made = history(steps, {"net_gex_usd": [math.nan] * len(steps)}, dvol=[150.0] * len(steps))
    found = study(Panel(made), Parameters()).events.filter(pl.col("subject") == "close-to-close")
    value = {(row["kind"], row["decided_at"]): row["value"] for row in found.iter_rows(named=True)}

    def premium(when: str, day: int) -> float:
        return value[when, at_close(24 * day - 1)]

    assert premium("trailing", 50) == pytest.approx(150 - 2 * ONE_PERCENT)
    assert premium("following", 20) == pytest.approx(150 - 2 * ONE_PERCENT)
    assert premium("trailing", 80) == premium("following", 50) == pytest.approx(150 - ONE_PERCENT)
    mixed = math.sqrt((20 * 4 + 10) / 30) * ONE_PERCENT
    assert premium("trailing", 60) == premium("following", 30) == pytest.approx(150 - mixed)
    assert premium("following", 71) is None and premium("following", 70) is not None


def drawn() -> Any:
    """Hours that jump at the open, drift, and reach beyond open and close."""
    random, n = np.random.default_rng(17), 24 * DAYS
    move = random.normal(0.0005, 0.01, n)
    jump = random.normal(0.0, 0.004, n)
    close = 100.0 * np.exp(np.cumsum(jump + move))
    open_ = close / np.exp(move)
    high = np.maximum(open_, close) * np.exp(random.exponential(0.003, n))
    low = np.minimum(open_, close) / np.exp(random.exponential(0.002, n))
    ends = pd.date_range(BEGIN + timedelta(hours=1), periods=n, freq="h")
    return pd.DataFrame({"open": open_, "high": high, "low": low, "close": close}, index=ends)


def quoted() -> Any:
    """Half an hour before midnights: DVOL for 60 days but for two of them, and IV of the chain but for the same two."""
    seen = pd.date_range(BEGIN + timedelta(hours=23.5), periods=DAYS, freq="D")
    table = pd.DataFrame({"dvol": 0.9 + 0.2 * np.sin(np.arange(DAYS)), "iv30": 0.7 + 0.002 * np.arange(DAYS)}, seen)
    table.loc[seen[60:], "dvol"] = np.nan
    table.loc[seen[4:6]] = np.nan
    return table


def implied() -> Any:
    """What is known at midnights: a value of DVOL serves for two days, the second time for the want of another."""
    table = quoted()
    return table["dvol"].ffill(limit=1).fillna(table["iv30"]).shift(freq="30min")


def market() -> History:
    prices, table = drawn(), quoted()
    end = us(BEGIN) + HOUR_US * np.arange(1, len(prices) + 1)
    bars = Bars(end - HOUR_US, end, *(prices[name].to_numpy() for name in ("open", "high", "low", "close")))
    seen = pl.Series(table.index.to_list()).cast(pl.Datetime("us", "UTC"))
    books = pl.DataFrame({"snapshot_at": seen, "knowledge_time": seen, "iv30": table["iv30"].to_numpy()})
    dvol = pl.DataFrame({"close_at": seen, "close": 100.0 * table["dvol"].to_numpy()})
    nothing = history([0.0], {"net_gex_usd": [math.nan]})
    return replace(nothing, bars=bars, books=books.fill_nan(None), dvol=dvol.filter(pl.col("close").is_not_nan()))


def realised() -> dict[str, Any]:
    """Annual volatility of the window that ends at each hour, by each estimator."""
    prices = drawn()
    before = prices["close"].shift(1).fillna(prices["open"].iloc[0])
    change = np.log(prices["close"] / before)
    up, down, move = (np.log(prices[name] / prices["open"]) for name in ("high", "low", "close"))
    jump, n = np.log(prices["open"] / before), 24 * WINDOW
    rogers_satchell = (up * (up - move) + down * (down - move)).rolling(n).mean()
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    variances = (
        (change**2).rolling(n).mean(),
        (np.log(prices["high"] / prices["low"]) ** 2).rolling(n).mean() / (4 * math.log(2)),
        jump.rolling(n).var() + k * move.rolling(n).var() + (1 - k) * rogers_satchell,
    )
    return {name: np.sqrt(each * YEAR_HOURS) for name, each in zip(ESTIMATORS, variances, strict=True)}


def premiums(when: str, name: str) -> Any:
    """In vol points at the midnights whose IV is known; NaN where the window is not whole."""
    vol = realised()[name]
    iv = implied().dropna()
    at = iv.index if when == "trailing" else iv.index + timedelta(days=WINDOW)
    return pd.Series(100.0 * (iv.to_numpy() - vol.reindex(at).to_numpy()), index=iv.index)


@pytest.mark.parametrize("when", ["following", "trailing"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_premium_is_that_of_pandas(when: str, name: str) -> None:
    found = study(Panel(market()), Parameters(WINDOW)).events.filter(pl.col("kind") == when, pl.col("subject") == name)
    expected = premiums(when, name)
    assert found["decided_at"].to_list() == expected.index.to_list()
    values = found["value"].to_numpy()
    np.testing.assert_allclose(values, expected.to_numpy(), rtol=1e-9)
    known = found.filter(pl.col("value").is_not_null())
    later = timedelta(days=WINDOW if when == "following" else 0)
    assert (known["ends_at"] - known["decided_at"]).unique().to_list() == [later]
    assert known.height == DAYS - 1 - WINDOW + (when == "trailing")


@pytest.mark.parametrize("when", ["following", "trailing"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_means_are_of_all_years_of_each_and_of_windows_that_share_nothing(when: str, name: str) -> None:
    found, expected = study(Panel(market()), Parameters(WINDOW)), premiums(when, name).dropna()
    alone = [day.timestamp() // 86_400 % WINDOW == 0 for day in expected.index]
    of_years = [(str(year), expected[expected.index.year == year]) for year in (2025, 2026)]
    for year, mine in (("all years", expected), *of_years):
        of_year = estimate(found, f"premium_{when}", f"{name}, {year}")
        assert (of_year.value, of_year.n) == (pytest.approx(mine.mean()), len(mine))
    every_third = estimate(found, f"premium_{when}", f"{name}, every 3th day, all years")
    assert (every_third.value, every_third.n) == (pytest.approx(expected[alone].mean()), sum(alone))
    assert every_third.standard_error == pytest.approx(expected[alone].sem())


def test_the_headline_is_what_follows_close_to_close() -> None:
    found = headline(Panel(market()), Parameters(WINDOW))
    assert (found.name, found.group) == ("premium_following", "close-to-close, all years")
    assert found.value == pytest.approx(premiums("following", "close-to-close").mean())
    assert RULE.headline is headline and RULE.orders is None


def test_neither_dvol_nor_a_chain_is_said() -> None:
    with pytest.raises(BacktestError, match="neither DVOL nor 30-day IV"):
        study(Panel(history(calm(48), {"net_gex_usd": [math.nan] * 48})), Parameters())
