"""A market reduced to levels and candles: the levels are those that the warehouse finds on the same open interest."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from gex_pipeline.core import black76
from gex_pipeline.market import books, reduced, reduced_books
from gex_pipeline.market.economy import Market, simulate
from gex_pipeline.market.quotes import quotes
from gex_pipeline.market.switches import Switches
from gex_pipeline.market.world import World
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.levels import levels
from gex_pipeline.transforms.max_pain import max_pain
from tests.slow.frames import as_plain, chain_frame

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
                "volume_24h_coin": 0.0,
                "mark_iv": iv,
                "forward_usd": forward,
                "index_usd": spot,
                "mark_usd": 1.0,
                "instrument": f"{us}-{strike}-{kind}",
                "settlement": "inverse",
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
    stored = levels(Book.from_chain(chain_of(market))).filter(pl.col("venues") == "all", pl.col("scope") == scope)
    assert stored.height == len(HOURS) * (19 if scope == "odte" else 18)
    columns = ("snapshot_at", "level", "value_usd", "net_gex_usd", "spot_usd")
    for at, level, value, net, spot in as_plain(stored).select(columns).iter_rows():
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


def chain_of(market: Market) -> pl.DataFrame:
    return chain_frame([row for hour in HOURS for row in rows(market, hour)])


def test_strikes_of_expiries_are_those_of_the_chain() -> None:
    """Gross gamma by the definition, sign x gamma_F x F^2 x coins x 0.01, contract by contract; max pain's table."""
    market = simulate("HYPE", START, 4, 2, Switches())
    chain = chain_of(market)
    f, k, t, s = (chain[name].to_numpy() for name in ("forward_usd", "strike_usd", "tenor_years", "mark_iv"))
    gamma = black76.gamma(f, k, t, s)
    gross = pl.Series(gamma * f**2 * chain["open_interest_coin"].to_numpy() * 0.01)
    keys = ("snapshot_at", "expiry_at", "strike_usd")
    coins = pl.col("open_interest_coin").sum()
    summed = chain.with_columns(gross=gross).group_by(keys).agg(pl.col("gross").sum(), coins)
    at_seven = pl.col("snapshot_at").dt.epoch("s") == round((START + timedelta(hours=7)).timestamp())
    pains = max_pain(Book.from_chain(chain)).filter(pl.col("venues") == "all", at_seven)
    pain = {row["expiry_at"].timestamp(): row["strike_usd"] for row in pains.iter_rows(named=True)}
    found = reduced_books.expiring(market).explode("strikes", "gross_gex_usd", "oi_coin")
    found = found.with_columns(pl.col("snapshot_at", "expiry_at").dt.replace_time_zone("UTC"))
    both = summed.join(found, left_on=keys, right_on=("snapshot_at", "expiry_at", "strikes"))
    assert both.height > 300
    assert both["gross_gex_usd"].to_numpy() == pytest.approx(both["gross"].to_numpy(), rel=1e-6, abs=1e-3)
    assert both["oi_coin"].to_numpy() == pytest.approx(both["open_interest_coin"].to_numpy())
    for row in both.filter(at_seven).unique("expiry_at").iter_rows(named=True):
        assert row["max_pain_usd"] == pain[row["expiry_at"].timestamp()]


def test_books_are_sums_of_the_chain() -> None:
    market = simulate("BTC", START, 4, 2, Switches())
    found = reduced_books.books(market)
    calls = chain_of(market).filter(pl.col("option_type") == "C")
    for (at,), part in calls.group_by("snapshot_at"):
        near = part.filter((pl.col("strike_usd") / pl.col("index_usd") - 1).abs() <= 0.05)
        row = found.row(by_predicate=pl.col("snapshot_at").dt.replace_time_zone("UTC") == at, named=True)
        share = near["open_interest_coin"].sum() / part["open_interest_coin"].sum()
        assert row["call_near_share"] == pytest.approx(share)
        assert row["strikes"] == part["strike_usd"].unique().sort().to_list()
    assert found["iv30"].is_between(0.2, 1.5).all() and found.height == 96


@pytest.mark.parametrize("coin", ["BTC", "SOL"])
def test_volumes_are_those_that_the_venues_tell(coin: str) -> None:
    """Of all books' quotes, at hours of the first day, before and after an expiry; a venue tells whole lots."""
    world = World(2, START.date(), 4)
    found = reduced_books.books(world.market(coin))
    for hour in (0, 5, 20, 31, 33, 60, 79):
        at = START + timedelta(hours=hour)
        row = found.row(by_predicate=pl.col("snapshot_at").dt.replace_time_zone("UTC") == at, named=True)
        told = [quotes(book, world, round(at.timestamp() * 1e6)) for book in books.of(coin)]
        for name, is_call in (("call_volume_coin", True), ("put_volume_coin", False)):
            expected = sum(float(each.volume[each.listed.is_call == is_call].sum()) for each in told)
            assert row[name] == pytest.approx(expected, rel=0.002), (hour, name)


def test_settlements_are_means_of_half_an_hour() -> None:
    market = simulate("SOL", START, 3, 1, Switches())
    found = reduced_books.settlements(market)
    assert found["expiry_at"].to_list() == [START + timedelta(days=i, hours=8) for i in range(3)]
    by_hand = [np.mean([market.price[24 * 60 * day + 8 * 60 - i] for i in range(30)]) for day in range(3)]
    assert found["price_usd"].to_list() == pytest.approx(by_hand, rel=1e-12)
