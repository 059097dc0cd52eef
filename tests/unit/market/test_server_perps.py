"""Perpetuals of the made-up venues: what a ticker says knows nothing of later, and fits the candles."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from gex_pipeline.market.server import history
from gex_pipeline.market.server.answers import Moment, as_us
from gex_pipeline.market.server.perps import perpetual
from gex_pipeline.market.world import World
from tests.unit.market.venue_client import NOW

WORLD = World(1, date(2026, 10, 1), 56)
WINDOWS = [datetime(2026, 10, 2, tzinfo=UTC) + timedelta(hours=8 * i) for i in range(120)]
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("coin", ["BTC", "HYPE"])
def test_the_rate_of_eight_hours_that_have_just_begun_is_the_usual_one(coin: str) -> None:
    """Before anything has happened in them; it ends near what is paid."""
    begun, ended, paid = [], [], []
    for begin in WINDOWS:
        end = begin + timedelta(hours=8)
        begun.append(_rate(begin + SECOND, coin))
        ended.append(_rate(end - SECOND, coin))
        paid.append(history.funding(_at(end), "okx/usdt", coin, *[as_us(end) // 1_000] * 2)[1][0])
    assert all(0.4e-4 < rate < 1.6e-4 for rate in begun)
    assert ended == pytest.approx(paid, abs=1e-6) and max(paid) > 2e-4


def test_open_interest_is_as_large_as_the_coin() -> None:
    found = {coin: perpetual(_at(NOW), "bybit/usdt", coin) for coin in ("BTC", "ETH", "SOL", "HYPE")}
    usd = [p.open_interest_coin * p.mark for p in found.values()]
    assert usd == sorted(usd, reverse=True) and usd[0] > 10 * usd[-1]


def _at(instant: datetime) -> Moment:
    return Moment(WORLD, as_us(instant))


def _rate(instant: datetime, coin: str) -> float:
    return perpetual(_at(instant), "okx/usdt", coin).funding_8h
