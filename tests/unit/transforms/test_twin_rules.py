"""The rules of the levels one by one, on constructed books, with the answers written out.

Twin and package are both held to them, so that a shared misreading of the definitions does not go unnoticed.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.flip_zones import flip_zones
from gex_pipeline.transforms.gamma_profile import gamma_profile
from gex_pipeline.transforms.levels import levels
from gex_pipeline.transforms.ranked import ranked
from tests.slow import compare, frames
from tests.slow import levels as slow
from tests.slow import profile as slow_profile
from tests.slow.books import BOOKS, WEEK, rows_of
from tests.slow.chains import FRIDAY, NOON, ONE_MINUTE_BEFORE, random_book, with_venue
from tests.slow.exposure import Row, gross_gex
from tests.slow.exposure import spot as slow_spot

pytestmark = pytest.mark.filterwarnings("error")


def book(rows: list[Row]) -> Book:
    return Book.from_chain(frames.chain_frame(rows))


def package(rows: list[Row], scope: str, sign_model: str = "naive", venues: str = "all") -> dict[str, slow.Level]:
    return frames.level_rows(levels(book(rows), sign_model=sign_model), venues, scope)


def twin(rows: list[Row], scope: str, sign_model: str = "naive") -> dict[str, slow.Level]:
    return slow.levels(rows, scope, sign_model)


#: (book, scope, level, value or None, status)
ANSWERS: tuple[tuple[str, str, str, float | None, str], ...] = (
    # A strike equal to spot is neither above nor below, but may be the largest of all.
    ("spot_on_a_strike", "all_expiry", "call_resistance", 102.0, "ok"),
    ("spot_on_a_strike", "all_expiry", "call_wall_2", 101.0, "ok"),
    ("spot_on_a_strike", "all_expiry", "call_wall_3", None, "empty"),
    ("spot_on_a_strike", "all_expiry", "put_support", 99.0, "ok"),
    ("spot_on_a_strike", "all_expiry", "put_wall_2", 97.0, "ok"),
    ("spot_on_a_strike", "all_expiry", "absolute_gamma", 100.0, "ok"),
    ("spot_on_a_strike", "all_expiry", "max_negative_gamma", 100.0, "ok"),
    # Ties: nearer to spot, then lower. Calls of equal size at 90, 110 and 120; puts at 80, 85 and 95.
    ("ties", "all_expiry", "max_positive_gamma", 90.0, "ok"),
    ("ties", "all_expiry", "call_resistance", 110.0, "ok"),
    ("ties", "all_expiry", "call_wall_2", 120.0, "ok"),
    ("ties", "all_expiry", "put_support", 95.0, "ok"),
    ("ties", "all_expiry", "put_wall_2", 85.0, "ok"),
    ("ties", "all_expiry", "put_wall_3", 80.0, "ok"),
    ("ties", "all_expiry", "absolute_gamma", 95.0, "ok"),
    ("ties", "all_expiry", "put_support_net", 90.0, "ok"),
    ("near_ties", "all_expiry", "call_resistance", 110.0, "ok"),
    ("near_ties", "all_expiry", "put_support", 95.0, "ok"),
    ("not_quite_ties", "all_expiry", "call_resistance", 120.0, "ok"),
    ("not_quite_ties", "all_expiry", "put_support", 80.0, "ok"),
    # Values below 1e-6 of gross make neither a wall nor a rank.
    ("below_the_floor", "all_expiry", "call_resistance", 100.5, "ok"),
    ("below_the_floor", "all_expiry", "call_wall_2", 103.0, "ok"),
    ("below_the_floor", "all_expiry", "call_wall_3", None, "empty"),
    ("below_the_floor", "all_expiry", "put_support", 98.0, "ok"),
    ("below_the_floor", "all_expiry", "put_wall_2", None, "empty"),
    ("below_the_floor", "all_expiry", "call_resistance_net_2", None, "empty"),
    # Net walls are positive on both sides of spot.
    ("only_calls", "all_expiry", "max_negative_gamma", None, "none_positive"),
    ("only_puts", "all_expiry", "max_positive_gamma", None, "none_negative"),
    ("only_puts", "all_expiry", "put_support_net", None, "empty"),
    ("only_puts", "all_expiry", "call_resistance", None, "empty"),
    # No gross, or gross without net.
    ("zero_open_interest", "all_expiry", "zero_gamma", None, "empty"),
    ("zero_open_interest", "all_expiry", "max_positive_gamma", None, "empty"),
    ("zero_open_interest", "all_expiry", "absolute_gamma", None, "empty"),
    ("net_zero_everywhere", "all_expiry", "zero_gamma", None, "empty"),
    ("net_zero_everywhere", "all_expiry", "hvl", None, "empty"),
    ("net_zero_everywhere", "all_expiry", "hvl_slope", None, "empty"),
    ("net_zero_everywhere", "all_expiry", "absolute_gamma", 100.0, "ok"),
    ("net_zero_everywhere", "all_expiry", "call_resistance", 110.0, "ok"),
    ("net_below_the_floor", "all_expiry", "zero_gamma", None, "empty"),
    ("net_below_the_floor", "all_expiry", "hvl", None, "empty"),
    ("net_below_the_floor", "all_expiry", "hvl_slope", None, "empty"),
    ("net_below_the_floor", "all_expiry", "max_positive_gamma", None, "none_negative"),
    ("net_below_the_floor", "all_expiry", "max_negative_gamma", None, "none_positive"),
    ("lowest_sum_below_the_floor", "all_expiry", "hvl_slope", 99.0, "ok"),
    ("lowest_sum_below_the_floor", "all_expiry", "hvl", None, "none_positive"),
    ("no_odte", "odte", "zero_dte_magnet", None, "empty"),
    ("no_odte", "odte", "hvl_slope", None, "empty"),
    # Zeros between two signs are one crossing of C(K); zeros alone are none.
    ("zeros_between_equal_signs", "all_expiry", "hvl", None, "none_negative"),
    # 24 hours, not a date.
    ("past_midnight", "odte", "absolute_gamma", 99.0, "ok"),
    ("past_midnight", "all_expiry", "put_support", 99.0, "ok"),
)


@pytest.mark.parametrize("side", [twin, package], ids=["twin", "package"])
@pytest.mark.parametrize(("name", "scope", "level", "value", "status"), ANSWERS)
def test_strike_levels(side: Any, name: str, scope: str, level: str, value: float | None, status: str) -> None:
    found = side(BOOKS[name](), scope)[level]
    assert (found[0], found[3]) == (value, status)


@pytest.mark.parametrize("side", [twin, package], ids=["twin", "package"])
def test_the_headline_is_the_nearest_upward_crossing(side: Any) -> None:
    """Spot 98: the crossing near 95 is nearer but downward; the upward one near 105 beats the one near 85."""
    value, strength, share, status = side(BOOKS["several_flips"](), "all_expiry")["zero_gamma"]
    assert 104.0 < value < 106.0
    assert (strength, share, status) == (None, None, "multiple")


@pytest.mark.parametrize("side", [twin, package], ids=["twin", "package"])
def test_without_an_upward_crossing_the_nearest_is_the_headline(side: Any) -> None:
    value, *_, status = side(BOOKS["only_down_crossings"](), "all_expiry")["zero_gamma"]
    assert 98.0 < value < 101.0
    assert status == "ok"


@pytest.mark.parametrize("side", [twin, package], ids=["twin", "package"])
@pytest.mark.parametrize(
    ("name", "price"), [("flip_near_half_of_spot", 50.09), ("flip_near_one_and_a_half_times_spot", 149.9)]
)
def test_a_crossing_at_the_edge_of_the_search_says_so(side: Any, name: str, price: float) -> None:
    value, *_, status = side(BOOKS[name](), "all_expiry")["zero_gamma"]
    assert value == pytest.approx(price, rel=1e-6)
    assert status == "edge"


@pytest.mark.parametrize("side", [twin, package], ids=["twin", "package"])
def test_hvl_is_linear_between_listed_neighbours(side: Any) -> None:
    """C is -p at 90 and 96 (no interest there) and c - p at 104: the zero lies between 96 and 104."""
    rows = BOOKS["strike_without_interest_between"]()
    put, call = gross_gex(rows[0]), gross_gex(rows[2])
    value, *_, status = side(rows, "all_expiry")["hvl"]
    assert value == pytest.approx(96.0 + 8.0 * put / call, rel=1e-9)
    assert status == "ok"


@pytest.mark.parametrize("side", [twin, package], ids=["twin", "package"])
def test_hvl_steps_over_zeros_of_the_cumulative_sum(side: Any) -> None:
    """C is negative at 90, zero from 95 to 99 and positive at 105: one crossing, on the line from 90 to 105."""
    rows = BOOKS["zeros_between_opposite_signs"]()
    put, call = gross_gex(rows[0]), gross_gex(rows[4])
    value, *_, status = side(rows, "all_expiry")["hvl"]
    assert value == pytest.approx(90.0 + 15.0 * put / (put + call), rel=1e-9)
    assert status == "ok"


@pytest.mark.parametrize("side", [twin, package], ids=["twin", "package"])
def test_hvl_slope_is_the_lowest_cumulative_sum(side: Any) -> None:
    rows = BOOKS["several_hvl"]()
    value, strength, share, status = side(rows, "all_expiry")["hvl_slope"]
    net = [gross_gex(r) * (1 if r["option_type"] == "C" else -1) for r in rows]
    sums = [sum(net[: i + 1]) for i in range(len(net))]
    assert value == rows[sums.index(min(sums))]["strike_usd"]
    assert strength == pytest.approx(min(sums), rel=1e-9)
    assert share == pytest.approx(abs(min(sums)) / sum(map(abs, net)), rel=1e-9)
    assert status == "ok"


@pytest.mark.parametrize("side", [twin, package], ids=["twin", "package"])
def test_net_walls_need_one_per_cent_of_gross(side: Any) -> None:
    rows = [{**r, "open_interest_coin": 1.0} for r in rows_of([(k, "C", 1.0) for k in (99.0, 101.0, 103.0, 105.0)])]
    sizes = [1_000.0, 100.0, 11.5, 10.0]  # the last two are just above and just below 1 % of the sum
    rows = [{**r, "open_interest_coin": x / gross_gex(r)} for r, x in zip(rows, sizes, strict=True)]
    found = side(rows, "all_expiry")
    assert [found[f"call_resistance_net{n}"][0] for n in ("", "_2", "_3")] == [101.0, 103.0, None]
    assert found["put_support_net"][0] == 99.0
    assert found["call_wall_3"][0] == 105.0


@pytest.mark.parametrize("side", [twin, package], ids=["twin", "package"])
def test_strengths_are_signed_as_in_the_sign_model(side: Any) -> None:
    rows = BOOKS["several_hvl"]()
    naive, short, unsigned = (side(rows, "all_expiry", m) for m in ("naive", "short_all", "unsigned"))
    assert naive["call_resistance"][1] > 0 > naive["put_support"][1]
    assert short["call_resistance"][1] == -naive["call_resistance"][1]
    assert unsigned["put_support"][1] == -naive["put_support"][1]
    assert short["absolute_gamma"][1] == naive["absolute_gamma"][1] > 0
    assert short["call_resistance_net"][3] == "empty"


def test_spot_is_the_median_of_the_venues_medians() -> None:
    rows = BOOKS["venues_that_disagree"]()
    assert slow_spot(rows) == pytest.approx((100.4 + 100.6) / 2)
    frame = frames.as_plain(levels(book(rows)))
    spots = {v: frame.filter(venues=v)["spot_usd"].unique().to_list() for v in ("all", "deribit", "okx")}
    assert spots == {"all": [pytest.approx(100.5)], "deribit": [99.0], "okx": [101.0]}


def test_the_profile_lies_on_one_per_cent_steps_around_spot() -> None:
    curve = frames.as_plain(gamma_profile(book(BOOKS["two_venues"]()))).filter(venues="all", scope="all_expiry")
    prices = curve.sort("spot_usd")["spot_usd"].to_list()
    s = slow_spot(BOOKS["two_venues"]())
    assert len(prices) == 110
    assert prices[69] == pytest.approx(s, rel=1e-15)
    assert prices[0] == pytest.approx(s * math.exp(-69 * math.log(1.01)), rel=1e-12)
    assert prices[-1] == pytest.approx(s * math.exp(40 * math.log(1.01)), rel=1e-12)


def test_the_profile_at_spot_is_the_net_of_the_levels() -> None:
    one = book(BOOKS["four_venues"]())
    curve = frames.as_plain(gamma_profile(one)).sort("venues", "scope", "spot_usd")
    nets = frames.as_plain(levels(one)).unique(["venues", "scope"]).sort("venues", "scope")
    at_spot = curve.join(nets.select("venues", "scope", at="spot_usd", net="net_gex_usd"), on=["venues", "scope"])
    at_spot = at_spot.filter((pl.col("spot_usd") / pl.col("at") - 1).abs() < 1e-12)
    gross = sum(map(gross_gex, BOOKS["four_venues"]()))
    assert at_spot.height == nets.height
    assert at_spot["net_gex_usd"].to_list() == pytest.approx(at_spot["net"].to_list(), abs=1e-9 * gross)


def test_ranks_stop_at_ten() -> None:
    rows = rows_of([(90.0 + k, "CP"[k % 2], 1.0 + k % 7) for k in range(25)], expiry_at=WEEK)
    frame = frames.as_plain(ranked(book(rows))).filter(venues="all", scope="all_expiry").sort("rank")
    assert frame["rank"].to_list() == list(range(1, 11))
    assert frame["net_gex_usd"].abs().is_sorted(descending=True)
    compare.assert_ranked(rows, ranked(book(rows)))


def test_snapshots_of_one_book_do_not_touch_each_other() -> None:
    """Three instants at once give what each gives alone; a venue that is absent at one of them has no rows there."""
    early = random_book(51, venues=3)
    middle = random_book(52, venues=2, snapshot_at=NOON + timedelta(hours=1))
    late = random_book(53, snapshot_at=NOON + timedelta(hours=19, minutes=59), width=0.02)
    together = book(early + middle + late)
    for rows in (early, middle, late):
        at = pl.col("snapshot_at") == rows[0]["snapshot_at"]
        compare.assert_levels(rows, levels(together).filter(at))
        compare.assert_flip_zones(rows, flip_zones(together).filter(at))
        compare.assert_ranked(rows, ranked(together).filter(at))
        compare.assert_profile(rows, gamma_profile(together).filter(at))
        assert set(levels(together).filter(at)["venues"].cast(pl.String)) == set(frames.venue_sets(rows))


def test_snapshots_of_the_last_minute_look_around_strikes_from_their_own_spots() -> None:
    """Points around strikes as seen from another snapshot's spot begin the search for a flat crossing elsewhere."""

    def at(instant: datetime, index: float) -> list[Row]:
        four = [(97.8, "P", 1.59), (97.1, "P", 0.34), (103.0, "P", 1.37), (99.4, "C", 0.34)]
        return rows_of(four, snapshot_at=instant, index=index, forward=0.9979037170167351 * index)

    first, second = at(ONE_MINUTE_BEFORE, 100.0), at(ONE_MINUTE_BEFORE + timedelta(seconds=30), 104.3)
    together = flip_zones(book(first + second))
    for rows in (first, second):
        found = together.filter(snapshot_at=rows[0]["snapshot_at"])
        assert found.height > 0
        assert_frame_equal(found, flip_zones(book(rows)), rel_tol=1e-10, abs_tol=0)


def test_a_book_is_of_one_underlying() -> None:
    rows = rows_of([(95.0, "P", 1.0)]) + rows_of([(95.0, "P", 1.0)], underlying="ETH")
    with pytest.raises(ValueError, match="underlying"):
        book(rows)


def test_the_same_contracts_at_another_venue_double_the_dollars() -> None:
    rows = random_book(54)
    alone, both = package(rows, "all_expiry"), package(rows + with_venue(rows, "okx"), "all_expiry")
    for name, level in alone.items():
        doubled = None if level[1] is None else pytest.approx(2 * level[1], rel=1e-9)
        assert (both[name][0], both[name][1], both[name][3]) == (
            None if level[0] is None else pytest.approx(level[0], rel=1e-6),
            doubled,
            level[3],
        )


@pytest.mark.parametrize("minutes", [1_200, 60, 10, 1])
def test_far_from_both_peaks_the_root_is_still_exact(minutes: int) -> None:
    """One put at 95 and one call at 105, equal but for size: ln of the root in closed form.

    In x = ln S both dollar gammas are exp(x) times a Gaussian of width v about ln K - v^2 / 2; equal heights a and b
    meet at the mean of the peaks plus v^2 ln(b / a) / (difference of the peaks) towards the smaller. A minute before
    expiry that is some 70 widths from either peak, where a double holds nothing but 0.
    """
    rows = rows_of([(95.0, "P", 8.0), (105.0, "C", 1.0)], snapshot_at=FRIDAY - timedelta(minutes=minutes))
    v = 0.5 * math.sqrt(rows[0]["tenor_years"])
    low, high = math.log(95.0) - v * v / 2, math.log(105.0) - v * v / 2
    root = math.exp((low + high) / 2 + v * v * math.log(8.0) / (high - low))
    (crossing,) = slow_profile.crossings(rows, 100.0).crossings
    assert crossing.price == pytest.approx(root, rel=1e-12)
    assert package(rows, "odte")["zero_gamma"][0] == pytest.approx(root, rel=1e-6)
