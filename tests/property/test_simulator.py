"""The simulator beside its plain twin, and what must hold for every target: no look-ahead, no hidden trade."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gex_backtest.bars import Bars
from gex_backtest.costs import Costs
from gex_backtest.simulate import Simulation, simulate
from gex_pipeline.core.black76 import Floats
from tests import price_bars
from tests.slow import simulate as slow

many = settings(max_examples=150)
SAME = 1e-12


class Case(NamedTuple):
    """One variant on drawn bars."""

    bars: Bars
    targets: Floats
    costs: Costs
    funding: Floats
    stops: Floats
    takes: Floats

    def run(self) -> Simulation:
        """Through the simulator."""
        return simulate(self.bars, self.targets, self.costs, funding=self.funding, stops=self.stops, takes=self.takes)

    def until(self, bar: int) -> Case:
        """The same without its future."""
        per_bar = (self.targets, self.funding, self.stops, self.takes)
        targets, funding, stops, takes = (values[:bar] for values in per_bar)
        return Case(self.bars[slice(bar)], targets, self.costs, funding, stops, takes)


def case(seed: int, n: int, leverage: float, vol: float, is_costly: bool) -> Case:
    """Bars with gaps; half the targets NaN; stops and takes on either side of the price, half of them NaN."""
    rng = np.random.default_rng(seed)
    bars = price_bars.drawn(rng, n, vol)
    targets = leverage * rng.choice([np.nan, -1, 0, 0.5, 1], n, p=[0.5, 0.15, 0.1, 0.1, 0.15])
    away = np.sign(targets) * rng.uniform(-0.5, 4, (2, n)) * vol
    away[rng.random((2, n)) < 0.5] = np.nan
    funding = np.where(rng.random(n) < 0.2, rng.normal(0, 1e-3, n), 0.0)
    costs = Costs(*rng.uniform(0, 50, 3)) if is_costly else Costs(0, 0, 0)
    return Case(bars, targets, costs, funding, bars.close * (1 - away[0]), bars.close * (1 + away[1]))


cases = st.builds(
    case,
    seed=st.integers(0, 10**6),
    n=st.integers(1, 80),
    leverage=st.sampled_from([1.0, 1.0, 3.0]),
    vol=st.sampled_from([0.002, 0.01, 0.1]),
    is_costly=st.booleans(),
)


def closed_at(bars: Bars, closes: Floats) -> Bars:
    """The same bars with other closes, their lows and highs widened where they must be."""
    return replace(bars, close=closes, low=np.minimum(bars.low, closes), high=np.maximum(bars.high, closes))


def prices(found: Simulation) -> dict[str, list[Any]]:
    return (
        found.trades()
        .select("entered_at", "entry_usd", "exited_at", "exit_usd", "exit_reason")
        .to_dict(as_series=False)
    )


@many
@given(cases)
def test_it_agrees_with_the_plain_loop(drawn: Case) -> None:
    found, cost = drawn.run(), drawn.costs.fraction
    equity, coins, account = slow.simulate(drawn.bars, drawn.targets, cost, drawn.funding, drawn.stops, drawn.takes)
    scale = np.maximum.accumulate(equity)  # digits are lost where a loss takes nearly all
    assert (np.abs(found.equity[:, 0] - equity) <= SAME * scale).all()
    assert (np.abs(found.coins[:, 0] - coins) * drawn.bars.close <= SAME * scale).all()
    assert found.ledgers[0].is_ruined == account.is_ruined
    if not account.is_ruined:
        assert found.ledgers[0].turnover == pytest.approx(account.turnover, rel=1e-9, abs=SAME)
        assert cost * found.ledgers[0].traded_usd == pytest.approx(cost * account.traded, rel=1e-9, abs=SAME)
        assert found.ledgers[0].funding_usd == pytest.approx(account.funding, rel=1e-9, abs=SAME)


@many
@given(cases)
def test_trades_and_the_equity_curve_tell_the_same_story(drawn: Case) -> None:
    found = drawn.run()
    trades = found.trades()
    assert float(np.prod(1 + trades["pnl"].to_numpy())) == pytest.approx(found.equity[-1, 0], rel=1e-9, abs=SAME)
    fills = [(bar, price, why) for bar, price, why in _fills(drawn) if why != "target"]
    early = trades.filter(trades["exit_reason"].is_in(["stop", "take"]))
    if not found.ledgers[0].is_ruined:
        assert early.select("exit_usd", "exit_reason").rows() == [(price, why) for _, price, why in fills]
        assert early["exited_at"].dt.epoch("us").to_list() == [drawn.bars.close_at[bar] for bar, _, _ in fills]


def _fills(drawn: Case) -> list[tuple[int, float, str]]:
    rest = (drawn.funding, drawn.stops, drawn.takes)
    return slow.simulate(drawn.bars, drawn.targets, drawn.costs.fraction, *rest)[2].fills


@many
@given(cases, st.integers(0, 10**6))
def test_no_fill_is_at_a_close(drawn: Case, seed: int) -> None:
    """Other closes, the lows and highs making room: the same targets are filled at the same instants and prices."""
    bare = drawn._replace(stops=drawn.stops * np.nan, takes=drawn.takes * np.nan, targets=drawn.targets / 3)
    moved = drawn.bars.close * np.exp(np.random.default_rng(seed).normal(0, 0.005, len(drawn.bars)))
    other = bare._replace(bars=closed_at(drawn.bars, moved))
    before, after = bare.run(), other.run()
    assume(not before.ledgers[0].is_ruined and not after.ledgers[0].is_ruined)
    told = [[row for row in zip(*prices(found).values(), strict=True) if row[-1] != "end"] for found in (before, after)]
    assert told[0] == told[1]
    assert before.trades()["entry_usd"].to_list() == after.trades()["entry_usd"].to_list()
    assert set(before.trades()["entry_usd"]) <= set(drawn.bars.open)


@many
@given(cases, st.data())
def test_the_future_changes_nothing_before_it(drawn: Case, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(drawn.bars)))
    whole, part = drawn.run(), drawn.until(cut).run()
    assert whole.equity[:cut].tolist() == part.equity.tolist()
    assert whole.coins[:cut].tolist() == part.coins.tolist()


@many
@given(cases)
def test_at_the_break_even_cost_nothing_is_won_or_lost(drawn: Case) -> None:
    even = drawn.run().ledgers[0].break_even_bps
    assume(0 < even < 500)
    again = drawn._replace(costs=Costs(even, 0, 0)).run()
    assume(not again.ledgers[0].is_ruined)
    assert again.equity[-1, 0] == pytest.approx(1, abs=1e-9 * max(1.0, again.ledgers[0].turnover))


@many
@given(cases, st.floats(0.01, 1e4))
def test_the_unit_of_price_does_not_matter(drawn: Case, factor: float) -> None:
    assume(not drawn.run().ledgers[0].is_ruined)
    scaled = {name: factor * getattr(drawn.bars, name) for name in ("open", "high", "low", "close")}
    other = drawn._replace(bars=replace(drawn.bars, **scaled), stops=factor * drawn.stops, takes=factor * drawn.takes)
    assume(prices(other.run())["exit_reason"] == prices(drawn.run())["exit_reason"])  # a touch may round away
    assert other.run().equity == pytest.approx(drawn.run().equity, rel=1e-9)


@many
@given(cases)
def test_trading_is_never_free(drawn: Case) -> None:
    assume(drawn.costs.fraction > 0)
    free = drawn._replace(costs=Costs(0, 0, 0)).run()
    dear = drawn.run()
    assume(not free.ledgers[0].is_ruined and dear.ledgers[0].turnover > 0)
    assert dear.equity[-1, 0] < free.equity[-1, 0]
