"""Laws that hold for every chain: parity, scaling, order, venues, sign models."""

from __future__ import annotations

import math
import random
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from gex_pipeline.core import black76
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.density import density
from gex_pipeline.transforms.expected_move import expected_move
from gex_pipeline.transforms.expiry_summary import expiry_summary
from gex_pipeline.transforms.exposure_totals import exposure_totals
from gex_pipeline.transforms.flip_zones import flip_zones
from gex_pipeline.transforms.gamma_profile import gamma_profile
from gex_pipeline.transforms.implied_vol import implied_vol
from gex_pipeline.transforms.levels import levels
from gex_pipeline.transforms.max_pain import max_pain
from gex_pipeline.transforms.ranked import ranked
from tests.slow.chains import FRIDAY, NOON, ONE_MINUTE_BEFORE, SETTLEMENT, random_book
from tests.slow.exposure import Row, gross_gex
from tests.slow.frames import as_plain, chain_frame
from tests.views import exposure

pytestmark = pytest.mark.filterwarnings("error")
modest = settings(max_examples=25, deadline=None, derandomize=True)

SCOPED = (levels, flip_zones, gamma_profile, ranked, exposure_totals)
TABLES = (*SCOPED, max_pain, expected_move, expiry_summary, density, implied_vol)


class Drawn(list[Row]):
    """A drawn chain that prints as the call that makes it."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(random_book(**arguments) or random_book(1))
        self.arguments = arguments

    def __repr__(self) -> str:
        return f"random_book({', '.join(f'{k}={v!r}' for k, v in self.arguments.items())})"


def chains(max_venues: int = 3) -> st.SearchStrategy[Drawn]:
    """A small drawn chain; always at least one row."""
    days = st.sets(st.sampled_from([0, 1, 2, 7, 35, 182, 700]), min_size=1, max_size=3)
    return st.builds(
        Drawn,
        seed=st.integers(0, 10**6),
        venues=st.integers(1, max_venues),
        days=days.map(lambda found: tuple(sorted(found))),
        snapshot_at=st.sampled_from([NOON, FRIDAY.replace(hour=7), ONE_MINUTE_BEFORE]),
        strikes=st.integers(3, 7),
        width=st.sampled_from([0.02, 0.1, 0.3]),
        sides=st.sampled_from(["CP", "CP", "C", "P"]),
    )


def book(rows: list[Row]) -> Book:
    return Book.from_chain(chain_frame(rows))


def assert_same(left: pl.DataFrame, right: pl.DataFrame, **tolerance: float) -> None:
    assert_frame_equal(as_plain(left), as_plain(right), check_dtypes=False, **tolerance)


@modest
@given(
    f=st.floats(0.01, 2e5),
    moneyness=st.floats(0.05, 20.0),
    t=st.floats(1e-6, 3.0),
    s=st.floats(0.01, 4.99),
)
def test_put_call_parity(f: float, moneyness: float, t: float, s: float) -> None:
    k = f * moneyness
    call, put = (np.asarray(black76.price(f, k, t, s, is_call)) for is_call in (True, False))
    assert float(call - put) == pytest.approx(f - k, abs=1e-12 * (f + k))
    assert float(black76.delta(f, k, t, s, True) - black76.delta(f, k, t, s, False)) == pytest.approx(1.0, abs=1e-14)


@modest
@given(s=st.floats(0.02, 4.9), t=st.floats(1e-5, 3.0), z=st.floats(-4.0, 4.0), is_call=st.booleans())
def test_implied_vol_round_trip(s: float, t: float, z: float, is_call: bool) -> None:
    """A strike within four standard deviations and out of the money: the price fixes the volatility."""
    z = abs(z) if is_call else -abs(z)
    k = 100.0 * math.exp(z * s * math.sqrt(t))
    value = black76.price(100.0, k, t, s, is_call)
    assert float(black76.implied_vol(value, 100.0, k, t, is_call)) == pytest.approx(s, rel=1e-7)


@modest
@given(rows=chains(), c=st.floats(1e-3, 1e3))
def test_scaling_open_interest_scales_dollars_and_leaves_prices(rows: list[Row], c: float) -> None:
    scaled = [{**r, "open_interest_coin": c * r["open_interest_coin"]} for r in rows]
    before, after = levels(book(rows)), levels(book(scaled))
    assert_same(after.drop("strength_usd", "net_gex_usd"), before.drop("strength_usd", "net_gex_usd"), rel_tol=2e-6)
    gross = sum(gross_gex(r) for r in rows)
    dollars = before.with_columns(pl.col("strength_usd", "net_gex_usd") * c)
    for name in ("strength_usd", "net_gex_usd"):
        assert_same(after.select(name), dollars.select(name), rel_tol=0, abs_tol=1e-9 * c * gross + 1e-30)


@modest
@given(rows=chains(), c=st.sampled_from([0.001, 0.37, 7.0, 1234.5]))
def test_scaling_all_prices_scales_the_levels(rows: list[Row], c: float) -> None:
    """The unit of price is a convention: a book quoted in another one has the same levels in that unit."""
    prices = ("strike_usd", "forward_usd", "index_usd", "mark_usd")
    scaled = [{**r, **{n: None if r[n] is None else c * r[n] for n in prices}} for r in rows]
    usd = ["value_usd", "strength_usd", "spot_usd", "net_gex_usd"]
    before, after = levels(book(rows)), levels(book(scaled))
    gross = sum(gross_gex(r) for r in rows)
    assert_same(after.drop(usd), before.drop(usd), rel_tol=1e-9, abs_tol=1e-9)
    assert_same(after.select("value_usd", "spot_usd"), before.select(pl.col("value_usd", "spot_usd") * c), rel_tol=2e-6)
    dollars = before.select(pl.col("strength_usd", "net_gex_usd") * c)
    assert_same(after.select(dollars.columns), dollars, rel_tol=0, abs_tol=1e-9 * c * gross + 1e-30)


@modest
@given(rows=chains(), seed=st.integers(0, 999))
def test_the_order_of_rows_changes_nothing_bit_for_bit(rows: list[Row], seed: int) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))
    one, other = book(rows), book(shuffled)
    for table in TABLES:
        assert_frame_equal(table(one), table(other), check_exact=True)
    assert_frame_equal(exposure(chain_frame(rows)), exposure(chain_frame(shuffled)), check_exact=True)


@modest
@given(rows=chains(max_venues=4))
def test_exposure_of_several_venues_is_the_exposure_of_each(rows: list[Row]) -> None:
    keys = ["venue", "expiry_at", "strike_usd"]
    together = as_plain(exposure(chain_frame(rows))).sort(keys)
    venues = sorted({r["venue"] for r in rows})
    apart = pl.concat([as_plain(exposure(chain_frame([r for r in rows if r["venue"] == v]))) for v in venues])
    assert_same(together.drop("knowledge_time"), apart.sort(keys).drop("knowledge_time"), rel_tol=1e-12)


@modest
@given(rows=chains(max_venues=4))
def test_the_profile_adds_up_over_venues(rows: list[Row]) -> None:
    """With one index for all venues, so that their grids coincide."""
    rows = [{**r, "index_usd": 100.0} for r in rows]
    curve = as_plain(gamma_profile(book(rows)))
    sides = ["call_gex_usd", "put_gex_usd", "net_gex_usd"]
    whole = curve.filter(venues="all").sort("scope", "spot_usd")
    parts = curve.filter(pl.col("venues") != "all").group_by("scope", "spot_usd").agg(pl.col(sides).sum())
    parts = parts.sort("scope", "spot_usd")
    gross = float(whole.select(pl.col("call_gex_usd").abs() + pl.col("put_gex_usd").abs()).max().item())
    assert_same(whole.select(sides), parts.select(sides), rel_tol=0, abs_tol=1e-9 * gross + 1e-30)


@modest
@given(rows=chains())
def test_sign_models_differ_only_in_signs(rows: list[Row]) -> None:
    """unsigned: net = gross; short_all: net = -gross; naive: the call side of unsigned, the put side of short_all."""
    one = book(rows)
    curve = {m: as_plain(gamma_profile(one, sign_model=m)) for m in ("naive", "unsigned", "short_all")}
    call, put, net = "call_gex_usd", "put_gex_usd", "net_gex_usd"
    assert curve["naive"][call].equals(curve["unsigned"][call])
    assert_same(curve["naive"].select(put), curve["short_all"].select(put), check_exact=True)
    assert_same(curve["unsigned"].select(net), curve["short_all"].select(-pl.col(net)), check_exact=True)
    assert (curve["naive"][net].abs() <= curve["unsigned"][net] * (1 + 1e-12)).all()
    totals = {m: levels(one, sign_model=m)["net_gex_usd"] for m in ("unsigned", "short_all")}
    assert totals["unsigned"].equals(-totals["short_all"])
    gross = sum(gross_gex(r) for r in rows)
    all_venues = as_plain(levels(one, sign_model="unsigned")).filter(venues="all", scope="all_expiry")
    assert all_venues["net_gex_usd"][0] == pytest.approx(gross, rel=1e-12)


@modest
@given(rows=chains())
def test_signed_models_never_flip(rows: list[Row]) -> None:
    for sign_model, status in (("unsigned", "none_positive"), ("short_all", "none_negative")):
        found = as_plain(levels(book(rows), sign_model=sign_model)).filter(pl.col("level").is_in(["zero_gamma", "hvl"]))
        assert set(found["status"]) <= {status, "empty"}
        assert found["value_usd"].null_count() == found.height
        assert flip_zones(book(rows), sign_model=sign_model).height == 0


@modest
@given(rows=chains())
def test_every_row_obeys_the_rules_of_a_level(rows: list[Row]) -> None:
    """A value has a status that allows one; walls lie on their side of spot; shares lie in [0, 1]; never a 0."""
    frame = as_plain(levels(book(rows)))
    has_value = frame["value_usd"].is_not_null()
    assert has_value.equals(frame["status"].is_in(["ok", "multiple", "edge"]).rename("value_usd"))
    assert (frame["value_usd"].drop_nulls() > 0).all()
    assert frame["share_of_gross"].drop_nulls().is_between(0.0, 1.0 + 1e-12).all()
    calls = frame.filter(has_value & pl.col("level").str.starts_with("call_"))
    puts = frame.filter(has_value & pl.col("level").str.starts_with("put_"))
    assert (calls["value_usd"] > calls["spot_usd"]).all()
    assert (puts["value_usd"] < puts["spot_usd"]).all()


@modest
@given(rows=chains(), seconds=st.integers(0, 600))
def test_knowledge_time_is_the_latest_of_the_inputs(rows: list[Row], seconds: int) -> None:
    """One row was known ``seconds`` after the snapshot, the others two seconds after it."""
    at = rows[0]["snapshot_at"]
    late = {**rows[0], "knowledge_time": at + timedelta(seconds=seconds)}
    frame = as_plain(levels(book([late, *rows[1:]]))).filter(venues="all")
    latest = max(seconds, 2) if len(rows) > 1 else seconds
    assert set(frame["knowledge_time"]) == {at + timedelta(seconds=latest)}


@modest
@given(rows=chains(max_venues=2))
def test_settlement_currency_does_not_change_gamma(rows: list[Row]) -> None:
    """Coin-settled and linear contracts have the same gamma; only the premium-adjusted columns differ."""
    assert set(SETTLEMENT.values()) == {"inverse", "linear"}
    linear = [{**r, "settlement": "linear"} for r in rows]
    assert_frame_equal(levels(book(rows)), levels(book(linear)), check_exact=True)
    adjusted = as_plain(exposure(chain_frame(linear)))
    for name in ("dex", "vex", "chex"):
        assert_same(adjusted.select(f"{name}_pa_usd"), adjusted.select(pl.col(f"{name}_usd").alias(f"{name}_pa_usd")))
