"""All rules of a run on one history: numbers, or why there are none; and what a history holds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from gex_backtest import summary, words
from gex_backtest.bars import Bars
from gex_backtest.config import Choice, Configuration, configure
from gex_backtest.costs import Costs
from gex_backtest.errors import BacktestError
from gex_backtest.history import History
from gex_backtest.holdings import Orders
from gex_backtest.panel import Panel
from gex_backtest.sharpe import track_records
from gex_backtest.suite import coverage, run
from gex_pipeline.schema import TABLES
from tests.unit.backtest.drifts import DRIFTS, RULES, START, VOLS, Parameters, history

BOTH = configure(rules=RULES)
LONE = replace(DRIFTS, name="lone")


def variants(*parameters: Parameters) -> Configuration:
    return Configuration((Choice(DRIFTS, parameters),))


def test_every_variant_is_studied_and_simulated() -> None:
    told: list[str] = []
    found = run(history(), variants(Parameters(hours=1), Parameters(hours=2, side="fade")), told.append)
    first, second = found.outcomes
    assert told == ["drifts", "drifts"]
    assert [(o.variant, o.status, o.trading_status) for o in found.outcomes] == [(1, "ok", "ok"), (2, "ok", "ok")]
    assert first.study.estimates[0].value != second.study.estimates[0].value
    assert first.trading.equity.shape == (96,)
    assert first.trading.equity[-1] != second.trading.equity[-1]


def test_every_variant_of_every_rule_is_a_trial_of_a_track_record() -> None:
    """Four days are too few; sixty are told, as one of three trials, also of a rule that was tried once."""
    short = run(history(), variants(Parameters(hours=1), Parameters(hours=2))).outcomes
    assert [(o.record.trials, o.record.days, o.record.note) for o in short] == [(2, 4, "too few days")] * 2
    asked = Configuration((*variants(Parameters(), Parameters(side="fade")).rules, Choice(LONE, (Parameters(),))))
    follow, fade, lone = run(history(24 * 60), asked).outcomes
    assert [(o.record.trials, o.record.days) for o in (follow, fade, lone)] == [(3, 60)] * 3
    assert lone.record == follow.record
    assert lone.record.deflated_sharpe < lone.record.probabilistic_sharpe
    ends = follow.trading.equity[23::24]
    r = ends / np.append(1.0, ends[:-1]) - 1.0
    (alone,) = track_records([r])
    assert alone.probabilistic_sharpe == pytest.approx(lone.record.probabilistic_sharpe)


def test_the_trading_form_pays_the_costs_and_the_funding_of_the_run() -> None:
    one = history()
    times = [START + timedelta(hours=8 * i) for i in range(1, 12)]
    paid = rates(times, [0.01] * 11, 8.0)
    asked = variants(Parameters())
    dear = replace(asked, costs=replace(asked.costs, taker_fee_bps=50.0))
    free = replace(asked, costs=replace(asked.costs, assumed_funding_bps=0.0))
    known = replace(one, funding=paid)
    plain, costly, unfunded, funded, known_alone = (
        run(*given).outcomes[0].trading
        for given in ((one, asked), (one, dear), (one, free), (known, asked), (known, free))
    )
    assert costly.metrics.fees == pytest.approx(10 * plain.metrics.fees, rel=0.2)
    assert unfunded.metrics.funding == 0 != funded.metrics.funding
    assert known_alone.metrics.funding == funded.metrics.funding  # nothing is left to assume
    assert 90 < abs(funded.metrics.funding / plain.metrics.funding) < 110  # 1 bps where none is stored, here 100


def rates(times: list[datetime], paid: list[float], period_hours: float) -> pl.DataFrame:
    columns = {"funding_at": times, "funding_rate": paid, "period_hours": [period_hours] * len(times)}
    return pl.DataFrame(columns, schema=history().funding.schema)


@pytest.mark.parametrize(
    ("is_paid", "bps", "assumed"),
    [
        (
            lambda _: True,
            238 / 8,
            0,
        ),  # from 02:00, as what is filled at 01:00 does not pay then, to the open of the last bar
        (lambda hour: hour % 8 == 0, 29.0, 7 * 29),
        (lambda hour: hour not in (3, 9, 10, 233), 237 / 8, 3),  # hour 233 would be due at 240, when bars are over
        (lambda _: False, 29.0, 232),
    ],
)
def test_ten_days_of_an_hourly_rate_pay_alike_however_much_of_it_is_stored(
    is_paid: Callable[[int], bool], bps: float, assumed: float
) -> None:
    """1 bp per 8 hours, stored by the hour, the rest assumed at as much. What is held pays at a price that stands."""
    hours = list(filter(is_paid, range(1, 241)))
    still = history(240)
    ones = np.ones(240)
    bars = Bars(still.bars.open_at, still.bars.close_at, ones, ones, ones, ones)
    stored = rates([START + timedelta(hours=h) for h in hours], [1e-4 / 8] * len(hours), 1.0)
    one = replace(still, bars=bars, funding=stored)
    hold = replace(LONE, orders=lambda panel, _: Orders(np.ones(len(panel.bars))))
    free = Costs(taker_fee_bps=0, half_spread_bps=0, slippage_bps=0)
    asked = Configuration((Choice(hold, (Parameters(),)),), costs=free)
    found = run(one, asked)
    assert 1e4 * found.outcomes[0].trading.metrics.funding == pytest.approx(bps, rel=1e-9)
    covered = found.coverage
    assert (covered.funding_instants, covered.assumed_funding_hours) == (len(hours), assumed)
    assert covered.funding_hours == 232
    assert words.assumed_hours(covered) == f"{assumed} of 232 hours"
    terminal = Console(width=300)
    with terminal.capture() as captured:
        terminal.print(summary.table(found))
    told = f"funding: {len(hours):,} stored rates, {assumed} of 232 hours assumed at 1 bps per 8 hours"
    assert told in captured.get().splitlines()


def test_latency_delays_decisions() -> None:
    asked = variants(Parameters())
    on_time, late = (run(history(), replace(asked, latency_seconds=s)) for s in (60.0, 3600.0))
    entries = [found.outcomes[0].trading.trades["entered_at"].to_list() for found in (on_time, late)]
    assert entries[1][0] - entries[0][0] == timedelta(hours=1)


def test_a_rule_that_lacks_its_data_says_so_and_stops_nobody() -> None:
    drifts, vols = run(history(), BOTH).outcomes
    assert (drifts.status, vols.study, vols.trading) == ("ok", None, None)
    assert vols.status == "no dvol in this span: `gex market` or `gex import` brings some"


@pytest.mark.parametrize("need", [field.name for field in fields(History) if field.name not in ("underlying", "bars")])
def test_what_is_lacking_is_told_by_a_table_of_the_warehouse_and_a_command(need: str) -> None:
    bare = replace(history(), **{need: getattr(history(), need).clear()})
    with pytest.raises(BacktestError) as caught:
        run(bare, Configuration((Choice(replace(LONE, needs=(need,)), (Parameters(),)),)))
    told = re.fullmatch(r"no rule can be run: no (\w+) .*in this span: .*`gex \w+`.* \(lone\)", str(caught.value))
    assert told and told[1] in TABLES


def test_when_no_rule_can_be_run_one_line_says_why() -> None:
    bare = history()
    bare = replace(bare, levels=bare.levels.clear())
    with pytest.raises(
        BacktestError,
        match=r"^no rule can be run: no levels [^;]* \(drifts, vols\); no dvol [^;]* \(vols\)$",
    ):
        run(bare, BOTH)


def refuse(panel: Panel, _: Parameters) -> Orders:
    raise BacktestError(f"{len(panel.bars)} bars are too few")


def test_what_a_rule_cannot_do_with_the_data_is_its_status() -> None:
    short = replace(DRIFTS, study=refuse)
    asked = Configuration(
        (Choice(DRIFTS, (Parameters(),)), Choice(replace(DRIFTS, name="short", study=refuse), (Parameters(),)))
    )
    assert run(history(), asked).outcomes[1].status == "96 bars are too few"
    orderless = Configuration((Choice(replace(DRIFTS, orders=refuse), (Parameters(),)),))
    (kept,) = run(history(), orderless).outcomes
    assert (kept.study is not None, kept.trading, kept.trading_status) == (True, None, "96 bars are too few")
    with pytest.raises(BacktestError, match="96 bars are too few"):
        run(history(), Configuration((Choice(short, (Parameters(),)),)))


def test_a_rule_without_a_trading_form() -> None:
    (outcome,) = run(history(), Configuration((Choice(replace(VOLS, needs=("levels",)), (Parameters(),)),))).outcomes
    assert (outcome.status, outcome.trading, outcome.trading_status) == ("ok", None, "no trading form")


def test_coverage_counts_gaps_and_stale_levels() -> None:
    whole = history()
    kept = np.r_[0:30, 40:96]
    arrays = {name: values[kept] for name, values in vars(whole.bars).items()}
    levels = whole.levels.head(48)  # the second half of the decisions has levels that are two hours old at most
    found = coverage(Panel(replace(whole, bars=replace(whole.bars, **arrays), levels=levels)))
    assert (found.bars, found.missing_bars, found.bar_seconds) == (86, 10, 3600)
    assert (found.first_open_at, found.last_close_at) == (START, START + timedelta(hours=96))
    assert (found.snapshots, found.first_snapshot_at) == (48, START)
    assert found.last_snapshot_at == START + timedelta(hours=47)
    assert found.level_share == (48 - 10 + 1) / 86  # closes of hours 1 to 49, ten of them missing


def test_a_history_without_levels_covers_nothing() -> None:
    bare = replace(history(), levels=history().levels.clear())
    found = coverage(Panel(bare))
    assert (found.snapshots, found.first_snapshot_at, found.level_share) == (0, None, 0.0)
