"""The rules of `expiry_summary`, `density` and `implied_vol`, one by one, on books that can be checked by hand."""

from __future__ import annotations

import math
from datetime import timedelta
from statistics import NormalDist
from typing import Any

import polars as pl
import pytest

from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.density import density
from gex_pipeline.transforms.expiry_summary import expiry_summary
from gex_pipeline.transforms.implied_vol import implied_vol
from gex_pipeline.transforms.levels import levels
from tests.slow.books import WEEK, rows_of
from tests.slow.chains import FRIDAY, NOON, random_book, row
from tests.slow.exposure import Row, gross_gex
from tests.slow.frames import as_plain, chain_frame

pytestmark = pytest.mark.filterwarnings("error")
NORMAL = NormalDist()
LADDER = (70.0, 80.0, 90.0, 95.0, 100.0, 105.0, 110.0, 120.0, 135.0)


def book(rows: list[Row]) -> Book:
    return Book.from_chain(chain_frame(rows))


def summary(rows: list[Row], venues: str = "all") -> list[dict[str, Any]]:
    return as_plain(expiry_summary(book(rows))).filter(pl.col("venues") == venues).sort("expiry_at").to_dicts()


def distribution(rows: list[Row]) -> dict[str, Any]:
    return as_plain(density(book(rows))).filter(pl.col("venues") == "all").row(0, named=True)


def term(rows: list[Row]) -> dict[str, Any]:
    return as_plain(implied_vol(book(rows))).filter(pl.col("venues") == "all").row(0, named=True)


def ladder(**common: Any) -> list[Row]:
    return rows_of([(k, kind, 1.0) for k in LADDER for kind in "CP"], **common)


# ---------------------------------------------------------------- positions


def test_ratios_of_open_interest_and_volume() -> None:
    rows = rows_of([(90.0, "P", 6.0), (110.0, "C", 4.0), (120.0, "C", 4.0)])
    for r, volume in zip(rows, (3.0, 2.0, None), strict=True):
        r["volume_24h_coin"] = volume
    (found,) = summary(rows)
    assert (found["call_oi_coin"], found["put_oi_coin"], found["put_call_oi_ratio"]) == (8.0, 6.0, 0.75)
    assert (found["call_volume_24h_coin"], found["put_volume_24h_coin"]) == (2.0, 3.0)
    assert found["put_call_volume_ratio"] == 1.5


def test_nothing_is_divided_by_nothing() -> None:
    """No calls: no ratio of open interest. No volume stated: none, not 0. Calls that were not traded: no ratio."""
    (no_calls,) = summary(rows_of([(90.0, "P", 6.0), (80.0, "P", 1.0)]))
    assert (no_calls["call_oi_coin"], no_calls["put_call_oi_ratio"]) == (0.0, None)
    assert (no_calls["call_volume_24h_coin"], no_calls["put_volume_24h_coin"]) == (None, None)
    quiet = rows_of([(90.0, "P", 1.0), (110.0, "C", 1.0)])
    quiet = [{**r, "volume_24h_coin": 2.0 * (r["option_type"] == "P")} for r in quiet]
    (found,) = summary(quiet)
    assert (found["call_volume_24h_coin"], found["put_call_volume_ratio"]) == (0.0, None)


def test_volume_of_all_venues_is_that_of_those_that_state_it() -> None:
    contracts = [(90.0, "P", 1.0), (110.0, "C", 1.0)]
    stated = [{**r, "volume_24h_coin": 5.0} for r in rows_of(contracts)]
    rows = stated + rows_of(contracts, venue="okx")
    assert summary(rows)[0]["call_volume_24h_coin"] == 5.0
    assert summary(rows, "okx")[0]["call_volume_24h_coin"] is None


def test_the_anchor_is_the_nearest_opex() -> None:
    """13 March 2026 is a weekly, 27 March a quarterly, 24 April a monthly expiry; 26 March a Thursday."""
    days = [FRIDAY, FRIDAY + timedelta(days=13), FRIDAY + timedelta(days=14), FRIDAY + timedelta(days=42)]
    found = summary([row(100.0, "C", expiry_at=day) for day in days])
    assert [r["expiry_type"] for r in found] == ["weekly", "daily", "quarterly", "monthly"]
    assert [r["is_opex"] for r in found] == [False, False, True, True]
    assert [r["is_anchor"] for r in found] == [False, False, True, False]
    assert not any(r["is_anchor"] for r in summary([row(100.0, "C"), row(100.0, "C", expiry_at=WEEK)])[:1])


# ---------------------------------------------------------------- the book without an expiry


def test_what_rolls_off() -> None:
    near = rows_of([(95.0, "P", 3.0), (105.0, "C", 2.0)])
    far = rows_of([(90.0, "P", 1.0), (110.0, "C", 9.0)], expiry_at=WEEK)
    first, second = summary(near + far)
    net = [sum(gross_gex(r) * (1 if r["option_type"] == "C" else -1) for r in part) for part in (near, far)]
    assert [first["net_gex_usd"], first["net_gex_without_usd"]] == pytest.approx(net)
    assert [second["net_gex_without_usd"], second["net_gex_usd"]] == pytest.approx(net)
    assert first["share_of_gross"] + second["share_of_gross"] == pytest.approx(1.0)


def test_flips_of_two_expiries_are_those_of_books_of_one() -> None:
    """Up to the first and without the second are the first alone; up to the second is the whole."""
    near = rows_of([(95.0, "P", 3.0), (105.0, "C", 2.0)])
    far = rows_of([(90.0, "P", 1.0), (110.0, "C", 9.0)], expiry_at=WEEK)
    first, second = summary(near + far)
    flips = [_zero_gamma(part) for part in (near, far, near + far)]
    assert first["zero_gamma_to_usd"] == pytest.approx(flips[0], rel=1e-6)
    assert second["zero_gamma_without_usd"] == pytest.approx(flips[0], rel=1e-6)
    assert first["zero_gamma_without_usd"] == pytest.approx(flips[1], rel=1e-6)
    assert second["zero_gamma_to_usd"] == pytest.approx(flips[2], rel=1e-6)
    assert abs(flips[0] / flips[1] - 1) > 0.001  # the expiries do differ


def _zero_gamma(rows: list[Row]) -> float:
    found = as_plain(levels(book(rows))).filter(level="zero_gamma", scope="all_expiry", venues="all")
    return found["value_usd"].item()


def test_without_its_only_expiry_a_book_is_empty() -> None:
    (found,) = summary(rows_of([(95.0, "P", 3.0), (105.0, "C", 2.0)]))
    assert (found["net_gex_without_usd"], found["share_of_gross"]) == (0.0, 1.0)
    assert (found["zero_gamma_without_usd"], found["zero_gamma_without_status"]) == (None, "empty")
    assert found["zero_gamma_to_status"] == "ok"


def test_an_expiry_that_is_nearly_all_leaves_its_rest_exact() -> None:
    """The rest is 1e-13 of the book: its flip is its own and is not lost in rounding."""
    huge = rows_of([(95.0, "P", 3e13), (105.0, "C", 2e13)])
    rest = rows_of([(90.0, "P", 1.0), (110.0, "C", 9.0)], expiry_at=WEEK)
    assert summary(huge + rest)[0]["zero_gamma_without_usd"] == pytest.approx(_zero_gamma(rest), rel=1e-6)


def test_single_venues_have_no_flips_of_parts() -> None:
    (found,) = summary(rows_of([(95.0, "P", 3.0), (105.0, "C", 2.0)]), "deribit")
    names = ("zero_gamma_without_usd", "zero_gamma_without_status", "zero_gamma_to_usd", "zero_gamma_to_status")
    assert [found[n] for n in names] == [None] * 4


# ---------------------------------------------------------------- smiles


def test_a_flat_smile_has_no_skew() -> None:
    (found,) = summary(ladder(iv=0.5, expiry_at=WEEK + timedelta(days=14)))
    assert found["smile_status"] == "ok"
    assert found["skew_25d"] == pytest.approx(0.0, abs=1e-12) and found["butterfly_10d"] == pytest.approx(
        0.0, abs=1e-12
    )


def test_wings_that_are_not_listed_are_null() -> None:
    (narrow,) = summary(rows_of([(k, kind, 1.0) for k in (99.0, 101.0) for kind in "CP"], expiry_at=WEEK))
    assert narrow["smile_status"] == "partial" and narrow["atm_iv"] == pytest.approx(0.5)
    wings = ("put_25d_iv", "call_25d_iv", "put_10d_iv", "call_10d_iv", "skew_25d", "butterfly_25d", "skew_10d")
    assert [narrow[n] for n in wings] == [None] * 7
    (alone,) = summary([row(150.0, "C", expiry_at=WEEK)])
    assert (alone["smile_status"], alone["atm_iv"]) == ("empty", None)


def test_a_flat_smile_is_lognormal_in_usd() -> None:
    """Quantiles F exp(v z - v^2 / 2); below the walls, which are at 90 and 110, lies N((ln(K/F) + v^2 / 2) / v)."""
    rows = ladder(iv=0.6, expiry_at=WEEK, forward=100.7)
    for r in rows:
        r["open_interest_coin"] = 50.0 if (r["strike_usd"], r["option_type"]) in ((90.0, "P"), (110.0, "C")) else 1.0
    found = distribution(rows)
    v = 0.6 * math.sqrt(rows[0]["tenor_years"])
    quantiles = {
        "lower_95_usd": 0.025,
        "lower_68_usd": 0.16,
        "median_usd": 0.5,
        "upper_68_usd": 0.84,
        "upper_95_usd": 0.975,
    }
    for name, p in quantiles.items():
        assert found[name] == pytest.approx(100.7 * math.exp(v * NORMAL.inv_cdf(p) - v * v / 2), rel=1e-6)
    put, call = (NORMAL.cdf((math.log(k / 100.7) + v * v / 2) / v) for k in (90.0, 110.0))
    assert found["p_below_put_wall"] == pytest.approx(put, rel=1e-9)
    assert found["p_above_call_wall"] == pytest.approx(1 - call, rel=1e-9)
    assert found["p_between_walls"] == pytest.approx(call - put, rel=1e-9)


@pytest.mark.parametrize(
    "rows",
    [
        rows_of([(k, "P" if k < 100 else "C", 1.0) for k in (90.0, 95.0, 105.0, 110.0)], expiry_at=WEEK),
        rows_of([(k, "C" if k < 100 else "P", 1.0) for k in LADDER if k != 100.0], expiry_at=WEEK),
        rows_of([(k, "C", 1.0) for k in (101.0, 102.0, 103.0, 104.0, 105.0, 106.0)], expiry_at=WEEK),
    ],
    ids=["four strikes", "only in the money", "all above the forward"],
)
def test_too_few_quotes_are_empty(rows: list[Row]) -> None:
    found = distribution(rows)
    assert found["status"] == "empty"
    assert [found[n] for n in ("median_usd", "lower_95_usd", "p_between_walls", "p_below_put_wall")] == [None] * 4


def test_quotes_that_contradict_each_other_are_not_made_into_a_distribution() -> None:
    """The call at 105 is dearer by 30 points than its neighbours: P falls behind it."""
    rows = [{**r, "mark_iv": 0.8 if r["strike_usd"] == 105.0 else 0.5} for r in ladder(expiry_at=WEEK)]
    found = distribution(rows)
    assert found["status"] == "arbitrage"
    assert found["median_usd"] is None and found["p_above_call_wall"] is None


def test_without_a_wall_there_is_no_probability_of_it() -> None:
    """Open interest above spot alone: quantiles stand, p_between_walls is null."""
    rows = [{**r, "open_interest_coin": float(r["strike_usd"] > 100.0)} for r in ladder(expiry_at=WEEK)]
    found = distribution(rows)
    assert found["status"] == "ok" and found["median_usd"] is not None and found["p_above_call_wall"] is not None
    assert (found["p_between_walls"], found["p_below_put_wall"]) == (None, None)


# ---------------------------------------------------------------- constant maturities


def test_an_expiry_in_exactly_thirty_days_gives_its_own_iv() -> None:
    rows = ladder(iv=0.5, expiry_at=NOON + timedelta(days=30)) + ladder(iv=0.9, expiry_at=NOON + timedelta(days=90))
    found = term(rows)
    assert (found["status"], found["iv7"], found["iv180"]) == ("ok", None, None)
    assert found["iv30"] == pytest.approx(0.5, rel=1e-14) and found["iv90"] == pytest.approx(0.9, rel=1e-14)
    assert found["iv30_put_25d"] == pytest.approx(0.5) and found["iv30_call_25d"] == pytest.approx(0.5)


def test_no_maturity_outside_the_expiries() -> None:
    assert term(ladder(expiry_at=WEEK))["status"] == "outside"
    nothing = term([row(150.0, "C", expiry_at=WEEK)])
    assert (nothing["status"], nothing["iv30"]) == ("empty", None)


def test_expiries_without_an_atm_iv_are_passed_over() -> None:
    """The expiry at 25 days lists one far strike: 30 days lie between those at 20 and 50."""
    rows = [ladder(iv=s, expiry_at=NOON + timedelta(days=d)) for s, d in ((0.5, 20), (0.6, 50))]
    hole = [row(190.0, "C", expiry_at=NOON + timedelta(days=25))]
    assert term(rows[0] + rows[1] + hole)["iv30"] == pytest.approx(math.sqrt((5 + 13 / 3) / 30))


def test_venues_have_their_own_maturities() -> None:
    rows = random_book(3, venues=2, days=(14, 42))
    frame = as_plain(implied_vol(book(rows)))
    assert frame["venues"].to_list() == ["all", "bybit", "deribit"]
    assert frame["iv30"].n_unique() == 3
