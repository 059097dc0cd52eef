"""A market reduced to levels and candles: the levels are those that the warehouse finds on the same open interest."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from gex_pipeline.market import reduced
from gex_pipeline.market.economy import Market, simulate
from gex_pipeline.market.switches import Switches
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.levels import levels

START = datetime(2026, 1, 5, tzinfo=UTC)
HOURS = (0, 7, 8, 30, 79)
YEAR_S, USUAL = 365 * 86_400, {"BTC": 0.45, "HYPE": 0.95}


def rows(market: Market, hour: int) -> list[dict[str, object]]:
    """The whole open interest at an hour as rows of `chain` of one venue, contract by contract."""
    at = START + timedelta(hours=hour)
    held, share = market.day(round(at.timestamp() * 1e6))
    spot, level, usual = market.price[60 * hour], market.volatility[hour], USUAL[market.coin]
    out = []
    for i, (us, strike) in enumerate(zip(held.ladder.expiry_us.tolist(), held.ladder.strike.tolist(), strict=True)):
        t = (us / 1e6 - at.timestamp()) / YEAR_S
        forward = spot * math.exp(0.05 * t)
        w = (level**2 - usual**2) * (1 - math.exp(-t * 365 / 20)) / (t * 365 / 20) + usual**2
        p = 0.9 / math.sqrt(w * t) * math.log(strike / forward)
        iv = math.sqrt(0.5 * w * (1 - 0.25 * p + math.sqrt((p - 0.25) ** 2 + 1 - 0.25**2)))
        out += [
            {
                "snapshot_at": at,
                "knowledge_time": at,
                "underlying": market.coin,
                "venue": "one",
                "expiry_at": datetime.fromtimestamp(us / 1e6, UTC),
                "strike_usd": strike,
                "option_type": kind,
                "open_interest_coin": held.open_interest[side, i] + share * held.new[side, i],
                "mark_iv": iv,
                "forward_usd": forward,
                "index_usd": spot,
                "mark_usd": 1.0,
                "tenor_years": t,
            }
            for side, kind in enumerate("CP")
        ]
    return out


@pytest.mark.parametrize(("coin", "seed"), [("BTC", 0), ("HYPE", 3)])
@pytest.mark.parametrize("scope", ["all_expiry", "odte"])
def test_levels_are_those_of_the_warehouse(coin: str, seed: int, scope: str) -> None:
    market = simulate(coin, START, 4, seed, Switches())
    found = reduced.levels(market)[scope]
    chain = pl.DataFrame([row for hour in HOURS for row in rows(market, hour)])
    times = pl.col("snapshot_at").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    stored = levels(Book.from_chain(chain)).filter(pl.col("venues") == "all", pl.col("scope") == scope)
    assert stored.height == len(HOURS) * (19 if scope == "odte" else 18)
    for at, level, value, net, spot in stored.select(
        times, pl.col("level").cast(pl.String), "value_usd", "net_gex_usd", "spot_usd"
    ).iter_rows():
        row = found.row(by_predicate=pl.col("snapshot_at") == at, named=True)
        name = "absolute_gamma" if level == "zero_dte_magnet" else level
        expected = math.nan if value is None else value
        assert row[name] == pytest.approx(expected, rel=1e-6, nan_ok=True), (at, level)
        assert row["net_gex_usd"] == pytest.approx(net, rel=1e-9) and row["spot_usd"] == pytest.approx(spot)


def test_every_hour_has_levels_and_every_bar_its_minutes() -> None:
    market = simulate("SOL", START, 3, 1, Switches())
    for frame in reduced.levels(market).values():
        assert frame["snapshot_at"].to_list() == [START + timedelta(hours=i) for i in range(72)]
        assert np.isfinite(frame["net_gex_usd"].to_numpy()).all()
    bars = reduced.candles(market, 1, 5)
    assert bars.close.tolist() == market.price[5::5].tolist()
