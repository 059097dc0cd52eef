"""Small cases whose numbers are written out; costs are 10 basis points a side unless a case says otherwise."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gex_backtest.bars import Bars
from gex_backtest.costs import Costs
from gex_backtest.errors import BacktestError
from gex_backtest.metrics import metrics
from gex_backtest.simulate import Simulation, simulate
from tests.price_bars import FIVE_MINUTES_US, START_US, bars, flat

TEN, FREE = Costs(6, 3, 1), Costs(0, 0, 0)
NAN = np.nan


def run(on: Bars, *targets: float, costs: Costs = TEN, **options: list[float]) -> Simulation:
    return simulate(on, np.array(targets), costs, **{name: np.array(given) for name, given in options.items()})


def minutes(*count: int) -> list[int]:
    return [START_US + m * 60_000_000 for m in count]


def test_a_round_trip() -> None:
    found = run(bars((100, 100, 90, 90), (101, 112, 100, 110), (112, 115, 111, 113)), 1, 0, NAN)
    bought, sold = 0.001, 0.001 * 112 / 101
    at_close = 1 - bought + (110 - 101) / 101
    at_end = 1 - bought - sold + (112 - 101) / 101
    assert found.equity[:, 0] == pytest.approx([1, at_close, at_end], rel=1e-15)
    assert found.coins[:, 0] == pytest.approx([0, 1 / 101, 0], rel=1e-15)
    told = metrics(found.bars, found.equity[:, 0], found.ledgers[0])
    assert told.fees == pytest.approx(0.6 * (bought + sold))
    assert told.spread_and_slippage == pytest.approx(0.4 * (bought + sold))
    assert told.turnover == pytest.approx(1 + 112 / 101 / (1 - bought + (112 - 101) / 101))
    # (112 - 101) / 101 is won before costs on 1 + 112 / 101 of notional
    assert told.break_even_bps == pytest.approx(1e4 * (11 / 101) / (213 / 101))


def test_the_trade_of_a_round_trip() -> None:
    trade = run(flat(100, 101, 112), 1, 0, NAN).trades().row(0, named=True)
    assert [trade[name].timestamp() * 1e6 for name in ("entered_at", "exited_at")] == minutes(5, 10)
    assert (trade["side"], trade["weight"], trade["exit_reason"]) == ("long", 1.0, "target")
    assert (trade["entry_usd"], trade["exit_usd"]) == (101, 112)
    assert trade["coins"] == pytest.approx(1 / 101)
    assert trade["costs"] == pytest.approx(0.001 * (1 + 112 / 101))
    assert trade["pnl"] == pytest.approx(11 / 101 - trade["costs"])


def test_a_short_reversed_pays_for_both_sides() -> None:
    found = run(flat(100, 100, 80, 80), -1, 1, NAN, NAN)
    worth = 1 - 0.001 + 0.2  # the short of 1 / 100 coins, bought back at 80
    closing, opening = 0.001 * 0.8, 0.001 * worth
    assert found.equity[-1, 0] == pytest.approx(worth - closing - opening)
    assert found.coins[-1, 0] == pytest.approx(worth / 80)
    assert found.trades()["costs"].to_list() == pytest.approx([0.001 + closing, opening / (worth - closing)])
    assert found.trades()["exit_reason"].to_list() == ["target", "end"]


def test_coins_stay_until_the_target_changes() -> None:
    """No rebalancing at 1, 1 and NaN; from 1 to 0.5 only the difference is sold."""
    found = run(flat(100, 100, 150, 120, 200, 200), 1, 1, NAN, 0.5, NAN, NAN, costs=FREE)
    assert found.coins[:, 0] == pytest.approx([0, 0.01, 0.01, 0.01, 0.005, 0.005])
    assert found.ledgers[0].turnover == pytest.approx(1 + 0.5)
    assert found.trades()["weight"].to_list() == [1.0, 0.5]


@pytest.mark.parametrize(("side", "take", "exit_usd"), [(1, 98, 99), (-1, 102, 101)])
def test_a_take_that_was_passed_before_the_fill_is_at_a_price_that_was_traded(side: int, take: float, exit_usd: float):
    on = bars((100, 100, 100, 100), (100, 101, 99, 100), (100, 100, 100, 100))
    trade = run(on, side, NAN, NAN, takes=[take, NAN, NAN]).trades().row(0, named=True)
    assert (trade["exit_usd"], trade["exit_reason"]) == (exit_usd, "take")


def test_what_the_last_bar_decides_is_never_filled() -> None:
    assert run(flat(100, 100, 100), NAN, NAN, 1).trades().is_empty()


def test_the_next_bar_is_the_next_that_exists() -> None:
    gap = bars(*[(p, p, p, p) for p in (100, 107, 110)], missing=(1, 2))
    trade = run(gap, 1, NAN, NAN).trades().row(0, named=True)
    assert trade["entered_at"].timestamp() * 1e6 == START_US + 3 * FIVE_MINUTES_US
    assert trade["entry_usd"] == 107


@pytest.mark.parametrize(
    ("bar", "side", "stop", "take", "exit_usd", "why"),
    [
        ((100, 103, 94, 99), 1, 95, 105, 95, "stop"),
        ((92, 93, 90, 91), 1, 95, 105, 92, "stop"),  # opened below the stop: the open is worse
        ((100, 106, 97, 99), 1, 95, 105, 105, "take"),
        ((108, 109, 107, 108), 1, 95, 105, 107, "take"),  # all of it above the take: at its lowest
        ((100, 106, 94, 99), 1, 95, 105, 95, "stop"),  # both: the worse
        ((100, 106, 97, 99), -1, 105, 95, 105, "stop"),
        ((108, 109, 107, 108), -1, 105, 95, 108, "stop"),
        ((100, 103, 94, 99), -1, 105, 95, 95, "take"),
        ((92, 93, 90, 91), -1, 105, 95, 93, "take"),
        ((100, 106, 94, 99), -1, 105, 95, 105, "stop"),
    ],
)
def test_stop_and_take(bar: tuple, side: int, stop: float, take: float, exit_usd: float, why: str) -> None:
    on = bars((100, 100, 100, 100), (100, 100, 100, 100), bar, (100, 100, 100, 100))
    found = run(on, side, NAN, NAN, NAN, stops=[stop, NAN, NAN, NAN], takes=[take, NAN, NAN, NAN])
    trade = found.trades().row(0, named=True)
    assert (trade["exit_usd"], trade["exit_reason"]) == (exit_usd, why)
    assert trade["exited_at"].timestamp() * 1e6 == START_US + 3 * FIVE_MINUTES_US
    gained = side * (exit_usd - 100) / 100 - 0.001 * (1 + exit_usd / 100)
    assert found.equity[2:, 0] == pytest.approx([1 + gained] * 2, rel=1e-15)
    assert found.coins[2:, 0].tolist() == [0, 0]


def test_a_stop_watches_the_bar_of_its_own_entry() -> None:
    found = run(bars((100, 100, 100, 100), (100, 101, 94, 100)), 1, NAN, costs=FREE, stops=[95, NAN])
    assert found.equity[:, 0] == pytest.approx([1, 0.95])


def test_a_stop_that_the_entry_has_passed_already_costs_both_sides() -> None:
    found = run(bars((100, 100, 100, 100), (90, 91, 89, 90)), 1, NAN, stops=[95, NAN])
    assert found.equity[-1, 0] == pytest.approx(1 - 2 * 0.001)


def test_after_a_stop_it_is_flat_until_another_target() -> None:
    on = bars((100, 100, 100, 100), (100, 100, 94, 100), *[(100, 100, 100, 100)] * 4)
    found = run(on, 1, 1, NAN, -1, NAN, NAN, costs=FREE, stops=[95, 1, 1, NAN, NAN, NAN])
    assert np.sign(found.coins[:, 0]).tolist() == [0, 0, 0, 0, -1, -1]
    assert found.trades()["exit_reason"].to_list() == ["stop", "end"]


def test_a_stop_is_read_only_where_the_target_changes() -> None:
    found = run(flat(100, 100, 90, 90), 1, 1, 1, 1, costs=FREE, stops=[50, 95, 95, 95])
    assert found.equity[-1, 0] == pytest.approx(0.9)


def test_a_target_ends_a_position_before_the_stop_of_that_bar() -> None:
    on = bars((100, 100, 100, 100), (100, 100, 100, 100), (98, 98, 90, 92))
    trade = run(on, 1, 0, NAN, stops=[95, NAN, NAN]).trades().row(0, named=True)
    assert (trade["exit_usd"], trade["exit_reason"]) == (98, "target")


def test_funding_is_paid_by_what_is_held_into_a_bar() -> None:
    """Bought at the open of bar 1, sold at that of bar 3: it pays at the opens of 2 and 3, on the price there."""
    rates = [0.01, 0.02, 0.03, 0.04, 0.05]
    found = run(flat(100, 100, 110, 120, 120), 1, NAN, 0, NAN, NAN, costs=FREE, funding=rates)
    paid = (0.03 * 110 + 0.04 * 120) / 100
    assert found.ledgers[0].funding_usd == pytest.approx(paid)
    assert found.equity[:, 0] == pytest.approx([1, 1, 1.1 - 0.033, 1.2 - paid, 1.2 - paid])
    assert found.trades()["funding"].to_list() == pytest.approx([paid])
    short = run(flat(100, 100, 110, 120, 120), -1, NAN, 0, NAN, NAN, costs=FREE, funding=rates)
    assert short.ledgers[0].funding_usd == pytest.approx(-paid)


def test_a_stopped_position_pays_the_funding_of_the_bar_that_stops_it_and_none_later() -> None:
    on = bars((100, 100, 100, 100), (100, 100, 100, 100), (100, 100, 94, 96), (96, 96, 96, 96))
    found = run(on, 1, NAN, NAN, NAN, costs=FREE, funding=[0, 0, 0.01, 0.5], stops=[95, NAN, NAN, NAN])
    assert found.ledgers[0].funding_usd == pytest.approx(0.01)


def test_ruin_inside_a_bar_is_final() -> None:
    """Three times long from 100 has nothing left at 66.67, whatever the bar closes at."""
    on = bars(
        (100, 100, 100, 100), (100, 100, 100, 100), (95, 120, 60, 110), (110, 130, 110, 130), (130, 130, 130, 130)
    )
    found = run(on, 3, NAN, 1, NAN, NAN, costs=FREE)
    assert found.equity[:, 0].tolist() == [1, 1, 0, 0, 0]
    assert found.ledgers[0].is_ruined
    assert np.isnan(found.ledgers[0].break_even_bps)
    trade = found.trades().row(0, named=True)
    assert trade["exit_usd"] == pytest.approx(200 / 3)
    assert (trade["pnl"], trade["exit_reason"], found.trades().height) == (-1.0, "ruin", 1)


def test_ruin_between_two_bars() -> None:
    found = run(flat(100, 100, 250, 90), -1, NAN, NAN, NAN, costs=FREE)
    assert found.equity[:, 0].tolist() == [1, 1, 0, 0]
    assert found.trades()["exit_usd"].to_list() == [250]


def test_a_stop_that_gaps_beyond_nothing_is_ruin() -> None:
    found = run(flat(100, 100, 250, 90), -1, NAN, NAN, NAN, costs=FREE, stops=[110, NAN, NAN, NAN])
    assert found.equity[-1, 0] == 0
    assert found.trades()["exit_reason"].to_list() == ["ruin"]


def test_ruin_by_the_cost_of_a_change() -> None:
    """200 times long at 10 basis points costs a fifth of equity, and as much again to close."""
    found = run(flat(100, 100, 99.65, 99.65), 200, 0, NAN, NAN)
    assert found.equity[-1, 0] == 0
    assert found.trades()["pnl"].to_list() == [-1.0]


def test_variants_do_not_touch_each_other() -> None:
    on, targets = flat(100, 100, 120, 90, 95), np.array([[1, -1], [NAN, 0], [0, 2], [NAN, NAN], [1, 1]], dtype=float)
    both = simulate(on, targets, TEN)
    assert both.equity.shape == both.coins.shape == (5, 2)
    for variant in (0, 1):
        alone = simulate(on, targets[:, variant], TEN)
        assert both.equity[:, variant].tolist() == alone.equity[:, 0].tolist()
        assert both.trades(variant).equals(alone.trades())


def test_trades_have_the_same_columns_with_and_without_rows() -> None:
    none, some = run(flat(100, 100), NAN, NAN).trades(), run(flat(100, 100), 1, NAN).trades()
    assert none.schema == some.schema
    assert none.schema["entered_at"] == pl.Datetime("us", "UTC")


@pytest.mark.parametrize(
    ("targets", "options", "message"),
    [
        ([1, np.inf], {}, "a target is infinite"),
        ([1, 0, 1], {}, r"must have the shape \(bars, variants\), here 2 bars"),
        ([1, 0], {"stops": [-5, NAN]}, "a stop price is 0, negative or infinite"),
        ([1, 0], {"takes": [np.inf, NAN]}, "a take price is 0, negative or infinite"),
        ([1, 0], {"stops": [[95, 94], [95, 94]]}, "as many variants as targets"),
        ([1, 0], {"funding": [0.1]}, "funding must be one number for each of the 2 bars"),
        ([1, 0], {"funding": [0.1, NAN]}, "funding must be one number for each of the 2 bars"),
    ],
)
def test_orders_that_cannot_be(targets: list[float], options: dict, message: str) -> None:
    with pytest.raises(BacktestError, match=message):
        run(flat(100, 100), *targets, **options)


def test_no_bars() -> None:
    with pytest.raises(BacktestError, match="no bars"):
        run(flat())


def test_costs_are_bounded() -> None:
    assert Costs().fraction == pytest.approx(7e-4)
    for name in ("taker_fee_bps", "half_spread_bps", "slippage_bps"):
        for wrong in (-0.1, 1_001, NAN):
            with pytest.raises(BacktestError, match=f"{name} .* must lie between 0 and 1,000 basis points a side"):
                Costs(**{name: wrong})
