"""Changes between two books: by hand, and against the slow twin on drawn ones."""

from __future__ import annotations

import random
from datetime import timedelta

import polars as pl
import pytest

from gex_pipeline.transforms.gex_changes import gex_changes
from gex_pipeline.transforms.oi_changes import oi_changes
from tests.slow import changes as slow
from tests.slow.books import WEEK, rows_of
from tests.slow.chains import FRIDAY, NOON, random_book, row
from tests.slow.compare import close
from tests.slow.exposure import Row, gross_gex, spot
from tests.slow.frames import chain_frame

pytestmark = pytest.mark.filterwarnings("error")

LATER = NOON + timedelta(hours=24)  # after Friday's expiry


def drawn(seed: int) -> tuple[list[Row], list[Row]]:
    """A book and the same a day later: some contracts gone, some new, the front expired, IV and interest moved."""
    before = random_book(seed, venues=3, days=(0, 1, 7), strikes=9)
    rng = random.Random(seed + 1_000)
    rng.shuffle(before)
    cut = len(before) // 10
    after = [moved(r, rng) for r in before[cut:] if r["expiry_at"] > LATER]
    highest = max(r["strike_usd"] for r in after)
    return [r for r in before[:-cut] if (r["expiry_at"], r["strike_usd"]) != (WEEK, highest)], after


def moved(r: Row, rng: random.Random) -> Row:
    """The contract a day later."""
    kind, k, oi = r["option_type"], r["strike_usd"], r["open_interest_coin"] * rng.uniform(0.5, 2)
    forward, iv = r["forward_usd"] * 1.01, r["mark_iv"] * rng.uniform(0.9, 1.1)
    common = {"expiry_at": r["expiry_at"], "venue": r["venue"], "settlement": r["settlement"]}
    return row(k, kind, oi, iv=iv, snapshot_at=LATER, index=r["index_usd"] * 1.01, forward=forward, **common)


def names(rows: list[Row]) -> frozenset[tuple[str, str]]:
    return frozenset((r["venue"], r["instrument"]) for r in rows)


def frame_of(contracts: frozenset[tuple[str, str]]) -> pl.DataFrame:
    """Contracts as the transforms take those that were rejected."""
    return pl.DataFrame(sorted(contracts), schema={"venue": pl.String, "instrument": pl.String}, orient="row")


def drawn_with_rejected(seed: int) -> tuple[list[Row], list[Row], frozenset[tuple[str, str]]]:
    """As drawn; every fifth contract of the earlier book, and all of one strike, had no usable row."""
    before, now = drawn(seed)
    lost = [r for i, r in enumerate(before) if i % 5 == 0 or r["strike_usd"] == before[0]["strike_usd"]]
    return [r for r in before if r not in lost], now, names(lost)


@pytest.mark.parametrize("seed", range(8))
def test_open_interest_beside_rejected_rows_agrees_with_the_twin(seed: int) -> None:
    before, now, lost = drawn_with_rejected(seed)
    want = slow.oi_changes(now, before, lost)
    found = oi_changes(chain_frame(now), chain_frame(before), frame_of(lost))
    assert 0 < found["call_oi_change_coin"].null_count() < found.height
    assert [(r["expiry_at"], r["strike_usd"]) for r in found.rows(named=True)] == list(want)
    for r, cell in zip(found.rows(named=True), want.values(), strict=True):
        assert [name for name in cell if not close(r[name], cell[name], 1e-9)] == []


@pytest.mark.parametrize("seed", range(8))
def test_gamma_beside_rejected_rows_agrees_with_the_twin(seed: int) -> None:
    before, now, lost = drawn_with_rejected(seed)
    want = slow.gex_changes(now, before, lost)
    found = gex_changes(chain_frame(now), chain_frame(before), frame_of(lost), spot_usd=spot(now), top=99)
    assert found["strike_usd"].to_list() == slow.by_rank(want, now, before)
    gross = sum(map(gross_gex, now + before))
    for r in found.rows(named=True):
        assert {name: r[name] for name in want[r["strike_usd"]]} == pytest.approx(
            want[r["strike_usd"]], abs=1e-11 * gross
        )


@pytest.mark.parametrize("seed", range(8))
def test_open_interest_agrees_with_the_twin(seed: int) -> None:
    before, now = drawn(seed)
    want = slow.oi_changes(now, before)
    found = oi_changes(chain_frame(now), chain_frame(before))
    assert {c["is_new"] for c in want.values()} == {True, False}
    assert [(r["expiry_at"], r["strike_usd"]) for r in found.rows(named=True)] == list(want)
    for r, cell in zip(found.rows(named=True), want.values(), strict=True):
        assert [name for name in cell if not close(r[name], cell[name], 1e-9)] == []


@pytest.mark.parametrize("seed", range(8))
def test_gamma_agrees_with_the_twin(seed: int) -> None:
    before, now = drawn(seed)
    want = slow.gex_changes(now, before)
    found = gex_changes(chain_frame(now), chain_frame(before), spot_usd=spot(now), top=99)
    assert found["strike_usd"].to_list() == slow.by_rank(want, now, before)
    assert found["rank"].to_list() == list(range(1, found.height + 1))
    gross = sum(map(gross_gex, now + before))
    for r in found.rows(named=True):
        cell = want[r["strike_usd"]]
        assert {name: r[name] for name in cell} == pytest.approx(cell, abs=1e-11 * gross)
        assert r["expired_usd"] + r["oi_usd"] + r["rest_usd"] == pytest.approx(r["change_usd"], abs=1e-11 * gross)
    few = gex_changes(chain_frame(now), chain_frame(before), spot_usd=spot(now), top=3)
    assert few.equals(found.head(3))


def test_the_order_of_rows_does_not_matter() -> None:
    before, now = drawn(3)
    first = gex_changes(chain_frame(now), chain_frame(before), spot_usd=100.0, top=99)
    again = gex_changes(chain_frame(now[::-1]), chain_frame(before[::-1]), spot_usd=100.0, top=99)
    assert first.equals(again)


def test_open_interest_by_hand() -> None:
    """95 has expired; at 100 the calls grew by 3, the puts came; 105 was not listed; 110 cannot be used now."""
    old = [(95.0, "C", 9.0, FRIDAY), (100.0, "C", 2.0, WEEK), (110.0, "C", 7.0, WEEK)]
    new = [(100.0, "C", 5.0, WEEK), (100.0, "P", 4.0, WEEK), (105.0, "C", 0.0, WEEK), (105.0, "P", 6.0, WEEK)]
    found = oi_changes(chain_frame(rows_of(new, snapshot_at=LATER)), chain_frame(rows_of(old)))
    columns = [f"{side}_oi_{what}coin" for side in ("call", "put") for what in ("", "before_", "change_")]
    assert found.select("expiry_at", "strike_usd", "is_new", *columns).rows() == [
        (WEEK, 100.0, False, 5.0, 2.0, 3.0, 4.0, 0.0, 4.0),
        (WEEK, 105.0, True, 0.0, None, 0.0, 6.0, None, 6.0),
    ]


def test_open_interest_of_what_was_rejected_by_hand() -> None:
    """Rejected were all of 100, the put of 105, of which the call is new, and one of two calls of 110; 115 is new."""
    old = rows_of([(110.0, "C", 2.0, WEEK)])
    new = [(100.0, "C", 5.0), (100.0, "P", 4.0), (105.0, "C", 1.0), (105.0, "P", 6.0), (110.0, "C", 3.0)]
    now = rows_of([(*r, WEEK) for r in [*new, (110.0, "P", 7.0), (115.0, "C", 8.0)]], snapshot_at=LATER)
    second = row(110.0, "C", 9.0, expiry_at=WEEK, snapshot_at=LATER, venue="okx")
    lost = names([*now[:2], now[3], second])
    found = oi_changes(chain_frame([*now, second]), chain_frame(old), frame_of(lost))
    columns = [f"{side}_oi_{what}coin" for side in ("call", "put") for what in ("", "before_", "change_")]
    assert found.select("strike_usd", "is_new", *columns).rows() == [
        (100.0, False, 5.0, None, None, 4.0, None, None),
        (105.0, False, 1.0, 0.0, 1.0, 6.0, None, None),
        (110.0, False, 12.0, None, None, 7.0, 0.0, 7.0),
        (115.0, True, 8.0, None, 8.0, 0.0, None, 0.0),
    ]


def test_gamma_of_what_was_rejected_by_hand() -> None:
    """At 99 nothing is known of before, 101 is a new listing: both change by all that they have."""
    old = [row(110.0, "C", 1.0, expiry_at=WEEK)]
    now = [row(k, "C", 10.0, expiry_at=WEEK, snapshot_at=LATER) for k in (99.0, 101.0)]
    found = gex_changes(chain_frame(now), chain_frame(old), frame_of(names(now[:1])), spot_usd=100.0, top=10)
    parts = {r["strike_usd"]: (r["change_usd"], r["oi_usd"], r["rest_usd"]) for r in found.rows(named=True)}
    first, second = map(gross_gex, now)
    assert parts[99.0] == pytest.approx((first, 0.0, first), rel=1e-9)
    assert parts[101.0] == pytest.approx((second, second, 0.0), rel=1e-9)


def test_gamma_by_hand() -> None:
    """One contract a reason, at a strike of its own: 10 coins each, g the dollar gamma of one."""
    old = [
        row(95.0, "P", 10.0, expiry_at=FRIDAY),
        row(99.0, "C", 10.0, expiry_at=WEEK),
        row(102.0, "C", 10.0, expiry_at=WEEK),
        row(110.0, "P", 10.0, expiry_at=WEEK),
    ]
    new = [
        row(99.0, "C", 16.0, expiry_at=WEEK, snapshot_at=LATER, iv=0.6),
        row(102.0, "C", 10.0, expiry_at=WEEK, snapshot_at=LATER, iv=0.4),
        row(105.0, "P", 10.0, expiry_at=WEEK, snapshot_at=LATER),
    ]
    found = {
        r["strike_usd"]: r
        for r in gex_changes(chain_frame(new), chain_frame(old), spot_usd=100.0, top=10).rows(named=True)
    }
    parts = {k: (r["expired_usd"], r["oi_usd"], r["rest_usd"]) for k, r in found.items()}
    gex_old, gex_new = ({r["strike_usd"]: gross_gex(r) for r in rows} for rows in (old, new))
    near = {"rel": 1e-9, "abs": 1e-9}
    assert parts[95.0] == pytest.approx((gex_old[95.0], 0.0, 0.0), **near)  # a short put is gone: net rises
    assert parts[99.0] == pytest.approx((0.0, 0.6 * gex_old[99.0], gex_new[99.0] - 1.6 * gex_old[99.0]), **near)
    assert parts[102.0] == pytest.approx((0.0, 0.0, gex_new[102.0] - gex_old[102.0]), **near)
    assert parts[105.0] == pytest.approx((0.0, -gex_new[105.0], 0.0), **near)  # newly listed
    assert parts[110.0] == pytest.approx((0.0, 0.0, gex_old[110.0]), **near)  # no usable row now


def test_ties_go_to_the_strike_nearer_spot_and_small_changes_have_no_rank() -> None:
    old = [row(k, "C", 1.0, expiry_at=WEEK, iv=0.5) for k in (90.0, 104.0, 120.0)]
    sized = [{**r, "open_interest_coin": 100.0 / gross_gex(r)} for r in old]
    now = [
        {**r, "open_interest_coin": r["open_interest_coin"] * x} for r, x in zip(sized, (2, 2, 1 + 1e-7), strict=True)
    ]
    found = gex_changes(chain_frame(now), chain_frame(sized), spot_usd=100.0, top=10)
    assert found["strike_usd"].to_list() == [104.0, 90.0]


def test_with_nothing_to_compare_only_what_is_now_is_stated() -> None:
    now = [row(99.0, "C", 1.0), row(101.0, "P", 5.0), row(101.0, "C", 1.0)]
    found = gex_changes(chain_frame(now), None, spot_usd=100.0, top=10)
    assert found["strike_usd"].to_list() == [101.0, 99.0]
    assert found["net_gex_usd"].to_list() == pytest.approx(
        [gross_gex(now[2]) - gross_gex(now[1]), gross_gex(now[0])], rel=1e-9
    )
    assert found.drop("strike_usd", "net_gex_usd").null_count().row(0) == (2,) * 6
    oi = oi_changes(chain_frame(now), None)
    assert oi["call_oi_coin"].to_list() == [1.0, 1.0]
    assert oi.drop("expiry_at", "strike_usd", "call_oi_coin", "put_oi_coin").null_count().row(0) == (2,) * 5
