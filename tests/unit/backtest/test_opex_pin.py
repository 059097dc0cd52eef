"""The rule about pinning: what it finds where settlements are planted, and what it must never see."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gex_backtest.bars import Bars
from gex_backtest.errors import BacktestError
from gex_backtest.history import History
from gex_backtest.panel import Panel, micros
from gex_backtest.rules.opex_pin import RULE, Parameters, orders, placebo_orders
from gex_backtest.study import TOO_LITTLE, Estimate, Study
from gex_pipeline.market.economy import simulate
from gex_pipeline.market.switches import Switches
from tests.unit.backtest.made_up_history import history

START, DAYS, SEED = datetime(2026, 1, 5, tzinfo=UTC), 40, 3
EXPIRY = datetime(2026, 1, 30, 8, tzinfo=UTC)
DECIDED = ["decided_at", "kind", "subject", "level_usd", "spot_usd", "outcome", "unit"]


@pytest.fixture(scope="module")
def made_up() -> History:
    return history(simulate("BTC", START, DAYS, SEED, Switches()), SEED)


@pytest.fixture(scope="module")
def usual(made_up: History) -> Study:
    return study(made_up)


def study(history: History) -> Study:
    return RULE.study(Panel(history), Parameters())


def estimate(found: Study, name: str, group: str) -> Estimate:
    return next(each for each in found.estimates if (each.name, each.group) == (name, group))


def bounds(found: Estimate) -> tuple[float, float]:
    assert found.low is not None and found.high is not None, found
    return found.low, found.high


def settled_at(history: History, usual: Study, share: float) -> History:
    """With settlements a share of the way from the price eight hours before to the strike with the largest gamma."""
    events = usual.events.filter(pl.col("kind") == "max_gamma", pl.col("outcome") == "miss, 8 h")
    there = events.select(
        expiry_at=pl.col("decided_at") + timedelta(hours=8),
        planted=pl.col("spot_usd") * (pl.col("level_usd") / pl.col("spot_usd")).pow(share),
    )
    prices = history.settlements.join(there, on="expiry_at", how="left", maintain_order="left")
    settlements = prices.with_columns(price_usd=pl.coalesce("planted", "price_usd")).drop("planted")
    return replace(history, settlements=settlements)


def test_a_pull_is_the_move_towards_the_strike_in_deviations(made_up: History, usual: Study) -> None:
    at = EXPIRY - timedelta(hours=8)
    book = made_up.expiring.row(
        by_predicate=(pl.col("snapshot_at") == at - timedelta(hours=1)) & (pl.col("expiry_at") == EXPIRY), named=True
    )
    strike = max(zip(book["gross_gex_usd"], book["strikes"], strict=True))[1]
    us = round(at.timestamp() * 1e6)
    closes = dict(zip(made_up.bars.close_at.tolist(), made_up.bars.close.tolist(), strict=True))
    week = [closes[us - 300_000_000 * i] for i in range(7 * 288 + 1)]
    sigma = math.sqrt(sum(math.log(b / a) ** 2 for a, b in pairwise(week)) / (7 / 365))
    price = made_up.settlements.row(by_predicate=pl.col("expiry_at") == EXPIRY, named=True)["price_usd"]
    sd = sigma * math.sqrt(8 / 8_760)
    x, d = math.log(price / closes[us]) / sd, math.log(strike / closes[us]) / sd
    pull = math.copysign(x, x * d)
    expected = {"pull": pull, "closer": max(-abs(d), min(abs(d), pull)), "miss": abs(x - d) - abs(x)}
    events = usual.events.filter(pl.col("kind") == "max_gamma", pl.col("decided_at") == at)
    for name, value in expected.items():
        row = events.row(by_predicate=pl.col("outcome") == f"{name}, 8 h", named=True)
        assert row["value"] == pytest.approx(value, rel=1e-9)
        assert (row["level_usd"], row["subject"], row["spot_usd"]) == (strike, "monthly", closes[us])
        assert row["ends_at"] == EXPIRY + timedelta(minutes=1)


def test_settlements_drawn_to_the_strike_are_found(made_up: History, usual: Study) -> None:
    """Nearly all the way: settlements that are strikes, each and all, do not vary."""
    found = study(settled_at(made_up, usual, 0.999))
    headline = found.estimates[0]
    assert (headline.name, headline.group, headline.unit) == ("closer", "max_gamma, 8 h, all", "sigma sqrt(lead)")
    assert bounds(headline)[0] > 0.1
    assert estimate(found, "pull", "max_gamma, 8 h, all").value == pytest.approx(headline.value)
    assert bounds(estimate(found, "miss", "max_gamma, 8 h, all"))[1] < -0.1
    assert bounds(estimate(found, "pull beyond permuted", "max_gamma, 8 h, all"))[0] > 0
    assert estimate(found, "strike distance less 0.25", "settlements, all").value == pytest.approx(-0.25, abs=0.01)
    assert bounds(estimate(found, "strike distance less that at other hours", "settlements, all"))[1] < -0.1


def test_settlements_pushed_away_from_the_strike_are_found(made_up: History, usual: Study) -> None:
    found = study(settled_at(made_up, usual, -1.0))
    assert bounds(found.estimates[0])[1] < -0.1
    assert bounds(estimate(found, "miss", "max_gamma, 8 h, all"))[0] > 0.1


def test_a_mean_price_is_missed_by_less_than_any_strike(made_up: History, usual: Study) -> None:
    found = study(settled_at(made_up, usual, 0.0))
    assert found.estimates[0].value is None and found.estimates[0].status == TOO_LITTLE
    assert bounds(estimate(found, "miss", "max_pain, 8 h, all"))[0] > 0


def test_what_is_beyond_reach_is_counted_and_gives_no_event(made_up: History) -> None:
    at_eight = (pl.col("kind") == "placebo: round") & (pl.col("outcome") == "pull, 8 h")
    wide, narrow = (RULE.study(Panel(made_up), Parameters(reach_sigmas=reach)) for reach in (1e3, 0.5))
    n_wide, n_narrow = (each.events.filter(at_eight).height for each in (wide, narrow))
    share = estimate(narrow, "within reach", "placebo: round, 8 h, all")
    assert (n_wide, n_narrow) == (share.n, round(share.n * share.value)) and 0 < n_narrow < n_wide


@pytest.mark.parametrize("hours", [10 * 24 + 8, 20 * 24 + 5, 30 * 24 + 7, 31 * 24])
def test_what_comes_later_changes_nothing(made_up: History, usual: Study, hours: int) -> None:
    cut = START + timedelta(hours=hours)
    full, part = usual.events, study(made_up.until(cut)).events
    decided = full.filter(pl.col("decided_at") <= cut)
    assert_frame_equal(part.select(DECIDED), decided.select(DECIDED))
    is_known = pl.col("ends_at") <= cut
    assert_frame_equal(part.filter(is_known), decided.filter(is_known))
    assert part.filter(pl.col("ends_at").is_null() != pl.col("value").is_null()).is_empty()
    known = np.asarray(orders(Panel(made_up.until(cut)), Parameters()).targets)
    assert known.tolist() == pytest.approx(
        orders(Panel(made_up), Parameters()).targets[: len(known)].tolist(), nan_ok=True
    )


def test_what_is_known_later_is_used_later(made_up: History, usual: Study) -> None:
    late = study(made_up.delayed(3_600_000_000))
    is_centroid = (pl.col("kind") == "oi_centroid") & (pl.col("outcome") == "miss, 8 h")
    found, moved = (each.events.filter(is_centroid)["level_usd"] for each in (usual, late))
    assert len(found) == len(moved) > 25 and (found != moved).all()
    assert study(made_up.delayed(3 * 3_600_000_000)).events.filter(pl.col("kind") == "max_gamma").height == 0


def test_hourly_bars_find_the_same_strikes(made_up: History, usual: Study) -> None:
    hourly = history(simulate("BTC", START, DAYS, SEED, Switches()), SEED, 60)
    same = ["decided_at", "kind", "level_usd", "spot_usd"]
    is_miss = pl.col("outcome") == "miss, 8 h"
    assert_frame_equal(study(hourly).events.filter(is_miss).select(same), usual.events.filter(is_miss).select(same))


def test_trades_run_to_the_settlement_from_some_hours_before(made_up: History, usual: Study) -> None:
    targets = orders(Panel(made_up), Parameters()).targets
    events = usual.events.filter(pl.col("kind") == "max_gamma", pl.col("outcome") == "pull, 8 h")
    far = events.filter((pl.col("level_usd") / pl.col("spot_usd") - 1).abs() >= 20e-4)
    assert 10 < far.height < events.height
    expected: dict[datetime, float] = {}
    for at, level, spot in far.select("decided_at", "level_usd", "spot_usd").iter_rows():
        expected |= {at: math.copysign(1.0, level - spot), at + timedelta(hours=8): 0.0}
    ends = [datetime.fromtimestamp(us / 1e6, UTC) for us in made_up.bars.close_at.tolist()]
    found = {at: target for at, target in zip(ends, targets.tolist(), strict=True) if not math.isnan(target)}
    assert found == {at: target for at, target in expected.items() if at <= ends[-1]}


def test_a_trade_towards_a_placebo_is_the_same_at_its_level(made_up: History, usual: Study) -> None:
    made = placebo_orders(Panel(made_up), Parameters())
    events = usual.events.filter(pl.col("outcome") == "pull, 8 h")
    assert {name for name in events["kind"].unique() if "placebo" in name} == set(made)
    away = pl.col("level_usd") / pl.col("spot_usd") - 1
    rows = dict(zip(made_up.bars.close_at.tolist(), range(len(made_up.bars)), strict=True))
    for name, found in made.items():
        far = events.filter(pl.col("kind") == name, away.abs() >= 20e-4)
        begun = [rows[us] for us in micros(far["decided_at"]).tolist()]
        assert begun and found.targets[begun].tolist() == far.select(away.sign()).to_series().to_list()
        assert np.count_nonzero(found.targets > 0) + np.count_nonzero(found.targets < 0) == far.height


def test_a_trade_of_a_day_follows_the_one_before(made_up: History) -> None:
    targets = orders(Panel(made_up), Parameters(trade_lead_hours=24, trade_least_bps=0.0)).targets
    changes = targets[~np.isnan(targets)]
    assert len(changes) > 25 and (changes != 0).sum() > 20


def no_nan(found: Study) -> None:
    assert not found.events["value"].is_nan().any() and not found.events["level_usd"].is_nan().any()
    for each in found.estimates:
        numbers = (each.value, each.standard_error, each.low, each.high)
        assert all(number is None or math.isfinite(number) for number in numbers), each


def test_prices_that_never_move_are_too_little_data(made_up: History) -> None:
    bars = made_up.bars
    flat = np.full(len(bars), 90_000.0)
    found = study(replace(made_up, bars=Bars(bars.open_at, bars.close_at, flat, flat, flat, flat)))
    no_nan(found)
    assert {each.status for each in found.estimates if each.name == "pull"} == {TOO_LITTLE}


@pytest.mark.parametrize("days", [0, 2, 8, 9])
def test_short_histories_say_so(made_up: History, days: int) -> None:
    found = study(made_up.until(START + timedelta(days=days, hours=9)))
    no_nan(found)
    assert found.estimates[0].status == TOO_LITTLE and found.estimates[0].value is None


def test_without_books_or_settlements_there_is_nothing(made_up: History) -> None:
    no_nan(study(replace(made_up, settlements=made_up.settlements.clear())))
    found = study(replace(made_up, expiring=made_up.expiring.clear()))
    assert found.events.is_empty() and {each.n for each in found.estimates} == {0}
    assert np.isnan(orders(Panel(replace(made_up, expiring=made_up.expiring.clear())), Parameters()).targets).all()


def test_each_settlement_counts_once(usual: Study) -> None:
    no_nan(usual)
    assert len({(each.name, each.group) for each in usual.estimates}) == len(usual.estimates)
    pulls = usual.events.filter(pl.col("kind") == "max_gamma", pl.col("outcome") == "pull, 8 h")
    assert pulls["decided_at"].n_unique() == pulls.height


@pytest.mark.parametrize("wrong", [{"trade_lead_hours": 25}, {"reach_sigmas": 0.0}, {"volatility_days": -1}])
def test_parameters_out_of_bounds(wrong: dict[str, float]) -> None:
    with pytest.raises(BacktestError, match=next(iter(wrong))):
        Parameters(**wrong)
