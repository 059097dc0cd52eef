"""The macros that compare two snapshots, on a warehouse: which two, with which venues, and the twins' numbers."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest

from gex_pipeline import open_warehouse
from gex_pipeline.errors import GexError
from gex_pipeline.schema import CHAIN, CHAIN_REJECTED
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.partitions import Store
from gex_pipeline.warehouse import Warehouse
from tests.instants import utc
from tests.slow import changes as slow
from tests.slow.chains import NOON, row
from tests.slow.compare import close
from tests.slow.exposure import Row, gross_gex, spot
from tests.slow.frames import chain_frame
from tests.unit.store.build import OPEN, OVER, chain, rows, store

NINE = utc("2026-03-05T09:00")
HOUR = timedelta(hours=1)
MACROS = ("oi_changes", "gex_changes")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two venues of BTC at 7, 8 and 9 o'clock, a third from 8 on; an expiry at 8."""
    warehouse = store(tmp_path_factory.mktemp("changes"), OVER)
    for venue in ("deribit", "okx"):
        warehouse.merge(CHAIN, chain("2026-03-05T07:00", 3, venue=venue, is_whole=True), {})
    warehouse.merge(CHAIN, chain("2026-03-05T08:00", 2, venue="binance", is_whole=True), {})
    return warehouse


@pytest.fixture
def warehouse(made):
    with open_warehouse(made.root) as opened:
        yield opened


def opened_with(root, book: list[Row]) -> Warehouse:
    store(root, OVER).merge(CHAIN, chain_frame(book), {})
    return open_warehouse(root)


def books(made: Store, venues: tuple[str, ...], before_at: datetime) -> tuple[list[Row], list[Row]]:
    """The rows of the venues at nine and earlier."""
    chosen = rows(made).filter(pl.col("venue").is_in(venues))
    now, before = (chosen.filter(snapshot_at=at).to_dicts() for at in (NINE, before_at))
    return now, before


#: (hours, venues asked for, venues compared, what `venues` says, status)
QUESTIONS = [
    (1, None, ("binance", "deribit", "okx"), "all", "ok"),
    (2, None, ("deribit", "okx"), "deribit,okx", "partial"),
    (2, ["okx"], ("okx",), "okx", "ok"),
    (1.5, ["binance", "okx"], ("okx",), "okx", "partial"),
]


@pytest.mark.parametrize(("hours", "asked", "compared", "said", "status"), QUESTIONS)
def test_both_macros_agree_with_the_twins(warehouse, made, hours, asked, compared, said, status):
    before_at = NINE - timedelta(hours=2 if hours > 1 else 1)
    now, before = books(made, compared, before_at)
    arguments = f"'BTC', at := ?, hours := {hours}" + (f", venues := {asked!r}" if asked else "")
    oi = warehouse.query(f"FROM oi_changes({arguments}) ORDER BY expiry_at, strike_usd", [NINE])
    gex = warehouse.query(f"FROM gex_changes({arguments}, top := 1000) ORDER BY rank", [NINE])
    for found in (oi, gex):
        question = found.select("snapshot_at", "snapshot_before_at", "venues", "status", "spot_usd", "age_seconds")
        assert question.unique().rows() == [(NINE, before_at, said, status, spot(now), 0.0)]
    cells = slow.oi_changes(now, before)
    assert [(r["expiry_at"], r["strike_usd"]) for r in oi.rows(named=True)] == list(cells)
    for r, cell in zip(oi.rows(named=True), cells.values(), strict=True):
        assert [name for name in cell if not close(r[name], cell[name], 1e-9)] == []
    strikes, gross = slow.gex_changes(now, before), sum(map(gross_gex, now + before))
    assert gex["strike_usd"].to_list() == slow.by_rank(strikes, now, before)
    for r in gex.rows(named=True):
        cell = strikes[r["strike_usd"]]
        assert {name: r[name] for name in cell} == pytest.approx(cell, abs=1e-11 * gross)
    is_expiry_between = before_at < utc("2026-03-05T08:00")
    assert (gex["expired_usd"] != 0).any() == is_expiry_between


def rejected_frame(book: list[Row]) -> pl.DataFrame:
    """The rows as table `chain_rejected`: without their IV."""
    frame = chain_frame(book).with_columns(mark_iv=pl.lit(None), reason=pl.lit("no_iv"), raw=pl.lit("{}"))
    return frame.select(CHAIN_REJECTED.names).cast(dict(polars_schema(CHAIN_REJECTED)))


@pytest.mark.parametrize("now", [OPEN, OVER], ids=["days", "months"])
def test_what_was_rejected_is_not_known(tmp_path, now):
    """At 11:00 the put of 95 has no IV, and 105 two rows of which one is usable; 90 was rejected at 10:00 alone."""
    made = store(tmp_path / "w", now)
    hours = {n: NOON + n * HOUR for n in (-2, -1, 0)}
    cells = [(95.0, "C", 1.0), (95.0, "P", 2.0), (105.0, "C", 3.0), (90.0, "P", 4.0)]
    book = {n: [row(*cell, snapshot_at=at) for cell in cells] for n, at in hours.items()}
    usable = [*book[-2][:3], book[-1][0], book[-1][2], *book[0]]
    made.merge(CHAIN, chain_frame(usable), {})
    made.merge(CHAIN_REJECTED, rejected_frame([book[-2][3], book[-1][1], book[-1][2]]), {})
    with open_warehouse(made.root) as opened:
        question = "('BTC', at := ?, hours := 1)"
        oi = opened.query(f"FROM oi_changes{question} ORDER BY strike_usd", [NOON + HOUR / 2])
        gex = opened.query(f"FROM gex_changes{question} ORDER BY strike_usd", [NOON + HOUR / 2])
        other = opened.query("FROM gex_changes('BTC', at := ?, hours := 1)", [NOON - HOUR / 2])
    columns = [f"{side}_oi_{what}_coin" for side in ("call", "put") for what in ("before", "change")]
    assert oi.select("strike_usd", "is_new", *columns).rows() == [
        (90.0, True, None, 0.0, None, 4.0),
        (95.0, False, 1.0, 0.0, None, None),
        (105.0, False, 3.0, 0.0, 0.0, 0.0),
    ]
    put, new = (-gross_gex(book[0][i]) for i in (1, 3))
    moved = gross_gex(book[0][0]) - gross_gex(book[-1][0])
    assert gex["strike_usd"].to_list() == [90.0, 95.0, 105.0]
    assert gex["oi_usd"].to_list() == pytest.approx([new, 0.0, 0.0], rel=1e-9)
    assert gex["rest_usd"].to_list()[:2] == pytest.approx([0.0, put + moved], rel=1e-9)
    assert other["snapshot_before_at"].unique().to_list() == [NOON - 2 * HOUR]


def test_at_most_ten_strikes_by_falling_change(warehouse):
    whole = warehouse.query("FROM gex_changes('BTC', at := ?, hours := 1, top := 1000) ORDER BY rank", [NINE])
    few = warehouse.query("FROM gex_changes('BTC', at := ?, hours := 1) ORDER BY rank", [NINE])
    assert few.equals(whole.head(10))
    assert whole["change_usd"].abs().is_sorted(descending=True)


def compared(warehouse: Warehouse, macro: str, at: datetime, hours: float) -> tuple:
    """Status, the earlier snapshot and whether anything is stated of it."""
    value = "call_oi_before_coin" if macro == "oi_changes" else "change_usd"
    found = warehouse.query(f"FROM {macro}('BTC', at := ?, hours := ?)", [at, hours])
    (told,) = found.select("status", "snapshot_before_at").unique().rows()
    assert found.height > 0
    assert found["call_oi_coin" if macro == "oi_changes" else "net_gex_usd"].null_count() == 0
    return (*told, found[value].null_count() < found.height)


@pytest.mark.parametrize("macro", MACROS)
def test_why_there_is_nothing_to_compare_with(warehouse, macro):
    assert compared(warehouse, macro, NINE, 3) == ("none", None, False)
    assert compared(warehouse, macro, NINE + HOUR / 2, 0.25) == ("same", NINE, False)
    assert compared(warehouse, macro, NINE + 30 * HOUR, 24) == ("same", NINE, False)


@pytest.mark.parametrize("macro", MACROS)
def test_a_snapshot_of_long_before_is_not_compared_with(tmp_path, macro):
    """Hourly until nine, then one a day later: two hours before the wanted instant is the limit."""
    made = store(tmp_path / "w", OVER)
    made.merge(CHAIN, chain("2026-03-05T07:00", 3), {})
    made.merge(CHAIN, chain("2026-03-06T12:00", 1), {})
    last = utc("2026-03-06T12:00")
    with open_warehouse(made.root) as opened:
        assert compared(opened, macro, last, 25) == ("ok", NINE, True)
        assert compared(opened, macro, last, 24.99) == ("stale", NINE, False)


@pytest.mark.parametrize("macro", MACROS)
def test_only_what_was_known_then_is_compared_with(tmp_path, macro):
    """The snapshot of noon arrived at 12:00:02: at 12:00:01, an hour before 13:00:01, the one of eleven answers."""
    book = [row(k, "C", 2.0, snapshot_at=NOON + n * HOUR) for n in (-1, 0, 1) for k in (95.0, 105.0)]
    with opened_with(tmp_path / "w", book) as opened:
        assert compared(opened, macro, NOON + HOUR + timedelta(seconds=2), 1)[1] == NOON
        late = opened.query(f"FROM {macro}('BTC', at := ?, hours := 1)", [NOON + HOUR + timedelta(seconds=1)])
        assert late["snapshot_at"].unique().to_list() == [NOON]
        assert late["snapshot_before_at"].unique().to_list() == [NOON - HOUR]
        assert late["knowledge_time"].unique().to_list() == [NOON + timedelta(seconds=2)]


def test_venues_that_never_meet(tmp_path):
    now = [row(95.0, "C", 2.0, snapshot_at=NOON, venue="okx")]
    before = [row(95.0, "C", 2.0, snapshot_at=NOON - HOUR, venue="bybit")]
    with opened_with(tmp_path / "w", [*before, *now]) as opened:
        assert compared(opened, "oi_changes", NOON + HOUR / 2, 1) == ("none", None, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'BTC', hours := 0", "^hours 0 must be a positive number$"),
        ("'BTC', hours := -1", "^hours -1 must be a positive number$"),
        ("'BTC', hours := 'nan'::DOUBLE", "^hours nan must be a positive number$"),
        ("'BTC', hours := 'infinity'::DOUBLE", "^hours inf must be a positive number$"),
        ("'BTC', hours := 1e9", r"^hours 1e\+09 is before the year 1$"),
        ("'BTC', hours := 1e300", r"^hours 1e\+300 is before the year 1$"),
        ("'DOGE'", "^no chain of DOGE in"),
        ("'BTC', venues := ['krakn']", "^unknown venue 'krakn'"),
        ("'BTC', at := TIMESTAMPTZ '2001-01-01'", "^no snapshot of BTC was known at 2001-01-01T00:00:00Z"),
    ],
)
@pytest.mark.parametrize("macro", MACROS)
def test_a_wrong_question_is_told_in_one_line(warehouse, macro, arguments, message):
    with pytest.raises(GexError, match=message) as caught:
        warehouse.query(f"FROM {macro}({arguments})")
    assert "\n" not in str(caught.value)


def test_no_strikes_are_no_answer(warehouse):
    with pytest.raises(GexError, match=r"^top 0 must be at least 1$"):
        warehouse.query("FROM gex_changes('BTC', top := 0)")
