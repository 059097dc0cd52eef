"""The table macros against the stored tables, the commands' documents and slow recomputations."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gex_pipeline import open_warehouse
from gex_pipeline.engine.build import build
from gex_pipeline.errors import GexError
from gex_pipeline.schema import CHAIN, LEVELS, MACROS
from gex_pipeline.schema.types import duckdb_type, polars_schema
from gex_pipeline.store.partitions import Store
from gex_pipeline.warehouse import Warehouse
from tests.instants import utc
from tests.slow import exposure as slow
from tests.slow import strikes
from tests.slow.books import BOOKS
from tests.slow.chains import NOON
from tests.slow.compare import assert_levels, scoped
from tests.slow.exposure import Row
from tests.slow.frames import chain_frame
from tests.slow.levels import select
from tests.unit.store.build import OVER, chain, rows, store

AT = "TIMESTAMPTZ '2026-03-05 08:30Z'"
SNAPSHOT = utc("2026-03-05T08:00")
VENUES = ("binance", "deribit", "okx")
STALE_AFTER = timedelta(hours=2)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Three venues of BTC at 7, 8 and 9 o'clock, one of ETH, built."""
    warehouse = store(tmp_path_factory.mktemp("macros") / "it's mine", OVER)
    for venue in VENUES:
        warehouse.merge(CHAIN, chain("2026-03-05T07:00", 3, venue=venue, is_whole=True), {})
    warehouse.merge(CHAIN, chain("2026-03-05T07:00", 1, underlying="ETH", is_whole=True), {})
    assert build(warehouse.root, workers=1).failures == []
    return warehouse


@pytest.fixture
def warehouse(made):
    with open_warehouse(made.root) as opened:
        yield opened


def opened_with(root: Path, book: list[Row]) -> Warehouse:
    """A warehouse that holds one book."""
    store(root, OVER).merge(CHAIN, chain_frame(book), {})
    return open_warehouse(root)


def key_and_values(frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    return frame.select(columns).sort([c for c in columns if c in ("scope", "level", "expiry_at", "strike_usd")])


# ---------------------------------------------------------------- equal to what is stored


@pytest.mark.parametrize("venues", ["all", *VENUES])
def test_without_a_filter_the_levels_are_the_stored_ones(warehouse, venues):
    asked = "" if venues == "all" else f", venues := ['{venues}']"
    found = warehouse.query(f"FROM levels_for(underlying := 'BTC', at := {AT}{asked})")
    stored = warehouse.query(
        "FROM levels WHERE underlying = 'BTC' AND snapshot_at = ? AND venues = ?", [SNAPSHOT, venues]
    )
    assert found.height == stored.height > 30
    columns = list(LEVELS.names)
    # Not bit for bit: the sums run over another number of snapshots.
    assert_frame_equal(key_and_values(found, columns), key_and_values(stored, columns), rel_tol=1e-9, abs_tol=1e-6)


def test_without_a_filter_the_cells_are_those_of_exposure(warehouse):
    where = "underlying = 'BTC' AND snapshot_at = TIMESTAMPTZ '2026-03-05 08:00Z'"
    sums = ("call_gex_usd", "put_gex_usd", "net_gex_usd", "gross_gex_usd", "call_oi_coin", "put_oi_coin")
    summed = ", ".join(f"sum({c}) AS {c}" for c in sums)
    for macro, keys in (("strike_expiry_heatmap", ["expiry_at", "strike_usd"]), ("strike_profile", ["strike_usd"])):
        stored = warehouse.query(f"SELECT {', '.join(keys)}, {summed} FROM exposure WHERE {where} GROUP BY ALL")
        found = warehouse.query(f"FROM {macro}('BTC', at := {AT})")
        columns = [*keys, *sums]
        assert_frame_equal(key_and_values(found, columns), key_and_values(stored, columns), rel_tol=1e-9, abs_tol=1e-6)


# ---------------------------------------------------------------- equal to the commands

QUESTIONS = [
    {},
    {"venues": ["deribit"]},
    {"venues": ["okx", "binance"], "sign_model": "short_all", "moneyness_min": 0.9, "moneyness_max": 1.1},
    {"sign_model": "unsigned", "spot_window_pct": 5.0},
]


def in_sql(question: dict) -> str:
    words = {"underlying": "BTC", **question}
    return f"at := {AT}, " + ", ".join(f"{k} := {v!r}" for k, v in words.items())


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_documents_of_the_commands_have_the_same_numbers(warehouse, question):
    asked = {"at": "2026-03-05T08:30Z", **question}
    levels = warehouse.query(f"FROM levels_for({in_sql(question)})")
    document = warehouse.levels("BTC", **asked)["data"]
    for scope in ("all_expiry", "odte"):
        values = dict(levels.filter(scope=scope).select("level", "value_usd").iter_rows())
        assert document[scope] == {level: values[level] for level in document[scope]}
    for expiry in ("all", "odte"):
        profile = warehouse.query(f"FROM strike_profile({in_sql(question)}, expiry := '{expiry}') ORDER BY strike_usd")
        strikes = warehouse.profile("BTC", expiry=expiry, **asked)["data"]["strikes"]
        assert profile["strike_usd"].to_list() == [s["strike"] for s in strikes]
        assert profile["net_gex_usd"].to_list() == [s["net_gex_usd"] for s in strikes]
    grid = warehouse.heatmap("BTC", **asked)["data"]
    cells = warehouse.query(f"FROM strike_expiry_heatmap({in_sql(question)}) ORDER BY strike_usd, expiry_at")
    flat = [v for row in grid["net_gex_usd"] for v in row if v is not None]
    assert cells["net_gex_usd"].to_list() == flat
    assert cells["strike_usd"].unique(maintain_order=True).to_list() == grid["strikes"]


# ---------------------------------------------------------------- books of every shape, against the slow twin

WINDOWS = [{}, {"moneyness_min": 0.93, "moneyness_max": 1.08}, {"spot_window_pct": 7.0}]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("sign_model", ["naive", "short_all", "unsigned"])
@pytest.mark.parametrize("book", ["several_flips", "venues_that_disagree", "two_venues", "zero_open_interest"])
def test_levels_of_whole_and_filtered_books(tmp_path, book, sign_model, window):
    contracts = BOOKS[book]()
    at = contracts[0]["snapshot_at"] + timedelta(minutes=1)
    arguments = "".join(f", {k} := {v}" for k, v in {"sign_model": f"'{sign_model}'", **window}.items())
    with opened_with(tmp_path / "w", contracts) as warehouse:
        found = warehouse.query(f"FROM levels_for('BTC', at := ?{arguments})", [at])
    whole = dict(window) or {"moneyness_max": 1e9}  # the twin then compares `all` only, as the macro answers
    assert_levels(contracts, found, sign_model, **whole)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("sign_model", ["naive", "short_all", "unsigned"])
@pytest.mark.parametrize("book", ["venues_that_disagree", "four_venues", "exactly_24_hours"])
def test_strikes_of_whole_and_filtered_books(tmp_path, book, sign_model, window):
    """Per strike, of all expiries and of the next 24 hours, and per expiry and strike."""
    contracts = BOOKS[book]()
    at = contracts[0]["snapshot_at"] + timedelta(minutes=1)
    words = "".join(f", {k} := {v}" for k, v in {"sign_model": f"'{sign_model}'", **window}.items())
    inside = {scope: select(contracts, scope, **window) for scope in ("all_expiry", "odte")}
    with opened_with(tmp_path / "w", contracts) as warehouse:
        whole = warehouse.query(f"FROM strike_profile('BTC', at := ?{words})", [at])
        near = warehouse.query(f"FROM strike_profile('BTC', at := ?{words}, expiry := 'odte')", [at])
        grid = warehouse.query(f"FROM strike_expiry_heatmap('BTC', at := ?{words})", [at])
    assert_cells(whole, strikes.cells(inside["all_expiry"], lambda r: (r["strike_usd"],), sign_model), ["strike_usd"])
    assert_cells(near, strikes.cells(inside["odte"], lambda r: (r["strike_usd"],), sign_model), ["strike_usd"])
    by_both = strikes.cells(inside["all_expiry"], lambda r: (r["expiry_at"], r["strike_usd"]), sign_model)
    assert_cells(grid, by_both, ["expiry_at", "strike_usd"])


def assert_cells(found: pl.DataFrame, want: dict[tuple, dict[str, float]], keys: list[str]) -> None:
    """The same keys, and sums alike relative to the gross of all."""
    have = {tuple(row[k] for k in keys): row for row in found.rows(named=True)}
    assert (have.keys(), found.height) == (want.keys(), len(want))
    gross = sum(cell["gross_gex_usd"] for cell in want.values())
    for key, cell in want.items():
        for name, value in cell.items():
            assert have[key][name] == pytest.approx(value, rel=1e-9, abs=1e-12 * gross), (key, name)


def test_a_book_with_several_crossings_says_so(tmp_path):
    contracts = BOOKS["several_flips"]()
    with opened_with(tmp_path / "w", contracts) as warehouse:
        found = warehouse.query("FROM levels_for('BTC', at := ?)", [NOON + timedelta(hours=1)])
    (flip,) = scoped(found, "all", "all_expiry").filter(level="zero_gamma").to_dicts()
    assert flip["status"] == "multiple"
    assert flip["value_usd"] == pytest.approx(105, abs=0.5)  # up crossings near 85 and 105, spot at 100


def test_an_empty_book_has_levels_without_values_and_no_strikes(warehouse):
    nothing = f"at := {AT}, underlying := 'BTC', moneyness_min := 40"
    found = warehouse.query(f"FROM levels_for({nothing})")
    assert found["value_usd"].null_count() == found["share_of_gross"].null_count() == found.height == 37
    assert set(found["status"]) == {"empty"}
    assert found["spot_usd"].min() == found["spot_usd"].max() > 0  # spot does not depend on the window
    for macro in ("strike_profile", "strike_expiry_heatmap"):
        rows_found = warehouse.query(f"FROM {macro}({nothing})")
        assert rows_found.is_empty()
        assert rows_found.schema == polars_schema(next(m.table for m in MACROS if m.name == macro))


def test_a_window_lies_around_the_spot_of_the_chosen_venues(warehouse, made):
    at_eight = rows(made).filter(pl.col("snapshot_at") == SNAPSHOT, underlying="BTC")
    for venues in (["deribit"], ["binance", "okx"]):
        asked = at_eight.filter(pl.col("venue").is_in(venues)).to_dicts()
        spot = slow.spot(asked)
        inside = {r["strike_usd"] for r in asked if abs(r["strike_usd"] / spot - 1) <= 0.05}
        found = warehouse.query(f"FROM strike_profile('BTC', at := {AT}, venues := {venues!r}, spot_window_pct := 5)")
        assert set(found["strike_usd"]) == inside
        assert found["spot_usd"][0] == spot
        assert found["venues"].unique().to_list() == [",".join(venues)]


# ---------------------------------------------------------------- as of


def test_as_of_needs_the_time_at_which_it_was_known(tmp_path):
    """A snapshot of 12:00 that arrived at 12:00:02 is no answer at 12:00:01."""
    book = BOOKS["two_venues"]()
    early = [{**r, "snapshot_at": r["snapshot_at"] - timedelta(hours=1)} for r in book]
    with opened_with(tmp_path / "w", [*early, *book]) as warehouse:
        ask = "SELECT DISTINCT snapshot_at, age_seconds FROM levels_for('BTC', at := ?)"
        noon = book[0]["snapshot_at"]
        assert warehouse.query(ask, [noon + timedelta(seconds=1)]).row(0) == (noon - timedelta(hours=1), 3601.0)
        assert warehouse.query(ask, [noon + timedelta(seconds=2)]).row(0) == (noon, 2.0)


def test_an_old_answer_is_marked(warehouse):
    ask = "SELECT DISTINCT is_stale, age_seconds FROM levels_for('BTC', at := ?)"
    last = utc("2026-03-05T09:00")
    assert warehouse.query(ask, [last + STALE_AFTER]).row(0) == (False, 7200.0)
    assert warehouse.query(ask, [last + STALE_AFTER + timedelta(seconds=1)]).row(0) == (True, 7201.0)
    (now,) = warehouse.query("SELECT DISTINCT is_stale, snapshot_at FROM levels_for('BTC')").rows()
    assert now == (True, last)  # without a time: now
    assert warehouse.query("SELECT DISTINCT snapshot_at FROM levels_for('BTC', at := NULL)").item() == last


def test_arguments_may_come_from_the_rows_of_a_query(warehouse):
    """One answer per snapshot, in a lateral join: a history of a filtered book."""
    found = warehouse.query(
        "SELECT t.snapshot_at, l.value_usd FROM (SELECT DISTINCT snapshot_at FROM levels WHERE underlying = 'BTC') t, "
        "levels_for('BTC', at := t.snapshot_at) l WHERE l.level = 'zero_gamma' AND l.scope = 'all_expiry' ORDER BY 1"
    )
    stored = warehouse.query(
        "SELECT snapshot_at, value_usd FROM levels WHERE underlying = 'BTC' AND venues = 'all' "
        "AND level = 'zero_gamma' AND scope = 'all_expiry' ORDER BY 1"
    )
    assert found.height == 3
    assert_frame_equal(found, stored, rel_tol=1e-9)


def test_new_files_are_seen(tmp_path):
    made = store(tmp_path / "w", OVER)
    made.merge(CHAIN, chain("2026-03-05T07:00", 1), {})
    ask = "SELECT DISTINCT snapshot_at FROM strike_profile('BTC')"
    with open_warehouse(made.root) as warehouse:
        first = warehouse.query(ask).item()
        made.merge(CHAIN, chain("2026-03-05T08:00", 1), {})
        assert warehouse.query(ask).item() == first + timedelta(hours=1)


# ---------------------------------------------------------------- the catalog and errors


@pytest.mark.parametrize("macro", MACROS, ids=lambda m: m.name)
def test_macros_have_the_declared_columns_arguments_and_comments(warehouse, macro):
    described = warehouse.query(f"DESCRIBE FROM {macro.name}('BTC')")
    assert described["column_name"].to_list() == list(macro.table.names)
    long = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
    types = [duckdb_type(c) for c in macro.table.columns]
    assert described["column_type"].to_list() == [long.get(t, t) for t in types]
    listed = warehouse.query(
        "SELECT parameters, comment FROM duckdb_functions() WHERE function_name = ?", [macro.name]
    ).row(0)
    assert listed == ([a.name for a in macro.arguments], macro.table.description)
    found = warehouse.query(f"FROM {macro.name}('BTC', at := {AT})")
    assert found.schema == polars_schema(macro.table)
    assert not [c.name for c in macro.table.columns if not c.is_nullable and found[c.name].null_count()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'DOGE'", "no chain of DOGE in .*: it has BTC, ETH$"),
        ("'ETH', venues := ['deribit']", "no chain of ETH from deribit: it has binance$"),
        ("'BTC', venues := ['krakn']", "^unknown venue 'krakn'; nearest is 'okx'$"),
        ("'BTC', venues := ['deribit', NULL]", "^unknown venue None"),
        ("'BTC', venues := []", "^the list of venues is empty: leave it out for all of them$"),
        ("'BTC', venues := 'deribit'", "Type VARCHAR with value 'deribit' can't be cast"),
        ("'BTC', sign_model := 'naiv'", "^unknown sign model 'naiv'; nearest is 'naive'$"),
        ("'BTC', sign_model := 'taker'", "^no option trade of BTC from .* is stored: sign model taker needs them"),
        (
            "'BTC', at := TIMESTAMPTZ '2001-01-01'",
            "no snapshot of BTC was known at 2001-01-01T00:00:00Z; the first is of",
        ),
        ("'BTC', at := TIMESTAMPTZ 'infinity'", "a time is infinite"),
        ("'BTC', moneyness_min := 0", "^moneyness_min 0 must be a positive number$"),
        ("'BTC', moneyness_min := 2, moneyness_max := 1", "^moneyness_min 2 is above moneyness_max 1$"),
        ("'BTC', spot_window_pct := 'nan'", "^spot_window_pct nan must be a positive number$"),
        ("NULL", "^levels_for: underlying is NULL or empty$"),
        ("''", "^levels_for: underlying is NULL or empty$"),
        ("", r"does not support the supplied arguments.*levels_for\(underlying, at := NULL"),
        ("'BTC', venue := 'deribit'", r"does not support the supplied arguments.*levels_for\(underlying, at := NULL"),
    ],
)
def test_a_wrong_question_is_told_in_one_line(warehouse, arguments, message):
    with pytest.raises(GexError, match=message) as caught:
        warehouse.query(f"FROM levels_for({arguments})")
    assert "\n" not in str(caught.value)
    assert warehouse.query(f"FROM levels_for('BTC', at := {AT})").height == 37  # the session goes on


@pytest.mark.parametrize(
    ("expiry", "message"),
    [
        ("soon", "'soon' is not an expiry; type all, odte or a date"),
        ("2020-01-01", "no contract expires on 2020-01-01"),
    ],
)
def test_a_wrong_expiry(warehouse, expiry, message):
    with pytest.raises(GexError, match=message):
        warehouse.query(f"FROM strike_profile('BTC', expiry := '{expiry}')")


def test_a_defect_keeps_its_traceback(warehouse, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("in a kernel")

    monkeypatch.setattr("gex_pipeline.engine.macros.ask", broken)
    with pytest.raises(ZeroDivisionError, match="in a kernel"):
        warehouse.query("FROM levels_for('BTC')")
