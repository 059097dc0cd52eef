"""Max pain and expected move against the slow twins, and their rules one by one."""

from __future__ import annotations

import random
from datetime import timedelta

import polars as pl
import pytest

from gex_pipeline.schema import EXPECTED_MOVE, MAX_PAIN
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.expected_move import expected_move
from gex_pipeline.transforms.max_pain import max_pain
from tests.slow import compare
from tests.slow.books import BOOKS, WEEK, rows_of
from tests.slow.chains import random_book, row
from tests.slow.exposure import Row
from tests.slow.frames import as_plain, assert_declared, chain_frame

pytestmark = pytest.mark.filterwarnings("error")


def pain(rows: list[Row]) -> pl.DataFrame:
    return as_plain(max_pain(Book.from_chain(chain_frame(rows)))).filter(pl.col("venues") == "all").sort("expiry_at")


#: 400 strikes: the twin adds fractions for each pair of them, 20 s for a book whose point are its nets.
LONG = ("nets_below_the_floor_that_add_up",)


def move(rows: list[Row]) -> dict:
    frame = as_plain(expected_move(Book.from_chain(chain_frame(rows)))).filter(pl.col("venues") == "all")
    return frame.sort("expiry_at").row(0, named=True)


@pytest.mark.parametrize("name", [name for name in BOOKS if name not in LONG])
def test_max_pain_agrees(name: str) -> None:
    rows = BOOKS[name]()
    frame = max_pain(Book.from_chain(chain_frame(rows)))
    assert_declared(MAX_PAIN, frame)
    compare.assert_max_pain(rows, frame)


@pytest.mark.parametrize("name", BOOKS)
def test_expected_move_agrees(name: str) -> None:
    rows = BOOKS[name]()
    frame = expected_move(Book.from_chain(chain_frame(rows)))
    assert_declared(EXPECTED_MOVE, frame)
    compare.assert_expected_move(rows, frame)


def test_two_snapshots_in_one_book_are_kept_apart() -> None:
    early = random_book(41, venues=2)
    late = random_book(42, venues=2, snapshot_at=early[0]["snapshot_at"] + timedelta(hours=2))
    book = Book.from_chain(chain_frame(early + late))
    for part in (early, late):
        at = pl.col("snapshot_at") == part[0]["snapshot_at"]
        compare.assert_max_pain(part, max_pain(book).filter(at))
        compare.assert_expected_move(part, expected_move(book).filter(at))


@pytest.mark.parametrize("step", [0.01, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(60, 70))
def test_max_pain_agrees_where_ties_abound(seed: int, step: float) -> None:
    """Open interest in a few multiples of one size: plateaus of equal payout, seldom equal in binary."""
    rng = random.Random(seed)
    rows = random_book(seed, venues=2, strikes=6, price=rng.choice([0.62, 100.0, 112_345.678]))
    rows = [{**r, "open_interest_coin": round(step * rng.randint(0, 4), 6)} for r in rows]
    compare.assert_max_pain(rows, max_pain(Book.from_chain(chain_frame(rows))))


def test_a_plateau_of_payouts_goes_to_the_lowest_strike() -> None:
    """0.1 + 0.2 of calls against 0.3 of puts: equal as written, not equal in binary."""
    calls = [(90.0, "C", 0.1), (95.0, "C", 0.2)]
    rows = rows_of([*calls, (100.0, "C", 0.0), (105.0, "P", 0.3)])
    assert pain(rows)["strike_usd"].to_list() == [95.0]


def test_strikes_without_interest_take_part_in_max_pain() -> None:
    """Calls at 90 and puts at 110 of equal size make a flat payout; dearer puts push it to the top strike listed."""
    rows = rows_of([(90.0, "C", 1.0), (110.0, "P", 0.0), (120.0, "P", 1.0), (130.0, "C", 0.0)])
    (flat,) = pain(rows).rows(named=True)
    assert (flat["strike_usd"], flat["payout_usd"], flat["status"]) == (90.0, 30.0, "ok")
    rows = rows_of([(90.0, "C", 1.0), (110.0, "C", 0.0), (112.0, "P", 1.5)])
    (pushed,) = pain(rows).rows(named=True)
    assert (pushed["strike_usd"], pushed["payout_usd"]) == (112.0, 22.0)


@pytest.mark.parametrize(
    "contracts",
    [
        [(95.0, "C", 1.0), (95.0, "P", 1.0), (105.0, "C", 2.0)],
        [(95.0, "C", 0.0), (100.0, "P", 0.0), (105.0, "C", 0.0)],
    ],
    ids=["two strikes", "no open interest"],
)
def test_max_pain_is_null_with_a_reason(contracts: list) -> None:
    (found,) = pain(rows_of(contracts)).rows(named=True)
    assert found["status"] == "empty"
    assert [found[c] for c in ("strike_usd", "payout_usd", "strike_coin_usd")] == [None, None, None]


def test_the_coin_minimiser_may_be_another_strike() -> None:
    """Payout over price favours higher strikes."""
    rows = rows_of([(80.0, "C", 1.0), (100.0, "P", 1.2), (120.0, "P", 0.0), (150.0, "C", 9.0)])
    compare.assert_max_pain(rows, max_pain(Book.from_chain(chain_frame(rows))))
    rows = rows_of([(90.0, "C", 3.0), (95.0, "C", 1.0), (100.0, "P", 3.98)])
    (found,) = pain(rows).rows(named=True)
    assert found["strike_usd"] == 95.0 or found["strike_usd"] == 90.0
    assert found["strike_coin_usd"] >= found["strike_usd"]


def test_iv_and_straddle_are_interpolated_in_total_variance_not_in_price() -> None:
    """Marks priced at one flat IV give that IV back at a forward far from both strikes."""
    rows = rows_of([(k, kind, 1.0) for k in (90.0, 110.0) for kind in "CP"], index=97.3, iv=0.5)
    found = move(rows)
    assert found["atm_iv"] == pytest.approx(0.5, rel=1e-12)
    assert found["em_1sd_straddle_usd"] == pytest.approx(found["em_1sd_usd"], rel=1e-3)
    assert found["upper_1sd"] * found["lower_1sd"] == pytest.approx(97.3**2, rel=1e-12)
    assert found["upper_2sd"] / found["upper_1sd"] == pytest.approx(found["upper_1sd"] / 97.3, rel=1e-12)


def test_no_extrapolation_outside_the_listed_strikes() -> None:
    above = move(rows_of([(k, kind, 1.0) for k in (101.0, 110.0) for kind in "CP"]))
    below = move(rows_of([(k, kind, 1.0) for k in (80.0, 99.0) for kind in "CP"]))
    for found in (above, below):
        assert found["status"] == "empty"
        assert [found[c] for c in ("atm_iv", "em_1sd_usd", "em_straddle_usd", "upper_1sd", "lower_2sd")] == [None] * 5
        assert found["forward_usd"] == 100.0


def test_bands_fall_back_to_atm_iv_without_a_straddle() -> None:
    found = move(rows_of([(95.0, "P", 1.0), (105.0, "C", 1.0)], iv=0.6))
    assert found["status"] == "ok"
    assert found["em_straddle_usd"] is None and found["em_1sd_straddle_usd"] is None
    t = rows_of([(95.0, "P", 1.0)])[0]["tenor_years"]
    assert found["upper_1sd"] / 100.0 == pytest.approx(2.718281828459045 ** (0.6 * t**0.5), rel=1e-12)


def test_a_straddle_below_intrinsic_value_gives_none() -> None:
    """105 C + P at forward 100 must be worth more than 5."""
    rows = rows_of([(95.0, "C", 1.0), (95.0, "P", 1.0), (105.0, "C", 1.0), (105.0, "P", 1.0)])
    rows[2]["mark_usd"], rows[3]["mark_usd"] = 0.1, 4.9
    found = move(rows)
    assert found["em_straddle_usd"] is None and found["em_1sd_usd"] is not None
    compare.assert_expected_move(rows, expected_move(Book.from_chain(chain_frame(rows))))


def test_strikes_without_both_marks_are_passed_over() -> None:
    """The nearest strike has a call only and the next a put marked 0: the straddles come from 90 and 110."""
    rows = rows_of([(k, kind, 1.0) for k in (90.0, 110.0) for kind in "CP"], iv=0.5)
    rows += [row(99.0, "C", iv=0.9), row(98.0, "C", iv=0.9), row(98.0, "P", iv=0.9, mark=0.0)]
    rows += [row(101.0, "P", iv=0.9, mark=None), row(101.0, "C", iv=0.9)]
    found = move(rows)
    assert found["em_straddle_usd"] == pytest.approx(move(rows[:4])["em_straddle_usd"], rel=1e-9)
    assert found["atm_iv"] > 0.8


def test_forward_and_marks_of_an_expiry_come_from_all_its_rows() -> None:
    """Two venues with their own forwards: the figure uses their median, marks and IVs are averaged per type."""
    book = [(k, kind, 1.0) for k in (95.0, 105.0) for kind in "CP"]
    rows = rows_of(book, forward=100.0, iv=0.5) + rows_of(book, forward=100.2, iv=0.6, venue="bybit")
    rows += rows_of([(95.0, "P", 1.0)], forward=100.1, iv=0.7, venue="okx", expiry_at=rows[0]["expiry_at"])
    assert move(rows)["forward_usd"] == pytest.approx(100.1, rel=1e-12)
    compare.assert_expected_move(rows, expected_move(Book.from_chain(chain_frame(rows))))


def test_far_expiries_keep_positive_bands() -> None:
    far = WEEK + timedelta(days=700)
    rows = rows_of([(k, kind, 1.0) for k in (50.0, 200.0) for kind in "CP"], iv=2.0, expiry_at=far)
    assert move(rows)["lower_2sd"] > 0
