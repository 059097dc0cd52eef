"""Tables `level_bands` and `net_gex_bands`: beside a slow twin, by hand, beside a market whose truth is known."""

from __future__ import annotations

import math
import random
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from gex_pipeline.core.instruments import VENUES
from gex_pipeline.market import books, chains, quotes
from gex_pipeline.market.world import World
from gex_pipeline.schema import LEVEL_BANDS, NET_GEX_BANDS
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.level_bands import level_bands
from gex_pipeline.transforms.levels import levels
from gex_pipeline.transforms.net_gex_bands import net_gex_bands
from tests.instants import utc
from tests.slow import bands as slow
from tests.slow import profile as slow_profile
from tests.slow.chains import random_book, row
from tests.slow.exposure import Row, spot
from tests.slow.frames import as_plain, assert_declared, chain_frame, level_rows, venue_sets
from tests.slow.levels import levels as slow_levels
from tests.slow.levels import select

LEVELS = ("zero_gamma", "call_resistance", "put_support")
SCOPES = ("all_expiry", "odte")


def quoted(rows: list[Row], seed: int) -> list[Row]:
    """Bids and asks: as volatilities, as prices, of one side or none."""
    rng = random.Random(seed)
    return [{**row, **_quotes(row, rng)} for row in rows]


def _quotes(row: Row, rng: random.Random) -> dict[str, float | None]:
    half, kind = rng.uniform(0.002, 0.03), rng.random()
    if kind < 0.5:
        return {"bid_iv": row["mark_iv"] - half, "ask_iv": row["mark_iv"] + half}
    if kind < 0.8:
        return {"bid_usd": 0.01, "ask_usd": 0.01 + 100 * half}
    return {"bid_iv": row["mark_iv"] - half} if kind < 0.9 else {}


def found(frame: pl.DataFrame, scope: str, level: str | None = None) -> dict[str, Any]:
    plain = as_plain(frame).filter(pl.col("scope") == scope)
    return plain.row(0 if level is None else LEVELS.index(level), named=True)


@pytest.mark.parametrize("seed", range(8))
def test_as_the_twin(seed: int) -> None:
    rows = quoted(random_book(seed, venues=1 + seed % 4), seed)
    book = Book.from_chain(chain_frame(rows))
    banded, nets = level_bands(book), net_gex_bands(book)
    assert_declared(LEVEL_BANDS, banded)
    assert_declared(NET_GEX_BANDS, nets)
    for scope in SCOPES:
        mine = select(rows, scope)
        check_net(mine, spot(rows), found(nets, scope))
        check_flip(mine, spot(rows), found(banded, scope, "zero_gamma"))
        check_signs(rows, scope, banded)
        check_venues(rows, scope, banded)


def check_net(rows: list[Row], spot_now: float, band: dict[str, Any]) -> None:
    net, call, put = slow_profile.net_at(rows, spot_now, spot_now)
    error = slow.error_of_net(rows, spot_now, spot_now)
    gross = abs(call) + abs(put)
    assert band["net_gex_usd"] == pytest.approx(net, abs=1e-9 * gross)
    assert band["quoted_share"] == pytest.approx(slow.quoted_share(rows))
    if band["quoted_share"] < 0.9:
        assert band["quotes_sd_usd"] is None and band["p_positive"] is None
    else:
        assert band["quotes_sd_usd"] == pytest.approx(error, rel=1e-5)
        assert band["p_positive"] == pytest.approx(0.5 * math.erfc(-net / error / math.sqrt(2)), rel=1e-4, abs=1e-12)
    assert band["call_share"] == pytest.approx(call / gross)
    share = band["even_call_share"]
    if share is None:
        assert abs(put) > call
    else:
        assert (2 * share - 1) * call + put == pytest.approx(0.0, abs=1e-9 * gross)


def check_flip(rows: list[Row], spot_now: float, band: dict[str, Any]) -> None:
    if band["status"] != "ok":
        assert band["quotes_low_usd"] is None and band["quotes_high_usd"] is None
        assert band["status"] != "empty" or band["value_usd"] is None
        return
    at = min(slow_profile.crossings(rows, spot_now).crossings, key=lambda c: abs(c.price - band["value_usd"]))
    assert at.price == pytest.approx(band["value_usd"], rel=1e-6)
    low, high = slow.band(rows, spot_now, at.price, at.slope)
    assert band["quotes_low_usd"] == pytest.approx(low, rel=1e-6)
    assert band["quotes_high_usd"] == pytest.approx(high, rel=1e-6)


def check_signs(rows: list[Row], scope: str, banded: pl.DataFrame) -> None:
    """A tenth of a side held the other way is a tenth of its contracts of the other type: gamma is the same."""
    flip = found(banded, scope, "zero_gamma")
    wrong = [slow_levels(mostly(rows, side), scope)["zero_gamma"][0] for side in "CP"]
    values = [flip["value_usd"], *wrong]
    check_range(flip, "signs", [] if None in values else values, 1e-4)
    for wall in LEVELS[1:]:
        assert found(banded, scope, wall)["signs_low_usd"] is None


def mostly(rows: list[Row], side: str) -> list[Row]:
    """Nine tenths of the open interest of a side as it is, a tenth as the other type's."""
    other = "P" if side == "C" else "C"
    split = []
    for each in rows:
        oi = each["open_interest_coin"]
        if each["option_type"] == side:
            split.append({**each, "open_interest_coin": 0.1 * oi, "option_type": other})
        split.append({**each, "open_interest_coin": 0.9 * oi if each["option_type"] == side else oi})
    return split


def check_venues(rows: list[Row], scope: str, banded: pl.DataFrame) -> None:
    sets = {venue: mine for venue, mine in venue_sets(rows).items() if venue != "all"}
    each = {venue: slow_levels(mine, scope) for venue, mine in sets.items()}
    rests = [slow_levels([r for r in rows if r["venue"] != venue], scope) for venue in sets] if len(sets) > 1 else []
    for level in LEVELS:
        band = found(banded, scope, level)
        alone = [value for venue in each if (value := each[venue][level][0]) is not None]
        without = [rest[level][0] for rest in rests if rest[level][0] is not None]
        assert band["n_venues"] == len(alone)
        check_range(band, "venues", alone, 1e-6)
        check_range(band, "without", without, 1e-4)
        if len(alone) > 1:
            assert band["venues_sd_usd"] == pytest.approx(np.std(alone, ddof=1), rel=1e-4, abs=1e-4)


def check_range(band: dict[str, Any], name: str, values: list[float], accuracy: float) -> None:
    low, high = band[f"{name}_low_usd"], band[f"{name}_high_usd"]
    if values:
        assert (low, high) == (pytest.approx(min(values), rel=accuracy), pytest.approx(max(values), rel=accuracy))
    else:
        assert (low, high) == (None, None)


def wall_rows(second: float, half: float) -> list[Row]:
    """Two strikes above spot whose gammas would be equal at equal open interest, in expiries of their own."""
    quotes = {"bid_iv": 0.5 - half, "ask_iv": 0.5 + half}
    later = utc("2026-03-20T08:00")
    return [
        {**row(110.0, "C", 100.0), **quotes},
        {**row(110.0, "P", 1.0), **quotes},
        {**row(115.0, "C", second, expiry_at=later), **quotes},
        {**row(90.0, "P", 50.0), **quotes},
    ]


@pytest.mark.parametrize(("half", "rivals"), [(0.0, 1), (0.001, 1), (0.2, 2)])
def test_a_wall_has_rivals_as_far_as_the_quotes_are_wide(half: float, rivals: int) -> None:
    near, far = (slow_profile.net_at([r], 100.0, 100.0)[1] for r in (wall_rows(1.0, half)[0], wall_rows(1.0, half)[2]))
    rows = wall_rows(0.9 * near / far, half)
    band = found(level_bands(Book.from_chain(chain_frame(rows))), "all_expiry", "call_resistance")
    assert band["value_usd"] == 110.0 and band["quotes_low_usd"] == 110.0
    assert band["quotes_high_usd"] == (115.0 if rivals == 2 else 110.0)


def test_without_quotes_there_is_no_band_and_the_venues_still_speak() -> None:
    banded = level_bands(Book.from_chain(chain_frame(random_book(3, venues=3))))
    band = found(banded, "all_expiry", "call_resistance")
    assert band["status"] == "no_quotes" and band["quoted_share"] == 0.0
    assert (
        band["quotes_low_usd"] is None and band["venues_low_usd"] is not None and band["without_high_usd"] is not None
    )


def test_crossed_quotes_are_none() -> None:
    rows = [{**r, "bid_iv": r["mark_iv"] + 0.01, "ask_iv": r["mark_iv"]} for r in random_book(3)]
    assert found(net_gex_bands(Book.from_chain(chain_frame(rows))), "all_expiry")["quoted_share"] == 0.0


def test_bands_cover_the_true_flip_as_often_as_they_say() -> None:
    """Of made-up venues that see each expiry's volatility through a noise of their own, within what they quote."""
    hits = []
    for coin, seed in ((coin, seed) for coin in ("BTC", "ETH", "HYPE") for seed in range(500, 520)):
        world, at = World(seed, utc("2026-01-05").date(), 8), chains.hours(utc("2026-01-10T05:00"), 1)
        venues = [chains.chain(venue, coin, world, at) for venue in VENUES if has(venue, coin)]
        seen = pl.concat(map(as_plain, venues))
        hits += [low <= true <= high for low, true, high in flips(seen, noiseless(seen, world, coin, at[0]))]
    assert len(hits) >= 90
    assert 0.9 <= np.mean(hits) <= 0.99


def has(venue: str, coin: str) -> bool:
    return any(book.venue == venue for book in books.of(coin))


def noiseless(seen: pl.DataFrame, world: World, coin: str, at: datetime) -> pl.DataFrame:
    strike, forward, tenor = (seen[name].to_numpy() for name in ("strike_usd", "forward_usd", "tenor_years"))
    return seen.with_columns(mark_iv=quotes.common_iv(world, coin, strike, forward, tenor, np.asarray(at)))


def flips(seen: pl.DataFrame, truth: pl.DataFrame) -> list[tuple[float, float, float]]:
    """Ends of the band and the flip of the truth, per scope that has them."""
    banded, true = level_bands(Book.from_chain(seen)), levels(Book.from_chain(truth))
    out = []
    for scope in SCOPES:
        band, flip = found(banded, scope, "zero_gamma"), level_rows(true, "all", scope)["zero_gamma"][0]
        if band["status"] == "ok" and flip is not None:
            out.append((band["quotes_low_usd"], flip, band["quotes_high_usd"]))
    return out
