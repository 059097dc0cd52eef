"""The SQL session: reads only, typed and commented views, functions, numbers against a slow recomputation."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gex_pipeline import open_warehouse
from gex_pipeline.core import calendar
from gex_pipeline.engine.build import build
from gex_pipeline.errors import GexError, StoreError
from gex_pipeline.schema import CHAIN, EXPOSURE, GAMMA_TWAP, TABLES
from gex_pipeline.schema.derived import LEVELS_ODTE
from gex_pipeline.schema.types import duckdb_type, polars_schema
from gex_pipeline.store import session
from gex_pipeline.store.layout import DATA, MANIFEST
from gex_pipeline.store.manifest import file_hash
from gex_pipeline.warehouse import Warehouse
from tests.instants import utc
from tests.slow import exposure as slow_exposure
from tests.slow import settlement_average as slow_average
from tests.unit.store.build import OVER, all_files, chain, rows, store

#: How DuckDB writes the declared types.
LONG_NAMES = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An inverse and a linear venue at 07:00 and 08:00, in a folder with a quote and a space in its name; built."""
    folder: Path = tmp_path_factory.mktemp("sql") / "it's mine"
    made = store(folder, OVER)
    for venue in ("deribit", "binance"):
        made.merge(CHAIN, chain("2026-03-05T07:00", 2, venue=venue, is_whole=True), {})
    build(folder, workers=1)
    return folder


@pytest.fixture
def warehouse(root):
    with open_warehouse(root) as opened:
        yield opened


@pytest.fixture
def empty(tmp_path):
    with open_warehouse(store(tmp_path).root) as opened:
        yield opened


# ---------------------------------------------------------------- reading only

WRITES = [
    "COPY chain TO '{root}/x.parquet'",
    "COPY (SELECT 1) TO '{root}/x.csv'",
    "CREATE TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW chain AS SELECT 1",
    "CREATE MACRO f() AS 1",
    "DROP VIEW chain",
    "ALTER VIEW chain RENAME TO c",
    "ATTACH '{root}/x.duckdb' AS x",
    "DETACH memory",
    "SET threads = 1",
    "RESET threads",
    "PRAGMA threads = 1",
    "PRAGMA database_list",
    "INSERT INTO chain SELECT * FROM chain",
    "UPDATE chain SET venue = 'x'",
    "DELETE FROM chain",
    "TRUNCATE chain",
    "INSTALL httpfs",
    "LOAD httpfs",
    "EXPORT DATABASE '{root}/x'",
    "CHECKPOINT",
    "CALL pragma_version()",
    "USE memory",
    "PREPARE p AS SELECT 1",
    "BEGIN",
    "VACUUM",
    "COMMENT ON TABLE chain IS 'x'",
    "EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{root}/x.csv'",
    "explain  analyze insert into chain select * from chain",
    "EXPLAIN DROP VIEW chain",
    "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{root}/x.csv'",
    "/* c */ EXPLAIN ANALYZE COPY (SELECT 1) TO '{root}/x.csv'",
    "-- c\nEXPLAIN ANALYZE CREATE TABLE t AS SELECT 1",
    "EXPLAIN EXPLAIN ANALYZE COPY (SELECT 1) TO '{root}/x.csv'",
    "WITH a AS (SELECT 1) INSERT INTO chain SELECT * FROM a",
    "SELECT * FROM query('CREATE TABLE t AS SELECT 1')",
    "EXPLAIN (ANALYZE, FORMAT JSON) COPY (SELECT 1) TO '{root}/x.csv'",
    "EXPLAIN ANALYZE (FORMAT JSON) COPY (SELECT 1) TO '{root}/x.csv'",
    "COPY (PIVOT chain ON venue USING count(*)) TO '{root}/x.csv'",
    "EXPLAIN ANALYZE COPY (PIVOT chain ON venue USING count(*)) TO '{root}/x.csv'",
    "CREATE TABLE t AS PIVOT chain ON venue USING count(*)",
    "WITH p AS (PIVOT chain ON venue USING count(*)) INSERT INTO chain FROM p",
    # what one reading takes for a comment and another does not
    "/**/ COPY (SELECT 1) TO '{root}/x.csv'; /**/ EXPLAIN SELECT 1",
    "/* /* */ EXPLAIN SELECT 1 -- */ EXPLAIN ANALYZE COPY (SELECT 1) TO '{root}/x.csv'",
    "/* /* */ EXPLAIN SELECT 1 -- */ */ EXPLAIN ANALYZE COPY (SELECT 1) TO '{root}/x.csv'",
    "EXPLAIN (FORMAT JSON /*) SELECT 1 --*/, ANALYZE) COPY (SELECT 1) TO '{root}/x.csv'",
    "EXPLAIN /*€*/ ANALYZE COPY (SELECT 'é' AS \"€\") TO '{root}/x.csv'",
]


@pytest.mark.parametrize("sql", WRITES)
def test_nothing_but_reads(warehouse, root, sql):
    before = all_files(root)
    with pytest.raises(GexError) as caught:
        warehouse.query(sql.format(root=str(root).replace("'", "''")))
    assert "\n" not in str(caught.value)
    assert all_files(root) == before
    assert warehouse.query("SELECT count(*) FROM chain").item() == rows(store(root)).height


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "SELECT 1; DROP VIEW chain", "", "  ", "-- nothing", ";"])
def test_exactly_one_statement(warehouse, sql):
    with pytest.raises(GexError, match=r"expected one SQL statement, got \d"):
        warehouse.query(sql)


@pytest.mark.parametrize(
    "call", ["read_csv('{}')", "read_text('{}')", "read_blob('{}')", "glob('{}')", "read_parquet('{}')"]
)
def test_files_outside_the_warehouse_are_out_of_reach(warehouse, root, call):
    outside = root.parent / "secret.csv"
    outside.write_text("a,b\n1,2\n")
    for path in (outside, root / ".." / "secret.csv", Path("/etc/passwd")):
        with pytest.raises(GexError):
            warehouse.query(f"SELECT * FROM {call.format(str(path).replace(chr(39), chr(39) * 2))}")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "SELECT 1;",
        "FROM chain LIMIT 1",
        "VALUES (1)",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "EXPLAIN SELECT * FROM levels",
        "EXPLAIN ANALYZE SELECT count(*) FROM chain",
        "-- a comment\nEXPLAIN SELECT 1",
        "/* a /* nested */ one */ EXPLAIN SELECT 1",
        "EXPLAIN (SELECT 1)",
        "EXPLAIN (FORMAT JSON) SELECT * FROM levels",
        "explain(analyze, format 'json') FROM chain -- é",
        "EXPLAIN ANALYZE (FORMAT JSON) (SELECT 'é')",
        "PIVOT chain ON venue USING count(*)",
        "PIVOT chain ON venue USING count(*) GROUP BY strike_usd; -- é",
        "PIVOT chain ON venue IN ('deribit') USING count(*)",
        "FROM (PIVOT chain ON venue USING count(*))",
        "WITH p AS (PIVOT chain ON venue USING count(*)) FROM p",
        "EXPLAIN (FORMAT JSON) PIVOT chain ON venue USING count(*)",
        "/* two\nlines */ SELECT 1",
        "DESCRIBE chain",
        "SUMMARIZE ranked",
        "SHOW TABLES",
        "SELECT * FROM (DESCRIBE levels)",
        "SELECT table_name FROM information_schema.tables",
        "SELECT view_name FROM duckdb_views() WHERE NOT internal",
        'SELECT count(*) FROM "chain"',
        "SELECT count(*) FROM main.CHAIN",
    ],
)
def test_reads_are_answered(warehouse, sql):
    assert warehouse.query(sql).height > 0


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT stike_usd FROM chain", "strike_usd"),
        ("SELECT * FROM chian", "chian"),
        ("SELECT 1 +", "syntax error"),
        ("SELECT no_such_function(1)", "no_such_function"),
        ("SELECT 'x'::DOUBLE", "Could not convert"),
        ("SELECT ?", "parameter"),
    ],
)
def test_errors_are_one_line_that_says_what(warehouse, sql, reason):
    with pytest.raises(GexError) as caught:
        warehouse.query(sql)
    assert reason.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT max(snapshot_at) - min(snapshot_at) FROM chain", "01:00:00"),
        ("SELECT DISTINCT to_days(?) FROM chain", "3 days"),
        ("SELECT [INTERVAL 1 HOUR, NULL]", "['01:00:00', NULL]"),
        ("SELECT {'a': INTERVAL 1 DAY}", "{'a': 1 day}"),
        ("SELECT MAP{'a': INTERVAL 1 DAY}", "{a=1 day}"),
        ("SELECT union_value(n := 1)", "1"),
        ("SELECT '1010'::BIT", "1010"),
        ("SELECT TIMETZ '12:00:00+01'", "12:00:00+01"),
        ("SELECT 123456789012345678901234567890123456789012::BIGNUM", "123456789012345678901234567890123456789012"),
    ],
)
def test_what_polars_has_no_type_for_is_text(warehouse, sql, text):
    parameters = [3] if "?" in sql else None
    assert warehouse.query(sql, parameters).item() == text


def test_the_other_columns_keep_their_types_names_and_order(warehouse):
    found = warehouse.query(
        'SELECT strike_usd, INTERVAL 1 DAY AS "a ""day""", snapshot_at, venue FROM chain ORDER BY ALL DESC LIMIT 9'
    )
    plain = warehouse.query("SELECT strike_usd, snapshot_at, venue FROM chain ORDER BY ALL DESC LIMIT 9")
    assert found.columns == ["strike_usd", 'a "day"', "snapshot_at", "venue"]
    assert_frame_equal(found.drop('a "day"'), plain)


def test_a_type_that_polars_refuses_is_named_with_its_column(warehouse, monkeypatch):
    monkeypatch.setattr(session, "_CASTS", {})
    with pytest.raises(GexError, match=r"column wide \(INTERVAL\) has a type that Polars lacks: CAST it AS VARCHAR"):
        warehouse.query("SELECT 1 AS one, INTERVAL 1 DAY AS wide")


@pytest.mark.parametrize(
    "value",
    [
        "TIMESTAMPTZ 'infinity'",
        "TIMESTAMP '-infinity'",
        "TIMESTAMP_S 'infinity'",
        "DATE 'infinity'",
        "TIMESTAMPTZ '10000-01-01 00:00:00Z'",
        "DATE '0001-12-31 (BC)'",
        "[NULL, DATE 'infinity']",
        "[DATE 'infinity']::DATE[1]",
        "{'at': [TIMESTAMPTZ 'infinity']}",
        "MAP{'at': TIMESTAMPTZ 'infinity'}",
    ],
)
def test_a_time_that_python_cannot_say_is_refused_with_its_column(warehouse, capfd, value):
    sql = f"SELECT 1 AS one, {value} AS at"
    with pytest.raises(GexError, match=r"^column at has a time .* CAST it AS VARCHAR$"):
        warehouse.query(sql)
    assert capfd.readouterr().err == ""  # no panic of Rust
    assert isinstance(warehouse.query(f"SELECT ({value})::VARCHAR").item(), str)


def test_the_first_and_last_times_of_python_and_none_are_answered(warehouse):
    found = warehouse.query(
        "SELECT TIMESTAMPTZ '9999-12-31 23:59:59.999999Z', DATE '0001-01-01', NULL::DATE, []::DATE[], "
        "TIMESTAMP_NS '1900-01-01'"
    )
    assert [str(v) for v in found.row(0)] == [
        "9999-12-31 23:59:59.999999+00:00", "0001-01-01", "None", "[]", "1900-01-01 00:00:00",
    ]  # fmt: skip


def test_parameters_fill_question_marks(warehouse):
    found = warehouse.query("SELECT DISTINCT venue FROM chain WHERE venue = ? AND strike_usd > ?", ["deribit", 1000.0])
    assert found["venue"].to_list() == ["deribit"]


def test_times_are_utc(warehouse):
    found = warehouse.query("SELECT min(snapshot_at) AS t, min(snapshot_at)::VARCHAR AS s FROM chain")
    assert found["t"].item() == utc("2026-03-05T07:00")
    assert found["s"].item() == "2026-03-05 07:00:00+00"


# ---------------------------------------------------------------- views


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_views_have_the_declared_columns_types_and_comments(warehouse, table):
    sql = "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index"
    found = warehouse.query(sql, [table.name])
    assert found["column_name"].to_list() == list(table.names)
    assert found["data_type"].to_list() == [LONG_NAMES.get(duckdb_type(c), duckdb_type(c)) for c in table.columns]
    for comment, column in zip(found["comment"], table.columns, strict=True):
        assert comment.startswith(column.description)
        assert column.unit in comment
    comments = warehouse.query("SELECT comment FROM duckdb_views() WHERE view_name = ?", [table.name])
    assert comments["comment"].to_list() == [table.description]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_an_empty_warehouse_has_every_view_with_its_types(empty, table):
    found = empty.query(f"FROM {table.name}")
    assert found.is_empty()
    assert found.schema == polars_schema(table)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_no_view_has_a_nan(warehouse, table):
    found = warehouse.query(f"FROM {table.name}")
    assert found.schema == polars_schema(table)
    assert not [c.name for c in found.select(pl.col(pl.Float64)) if c.is_nan().any()]
    assert not [c.name for c in table.columns if not c.is_nullable and found[c.name].null_count()]


@pytest.mark.parametrize("table", [t for t in TABLES.values() if t.period], ids=lambda t: t.name)
def test_views_have_the_rows_of_the_files(warehouse, root, table):
    made = store(root)
    if made.partitions(table):
        found = warehouse.query(f"FROM {table.name} ORDER BY ALL")
        assert_frame_equal(found, rows(made, table.name).select(found.columns), check_row_order=False)


def test_views_follow_new_files_in_a_long_lived_session(tmp_path):
    made = store(tmp_path)
    counts = "SELECT (SELECT count(*) FROM chain), (SELECT count(*) FROM exposure), (SELECT count(*) FROM expiries)"
    with open_warehouse(tmp_path) as opened:
        assert opened.query(counts).row(0) == (0, 0, 0)
        made.merge(CHAIN, chain("2026-03-05T07:00", 1), {})
        n, cells, _ = opened.query(counts).row(0)
        assert (n, cells > 0) == (12, True)
        for hour in range(8, 14):  # the same file replaced again and again
            made.merge(CHAIN, chain(f"2026-03-05T{hour:02d}:00", 1), {})
            assert opened.query(counts).row(0)[0] == rows(made).height
        build(tmp_path, workers=1)
        assert opened.query(counts).row(0)[2] > 0
        assert opened.query("SELECT count(*) FROM levels").item() == rows(made, "levels").height


def test_sessions_do_not_share_anything(root):
    with open_warehouse(root) as one, open_warehouse(root) as two:
        assert one.query("SELECT count(*) FROM chain").equals(two.query("SELECT count(*) FROM chain"))


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def damage_pages(path: Path) -> None:
    """The header of the first page, of which DuckDB says neither file nor reason."""
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\x0f" * 40 + content[44:])


def lose_a_column(path: Path) -> None:
    pl.read_parquet(path, hive_partitioning=False).drop("forward_source").write_parquet(path)


def lose_a_column_unnoticed(path: Path) -> None:
    """The manifest is of what is there."""
    lose_a_column(path)
    manifest = path.with_name(path.name.replace(DATA, MANIFEST))
    stated = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**stated, "content_hash": file_hash(path)}))


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (cut_short, "it is damaged, not what was written"),
        (damage_pages, "it is damaged, not what was written"),
        (lose_a_column, "it is damaged, not what was written"),
        (lose_a_column_unnoticed, "it lacks the columns forward_source"),
    ],
)
def test_a_broken_file_is_told_in_one_line(tmp_path, broken: Callable[[Path], None], reason):
    made = store(tmp_path)
    for venue in ("binance", "deribit"):
        made.merge(CHAIN, chain(venue=venue), {})
    path = tmp_path / made.partitions(CHAIN)[1].path
    broken(path)
    with open_warehouse(tmp_path) as opened, pytest.raises(GexError) as caught:
        opened.query("FROM chain")
    assert str(caught.value) == f"cannot read {path}: {reason}; run `gex verify`"


def test_a_mistake_in_the_sql_is_no_matter_of_the_files(tmp_path):
    made = store(tmp_path)
    made.merge(CHAIN, chain(), {})
    damage_pages(tmp_path / made.partitions(CHAIN)[0].path)
    with open_warehouse(tmp_path) as opened, pytest.raises(GexError, match=r"Binder Error.*spot_usdd"):
        opened.query("SELECT spot_usdd FROM chain")


def test_a_folder_that_is_no_warehouse(tmp_path):
    with pytest.raises(StoreError, match="is not a warehouse"):
        open_warehouse(tmp_path)


# ---------------------------------------------------------------- exposure, against plain Python


def normal_cdf(x: float) -> float:
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


def density(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def greeks(f: float, k: float, t: float, s: float, kind: str) -> dict[str, float]:
    """Black-76 from its formulas; at t = 0 only the delta, one half at the strike."""
    if t <= 0:
        in_the_money = 0.5 if f == k else float(f > k)
        return {"delta": in_the_money if kind == "C" else in_the_money - 1}
    root = s * math.sqrt(t)
    d1 = (math.log(f / k) + root * root / 2) / root
    d2 = d1 - root
    call = f * normal_cdf(d1) - k * normal_cdf(d2)
    return {
        "price": call if kind == "C" else call - f + k,
        "delta": normal_cdf(d1) - (kind == "P"),
        "gamma": density(d1) / (f * root),
        "vega": f * density(d1) * math.sqrt(t),
        "vanna": -density(d1) * d2 / s,
        "charm": density(d1) * d2 / (2 * t),
        "theta": -f * density(d1) * s / (2 * math.sqrt(t)),
    }


def contract(row: dict) -> dict[str, float]:
    """Signed exposures of one row of `chain`, naive signs."""
    f, k, t, s, kind = (row[n] for n in ("forward_usd", "strike_usd", "tenor_years", "mark_iv", "option_type"))
    g = greeks(f, k, t, s, kind)
    settled = calendar.next_settlement(row["snapshot_at"])
    later = greeks(f, k, max((row["expiry_at"] - settled).total_seconds(), 0) / (365 * 86_400), s, kind)["delta"]
    premium = 1 / f if row["settlement"] == "inverse" else 0.0
    dollars = (1 if kind == "C" else -1) * row["open_interest_coin"] * f
    return {
        "gex_usd": dollars * f * g["gamma"] * 0.01,
        "dex_usd": dollars * g["delta"],
        "vex_usd": dollars * g["vanna"] * 0.01,
        "chex_usd": dollars * g["charm"] / 365,
        "chex_to_expiry_usd": dollars * (later - g["delta"]),
        "dex_pa_usd": dollars * (g["delta"] - premium * g["price"]),
        "vex_pa_usd": dollars * (g["vanna"] - premium * g["vega"]) * 0.01,
        "chex_pa_usd": dollars * (g["charm"] - premium * g["theta"]) / 365,
    }


@pytest.mark.parametrize("venue", ["deribit", "binance"])
@pytest.mark.parametrize("snapshot", ["2026-03-05T07:00", "2026-03-05T08:00"])
def test_exposure_equals_a_slow_recomputation(warehouse, root, venue, snapshot):
    """Every fifth cell of a snapshot: at 07:00 the front expiry is an hour away, and gone at the next settlement."""
    at = utc(snapshot)
    sql = "SELECT * FROM exposure WHERE venue = ? AND snapshot_at = ? ORDER BY expiry_at, strike_usd"
    cells = warehouse.query(sql, [venue, at]).to_dicts()
    book = rows(store(root)).filter(pl.col("venue") == venue, pl.col("snapshot_at") == at).to_dicts()
    assert len(cells) == len({(r["expiry_at"], r["strike_usd"]) for r in book})
    for cell in cells[::5]:
        mine = [r for r in book if (r["expiry_at"], r["strike_usd"]) == (cell["expiry_at"], cell["strike_usd"])]
        sides = {kind: [contract(r) for r in mine if r["option_type"] == kind] for kind in "CP"}
        for name in contract(mine[0]):
            call, put = (sum(c[name] for c in sides[kind]) for kind in "CP")
            scale = pytest.approx
            assert cell[f"call_{name}"] == scale(call, rel=1e-9, abs=1e-6)
            assert cell[f"put_{name}"] == scale(put, rel=1e-9, abs=1e-6)
            assert cell[f"net_{name}" if name == "gex_usd" else name] == scale(call + put, rel=1e-8, abs=1e-6)
        gross = sum(abs(c["gex_usd"]) for c in sides["C"] + sides["P"])
        assert cell["gross_gex_usd"] == pytest.approx(gross, rel=1e-9, abs=1e-9)
        for side, kind in (("call", "C"), ("put", "P")):
            oi = sum(r["open_interest_coin"] for r in mine if r["option_type"] == kind)
            assert cell[f"{side}_oi_coin"] == pytest.approx(oi)
        assert cell["knowledge_time"] == max(r["knowledge_time"] for r in mine)


def test_gamma_of_the_settlement_average_is_stated_for_the_last_two_hours_only(warehouse):
    sides = "gamma_twap_usd IS NULL, call_gamma_twap_usd IS NULL, put_gamma_twap_usd IS NULL"
    found = warehouse.query(f"SELECT DISTINCT expiry_at - snapshot_at >= INTERVAL 2 HOURS, {sides} FROM exposure")
    assert sorted(found.rows()) == [(False,) * 4, (True,) * 4]
    summed = warehouse.query("SELECT sum(gamma_twap_usd - call_gamma_twap_usd - put_gamma_twap_usd) FROM exposure")
    assert summed.item() == pytest.approx(0, abs=1e-3)


def test_a_query_that_does_not_name_it_does_not_compute_it(warehouse):
    columns = ("net_gex_usd", "gamma_twap_usd")
    plans = [str(warehouse.query(f"EXPLAIN SELECT sum({c}) FROM exposure").rows()) for c in columns]
    assert ["twap" in plan for plan in plans] == [False, True]


def test_a_venue_whose_window_is_not_known_has_no_gamma_of_the_average(tmp_path):
    made = store(tmp_path)
    made.merge(CHAIN, chain("2026-03-05T07:00", 1).with_columns(venue=pl.lit("elsewhere")), {})
    with open_warehouse(tmp_path) as opened:
        found = opened.query("SELECT window_minutes, gamma_twap_usd, net_gex_usd IS NULL FROM gamma_twap")
        assert found.rows() == [(None, None, False)]
        assert opened.query("SELECT count(put_gamma_twap_usd) + count(call_gamma_twap_usd) FROM exposure").item() == 0


def test_gamma_twap_has_the_expiries_of_the_last_two_hours(warehouse, root):
    found = warehouse.query("FROM gamma_twap")
    book = rows(store(root)).with_columns(minutes=(pl.col("expiry_at") - pl.col("snapshot_at")).dt.total_minutes())
    near = book.filter(pl.col("minutes") < 120)
    assert 0 < found.height == near.select(GAMMA_TWAP.key).n_unique()
    for cell in found.rows(named=True):
        mine = near.filter(pl.col(name) == cell[name] for name in GAMMA_TWAP.key).to_dicts()
        assert cell["tenor_minutes"] == mine[0]["minutes"]
        assert cell["window_minutes"] == slow_average.window_minutes(cell["venue"], cell["expiry_at"].date())
        gross = sum(map(slow_exposure.gross_gex, mine))
        net = sum(slow_exposure.contract_exposures(r)["gex_usd"] for r in mine)
        assert cell["net_gex_usd"] == pytest.approx(net, abs=1e-9 * gross)
        averaged = sum(slow_exposure.gex_twap(r) or 0.0 for r in mine)
        assert cell["gamma_twap_usd"] == pytest.approx(averaged, abs=1e-9 * gross)
        assert cell["knowledge_time"] == max(r["knowledge_time"] for r in mine)


def test_exposure_has_one_row_a_cell(warehouse):
    key = ", ".join(EXPOSURE.key)
    assert warehouse.query(f"SELECT count(*) = count(DISTINCT ({key})) FROM exposure").item()


def test_levels_wide_is_levels_pivoted(warehouse):
    key = ["snapshot_at", "underlying", "venues", "scope", "sign_model"]
    long = warehouse.query("FROM levels")
    wide = warehouse.query("FROM levels_wide").sort(key)
    pivoted = long.pivot("level", index=key, values="value_usd").sort(key)
    absent = [pl.lit(None, pl.Float64).alias(n) for n in LEVELS_ODTE if n not in pivoted.columns]
    pivoted = pivoted.with_columns(absent).select(*key, *LEVELS_ODTE)
    assert_frame_equal(wide.select(pivoted.columns), pivoted)
    per_set = (
        long.group_by(key).agg(pl.col("knowledge_time").max(), pl.col("spot_usd", "net_gex_usd").first()).sort(key)
    )
    assert_frame_equal(wide.select(per_set.columns), per_set)


def test_expiries_have_their_type_and_the_span_of_their_listing(warehouse, root):
    found = warehouse.query("FROM expiries ORDER BY expiry_at")
    book = rows(store(root))
    listed = book.group_by("expiry_at").agg(first=pl.col("snapshot_at").min(), last=pl.col("snapshot_at").max())
    listed = listed.sort("expiry_at")
    assert found["expiry_at"].to_list() == listed["expiry_at"].to_list()
    assert found["first_snapshot_at"].to_list() == listed["first"].to_list()
    assert found["last_snapshot_at"].to_list() == listed["last"].to_list()
    types = [calendar.expiry_type(e.date()) for e in listed["expiry_at"]]
    assert found["expiry_type"].to_list() == types
    assert set(types) == {"daily", "weekly", "monthly", "quarterly"}
    assert found["is_opex"].to_list() == [t in ("monthly", "quarterly") for t in types]


# ---------------------------------------------------------------- functions


@pytest.mark.parametrize("name", ["price", "delta", "gamma", "vega", "vanna", "charm", "theta"])
def test_greeks_equal_the_formulas(warehouse, name):
    kind = ", option_type" if name in ("price", "delta") else ""
    call = f"black76_{name}(forward_usd, strike_usd, tenor_years, mark_iv{kind})"
    sql = f"SELECT forward_usd, strike_usd, tenor_years, mark_iv, option_type, {call} FROM chain LIMIT 3000"
    found = warehouse.query(sql)
    for *arguments, x in found.gather_every(97).iter_rows():
        f = arguments[0]
        assert x == pytest.approx(greeks(*arguments)[name], rel=1e-9, abs=1e-12 * f)


def test_gamma_of_the_settlement_average_as_a_function(warehouse):
    """A quarter of an hour left of half an hour, averaged so far 100.2; the window as its venue states it."""
    f, k, t, s, window, average = 100.0, 100.1, 15 / 525_600, 0.6, 30 / 525_600, 100.2
    found = warehouse.query("SELECT black76_gamma_twap(?, ?, ?, ?, ?, ?)", [f, k, t, s, window, average]).item()
    assert found == pytest.approx(slow_average.gamma(f, k, t, s, window, average), rel=1e-9)
    assert warehouse.query("SELECT black76_gamma_twap(100, 101, 0.1, 0.5, NULL, 100)").item() is None
    windows = (
        "SELECT list(settlement_window_minutes(v, t) ORDER BY i) FROM (VALUES "
        "(1, 'okx', TIMESTAMPTZ '2026-03-17 08:00Z'), (2, 'okx', '2026-03-18 08:00Z'), "
        "(3, 'deribit', '2026-03-17 08:00Z'), (4, 'x', '2026-03-17 08:00Z'), (5, NULL, '2026-03-17 08:00Z'), "
        "(6, 'okx', NULL)) AS x(i, v, t)"
    )
    assert warehouse.query(windows).item().to_list() == [60, 30, 30, None, None, None]


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("function", ["black76_price", "black76_delta", "implied_vol"])
def test_null_in_any_argument_gives_null(warehouse, function, place):
    arguments = [
        "10.0" if function == "implied_vol" else "100.0",
        "100.0",
        "100.0" if function == "implied_vol" else "0.5",
    ]
    arguments += ["0.5", "'C'"]
    assert warehouse.query(f"SELECT {function}({', '.join(arguments)})").item() > 0
    arguments[place] = "NULL"
    assert warehouse.query(f"SELECT {function}({', '.join(arguments)})").item() is None


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("name", ["gamma", "vega", "vanna", "charm", "theta"])
def test_null_in_any_number_gives_null(warehouse, name, place):
    values = ", ".join("NULL" if i == place else "1.0" for i in range(4))
    assert warehouse.query(f"SELECT black76_{name}({values})").item() is None
    mixed = f"SELECT black76_{name}(f, 1, 1, 1) AS x FROM (VALUES (1.0), (NULL), (2.0)) AS t(f)"
    assert warehouse.query(mixed)["x"].is_null().to_list() == [False, True, False]


def test_an_option_type_that_is_none_gives_null(warehouse):
    sql = "SELECT black76_delta(100, 100, 1, 1, x) AS d FROM (VALUES ('C'), ('P'), ('call'), (''), (NULL)) AS t(x)"
    assert warehouse.query(sql)["d"].is_null().to_list() == [False, False, True, True, True]


def test_a_price_without_a_volatility_gives_null(warehouse):
    sql = "SELECT implied_vol(x, 100, 100, 0.5, 'C') AS s FROM (VALUES (-1.0), (10.0), (100.0), (1e9)) AS t(x)"
    assert warehouse.query(sql)["s"].is_null().to_list() == [True, False, True, True]
    assert warehouse.query(
        "SELECT black76_price(100, 100, 0.5, implied_vol(10, 100, 100, 0.5, 'C'), 'C')"
    ).item() == pytest.approx(10)


def test_calendar_functions(warehouse):
    sql = "SELECT expiry_type(t) AS e, next_settlement(t) AS s FROM (VALUES (TIMESTAMPTZ '{}'), (NULL)) AS x(t)"
    found = warehouse.query(sql.format("2026-03-27 08:00:00Z"))
    assert found["e"].to_list() == ["quarterly", None]
    assert found["s"].to_list() == [utc("2026-03-28T08:00"), None]
    assert warehouse.query(sql.format("2026-03-27 07:59:59.999999Z"))["s"][0] == utc("2026-03-27T08:00")


def test_functions_on_more_rows_than_a_batch(warehouse):
    gamma = "SELECT black76_gamma(100 + i % 7, 100, 0.5, 0.5) AS g FROM range(10000) AS t(i)"
    assert warehouse.query(f"SELECT count(*), count(g), count(DISTINCT g) FROM ({gamma})").row(0) == (10_000, 10_000, 7)


# ---------------------------------------------------------------- the Python twin


def test_the_twin_of_levels_answers_like_the_stored_table(warehouse: Warehouse):
    document = warehouse.levels("BTCUSDT", at=utc("2026-03-05T08:00"))
    stored = warehouse.query(
        "SELECT level, value_usd FROM levels WHERE venues = 'all' AND scope = 'all_expiry' "
        "AND snapshot_at = TIMESTAMPTZ '2026-03-05 08:00:00Z'"
    )
    values = dict(stored.iter_rows())
    for level, value in document["data"]["all_expiry"].items():
        assert value == (None if values[level] is None else pytest.approx(values[level], rel=1e-9))


def test_a_time_without_a_zone_is_utc(warehouse: Warehouse):
    naive = utc("2026-03-05T07:30").replace(tzinfo=None)
    assert warehouse.answer("btc", at=naive).snapshot_at == utc("2026-03-05T07:00")


def test_a_file_that_is_replaced_while_it_is_read_is_read_again(tmp_path):
    """SQL, macros and questions beside a writer that replaces the month all the time: no failure, no mixture."""
    made = store(tmp_path, OVER)
    made.merge(CHAIN, chain("2026-03-04T09:00", 24, is_whole=True), {})
    versions, is_over = (
        [rows(made), rows(made).filter(pl.col("snapshot_at") >= utc("2026-03-05T04:00"))],
        threading.Event(),
    )
    problems: list[str] = []

    def write() -> None:
        while not is_over.is_set():
            for version in versions:
                made.replace(made.partitions(CHAIN)[0], version, {})

    def read(ask: Callable[[Warehouse], object]) -> None:
        with open_warehouse(tmp_path) as opened:
            answers = {repr(ask(opened)) for _ in range(30)}
        if len(answers) > 1:
            problems.append(f"{len(answers)} answers to one question")

    at = "snapshot_at = '2026-03-05 08:00Z'"
    questions = [
        lambda w: w.query(f"SELECT sum(open_interest_coin ORDER BY instrument), count(*) FROM chain WHERE {at}").row(0),
        lambda w: w.query("SELECT count(*), max(value_usd) FROM levels_for('BTC', at := '2026-03-05 08:00Z')").row(0),
        lambda w: w.levels("BTC", at="2026-03-05T08:00Z")["data"],
    ]
    writer = threading.Thread(target=write)
    writer.start()
    try:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(read, questions))
    finally:
        is_over.set()
        writer.join()
    assert problems == []
