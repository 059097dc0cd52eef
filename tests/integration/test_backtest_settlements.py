"""Settlement prices of candles, where no venue's is stored: which closes count, and how they are told apart."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from gex_backtest import data
from gex_backtest.data import Instrument
from gex_backtest.history import ORIGINS, History
from gex_backtest.panel import Panel
from gex_backtest.rules.opex_pin import RULE, Parameters
from gex_pipeline.market.economy import simulate
from gex_pipeline.market.switches import Switches
from gex_pipeline.schema import CANDLES, CHAIN
from tests.instants import utc
from tests.integration.test_backtest_data import candles
from tests.unit.backtest.made_up_history import START, history
from tests.unit.store.build import OVER, chain, store

EIGHT = utc("2026-03-05T08:00")
MINUTE = timedelta(minutes=1)


def settled(root: Path, minutes: int, ends: list[int]) -> list[tuple[datetime, datetime, float, str]]:
    """By bars of so many minutes that end so many after 08:00; their closes are 1,000 and three each minute."""
    warehouse = store(root, OVER)
    warehouse.merge(CHAIN, chain("2026-03-05T06:00", 1, venue="deribit", is_whole=True), {})
    length = minutes * MINUTE
    perp = Instrument("binance", "perp", "BTCUSDT", f"{minutes}m" if minutes < 60 else "1h")
    bars = candles(perp, [EIGHT + end * MINUTE - length for end in ends], 1_000.0, length)
    closes = pl.Series([1_000.0 + 3 * end for end in ends])
    warehouse.merge(CANDLES, bars.with_columns(open=closes, high=closes, low=closes, close=closes), {})
    return data.load(warehouse.root, "BTC")[0].settlements.rows()


@pytest.mark.parametrize(
    ("minutes", "ends", "price", "origin"),
    [
        # 07:35 to 08:00 are 6 closes, the mean of -25, -20, ..., 0 minutes; of 55 minutes they would be 11.
        (5, range(-90, 35, 5), 1_000.0 - 3 * 12.5, "candles"),
        (5, range(-90, 5, 5), 1_000.0 - 3 * 12.5, "candles"),
        (1, range(-90, 10), 1_000.0 - 3 * 14.5, "candles"),
        (15, range(-90, 30, 15), 1_000.0 - 3 * 7.5, "candles"),
        (5, [-60, -10, 0, 5], 1_000.0 - 3 * 5.0, "candles"),
        # One close is no average.
        (30, range(-90, 90, 30), 1_000.0, "candle_close"),
        (60, range(-120, 120, 60), 1_000.0, "candle_close"),
        (5, [-60, -35, -30, 0, 5], 1_000.0, "candle_close"),
    ],
)
def test_the_closes_after_half_past_seven_until_eight_count(
    tmp_path: Path, minutes: int, ends: range | list[int], price: float, origin: str
) -> None:
    assert settled(tmp_path, minutes, list(ends)) == [(EIGHT, EIGHT, pytest.approx(price, rel=1e-12), origin)]
    assert origin in ORIGINS


def test_without_the_bar_that_ends_at_eight_there_is_no_price(tmp_path: Path) -> None:
    assert settled(tmp_path, 5, [*range(-90, 0, 5), 5, 10]) == []


def of_origins(*origins: str) -> History:
    """A made-up market of 90 days, whose settlements have these origins in turn."""
    made = history(simulate("BTC", START, 90, 3, Switches()), 3, minutes=60)
    settlements = made.settlements
    told = [origins[i % len(origins)] for i in range(settlements.height)]
    return History(**{**vars(made), "settlements": settlements.with_columns(origin=pl.Series(told))})


@pytest.mark.parametrize("origins", [("venue",), ("candles", "candle_close"), ORIGINS])
def test_pins_are_told_by_where_prices_come_from(origins: tuple[str, ...]) -> None:
    found = RULE.study(Panel(of_origins(*origins)), Parameters()).estimates
    n = {each.group: each.n for each in found if each.name == "pull" and "max_gamma, 8 h" in each.group}
    by_origin = {origin: n[f"max_gamma, 8 h, price of {origin}"] for origin in ORIGINS}
    assert {origin for origin, count in by_origin.items() if count} == set(origins)
    assert sum(by_origin.values()) == n["max_gamma, 8 h, all"] > 60
