"""The book by the trades against the slow twin: positions, coverage, and the levels of sign model `taker`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gex_pipeline.schema import FLIP_ZONES, LEVELS, RANKED, TAKER_COVERAGE, TAKER_FLOW, TAKER_INVENTORY, TRADES
from gex_pipeline.schema.checks import violations
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.derive import derive
from gex_pipeline.transforms.flip_zones import flip_zones
from gex_pipeline.transforms.gamma_profile import gamma_profile
from gex_pipeline.transforms.levels import levels
from gex_pipeline.transforms.ranked import ranked
from gex_pipeline.transforms.strike_profile import strike_profile
from gex_pipeline.transforms.taker_flow import taker_flow
from gex_pipeline.transforms.tape import Tape, hours_of
from tests.slow import compare, taker
from tests.slow.books import BOOKS
from tests.slow.chains import row
from tests.slow.exposure import Row, gross_gex
from tests.slow.frames import as_plain, assert_declared, chain_frame

pytestmark = pytest.mark.filterwarnings("error")

DAY = datetime(2026, 3, 5, tzinfo=UTC)
EXPIRY = DAY + timedelta(days=8, hours=8)
HOUR = timedelta(hours=1)
STRIKES = (90.0, 95.0, 100.0, 105.0)


def name(strike: float, kind: str, venue: str = "deribit") -> str:
    return f"BTC-USD-260313-{strike:g}-{kind}" if venue == "okx" else f"BTC-13MAR26-{strike:g}-{kind}"


def chain_rows(seed: int, venues: tuple[str, ...], hours: int, late: float = 105.0) -> list[Row]:
    """Hourly snapshots; contracts of the strike ``late`` are listed at noon. Amounts are whole lots of 0.1."""
    draw = random.Random(seed)
    return [
        row(k, kind, draw.randrange(60) / 10, venue=venue, snapshot_at=DAY + i * HOUR, expiry_at=EXPIRY)
        | {"instrument": name(k, kind, venue)}
        for venue in venues
        for i in range(hours)
        for k in STRIKES
        for kind in "CP"
        if k != late or i >= 12
    ]


def trade_rows(seed: int, venues: tuple[str, ...], n: int, begin: datetime, span: timedelta) -> list[dict[str, Any]]:
    """Trades of all contracts, some on the hour to the microsecond."""
    draw = random.Random(seed)
    found = []
    for i in range(n):
        at = begin + draw.random() * span
        is_block, venue = draw.choice([None, False, True]), draw.choice(venues)
        found.append(
            {
                "venue": venue,
                "trade_id": str(i),
                "traded_at": taker.hour_of(at) if draw.random() < 0.2 else at,
                "instrument": name(draw.choice(STRIKES), draw.choice("CP"), venue),
                "taker_side": draw.choice(["buy", "sell"]),
                "amount_coin": draw.randrange(1, 40) / 10,
                "is_block": is_block,
                "combo_id": draw.choice([None, None, "c"]),
            }
        )
    return found


def trade_frame(trades: list[dict[str, Any]]) -> pl.DataFrame:
    same = {"underlying": "BTC", "price_usd": 1.0, "source": "test"}
    full = [{**same, "knowledge_time": t["traded_at"], **t} for t in trades]
    return pl.DataFrame(full, schema=polars_schema(TRADES), orient="row")


def tape_of(rows: list[Row], trades: list[dict[str, Any]], begin: datetime) -> Tape:
    """The tape whose period begins at an instant: trades before it come as flows of whole days."""
    frame = trade_frame(trades)
    flows = [taker_flow(part) for part in frame.filter(pl.col("traded_at") < begin).partition_by("venue")]
    before = pl.concat([pl.DataFrame(schema=polars_schema(TAKER_FLOW)), *flows])
    since = frame.filter(pl.col("traded_at") >= begin)
    first = {str(v): t for v, t in frame.group_by("venue").agg(pl.col("traded_at").min()).rows()}
    old = [
        {"venue": r["venue"], "instrument": r["instrument"]}
        for r in rows
        if r["venue"] in first and not taker.is_whole(r, rows, trades) and r["snapshot_at"] >= first[r["venue"]]
    ]
    listed = pl.DataFrame(old, schema={"venue": pl.String, "instrument": pl.String}).unique()
    first_us = {v: round(t.timestamp() * 1e6) for v, t in first.items()}
    return Tape.from_rows(begin, before, since, listed, first_us, hours_of(before, since))


CASES = [(1, ("deribit",), 200), (2, ("bybit", "deribit"), 300), (3, ("bybit", "deribit", "okx"), 40), (4, ("okx",), 3)]


@pytest.mark.parametrize("begin", [DAY - timedelta(days=3), DAY], ids=["trades", "flows"])
@pytest.mark.parametrize(("seed", "venues", "n"), CASES)
def test_positions_and_coverage_agree(seed: int, venues: tuple[str, ...], n: int, begin: datetime) -> None:
    """Whether the days before come as trades or summed, every number is that of the loop over all trades."""
    rows = chain_rows(seed, ("bybit", "deribit", "okx"), 24)
    trades = trade_rows(seed, venues, n, DAY - timedelta(days=2), timedelta(days=3))
    assert_agree(rows, trades, begin)


@pytest.mark.parametrize(("days", "every"), [(timedelta(days=2), 1), (timedelta(days=3), 8)])
def test_each_day_of_several_together_has_a_row_of_a_contract(days: timedelta, every: int) -> None:
    """Two days of hours come in one piece, and so do three with a snapshot every eight."""
    rows = chain_rows(6, ("deribit", "okx"), 72)
    rows = [
        r for r in rows if (r["snapshot_at"] - DAY) % (every * HOUR) == timedelta(0) and r["snapshot_at"] < DAY + days
    ]
    assert len({r["snapshot_at"].date() for r in rows}) == days.days
    assert_agree(rows, trade_rows(6, ("deribit", "okx"), 40, DAY - timedelta(days=2), timedelta(days=3)), DAY)


def test_trades_that_begin_within_the_day_agree() -> None:
    rows = chain_rows(7, ("bybit", "deribit"), 24)
    trades = trade_rows(7, ("deribit",), 60, DAY + 5.5 * HOUR, timedelta(hours=10))
    trades += trade_rows(8, ("bybit",), 5, DAY + 13 * HOUR, timedelta(hours=2))
    assert_agree(rows, trades, DAY)


def assert_agree(rows: list[Row], trades: list[dict[str, Any]], begin: datetime) -> None:
    chain, tape = chain_frame(rows), tape_of(rows, trades, begin)
    coded = chain.with_columns(pl.col(pl.String, pl.Enum).cast(pl.String).cast(pl.Categorical))  # as a build reads it
    tables = derive(coded, tape)
    said = ("last_trade", "dealer_coin", "is_whole")
    assert_frame_equal(tape.on(coded).select(said), tape.on(chain).select(said))
    assert [violations(t, tables[t.name]) for t in (TAKER_INVENTORY, TAKER_COVERAGE)] == [[], []]
    key = ("snapshot_at", "venue", "instrument")
    inventory = as_plain(tables["taker_inventory"]).rows(named=True)
    assert [tuple(r[k] for k in key) for r in inventory] == sorted(taker.changes(rows, trades), key=_place(chain))
    for r in tape.on(chain).rows(named=True):
        assert r["is_whole"] == taker.is_whole(r, rows, trades)
        assert_position(r, taker.position(r, trades), taker.latest(r, inventory))
    assert_coverage(rows, trades, as_plain(tables["taker_coverage"]))


def assert_position(contract: Row, want: dict[str, Any] | None, found: Row | None) -> None:
    if want is None or found is None:
        assert (want, found, contract["dealer_coin"]) == (None, None, None)
    else:
        assert {**{k: found[k] for k in want if k in found}, "dealer_coin": contract["dealer_coin"]} == want
        assert found["is_whole"] == contract["is_whole"]


def _place(chain: pl.DataFrame) -> Callable[[tuple[datetime, str, str]], Any]:
    """What sorts (snapshot, venue, contract) as `taker_inventory` is: by expiry, strike and type."""
    place = {(r["venue"], r["instrument"]): [r[n] for n in TAKER_INVENTORY.sort[2:]] for r in chain.rows(named=True)}
    return lambda key: (key[0], key[1], place[key[1:]])


def assert_coverage(rows: list[Row], trades: list[dict[str, Any]], frame: pl.DataFrame) -> None:
    venues = sorted({r["venue"] for r in rows})
    sets = {"all": venues, **{v: [v] for v in venues}}
    cells = {
        (at, s): taker.coverage(at, v, rows, trades) for at in {r["snapshot_at"] for r in rows} for s, v in sets.items()
    }
    have = {(r["snapshot_at"], r["venues"]): r for r in frame.rows(named=True)}
    assert have.keys() == {key for key, cell in cells.items() if cell is not None}
    for key, found in have.items():
        want = cells[key]
        assert want is not None
        shares = {k: want.pop(k) for k in ("share_of_oi", "share_of_contracts")}
        assert {k: found[k] for k in want} == want, key
        assert {k: found[k] for k in shares} == pytest.approx(shares), key


# ---------------------------------------------------------------- levels


def with_dealers(rows: list[Row]) -> list[Row]:
    """Rows with made-up positions of dealers: every fourth unknown, one in nine 0, the others up to the interest."""
    sizes = [
        None if i % 4 == 3 else 0.0 if i % 9 == 2 else r["open_interest_coin"] * math.cos(i) for i, r in enumerate(rows)
    ]
    return [
        {**r, "dealer_coin": size, "is_whole": i % 5 > 0} for i, (r, size) in enumerate(zip(rows, sizes, strict=True))
    ]


def book_of(rows: list[Row]) -> Book:
    columns = {name: [r[name] for r in rows] for name in ("dealer_coin", "is_whole")}
    plain = [{k: v for k, v in r.items() if k not in columns} for r in rows]
    return Book.from_chain(chain_frame(plain).with_columns(pl.Series(k, v) for k, v in columns.items()))


@pytest.mark.parametrize("book_name", BOOKS)
def test_levels_by_the_trades_agree(book_name: str) -> None:
    rows = with_dealers(BOOKS[book_name]())
    book, held = book_of(rows).by_trades, taker.held(rows)
    for table, made in ((LEVELS, levels), (RANKED, ranked), (FLIP_ZONES, flip_zones)):
        assert_declared(table, made(book, "taker"))
    compare.assert_levels(held, levels(book, "taker"), "taker")
    compare.assert_ranked(held, ranked(book, "taker"), "taker")
    compare.assert_flip_zones(held, flip_zones(book, "taker"), "taker")
    compare.assert_profile(held, gamma_profile(book, "taker"), "taker")


def test_positions_with_the_naive_signs_are_the_naive_book() -> None:
    """Dealers who hold all calls long and all puts short: the same levels by other sums."""
    rows = BOOKS["six_expiries"]()
    signed = [{**r, "dealer_coin": r["open_interest_coin"] * (1 if r["option_type"] == "C" else -1)} for r in rows]
    book = book_of([{**r, "is_whole": True} for r in signed])
    same = ["sign_model", "is_reconstructed"]
    for made in (levels, flip_zones, ranked, gamma_profile):
        by_trades, naive = made(book.by_trades, "taker"), made(book, "naive")
        dropped = [c for c in same if c in naive.columns]
        assert_frame_equal(by_trades.drop(dropped), naive.drop(dropped), rel_tol=1e-12)
    assert levels(book.by_trades, "taker")["is_reconstructed"].unique().to_list() == [False]
    assert levels(book)["is_reconstructed"].null_count() == levels(book).height


def test_a_venue_without_trades_has_no_levels_by_them() -> None:
    rows = [
        {**r, "dealer_coin": None if r["venue"] == "binance" else 1.0, "is_whole": True}
        for r in BOOKS["venues_that_disagree"]()
    ]
    found = as_plain(levels(book_of(rows).by_trades, "taker"))
    assert set(found["venues"]) == {"all", "bybit", "deribit", "okx"}


def test_only_contracts_with_open_interest_in_scope_make_a_book_reconstructed() -> None:
    near = {"snapshot_at": EXPIRY - HOUR, "expiry_at": EXPIRY}
    rows = [
        {**row(100.0, "C", 5.0, **near), "dealer_coin": 1.0, "is_whole": True},
        {**row(101.0, "C", 0.0, **near), "dealer_coin": None, "is_whole": False},
        {
            **row(102.0, "C", 5.0, **{**near, "expiry_at": EXPIRY + timedelta(days=7)}),
            "dealer_coin": None,
            "is_whole": False,
        },
    ]
    found = as_plain(levels(book_of(rows).by_trades, "taker")).filter(pl.col("venues") == "all")
    assert found.group_by("scope").agg(pl.col("is_reconstructed").unique()).sort("scope").rows() == [
        ("all_expiry", [True]),
        ("odte", [False]),
    ]


@pytest.mark.parametrize("name", ["two_venues", "four_venues", "only_puts"])
def test_strikes_by_the_trades(name: str) -> None:
    """Gamma is of what dealers hold, open interest what it is; two of three contracts have no trade."""
    drawn = with_dealers(BOOKS[name]())
    rows: list[Row] = [{**r, "dealer_coin": None} if i % 3 else r for i, r in enumerate(drawn)]
    found, want = strike_profile(book_of(rows).contracts, "taker"), taker.strikes(rows)
    assert found.select("expiry_at", "strike_usd").rows() == list(want)
    assert 0 < found["net_gex_usd"].null_count() <= found["put_gex_usd"].null_count() < found.height
    for column in ("call_gex_usd", "put_gex_usd", "net_gex_usd", "gross_gex_usd"):
        for have, cell in zip(found[column], want.values(), strict=True):
            assert compare.close(have, cell[column], 1e-9), column
    assert found["put_oi_coin"].sum() == pytest.approx(
        sum(r["open_interest_coin"] for r in rows if r["option_type"] == "P")
    )


def test_a_side_of_which_nothing_is_known_by_hand() -> None:
    """90: no trade; 95: of the call alone; 100: of one of two puts, and no call is listed; 105: a position of 0."""
    cells = [(90.0, "C", None), (90.0, "P", None), (95.0, "C", -2.0), (95.0, "P", None), (100.0, "P", 3.0)]
    rows = [row(k, kind, 5.0, expiry_at=EXPIRY) | {"dealer_coin": d} for k, kind, d in [*cells, (105.0, "C", 0.0)]]
    rows.append(row(100.0, "P", 5.0, expiry_at=EXPIRY, venue="okx") | {"dealer_coin": None})
    found = strike_profile(book_of([{**r, "is_whole": True} for r in rows]).contracts, "taker")
    call, put = -0.4 * gross_gex(rows[2]), 0.6 * gross_gex(rows[4])
    want = {
        "call_gex_usd": [None, call, 0.0, 0.0],
        "put_gex_usd": [None, None, put, 0.0],
        "net_gex_usd": [None, call, put, 0.0],
        "gross_gex_usd": [None, -call, put, 0.0],
        "call_oi_coin": [5.0, 5.0, 0.0, 5.0],
        "put_oi_coin": [5.0, 5.0, 10.0, 0.0],
    }
    for column, values in want.items():
        assert all(compare.close(*pair, 1e-9) for pair in zip(found[column], values, strict=True)), column


# ---------------------------------------------------------------- by hand


def test_a_book_by_hand() -> None:
    """Takers buy 3 and sell 1 of 5; then they buy 10 more than anybody can hold. A block, a combination, an old one."""
    rows = [
        row(k, "C", 5.0, venue="deribit", snapshot_at=DAY + i * HOUR, expiry_at=EXPIRY) | {"instrument": name(k, "C")}
        for i in (1, 2, 3)
        for k in (90.0, 95.0)
        if k == 90.0 or i > 1
    ]
    common = {"venue": "deribit", "is_block": None, "combo_id": None}
    first = [
        {
            **common,
            "trade_id": "1",
            "traded_at": DAY + HOUR / 2,
            "instrument": name(90.0, "C"),
            "taker_side": "buy",
            "amount_coin": 0.3,
        },
        {
            **common,
            "trade_id": "2",
            "traded_at": DAY + 2 * HOUR,
            "instrument": name(95.0, "C"),
            "taker_side": "buy",
            "amount_coin": 3.0,
            "is_block": True,
        },
        {
            **common,
            "trade_id": "3",
            "traded_at": DAY + 2 * HOUR,
            "instrument": name(95.0, "C"),
            "taker_side": "sell",
            "amount_coin": 1.0,
            "combo_id": "x",
        },
        {
            **common,
            "trade_id": "4",
            "traded_at": DAY + 3 * HOUR,
            "instrument": name(95.0, "C"),
            "taker_side": "buy",
            "amount_coin": 10.0,
        },
    ]
    chain, tape = chain_frame(rows), tape_of(rows, first, DAY)
    tables = derive(chain, tape)
    columns = (
        "snapshot_at",
        "strike_usd",
        "inventory_coin",
        "block_coin",
        "combo_coin",
        "n_trades",
        "is_whole",
    )
    assert as_plain(tables["taker_inventory"]).select(columns).rows() == [
        (DAY + 1 * HOUR, 90.0, 0.3, 0.0, 0.0, 1, False),
        (DAY + 2 * HOUR, 95.0, 2.0, 3.0, -1.0, 2, True),
        (DAY + 3 * HOUR, 95.0, 12.0, 3.0, -1.0, 3, True),
    ]
    assert tape.on(chain)["dealer_coin"].to_list() == [-0.3, -0.3, -2.0, -0.3, -5.0]
    coverage = as_plain(tables["taker_coverage"]).filter(pl.col("venues") == "deribit")
    assert coverage["share_of_oi"].to_list() == pytest.approx([0.3 / 5, 2.3 / 10, 5.3 / 10])
    assert coverage["hours_without_trades"].to_list() == [0, 1, 1]
    assert coverage["status"].unique().to_list() == ["reconstructed"]


def test_a_flow_by_hand() -> None:
    """Two days of one contract; 0.1 + 0.2 - 0.3 is nothing at all."""
    common = {"venue": "deribit", "instrument": name(90.0, "P"), "is_block": False, "combo_id": None}
    sizes = [(0, "buy", 0.1), (0, "buy", 0.2), (23, "sell", 0.3), (24, "sell", 7.0)]
    trades = [
        {**common, "trade_id": str(i), "traded_at": DAY + h * HOUR, "taker_side": side, "amount_coin": size}
        for i, (h, side, size) in enumerate(sizes)
    ]
    found = taker_flow(trade_frame(trades)).sort("day_at")
    assert violations(TAKER_FLOW, found) == []
    assert found.select("day_at", "expiry_at", "first_trade_at", "flow_coin", "n_trades", "hours").rows() == [
        (DAY, EXPIRY, DAY, 0.0, 3, 1 + 2**23),
        (DAY + timedelta(days=1), EXPIRY, DAY + timedelta(days=1), -7.0, 1, 1),
    ]


def test_without_trades_nothing_is_said() -> None:
    tables = derive(chain_frame(chain_rows(1, ("deribit",), 2)))
    assert [tables[name].height for name in ("taker_inventory", "taker_coverage")] == [0, 0]
    assert set(as_plain(tables["levels"])["sign_model"]) == {"naive"}


def test_what_comes_later_changes_nothing() -> None:
    """Trades after a snapshot leave its rows as they are, but for the opening, which is of the past."""
    rows = chain_rows(5, ("deribit",), 24)
    trades = trade_rows(5, ("deribit",), 200, DAY, timedelta(days=1))
    early = [t for t in trades if t["traded_at"] <= DAY + 12 * HOUR]
    whole, cut = (derive(chain_frame(rows), tape_of(rows, t, DAY)) for t in (trades, early))
    for table in ("taker_inventory", "taker_coverage", "levels", "flip_zones", "ranked"):
        is_past = pl.col("snapshot_at") <= DAY + 12 * HOUR
        assert_frame_equal(whole[table].filter(is_past), cut[table].filter(is_past))
