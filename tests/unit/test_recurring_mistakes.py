"""The field's recurring mistakes: one named test each, which fails if the mistake is made here.

Every test computes the mistaken figure beside the right one and shows that they differ on its book, so that it has
the power to notice. Right figures come from the slow twins or from arithmetic on the spot.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import gex_pipeline
from gex_pipeline.core import black76, instruments
from gex_pipeline.schema import CHAIN
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.flip_zones import flip_zones
from gex_pipeline.transforms.levels import levels
from gex_pipeline.transforms.max_pain import max_pain
from gex_pipeline.transforms.ranked import ranked
from tests.slow import black76 as slow
from tests.slow import expiry as slow_expiry
from tests.slow import levels as slow_levels
from tests.slow import profile as slow_profile
from tests.slow.books import WEEK, rows_of, several_flips
from tests.slow.chains import FRIDAY, NOON, row
from tests.slow.exposure import Row, gross_gex
from tests.slow.frames import as_plain, chain_frame
from tests.unit.importers.build import chain_of
from tests.unit.importers.build import row as source_row
from tests.views import exposure

pytestmark = pytest.mark.filterwarnings("error")


def level(rows: list[Row], name: str, scope: str = "all_expiry") -> dict[str, Any]:
    frame = as_plain(levels(Book.from_chain(chain_frame(rows))))
    return frame.filter(level=name, scope=scope, venues="all").row(0, named=True)


def cells(rows: list[Row]) -> pl.DataFrame:
    return as_plain(exposure(chain_frame(rows))).sort("venue", "expiry_at", "strike_usd")


# 1. a per-strike sign change, or the first crossing from the lowest strike, sold as the flip; a fake 0; ...


def test_01a_the_flip_is_the_repriced_root_not_a_per_strike_sign_change() -> None:
    rows = rows_of([(90.0, "P", 4.0), (96.0, "C", 2.0), (104.0, "C", 6.0), (110.0, "P", 9.0)], expiry_at=WEEK)
    found = level(rows, "zero_gamma")["value_usd"]
    assert slow_profile.net_at(rows, 100.0, found)[0] == pytest.approx(0.0, abs=1e-6 * sum(map(gross_gex, rows)))
    nets = {k: x.net for k, x in slow_levels.ladder(rows, 100.0).strikes.items()}
    strikes = sorted(nets)
    per_strike = [(a, b) for a, b in pairwise(strikes) if nets[a] * nets[b] < 0]
    midpoints = [(a + b) / 2 for a, b in per_strike]
    assert per_strike and min(abs(found - m) for m in midpoints) > 0.5


def test_01b_among_several_crossings_the_lowest_is_not_the_headline() -> None:
    rows = several_flips()
    all_of_them = slow_profile.crossings(rows, 98.0).crossings
    found = level(rows, "zero_gamma")
    assert found["status"] == "multiple"
    assert found["value_usd"] == pytest.approx(all_of_them[3].price, rel=1e-6)
    assert all_of_them[0].price < 80 < found["value_usd"]


def test_01c_without_a_flip_there_is_no_number() -> None:
    for kind, status in (("C", "none_positive"), ("P", "none_negative")):
        found = level(rows_of([(95.0, kind, 1.0), (105.0, kind, 2.0)]), "zero_gamma")
        assert (found["value_usd"], found["status"]) == (None, status)
        assert flip_zones(Book.from_chain(chain_frame(rows_of([(95.0, kind, 1.0)])))).height == 0


def test_01d_the_crossing_above_spot_is_found() -> None:
    """Puts around spot, calls far above: the flip lies above every put and above spot."""
    found = level(rows_of([(97.0, "P", 9.0), (100.0, "P", 9.0), (112.0, "C", 9.0)], expiry_at=WEEK), "zero_gamma")
    assert found["status"] == "ok"
    assert 100.0 < found["value_usd"] < 112.0


# 2. max pain pooled over expiries


def test_02_max_pain_is_per_expiry() -> None:
    near = rows_of([(80.0, "C", 0.0), (90.0, "C", 10.0), (90.0, "P", 10.0), (100.0, "C", 0.0)])
    small, large = [(105.0, kind, 1.0) for kind in "CP"], [(120.0, kind, 10.0) for kind in "CP"]
    far = rows_of([*small, *large, (130.0, "C", 0.0)], expiry_at=WEEK)
    found = as_plain(max_pain(Book.from_chain(chain_frame(near + far)))).filter(venues="all").sort("expiry_at")
    assert found["strike_usd"].to_list() == [90.0, 120.0]
    assert slow_expiry.max_pain(near + far)[0] == 105.0  # the mistake


# 3. put charm given an extra rate term


def test_03_charm_of_a_put_is_the_charm_of_the_call() -> None:
    (cell,) = cells([row(97.0, "C", settlement="linear"), row(97.0, "P", settlement="linear")]).rows(named=True)
    assert cell["call_chex_usd"] == pytest.approx(-cell["put_chex_usd"], rel=1e-12)
    assert abs(cell["call_chex_usd"]) > 1.0


# 4. a row cap that silently drops contracts


def test_04_no_contract_is_dropped_however_many_there_are() -> None:
    strikes = [50.0 + i / 100 for i in range(6_000)]
    rows = [row(k, "CP"[i % 2], 1.0, expiry_at=WEEK) for i, k in enumerate(strikes)]
    table = cells(rows)
    assert table.height == 6_000
    assert float(table["call_oi_coin"].sum()) + float(table["put_oi_coin"].sum()) == 6_000.0
    net = level(rows, "zero_gamma")["net_gex_usd"]
    signed = [gross_gex(r) * (1 if r["option_type"] == "C" else -1) for r in rows]
    assert net == pytest.approx(sum(signed), abs=1e-9 * sum(map(abs, signed)))


# 5. x100 equity multiplier on coin contracts, no 0.01, S instead of S^2, contract sizes confused


@pytest.mark.parametrize(
    ("venue", "name", "unit", "size", "f", "coins"),
    [
        ("okx", "BTC-USD-260110-105000-C", "contract", 0.01, 100_000.0, 0.2),
        ("binance", "DOGE-260110-0.15-C", "contract", 1_000.0, 0.14, 20_000.0),
        ("deribit", "SOL_USDC-10JAN26-150-C", "coin", 10.0, 140.0, 20.0),  # the venue's OI is in coins already
        ("bybit", "BTC-10JAN26-105000-C-USDT", "coin", 1.0, 100_000.0, 20.0),
    ],
)
def test_05_gex_is_per_one_per_cent_of_coins_and_contract_size_is_applied_once(
    tmp_path: Path, venue: str, name: str, unit: str, size: float, f: float, coins: float
) -> None:
    """A file says 20: gamma x F^2 x coins x 0.01, where coins are 20 contracts x size, or 20 as they stand."""
    section = {
        "instrument": {"column": "name", "grammar": venue},
        "open_interest_coin": {"column": "oi", "unit": unit},
        "contract_size_coin": {"value": size},
    }
    chain = chain_of(tmp_path, [source_row(name=name, fwd=f, iv=50, oi=20)], section, venue=venue).tables["chain"]
    (found,) = chain.rows(named=True)
    assert (found["open_interest_coin"], found["contract_size_coin"]) == (pytest.approx(coins, rel=1e-12), size)
    per_coin = slow.gamma(f, found["strike_usd"], (9 + 8 / 24) / 365, 0.5) * f * f * 0.01
    strength = as_plain(levels(Book.from_chain(chain))).filter(level="absolute_gamma", scope="all_expiry", venues="all")
    for gex in (as_plain(exposure(chain))["call_gex_usd"][0], strength["strength_usd"][0]):
        assert gex == pytest.approx(per_coin * coins, rel=1e-12)
        assert 0.01 * f * coins < gex < 0.1 * f * coins  # of the order of 5 % of the notional: no x100, no missing 0.01


# 6. volume instead of OI; the mean of gammas times the sum of OI


def test_06a_volume_plays_no_part() -> None:
    rows = rows_of([(95.0, "P", 3.0), (105.0, "C", 2.0)])
    busy = [{**r, "volume_24h_coin": 1e6} for r in rows]
    assert levels(Book.from_chain(chain_frame(rows))).equals(levels(Book.from_chain(chain_frame(busy))))
    quiet = [{**r, "volume_24h_coin": 1e6, "open_interest_coin": 0.0} for r in rows]
    assert level(quiet, "absolute_gamma")["status"] == "empty"


def test_06b_each_gamma_meets_its_own_open_interest() -> None:
    """Two venues list the same strike at different IVs and sizes."""
    rows = [row(105.0, "C", 90.0, iv=0.3), row(105.0, "C", 10.0, iv=1.5, venue="okx")]
    right = sum(map(gross_gex, rows))
    gammas = [slow.gamma(100.0, 105.0, r["tenor_years"], r["mark_iv"]) for r in rows]
    mistaken = sum(gammas) / 2 * 100.0 * 100.0**2 * 0.01
    assert abs(mistaken / right - 1) > 0.2
    assert level(rows, "call_resistance")["strength_usd"] == pytest.approx(right, rel=1e-12)


# 7. DEX not dealer-signed while GEX is; vanna per 1 % relative vol; charm per remaining life labelled per day


def test_07a_dex_carries_the_dealers_sign_like_gex() -> None:
    """Naive: dealers long calls (delta > 0) and short puts (delta > 0 again)."""
    (low, high) = cells(rows_of([(95.0, "P", 3.0), (105.0, "C", 2.0)], settlement="linear")).rows(named=True)
    t = row(1.0, "C")["tenor_years"]
    assert high["call_dex_usd"] == pytest.approx(2.0 * slow.delta(100.0, 105.0, t, 0.5, "C") * 100.0, rel=1e-12)
    assert low["put_dex_usd"] == pytest.approx(-3.0 * slow.delta(100.0, 95.0, t, 0.5, "P") * 100.0, rel=1e-12)
    assert low["put_dex_usd"] > 0 > low["put_gex_usd"]


def test_07b_vanna_is_per_vol_point() -> None:
    """From 50 % to 51 %, not from 50 % to 50.5 %."""
    (cell,) = cells([row(105.0, "C", 2.0, expiry_at=WEEK, settlement="linear")]).rows(named=True)
    t = row(1.0, "C", expiry_at=WEEK)["tenor_years"]
    move = slow.delta(100.0, 105.0, t, 0.505, "C") - slow.delta(100.0, 105.0, t, 0.495, "C")
    assert cell["call_vex_usd"] == pytest.approx(2.0 * 100.0 * move, rel=1e-3)


def test_07c_charm_is_per_day() -> None:
    """The change of dollar delta over one day, for options with one week and with one quarter to live."""
    for days in (7, 105):
        made = row(105.0, "C", 2.0, expiry_at=FRIDAY + timedelta(days=days), settlement="linear")
        t, half = made["tenor_years"], 0.5 / 365
        move = slow.delta(100.0, 105.0, t - half, 0.5, "C") - slow.delta(100.0, 105.0, t + half, 0.5, "C")
        assert cells([made])["call_chex_usd"][0] == pytest.approx(2.0 * 100.0 * move, rel=0.02)


# 8. calendar-date "0DTE", business days / 252, 0DTE floored to one day


def test_08a_zero_dte_is_24_hours_not_a_calendar_date() -> None:
    at_nine = NOON.replace(hour=9)
    tomorrow = rows_of([(101.0, "C", 1.0)], snapshot_at=at_nine, expiry_at=at_nine.replace(hour=8) + timedelta(days=1))
    assert tomorrow[0]["expiry_at"].date() != at_nine.date()
    assert level(tomorrow, "zero_dte_magnet", "odte")["value_usd"] == 101.0
    later = rows_of([(101.0, "C", 1.0)], snapshot_at=at_nine, expiry_at=at_nine + timedelta(hours=24, seconds=1))
    assert level(later, "zero_dte_magnet", "odte")["status"] == "empty"
    exactly = rows_of([(101.0, "C", 1.0)], snapshot_at=at_nine, expiry_at=at_nine + timedelta(hours=24))
    assert level(exactly, "zero_dte_magnet", "odte")["value_usd"] == 101.0


def test_08b_weekends_count_and_hours_are_hours() -> None:
    """Friday 20:00 to Sunday 08:00 is 36 hours of a market that never closes; one hour is not a day."""
    friday = FRIDAY.replace(hour=20)
    for hours, mistaken_years in ((36.0, (1 / 365, 2 / 365, 2 / 252)), (1.0, (1 / 365, 1 / 252))):
        made = row(101.0, "C", snapshot_at=friday, expiry_at=friday + timedelta(hours=hours))
        right = slow.gamma(100.0, 101.0, hours / 24 / 365, 0.5) * 100.0**2 * 0.01
        assert cells([made])["call_gex_usd"][0] == pytest.approx(right, rel=1e-12)
        for mistaken in mistaken_years:
            assert abs(slow.gamma(100.0, 101.0, mistaken, 0.5) * 100.0 / right - 1) > 0.05


# 9. greeks on a stale or wrong underlying (the perpetual's mark for every expiry)


def test_09_every_row_is_priced_on_its_own_forward() -> None:
    near, far = row(105.0, "C", forward=100.2), row(105.0, "C", forward=104.0, expiry_at=WEEK)
    for moved in (None, 90.0, 130.0):
        rows = [{**r, "index_usd": moved or r["index_usd"]} for r in (near, far)]
        assert cells(rows)["call_gex_usd"].to_list() == pytest.approx([gross_gex(near), gross_gex(far)], rel=1e-12)
    on_the_index = gross_gex({**far, "forward_usd": 100.0})
    assert abs(on_the_index / gross_gex(far) - 1) > 0.05


# 10. comments that name the opposite dealer position from the one coded


def test_10a_long_calls_and_short_puts_is_what_is_coded() -> None:
    (low, high) = cells(rows_of([(95.0, "P", 3.0), (105.0, "C", 2.0)])).rows(named=True)
    assert high["call_gex_usd"] > 0 > low["put_gex_usd"]


def test_10b_long_calls_and_short_puts_is_what_is_written() -> None:
    """Wherever the package names the naive convention's position, it is dealers long calls and short puts."""
    root = Path(gex_pipeline.__file__).parent
    opposite = re.compile(r"dealers?\b[^.;:\n]{0,40}\b(short calls|long puts)", re.IGNORECASE)
    claims = [p for p in [*root.rglob("*.py"), *root.rglob("*.md")] if opposite.search(p.read_text("utf-8"))]
    assert claims == []
    says_so = re.compile(r"dealers\s+(are\s+)?long\s+calls\s+and\s+short\s+puts", re.IGNORECASE)
    assert says_so.search((root / "docs" / "from-chain-to-levels.md").read_text("utf-8"))


# 11. strikes cast to integers, or divided by 100 when large


@pytest.mark.parametrize("strike", [0.625, 0.55, 2.05, 1.0 / 3.0, 100_000.5, 112_345.678, 1_250_000.0])
def test_11a_strikes_come_through_as_listed(strike: float) -> None:
    rows = [row(strike, kind, oi, index=strike * 0.98) for kind, oi in (("C", 3.0), ("P", 1.0))]
    rows.append(row(strike * 1.5, "C", 1e-3, index=strike * 0.98))
    assert cells(rows)["strike_usd"].to_list() == [strike, strike * 1.5]
    for name in ("call_resistance", "absolute_gamma", "max_positive_gamma"):
        assert level(rows, name)["value_usd"] == strike
    first = as_plain(ranked(Book.from_chain(chain_frame(rows)))).filter(rank=1)
    assert set(first["strike_usd"]) == {strike}


@pytest.mark.parametrize(
    ("venue", "name", "strike"),
    [
        ("deribit", "XRP_USDC-2OCT26-1d55-C", 1.55),
        ("deribit", "DOGE_USDC-2OCT26-0D625-P", 0.625),
        ("deribit", "BTC-25DEC26-125000-C", 125_000.0),
        ("bybit", "XRP-25DEC26-2.05-C-USDT", 2.05),
        ("okx", "BTC-USD-261225-1250000-P", 1_250_000.0),
        ("binance", "XRP-261225-0.365-P", 0.365),
    ],
)
def test_11b_names_keep_their_strikes(venue: str, name: str, strike: float) -> None:
    parsed = instruments.parse(venue, name)
    assert parsed is not None
    assert parsed.strike_usd == strike


# 12. a cached response used for ever


def test_12_a_new_chain_of_the_same_instant_gives_new_levels() -> None:
    """Same keys, other open interest: nothing remembers the first answer; and a later snapshot is not the earlier."""
    first = rows_of([(95.0, "P", 3.0), (105.0, "C", 2.0), (110.0, "C", 1.0)])
    second = [{**r, "open_interest_coin": 50.0 if r["strike_usd"] == 110.0 else 1e-3} for r in first]
    assert level(first, "call_resistance")["value_usd"] == 105.0
    assert level(second, "call_resistance")["value_usd"] == 110.0
    assert level(first, "call_resistance")["value_usd"] == 105.0
    later = [{**r, "snapshot_at": NOON + timedelta(hours=1)} for r in second]
    both = as_plain(levels(Book.from_chain(chain_frame(first + later)))).filter(venues="all", scope="all_expiry")
    walls = both.filter(level="call_resistance").sort("snapshot_at")
    assert walls["value_usd"].to_list() == [105.0, 110.0]


# 13. venue gamma


def test_13_gamma_is_computed_not_taken_from_the_venue() -> None:
    """`chain` has no greeks, and contracts whose five-decimal gamma would read 0.00000 keep their exposure."""
    assert not {"gamma", "delta", "vega", "theta"} & {c.name for c in CHAIN.columns}
    rows = [row(k, "C", 1_000.0, index=100_000.0, expiry_at=FRIDAY + timedelta(days=728)) for k in (3e4, 6e4, 2.5e5)]
    gammas = [slow.gamma(1e5, r["strike_usd"], r["tenor_years"], 0.5) for r in rows]
    assert [round(g, 5) for g in gammas] == [0.0, 0.0, 0.0] or max(gammas) < 1e-5
    assert cells(rows)["call_gex_usd"].to_list() == pytest.approx([gross_gex(r) for r in rows], rel=1e-12)
    assert min(gross_gex(r) for r in rows) > 1e3


# 14. whole-day tenors


def test_14_tenors_have_fractions_of_a_day() -> None:
    made = row(100.0, "C", 1.0, snapshot_at=NOON.replace(hour=20, minute=30), expiry_at=FRIDAY + timedelta(days=1))
    assert made["tenor_years"] * 365 == pytest.approx(35.5 / 24)
    found = cells([made])["call_gex_usd"][0]
    assert found == pytest.approx(gross_gex(made), rel=1e-12)
    for whole_days in (1, 2):
        assert abs(gross_gex({**made, "tenor_years": whole_days / 365}) / found - 1) > 0.1


# 15. spot instead of the forward


def test_15_exposure_is_on_the_forward_and_walls_are_relative_to_spot() -> None:
    """A forward 5 % above spot: gamma and dollars use F, above and below mean S, the flip moves S with F/S kept."""
    contracts = [(101.0, "P", 4.0), (104.0, "C", 6.0), (110.0, "C", 2.0)]
    rows = rows_of(contracts, index=100.0, forward=105.0, expiry_at=WEEK)
    on_spot = rows_of(contracts, index=100.0, expiry_at=WEEK)
    right = [gross_gex(r) for r in rows]
    assert cells(rows)["gross_gex_usd"].to_list() == pytest.approx(right, rel=1e-12)
    assert abs(sum(right) / sum(map(gross_gex, on_spot)) - 1) > 0.05
    assert level(rows, "call_resistance")["value_usd"] == 104.0
    found = level(rows, "zero_gamma")["value_usd"]
    expected = slow_profile.crossings(rows, 100.0).crossings
    assert found == pytest.approx(expected[0].price, rel=1e-6)
    assert abs(found - slow_profile.crossings(on_spot, 100.0).crossings[0].price) > 1.0


def test_black76_alone_is_not_on_a_discounted_or_spot_footing() -> None:
    """At the forward a call is worth the put: no drift, no rate."""
    assert float(black76.price(105.0, 105.0, 0.5, 0.6, True)) == pytest.approx(
        float(black76.price(105.0, 105.0, 0.5, 0.6, False)), rel=1e-14
    )
    assert math.isclose(float(black76.charm(105.0, 105.0, 0.5, 0.6)), slow.charm(105.0, 105.0, 0.5, 0.6), rel_tol=1e-12)
