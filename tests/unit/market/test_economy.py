"""The made-up market: sums, the effect of hedging, and a null market that knows of no option."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from gex_pipeline.core.black76 import Floats
from gex_pipeline.errors import UsageError
from gex_pipeline.market import surface
from gex_pipeline.market.books import COINS
from gex_pipeline.market.economy import LEAST, MOST, Market, simulate
from gex_pipeline.market.hedging import profiles
from gex_pipeline.market.minutes import longer, minute_bars
from gex_pipeline.market.positions import Day, Habits
from gex_pipeline.market.shocks import seasons, shocks
from gex_pipeline.market.switches import NULL, Switches

START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS, SEEDS = 20, range(4)
HOUR = 60


@cache
def market(seed: int = 0, switches: Switches = Switches(), coin: str = "BTC", days: int = DAYS) -> Market:  # noqa: B008 - frozen
    return simulate(coin, START, days, seed, switches)


def hourly(minutes: Floats) -> Floats:
    return minutes.reshape(-1, HOUR).sum(axis=1)


def squares(of: Market) -> Floats:
    return hourly(np.diff(np.log(of.price)) ** 2)


def same(one: Market, other: Market) -> bool:
    names = ("price", "multiplier", "pull", "gamma_usd", "volatility", "defended")
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in names)


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert same(simulate("SOL", START, 3, 7, Switches()), simulate("SOL", START, 3, 7, Switches()))
    assert not same(simulate("SOL", START, 3, 7, Switches()), simulate("SOL", START, 3, 8, Switches()))


def test_without_feedback_the_price_knows_of_no_option() -> None:
    """Whatever customers do, and however much of it gathers."""
    plain = market(switches=NULL)
    for other in (Switches(0.0, walls=3.0, pinning=2.0), Switches(0.0, agreement=-1.0)):
        assert market(switches=other).price.tobytes() == plain.price.tobytes()
        assert market(switches=other).gamma_usd.tobytes() != plain.gamma_usd.tobytes()
    returns = shocks(0, "BTC", COINS["BTC"][1], START, DAYS).returns
    assert np.diff(np.log(plain.price)) == pytest.approx(returns, abs=1e-12)
    assert set(plain.multiplier) == {1.0} and set(plain.pull) == {0.0}


def test_long_gamma_dampens_and_short_gamma_amplifies() -> None:
    """Realised variance beside that of the same shocks, by quintile of the dealers' true gamma."""
    felt = [market(seed) for seed in SEEDS]
    gamma = np.concatenate([m.gamma_usd for m in felt])
    shaken = np.concatenate([squares(market(seed, NULL)) for seed in SEEDS])
    moved = np.concatenate([squares(m) for m in felt])
    fifths = np.array_split(np.argsort(gamma), 5)
    ratios = [math.sqrt(moved[fifth].sum() / shaken[fifth].sum()) for fifth in fifths]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] > 1.05 and ratios[-1] < 0.95


def test_realised_volatility_falls_with_the_dealers_gamma() -> None:
    """By quintile of the true gamma, over eight markets: volatility that clusters by itself blurs fewer of them."""
    felt = [market(seed, Switches(), days=60) for seed in range(8)]
    gamma, moved = (np.concatenate([of(m) for m in felt]) for of in (lambda m: m.gamma_usd, squares))
    fifths = np.array_split(np.argsort(gamma), 5)
    realised = [math.sqrt(moved[fifth].mean()) for fifth in fifths]
    assert realised == sorted(realised, reverse=True) and realised[0] > 1.3 * realised[-1]


@pytest.mark.parametrize("switch", [{}, {"feedback": 2.0}, {"walls": 3.0}, {"pinning": 2.0}, {"agreement": -1.0}])
def test_the_multiplier_is_bounded_and_the_bound_seldom_binds(switch: dict[str, float]) -> None:
    """With the usual switches and with each at its end."""
    multiplier = np.concatenate([market(seed, Switches(**switch)).multiplier for seed in SEEDS])
    assert multiplier.min() >= LEAST and multiplier.max() <= MOST
    assert np.mean((multiplier == LEAST) | (multiplier == MOST)) < 0.01


def test_all_effects_at_once_reach_the_bound() -> None:
    multiplier = market(0, Switches(2.0, walls=3.0, pinning=2.0)).multiplier
    assert 0.01 < np.mean(multiplier == LEAST) < 0.3


def distances(pinning: float) -> Floats:
    """From the settlement to the round strike that was nearest the morning before (log)."""
    found = []
    for seed in SEEDS:
        spots = market(seed, Switches(pinning=pinning), days=60).price[480::1440]
        strikes = 5_000 * np.round(spots[:-1] / 5_000)
        found.append(np.abs(np.log(spots[1:] / strikes)))
    return np.concatenate(found)


def test_a_large_position_at_a_strike_near_its_expiry_pins() -> None:
    """Settlements lie nearer to the strike, the more so the larger the position; without it as in the null market."""
    without, usual, large = (distances(pinning).mean() for pinning in (0.0, 1.0, 2.0))
    assert large < 0.9 * without and large < usual < without


def test_walls_are_open_interest_at_two_round_strikes_that_dealers_are_long() -> None:
    """Beside the same day without them."""
    plain, walled = (days_of(0, [91_000.0], Switches(0.0, walls=size, pinning=0.0))[0] for size in (0.0, 2.0))
    more, listed = walled.new - plain.new, walled.ladder
    for end in np.unique(listed.expiry_us[listed.expiry_us < walled.begin_us + 30 * 86_400_000_000]):
        for side, (low, high) in enumerate([(91_000, 106_000), (76_000, 91_000)]):
            at = np.flatnonzero((listed.expiry_us == end) & (more[side] > 1.0))
            assert len(at) <= 1 and all(low < strike < high for strike in listed.strike[at])
            assert (walled.bought - plain.bought)[side, at] == pytest.approx(0.7 * more[side, at], rel=0.2)
    assert more.sum() * 91_000 > 5 * 8e6


def test_dealers_and_customers_hold_the_same_contracts_and_no_more_than_there_are() -> None:
    for switches in (Switches(), Switches(agreement=0.0), Switches(agreement=-1.0, walls=3.0)):
        for held in market(switches=switches).held:
            for share in (0.0, 0.4, 1.0):
                open_interest, dealers = held.open_interest_at(share), held.dealers_at(share)
                assert (np.abs(dealers) <= open_interest * (1 + 1e-9)).all() and (open_interest >= 0).all()


@pytest.mark.parametrize(("agreement", "sign"), [(1.0, 1.0), (-1.0, -1.0)])
def test_customers_who_agree_with_the_convention(agreement: float, sign: float) -> None:
    """Dealers long calls and short puts, or the other way round; nothing gathers, as dealers are long that."""
    calls, puts = market(switches=Switches(walls=0.0, pinning=0.0, agreement=agreement)).held[-1].dealers
    assert (sign * calls >= 0).all() and (sign * puts <= 0).all()
    assert sign * calls.sum() > 0 > sign * puts.sum()


def test_both_signs_of_gamma_occur() -> None:
    gamma = np.concatenate([market(seed).gamma_usd for seed in SEEDS])
    assert 0.1 < np.mean(gamma < 0) < 0.9


def eight(held: Day) -> float:
    """08:00 UTC of a day, seconds since 1970."""
    return datetime(held.date.year, held.date.month, held.date.day, 8, tzinfo=UTC).timestamp()


def contracts(held: Day, share: float, spot: float, level: float, usual: float) -> Iterator[tuple[float, ...]]:
    """Strike, the dealers' coins, IV and years to expiry, one after the other."""
    begin = datetime(held.date.year, held.date.month, held.date.day, 8, tzinfo=UTC).timestamp()
    for i in range(len(held.ladder.strike)):
        t = (held.ladder.expiry_us[i] / 1e6 - begin - share * 86_400) / (365 * 86_400)
        forward = spot * math.exp(0.05 * t)
        w = (level**2 - usual**2) * (1 - math.exp(-t * 365 / 20)) / (t * 365 / 20) + usual**2
        theta, k = w * t, math.log(held.ladder.strike[i] / forward)
        p = 0.9 / math.sqrt(theta) * k
        s = math.sqrt(0.5 * w * (1 - 0.25 * p + math.sqrt((p - 0.25) ** 2 + 1 - 0.25**2)))
        coins = sum(held.dealers[side, i] + share * held.bought[side, i] for side in (0, 1))
        yield held.ladder.strike[i], coins, s, t


def d1_of(at: float, strike: float, s: float, t: float) -> float:
    return (math.log(at * math.exp(0.05 * t) / strike) + 0.5 * s * s * t) / (s * math.sqrt(t))


def by_hand(held: Day, share: float, spot: float, at: float, level: float, usual: float) -> float:
    """The dealers' gamma at a price, contract by contract."""
    total = 0.0
    for strike, coins, s, t in contracts(held, share, spot, level, usual):
        d1 = d1_of(at, strike, s, t)
        gamma = math.exp(-0.5 * d1 * d1) / math.sqrt(2 * math.pi) / (at * s * math.sqrt(t))
        total += coins * gamma * at * at / 100
    return total


def deltas(held: Day, later: float, spot: float, at: float, level: float) -> float:
    """The dealers' delta (coins) at a price at noon and some minutes, of expiries within three days; IV stays."""
    total = 0.0
    for strike, coins, s, t in contracts(held, 0.5, spot, level, 0.45):
        if t < 3 / 365:
            total += coins * 0.5 * math.erfc(-d1_of(at, strike, s, t - later / (365 * 1440)) / math.sqrt(2))
    return total


def test_a_return_is_the_shock_that_hedging_makes_of_it_and_a_pull() -> None:
    found, shaken = market(), shocks(0, "BTC", COINS["BTC"][1], START, DAYS).returns
    assert np.diff(np.log(found.price)) == pytest.approx(found.multiplier * shaken + found.pull, abs=1e-12)


def test_hedges_decay_as_deltas_do() -> None:
    """The flow beside how deltas change in a minute at the same price: what grows is sold."""
    held, spot = market().held[-1], 91_234.5
    x, _, decay = profiles(held, np.array([0.5]), math.log(spot), np.array([0.45]), 0.45)
    for place in (12, 20, 24, 28, 36):
        at = spot * math.exp(x[place])
        grown = deltas(held, 1.0, spot, at, 0.45) - deltas(held, 0.0, spot, at, 0.45)
        assert decay[0, place] == pytest.approx(-0.01 * at * grown, abs=0.1 * np.abs(decay).max())


def test_walls_that_are_defended_are_those_with_the_most_gamma_and_throw_back() -> None:
    """Price at a wall of calls drifts down, at one of puts up; so it does nowhere else, and not without feedback."""
    plain, walled = (market(1, Switches(walls=size, pinning=0.0), days=60) for size in (0.0, 3.0))
    day = np.searchsorted(np.arange(480, len(walled.pull), 1440), np.arange(len(walled.pull)), side="right")
    away = np.log(walled.price[:-1, None] / walled.defended[day]) / (0.45 / math.sqrt(365))
    calls, puts = (walled.pull[np.abs(away[:, side]) < 0.1].mean() for side in (0, 1))
    elsewhere = np.abs(walled.pull[(np.abs(away) > 1).all(axis=1)]).mean()
    assert calls < -4 * elsewhere and puts > 4 * elsewhere
    assert np.abs(walled.pull).max() > 3 * np.abs(plain.pull).max()


def test_the_profile_is_the_sum_of_the_contracts() -> None:
    held, shares, spot, levels = market().held[-1], np.array([0.5, 0.6]), 91_234.5, np.array([0.45, 0.5])
    x, gamma, _ = profiles(held, shares, math.log(spot), levels, 0.45)
    for share, level, profile in zip(shares, levels, gamma, strict=True):
        for place in (0, 24, 40):
            expected = by_hand(held, share, spot, spot * math.exp(x[place]), level, 0.45)
            assert profile[place] == pytest.approx(expected, abs=1e-3 * np.abs(profile).max())


def test_the_gamma_that_a_price_feels_is_the_dealers_at_that_price() -> None:
    """Whole hours, also those in whose stretch the price has moved since gamma was last worked out around it."""
    found = market()
    for hour in (29, 30, 31, 200, 330):
        held, share = found.day(round(START.timestamp() * 1e6) + hour * 3_600_000_000)
        spot = found.price[60 * hour]
        expected = by_hand(held, share, spot, spot, found.volatility[hour], 0.45)
        assert found.gamma_usd[hour] == pytest.approx(expected, abs=0.02 * np.abs(found.gamma_usd).max())


def days_of(n: int, spots: list[float], switches: Switches = NULL) -> list[Day]:
    """The positions of a coin whose mornings have these spots."""
    habits = Habits(1, "BTC", switches)
    held = [habits.first(START.date(), np.full(30, spots[0]))]
    for spot in spots[1 : n + 1]:
        held.append(habits.next(held[-1], spot))
    return held


def test_contracts_are_listed_and_expire_at_eight() -> None:
    for held in days_of(9, 10 * [90_000.0]):
        begin = eight(held) * 1e6
        assert held.ladder.expiry_us.min() == begin + 86_400_000_000  # dailies, Saturdays and Sundays too
        assert held.begin_us == begin


def test_positions_go_on_from_day_to_day() -> None:
    """What a contract has at the end of a day it has at the begin of the next, wherever spot is."""
    for before, after in pairwise(days_of(6, [90_000.0, 84_000.0, 99_000.0, 91_000.0, 90_500.0, 70_000.0, 90_000.0])):
        is_there, place = after.ladder.places(before.ladder)
        assert (before.ladder.expiry_us[~is_there] == after.begin_us).all()
        assert after.open_interest[:, place] == pytest.approx(before.open_interest_at(1.0)[:, is_there])
        assert after.dealers[:, place] == pytest.approx(before.dealers_at(1.0)[:, is_there])
        rest = np.delete(np.arange(len(after.ladder.strike)), place)
        assert (after.open_interest[:, rest] == 0).all()


def test_open_interest_gathers_at_round_strikes_and_follows_spot() -> None:
    held = days_of(12, 3 * [90_000.0] + 10 * [110_000.0])
    total, listed = held[0].open_interest.sum(axis=0), held[0].ladder
    near = np.abs(listed.strike / 90_000 - 1) < 0.1
    is_round = listed.steps % 5 == 0
    assert total[is_round & near].mean() > 2 * total[~is_round & near].mean()
    means = [(day.open_interest.sum(axis=0) * day.ladder.strike).sum() / day.open_interest.sum() for day in held]
    assert means[-1] > means[0] + 5_000


# ---------------------------------------------------------------- the null market is hard


def null_returns(every: int) -> Floats:
    return np.concatenate([np.diff(np.log(market(seed, NULL, days=60).price[::every])) for seed in SEEDS])


def test_volatility_clusters_and_tails_are_fat() -> None:
    hours = null_returns(HOUR)
    size = np.log(np.abs(hours) + 1e-6)
    assert np.corrcoef(size[24:], size[:-24])[0, 1] > 0.05
    assert np.mean(hours**4) / np.mean(hours**2) ** 2 > 4.0
    assert abs(np.corrcoef(hours[1:], hours[:-1])[0, 1]) < 0.05


def test_hours_and_weekends() -> None:
    """The mean of a week is 1; Sundays before dawn are quiet, Mondays at New York's open are not."""
    week = seasons(START, 7 * 1440)
    assert np.mean(week**2) == pytest.approx(1.0)
    assert week[6 * 1440 + 270] < 0.5 and week[870] > 1.3
    assert seasons(START + timedelta(days=3, hours=5), 60) == pytest.approx(week[3 * 1440 + 300 : 3 * 1440 + 360])


def test_implied_volatility_follows_realised() -> None:
    found = market(1, NULL, days=60)
    realised = np.convolve(squares(found), np.ones(72), "valid")
    assert np.corrcoef(realised, found.volatility[-len(realised) :])[0, 1] > 0.6


# ---------------------------------------------------------------- the surface


@pytest.mark.parametrize("now", [0.2, 0.45, 1.5])
def test_no_calendar_arbitrage(now: float) -> None:
    """Total variance grows with tenor at every strike."""
    tenor = np.array([1 / 8760, 1 / 365, 7 / 365, 30 / 365, 0.25, 1.0])[:, None]
    k = np.linspace(-1.5, 1.5, 301)
    total = surface.smile(surface.at_the_money(now, 0.45, tenor), tenor, k) ** 2 * tenor
    assert (np.diff(total, axis=0) > 0).all()


@pytest.mark.parametrize("tenor", [1 / 8760, 1 / 365, 30 / 365, 1.0])
def test_no_butterfly_arbitrage(tenor: float) -> None:
    """The density that call prices imply is nowhere negative (Gatheral and Jacquier, equation 2.1)."""
    theta = 0.5**2 * tenor
    k = np.linspace(-6, 6, 20_001) * math.sqrt(theta)
    w = surface.smile(np.array(0.5), np.array(tenor), k) ** 2 * tenor
    d1, d2 = np.gradient(w, k), np.gradient(np.gradient(w, k), k)
    g = (1 - k * d1 / (2 * w)) ** 2 - d1**2 / 4 * (1 / w + 0.25) + d2 / 2
    assert g[5:-5].min() > 0


def test_at_the_money_is_the_level_now_and_the_usual_one_later() -> None:
    assert surface.at_the_money(0.9, 0.4, np.array([1e-9, 1e3])) == pytest.approx([0.9, 0.4], rel=1e-3)
    assert surface.smile(np.array(0.5), np.array(0.1), np.array(0.0)) == pytest.approx(0.5)


@pytest.mark.parametrize("value", [-7.0, math.nan, math.inf, "1", None])
@pytest.mark.parametrize("name", ["feedback", "walls", "pinning", "agreement"])
def test_a_switch_that_cannot_be_is_named(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"{name} = {value!r} cannot be: a number from "):
        Switches(**{name: value})


# ---------------------------------------------------------------- bars


def test_bars_hold_their_prices_and_follow_each_other() -> None:
    bars = minute_bars(market(), 0)
    for each in (bars, longer(bars, 5), longer(bars, 7)):
        assert (each.high >= np.maximum(each.open, each.close)).all()
        assert (each.low <= np.minimum(each.open, each.close)).all() and (each.volume_coin > 0).all()
        assert (each.open[1:] == each.close[:-1]).all()
    assert len(longer(bars, 7).open) == DAYS * 1440 // 7
    assert longer(bars, 60).close.tolist() == market().price[60::60].tolist()
    assert longer(bars, 60).volume_coin.sum() == pytest.approx(bars.volume_coin.sum())


def test_ranges_have_the_size_of_the_moves() -> None:
    """Parkinson's variance of the minutes is theirs: E[(ln H / L)^2] = 4 ln 2 s^2 (doi:10.1086/296071)."""
    found = market(2, NULL, days=60)
    bars = minute_bars(found, 2)
    ranges = np.log(bars.high / bars.low) ** 2 / (4 * math.log(2))
    assert ranges.sum() == pytest.approx((found.minute_volatility**2).sum() / (365 * 1440), rel=0.1)
