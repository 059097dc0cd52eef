"""Named books for the comparisons: drawn ones of every shape, and constructed ones for each rule.

``BOOKS`` maps a name to a function that builds the rows, so that collecting tests costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from tests.slow.chains import FRIDAY, NOON, ONE_MINUTE_BEFORE, random_book, row
from tests.slow.exposure import Row, gross_gex
from tests.slow.profile import gross_at

WEEK = FRIDAY + timedelta(days=7)
QUARTER = FRIDAY + timedelta(days=105)
BOOKS: dict[str, Callable[[], list[Row]]] = {
    "two_years": partial(random_book, 1, days=(0, 98, 728), width=0.6),
    "two_venues": partial(random_book, 2, venues=2),
    "four_venues": partial(random_book, 4, venues=4, days=(0, 14), strikes=6),
    "six_expiries": partial(random_book, 6, days=(0, 1, 2, 7, 28, 105), strikes=5),
    "one_minute": partial(random_book, 3, snapshot_at=ONE_MINUTE_BEFORE, days=(0, 1, 7), width=0.02, strikes=9),
    "one_minute_wide": partial(random_book, 5, snapshot_at=ONE_MINUTE_BEFORE, days=(0,), width=0.4, strikes=9),
    "one_minute_venues": partial(random_book, 7, venues=3, snapshot_at=ONE_MINUTE_BEFORE, days=(0, 7), width=0.05),
    "one_hour": partial(random_book, 8, snapshot_at=FRIDAY - timedelta(hours=1), days=(0, 1), width=0.05, strikes=11),
    "exactly_24_hours": partial(random_book, 9, snapshot_at=FRIDAY - timedelta(hours=24), days=(0, 1)),
    "no_odte": partial(random_book, 10, days=(7, 28)),
    "large_prices": partial(random_book, 11, venues=2, price=112_345.678, oi_scale=5.0),
    "small_prices": partial(random_book, 12, price=0.62, oi_scale=1e6, width=0.5),
    "only_calls": partial(random_book, 13, sides="C", venues=2),
    "only_puts": partial(random_book, 14, sides="P"),
    "many_strikes": partial(random_book, 15, days=(0,), strikes=41, width=0.3),
}
for _seed in range(20, 40):
    BOOKS[f"drawn_{_seed}"] = partial(random_book, _seed, days=(0, 3, 35), strikes=5 + _seed % 5)


def named(function: Callable[[], list[Row]]) -> Callable[[], list[Row]]:
    BOOKS[function.__name__] = function
    return function


def rows_of(contracts: list[tuple], **common) -> list[Row]:
    """(strike, type, OI[, expiry]) tuples as rows."""
    return [row(k, kind, oi, **common, **({"expiry_at": e[0]} if e else {})) for k, kind, oi, *e in contracts]


@named
def single_strike() -> list[Row]:
    return rows_of([(101.0, "C", 5.0), (101.0, "P", 2.0)])


@named
def zero_open_interest() -> list[Row]:
    return rows_of([(k, kind, 0.0) for k in (90.0, 100.0, 110.0) for kind in "CP"])


@named
def net_zero_everywhere() -> list[Row]:
    """Call and put of equal size at every strike: gross but no net."""
    return rows_of([(k, kind, 3.0) for k in (90.0, 95.0, 100.0, 110.0) for kind in "CP"])


@named
def net_below_the_floor() -> list[Row]:
    """Calls larger than puts by 1e-6 of themselves at one of two strikes: a net of 2.5e-7 of gross counts as zero."""
    return rows_of([(95.0, "C", 4.0), (95.0, "P", 4.0), (105.0, "C", 4.0 * (1 + 1e-6)), (105.0, "P", 4.0)])


@named
def lowest_sum_below_the_floor() -> list[Row]:
    """C(K) starts below the floor, so it counts as zero there: hvl_slope has strength 0, and hvl no crossing."""
    return rows_of([(99.0, "C", 4.0 * (1 + 1e-6)), (99.0, "P", 4.0), (101.0, "C", 5.0)])


@named
def several_flips() -> list[Row]:
    """Short dated walls of alternating sign: down near 75, up near 85, down near 95, up near 105, down near 115."""
    walls = [(70.0, "C", 10.0), (80.0, "P", 10.0), (90.0, "C", 10.0), (100.0, "P", 10.0), (110.0, "C", 10.0)]
    return rows_of([*walls, (120.0, "P", 10.0)], index=98.0)


@named
def only_down_crossings() -> list[Row]:
    """Calls below, puts above: the profile falls through zero once, so the nearest crossing is a down one."""
    return rows_of([(90.0, "C", 10.0), (110.0, "P", 10.0)], expiry_at=WEEK)


@named
def far_up_crossing_beats_near_down_crossing() -> list[Row]:
    return rows_of([(75.0, "P", 10.0), (90.0, "C", 10.0), (108.0, "P", 10.0)], index=99.5)


@named
def spot_on_a_strike() -> list[Row]:
    """The largest call and put both sit exactly at spot, where they are neither above nor below."""
    near = [(100.0, "C", 50.0), (100.0, "P", 60.0), (101.0, "C", 5.0), (99.0, "P", 6.0), (102.0, "C", 7.0)]
    return rows_of([*near, (105.0, "P", 9.0), (95.0, "C", 4.0), (97.0, "P", 8.0)])


@named
def ties() -> list[Row]:
    """Calls of equal dollar gamma at 90, 110 and 120, puts of equal dollar gamma at 80, 85 and 95 (S = 100)."""
    rows = [row(k, "C", expiry_at=WEEK) for k in (90.0, 110.0, 120.0)]
    rows += [row(k, "P", expiry_at=WEEK) for k in (80.0, 85.0, 95.0)]
    return [{**r, "open_interest_coin": 1_000.0 / gross_gex(r)} for r in rows]


@named
def near_ties() -> list[Row]:
    """As ties, but the farther strikes are larger by some 4e-10 of gross: still a tie."""
    return [{**r, "open_interest_coin": _stretch(r, 4e-9)} for r in ties()]


@named
def not_quite_ties() -> list[Row]:
    """As ties, but the farther strikes are larger by some 3e-9 of gross: no tie."""
    return [{**r, "open_interest_coin": _stretch(r, 3e-8)} for r in ties()]


def _stretch(r: Row, share: float) -> float:
    return r["open_interest_coin"] * (1.0 + share * abs(r["strike_usd"] - 100.0) / 20.0)


@named
def underflow_at_spot() -> list[Row]:
    """A minute before expiry with strikes 20 % away: dollar gamma at spot is exactly zero, the profile is not."""
    return rows_of([(80.0, "P", 10.0), (120.0, "C", 10.0)], snapshot_at=ONE_MINUTE_BEFORE)


@named
def flip_between_peaks_that_underflow() -> list[Row]:
    """A minute before expiry the two peaks are 30 standard deviations wide apart: the root lies where both vanish."""
    near = [(97.0, "P", 10.0), (103.0, "C", 4.0), (100.0, "C", 1e-9)]
    return rows_of(near, snapshot_at=ONE_MINUTE_BEFORE, index=99.9)


@named
def peak_between_grid_points() -> list[Row]:
    """Ten seconds before expiry a peak is a tenth of a grid step wide; both of its flanks are crossings."""
    rows = rows_of([(100.13, "P", 50.0)], snapshot_at=FRIDAY - timedelta(seconds=10), iv=0.3)
    return rows + rows_of([(100.0, "C", 50.0)], expiry_at=WEEK, snapshot_at=FRIDAY - timedelta(seconds=10))


@named
def below_the_floor() -> list[Row]:
    """A huge strike beside tiny ones: the tiny ones are neither walls nor ranks."""
    tiny = [(95.0, "P", 1e-4), (110.0, "C", 1e-4), (98.0, "P", 5.0), (103.0, "C", 4.0)]
    return rows_of([(100.5, "C", 1e6), *tiny], expiry_at=WEEK)


@named
def zeros_between_opposite_signs() -> list[Row]:
    """C(K) is zero over some strikes between a negative and a positive stretch: one crossing."""
    quiet = [(97.0, "C", 0.0), (99.0, "P", 0.0)]
    rows = rows_of([(90.0, "P", 10.0), (95.0, "C", 1.0), *quiet, (105.0, "C", 5.0)], expiry_at=WEEK)
    rows[1]["open_interest_coin"] = gross_gex(rows[0]) / gross_gex(rows[1])
    return rows


@named
def zeros_between_equal_signs() -> list[Row]:
    """C(K) touches zero and turns back: no crossing."""
    rows = rows_of([(90.0, "P", 10.0), (95.0, "C", 1.0), (105.0, "P", 5.0)], expiry_at=WEEK)
    rows[1]["open_interest_coin"] = gross_gex(rows[0]) / gross_gex(rows[1])
    return rows


@named
def strike_without_interest_between() -> list[Row]:
    """A listed strike with OI 0 is a neighbour in the interpolation of hvl."""
    return rows_of([(90.0, "P", 5.0), (96.0, "C", 0.0), (104.0, "C", 9.0)], expiry_at=WEEK)


@named
def several_hvl() -> list[Row]:
    contracts = [(85.0, "P", 4.0), (92.0, "C", 6.0), (97.0, "P", 8.0), (103.0, "C", 10.0), (108.0, "P", 9.0)]
    return rows_of(contracts, expiry_at=WEEK)


@named
def one_contract_twice() -> list[Row]:
    """One venue lists the same strike coin-settled and USDC-settled."""
    book = [(95.0, "P", 7.0), (105.0, "C", 9.0), (100.0, "C", 2.0), (100.0, "P", 3.0)]
    return rows_of(book) + rows_of([(k, kind, 2 * oi) for k, kind, oi in book], settlement="linear", iv=0.6)


@named
def venues_that_disagree() -> list[Row]:
    """Four venues with their own index; a large venue does not outvote the others."""
    big = [(k, "CP"[i % 2], 5.0 + i) for i, k in enumerate((92.0, 94.0, 96.0, 98.0, 100.0, 102.0, 104.0, 106.0))]
    small = [(95.0, "P", 20.0), (105.0, "C", 15.0)]
    rows = rows_of(big, venue="deribit", index=99.0, forward=99.1)
    rows += rows_of(small, venue="okx", index=101.0) + rows_of(small, venue="bybit", index=100.4, expiry_at=WEEK)
    rows += rows_of(small, venue="binance", index=100.6, forward=100.0)
    rows[0]["index_usd"] = 150.0
    return rows


@named
def forward_far_from_spot() -> list[Row]:
    """A steep curve: the forward is 30 % above spot."""
    rows = rows_of([(100.0, "P", 5.0), (120.0, "P", 8.0), (150.0, "C", 9.0)], expiry_at=QUARTER, forward=130.0)
    return rows + rows_of([(95.0, "P", 1.0), (104.0, "C", 1.0)])


@named
def odd_strikes() -> list[Row]:
    """Fractions of a dollar, exactly as listed."""
    book = [(0.55, "P", 7e5), (0.625, "C", 3e5), (0.65, "C", 9e5), (0.7001, "C", 2e5), (0.5, "P", 8e5)]
    return rows_of(book, index=0.615, venue="okx", underlying="DOGE")


@named
def strikes_above_one_hundred_thousand() -> list[Row]:
    book = [(100_000.5, "P", 70.0), (112_345.678, "C", 30.0), (125_000.0, "C", 90.0), (110_250.25, "P", 20.0)]
    return rows_of(book, index=111_111.11)


@named
def fewer_than_ten_ranks_and_one_expiry() -> list[Row]:
    return rows_of([(98.0, "P", 4.0), (100.5, "C", 2.0), (102.0, "C", 5.0)], index=100.2)


@named
def flip_near_half_of_spot() -> list[Row]:
    """A crossing within 0.25 % of 0.5 S: the status is `edge`. The put's OI puts the root there."""
    return _flip_at(0.5009 * 100.0)


@named
def flip_near_one_and_a_half_times_spot() -> list[Row]:
    return _flip_at(1.499 * 100.0)


def _flip_at(price: float) -> list[Row]:
    """A put below and a call above, sized so that they cancel with the book re-priced at ``price``."""
    rows = rows_of([(60.0, "P", 1.0), (140.0, "C", 1.0)], expiry_at=FRIDAY + timedelta(days=364), iv=0.3)
    at_price = [gross_at(r, 100.0, price) for r in rows]
    rows[0]["open_interest_coin"] = at_price[1] / at_price[0]
    return rows


@named
def past_midnight() -> list[Row]:
    """09:00 of one day to 08:00 of the next is 23 hours: 0DTE; 08:00 a day later is not."""
    snapshot_at = NOON.replace(hour=9)
    near = rows_of([(99.0, "P", 4.0), (101.0, "C", 2.0)], snapshot_at=snapshot_at, expiry_at=FRIDAY)
    return near + rows_of([(90.0, "P", 40.0)], snapshot_at=snapshot_at, expiry_at=FRIDAY + timedelta(days=1))


@named
def nets_below_the_floor_that_add_up() -> list[Row]:
    """Calls and puts cancel to under 1e-6 of gross at each of 400 strikes, not in their running sum."""
    strikes = [90.0 + 0.05 * i for i in range(400)]
    lean = [1.0 + (2e-4 if k < 100.0 else -3e-4) * 0.5 for k in strikes]
    return rows_of([(k, "C", a) for k, a in zip(strikes, lean, strict=True)] + [(k, "P", 1.0) for k in strikes])


@named
def one_call_a_second_before_expiry() -> list[Row]:
    """Its peak lies between two points of the plain grid."""
    at = FRIDAY - timedelta(seconds=1)
    return rows_of([(100.0, "C", 1.0)], snapshot_at=at, expiry_at=FRIDAY, index=100.12)
