"""The rule about pinning on a dozen settlements by hand: the headline, and trades towards strike and placebos."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import fmean, stdev

import numpy as np
import polars as pl
import pytest

from gex_backtest.history import History
from gex_backtest.panel import Panel
from gex_backtest.rules.opex_pin import Parameters, headline, orders, placebo_orders
from tests.unit.backtest.made_up_history import START
from tests.unit.backtest.seen import calm, history

DAYS = 20
#: By the day in turns: the strike with the largest gamma, and the settlement, at a price of 100 eight hours before.
STRONGEST, SETTLED = (100.4, 99.8, 100.1, 99.0), (100.3, 100.1, 99.9, 100.05, 99.7)
STRIKES = (99.0, 99.5, 99.8, 100.1, 100.4, 101.0)
#: Every hour is up or down by so much.
STEP = 0.001
SD = STEP * math.sqrt(8)
#: Before the sixth, less than four fifths of a week's bars are there to tell sigma.
EXPIRIES = [START + timedelta(days=day, hours=8) for day in range(1, DAYS)]


def market() -> History:
    """Every midnight is 8 hours before an expiry; its book is of half an hour before."""
    made = history(calm(24 * DAYS, STEP), {"net_gex_usd": [1.0] * 24 * DAYS})
    rows = [
        {
            "snapshot_at": expiry - timedelta(hours=8, minutes=30),
            "expiry_at": expiry,
            "knowledge_time": expiry - timedelta(hours=8, minutes=29),
            "strikes": list(STRIKES),
            "gross_gex_usd": [9.0 if strike == STRONGEST[day % 4] else 1.0 for strike in STRIKES],
            "oi_coin": [1.0] * len(STRIKES),
            "max_pain_usd": 99.5,
        }
        for day, expiry in enumerate(EXPIRIES)
    ]
    settled = [
        {
            "expiry_at": expiry,
            "knowledge_time": expiry + timedelta(minutes=1),
            "price_usd": SETTLED[day % 5],
            "origin": "venue",
        }
        for day, expiry in enumerate(EXPIRIES)
    ]
    utc = pl.col(pl.Datetime).cast(pl.Datetime("us", "UTC"))
    return replace(
        made, expiring=pl.DataFrame(rows).with_columns(utc), settlements=pl.DataFrame(settled).with_columns(utc)
    )


def told(reach: float = 2.0) -> dict[datetime, tuple[float, float]]:
    """Decisions that have a sigma -> distances of strike and settlement in deviations, of strikes within reach."""
    found = {}
    for day, expiry in enumerate(EXPIRIES):
        d, x = (math.log(price / 100.0) / SD for price in (STRONGEST[day % 4], SETTLED[day % 5]))
        if day >= 5 and abs(d) <= reach:
            found[expiry - timedelta(hours=8)] = (d, x)
    return found


def test_the_headline_is_half_of_how_much_nearer_settlements_are_to_the_strike_than_to_its_mirror_image() -> None:
    nearer = [(abs(x + d) - abs(x - d)) / 2 for d, x in told().values()]
    found = headline(Panel(market()), Parameters())
    assert (found.n, found.value) == (len(nearer), pytest.approx(fmean(nearer), rel=1e-6)) and len(nearer) == 11
    assert found.standard_error == pytest.approx(stdev(nearer) / math.sqrt(len(nearer)), rel=1e-6)


def changes(targets: np.ndarray) -> dict[datetime, float]:
    rows = np.flatnonzero(np.isfinite(targets)).tolist()
    return {START + timedelta(hours=row + 1): targets[row] for row in rows}


@pytest.mark.parametrize(("reach", "least_bps"), [(2.0, 20.0), (10.0, 20.0), (2.0, 5.0), (10.0, 60.0)])
def test_trades_run_towards_the_strike_until_the_settlement(reach: float, least_bps: float) -> None:
    expected = {}
    for decided, (d, _) in told(reach).items():
        if abs(math.expm1(d * SD)) >= least_bps * 1e-4:
            expected |= {decided: math.copysign(1.0, d), decided + timedelta(hours=8): 0.0}
    asked = Parameters(reach_sigmas=reach, trade_least_bps=least_bps)
    assert changes(orders(Panel(market()), asked).targets) == expected


def test_placebos_are_drawn_to_their_own_price() -> None:
    """The nearest strike is 100.1, the nearest round number 100: one too near, the other spot itself."""
    begins = dict.fromkeys((expiry - timedelta(hours=8) for expiry in EXPIRIES[5:]), 1.0)
    ends = dict.fromkeys(EXPIRIES[5:], 0.0)
    made = placebo_orders(Panel(market()), Parameters(trade_least_bps=5.0))
    assert changes(made["placebo: nearest"].targets) == begins | ends
    assert changes(made["placebo: round"].targets) == {}
    assert changes(placebo_orders(Panel(market()), Parameters())["placebo: nearest"].targets) == {}
