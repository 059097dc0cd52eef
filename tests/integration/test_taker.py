"""Trades in a warehouse: what is built from them and when, what a question by them answers."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gex_pipeline import cli, open_warehouse
from gex_pipeline.engine import tasks
from gex_pipeline.engine.build import BuildSummary, build
from gex_pipeline.errors import GexError, StoreError
from gex_pipeline.schema import CHAIN, TABLES, TAKER_FLOW, TRADES
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.partitions import Store
from gex_pipeline.store.verify import verify
from tests.instants import utc
from tests.slow import taker
from tests.unit.store.build import OPEN, OVER, all_files, chain, data_files, rows, store

BY_TRADES = ("levels", "flip_zones", "ranked")
TAKER_TABLES = ("taker_inventory", "taker_coverage")
HOUR = timedelta(hours=1)


def built(made: Store, **kwargs: object) -> BuildSummary:
    summary = build(made.root, workers=1, **kwargs)
    assert summary.failures == []
    return summary


def book_of(made: Store) -> pl.DataFrame:
    with open_warehouse(made.root) as warehouse:
        return warehouse.query("FROM taker_book")


def fill(made: Store, *days: str) -> None:
    """Four hours of two venues a day."""
    for day in days:
        for venue in ("binance", "deribit"):
            made.merge(CHAIN, chain(f"{day}T08:00", 4, venue=venue), {f"{venue} {day}": "1"})


def trades_of(made: Store, day: str, n: int = 60, hours: float = 12.0) -> pl.DataFrame:
    """Drawn trades of Deribit's contracts that the chain has on a day."""
    is_here = (pl.col("venue") == "deribit") & (pl.col("snapshot_at").dt.date() == utc(day).date())
    names = rows(made).filter(is_here)["instrument"].unique().sort().to_list()
    draw = random.Random(day)
    return frame([trade(day, i, draw.choice(names), utc(day) + draw.random() * hours * HOUR, draw) for i in range(n)])


def trade(day: str, number: int, name: str, at: datetime, draw: random.Random) -> dict[str, object]:
    size = {"taker_side": draw.choice(["buy", "sell"]), "amount_coin": draw.randrange(1, 50) / 10}
    marks = {"is_block": draw.random() < 0.1, "combo_id": draw.choice([None, None, "c"])}
    return {"trade_id": f"{day} {number}", "instrument": name, "traded_at": at, "knowledge_time": at, **size, **marks}


def frame(trades: list[dict[str, object]]) -> pl.DataFrame:
    same = {"venue": "deribit", "underlying": "BTC", "price_usd": 1.0, "source": "synthetic"}
    return pl.DataFrame([{**same, **t} for t in trades], schema=polars_schema(TRADES), orient="row")


@pytest.fixture(autouse=True)
def _in_an_open_month(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store.__init__, "__defaults__", (lambda: OPEN,))


@pytest.fixture
def filled(tmp_path: Path) -> Store:
    """Two days of chains; trades of both, and of the day before."""
    made = store(tmp_path)
    fill(made, "2026-03-04", "2026-03-05")
    made.merge(TRADES, trades_of(made, "2026-03-04"), {})
    made.merge(TRADES, trades_of(made, "2026-03-05"), {})
    return made


def test_what_is_built_is_what_the_loop_over_all_trades_says(filled: Store) -> None:
    summary = built(filled)
    assert (summary.rows["taker_inventory"], verify(filled.root)) == (rows(filled, "taker_inventory").height, [])
    everything = rows(filled, "trades").rows(named=True)
    contracts = [r for r in rows(filled).rows(named=True) if r["venue"] == "deribit"]
    key = ("snapshot_at", "venue", "instrument")
    have = {tuple(r[k] for k in key): r for r in book_of(filled).rows(named=True)}
    want = {tuple(r[k] for k in key): (r, p) for r in contracts if (p := taker.position(r, everything)) is not None}
    assert have.keys() == want.keys()
    for at, (contract, position) in want.items():
        assert {k: have[at][k] for k in position} == position
        assert have[at]["is_whole"] == taker.is_whole(contract, contracts, everything)
    assert {r["is_whole"] for r in have.values()} == {True, False}


def test_a_snapshot_that_is_not_built_has_no_position(filled: Store) -> None:
    """Not that of the snapshot before."""
    built(filled)
    before = book_of(filled)
    filled.merge(CHAIN, chain("2026-03-05T12:00", 2, venue="deribit"), {})
    assert_frame_equal(book_of(filled), before, check_row_order=False)
    built(filled)
    assert book_of(filled).height > before.height


def test_levels_by_trades_stand_beside_the_naive_ones(filled: Store) -> None:
    built(filled)
    for name in BY_TRADES:
        assert set(rows(filled, name)["sign_model"]) == {"naive", "taker"}, name
    levels = rows(filled, "levels").filter(pl.col("sign_model") == "taker")
    assert set(levels["venues"]) == {"all", "deribit"}
    whole_book = levels.filter(pl.col("venues") == "all", pl.col("scope") == "all_expiry")
    assert whole_book["is_reconstructed"].unique().to_list() == [True]
    assert set(rows(filled, "taker_coverage").select("venues", "status").unique().rows()) >= {
        ("all", "partial"),
        ("binance", "no_trades"),
    }


def test_bands_show_the_level_by_trades_beside_the_naive_one(filled: Store) -> None:
    built(filled)
    key = ["snapshot_at", "scope", "level"]
    whole = rows(filled, "levels").filter(pl.col("sign_model") == "taker", pl.col("venues") == "all")
    found = rows(filled, "level_bands").join(whole.select(*key, by_trades="value_usd"), on=key, how="left")
    assert found["taker_usd"].equals(found["by_trades"]) and found["taker_usd"].count() > 0
    assert not found["taker_usd"].equals(found["value_usd"])
    walls = found.filter(pl.col("level") != "zero_gamma")
    ends = (getattr(pl, f"{end}_horizontal")("value_usd", "taker_usd") for end in ("min", "max"))
    low, high = (pl.when(pl.col("taker_usd").is_not_null()).then(end) for end in ends)
    told = walls.select(low=low, high=high)
    assert walls["signs_low_usd"].equals(told["low"], null_equal=True) and told["low"].count() > 0
    assert walls["signs_high_usd"].equals(told["high"], null_equal=True)
    flips = found.filter(pl.col("level") == "zero_gamma").drop_nulls(["signs_low_usd", "taker_usd"])
    assert flips.height > 0
    assert flips.select(pl.col("taker_usd").is_between("signs_low_usd", "signs_high_usd").all()).item()


def test_without_trades_the_tables_are_as_they_were(tmp_path: Path) -> None:
    """And the naive rows are the same with trades."""
    bare, traded = store(tmp_path / "bare"), store(tmp_path / "traded")
    for made in (bare, traded):
        fill(made, "2026-03-04", "2026-03-05")
    traded.merge(TRADES, trades_of(traded, "2026-03-04"), {})
    built(bare)
    built(traded)
    assert [rows(bare, name).height for name in TAKER_TABLES] == [0, 0]
    for name in BY_TRADES:
        assert_frame_equal(rows(bare, name), rows(traded, name).filter(pl.col("sign_model") == "naive"))
    for name in ("gamma_profile", "max_pain", "expected_move"):
        assert_frame_equal(rows(bare, name), rows(traded, name))


def test_only_days_that_know_of_a_trade_are_rebuilt(filled: Store) -> None:
    built(filled)
    fill(filled, "2026-03-06")
    assert (built(filled).built, built(filled).built) == (1, 0)
    filled.merge(TRADES, trades_of(filled, "2026-03-05", 1, hours=20).with_columns(trade_id=pl.lit("late")), {})
    before = data_files(filled.root)
    assert built(filled).built == 2
    changed = {path for path, digest in data_files(filled.root).items() if before.get(path) != digest}
    assert changed and all("2026-03-05" in path or "2026-03-06" in path for path in changed)
    assert built(filled).built == 0


def test_a_second_build_writes_nothing(filled: Store) -> None:
    built(filled)
    before = all_files(filled.root)
    built(filled)
    assert all_files(filled.root) == before


def test_days_and_their_month_say_the_same(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    built(filled)
    days = {name: rows(filled, name) for name in (*TAKER_TABLES, "taker_flow", *BY_TRADES)}
    monkeypatch.setattr(Store.__init__, "__defaults__", (lambda: OVER,))
    built(filled)
    assert [p.period for p in filled.partitions(TAKER_FLOW)] == ["2026-03"]
    for name, before in days.items():
        assert [p.period for p in filled.partitions(TABLES[name])] == ["2026-03"], name
        assert_frame_equal(rows(filled, name), before, rel_tol=1e-12)


def test_flows_go_with_their_trades(filled: Store) -> None:
    built(filled)
    (first, _) = filled.partitions(TRADES)
    filled.remove(first)
    built(filled)
    assert [p.period for p in filled.partitions(TAKER_FLOW)] == ["2026-03-05"]
    assert min(rows(filled, "taker_coverage")["snapshot_at"]) >= utc("2026-03-05")


def test_an_absurd_trade_is_refused(filled: Store) -> None:
    """Sums of flows are exact whole numbers, which have an end."""
    absurd = trades_of(filled, "2026-03-05").with_columns(trade_id="x" + pl.col("trade_id"), amount_coin=pl.lit(1e9))
    with pytest.raises(StoreError, match=r"trades\.amount_coin"):
        filled.merge(TRADES, absurd, {})


def test_a_trade_of_no_option_is_named_and_other_coins_are_built(filled: Store) -> None:
    odd = trades_of(filled, "2026-03-05").with_columns(trade_id="x" + pl.col("trade_id"))
    filled.merge(TRADES, odd.with_columns(instrument=pl.lit("BTC-NONSENSE")), {})
    filled.merge(CHAIN, chain("2026-03-05T00:00", 1, underlying="SOL"), {})
    filled.merge(CHAIN, chain("2026-03-06T00:00", 1, venue="deribit"), {})
    failures = build(filled.root, workers=1).failures
    path = next(p.path for p in filled.partitions(TRADES) if p.period == "2026-03-05")
    assert failures and all(path in line and "BTC-NONSENSE is no option of deribit" in line for line in failures)
    assert {p.value("underlying") for p in filled.partitions(TABLES["levels"])} == {"BTC", "SOL"}


def test_of_no_open_interest_dealers_hold_nought_and_not_less(filled: Store) -> None:
    name = rows(filled, "trades")["instrument"][0]
    none = chain("2026-03-05T13:00", 1, venue="deribit", is_whole=True).filter(instrument=name)
    filled.merge(CHAIN, none.with_columns(open_interest_coin=0.0), {})
    built(filled)
    (held,) = book_of(filled).filter(snapshot_at=utc("2026-03-05T13:00"), instrument=name)["dealer_coin"]
    assert str(held) == "0.0"


@pytest.mark.parametrize("table", ["trades", "taker_flow"])
def test_damaged_inputs_are_named(filled: Store, table: str) -> None:
    """By the jobs that read them; a flow can be made again."""
    built(filled)
    path = filled.objects.path(filled.partitions(TABLES[table])[0].path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    for day in ("2026-03-04", "2026-03-05"):
        filled.merge(CHAIN, chain(f"{day}T13:00", 1, venue="deribit"), {})
    failures = build(filled.root, workers=1).failures
    assert failures and all(f"{path} is damaged" in line for line in failures), failures
    assert (build(filled.root, workers=1, is_forced=True).failures == []) == (table == "taker_flow")


def test_trades_after_a_build_wait_for_the_next(filled: Store) -> None:
    built(filled)
    filled.merge(TRADES, trades_of(filled, "2026-03-05", 1).with_columns(trade_id=pl.lit("late")), {})
    job = tasks.plan(filled)[-1]
    assert (tasks.is_fresh(filled, job), tasks.has_chain(filled, job)) == (False, True)
    fill(filled, "2026-03-06")
    filled.merge(CHAIN, chain("2026-03-05T13:00", 1, venue="deribit"), {})
    assert not tasks.has_chain(filled, tasks.plan(filled)[1])


# ---------------------------------------------------------------- questions


def test_strikes_without_a_trade_are_null_and_not_nought(filled: Store) -> None:
    """Of Binance no trade is stored: of a strike that it alone has nothing is known, be it in SQL or as JSON."""
    at = utc("2026-03-05T11:30")
    question = "('BTC', at := ?, sign_model := 'taker')"
    with open_warehouse(filled.root) as warehouse:
        cells = warehouse.query(f"FROM strike_expiry_heatmap{question} ORDER BY expiry_at, strike_usd", [at])
        strikes = warehouse.query(f"FROM strike_profile{question} ORDER BY strike_usd", [at])
        document = warehouse.profile("BTC", at=at, sign_model="taker")["data"]["strikes"]
        built(filled)
    is_then = pl.col("snapshot_at") == utc("2026-03-05T11:00")
    held = set(book_of(filled).filter(is_then).select("expiry_at", "strike_usd", "option_type").rows())
    is_known = [{(e, k, "C"), (e, k, "P")} & held != set() for e, k in cells.select("expiry_at", "strike_usd").rows()]
    assert cells["net_gex_usd"].is_not_null().to_list() == is_known
    assert set(is_known) == {True, False}
    assert not strikes["net_gex_usd"].is_nan().any()
    assert strikes["net_gex_usd"].to_list() == [row["net_gex_usd"] for row in document]
    of_strikes = {k for _, k, _ in held}
    assert strikes["net_gex_usd"].is_not_null().to_list() == [k in of_strikes for k in strikes["strike_usd"]]


@pytest.mark.parametrize("venues", [None, ["deribit"]])
def test_an_answer_equals_the_stored_tables(filled: Store, venues: list[str] | None) -> None:
    """Also before the build: it reads the trades that are not summed yet."""
    at = utc("2026-03-05T11:30")
    with open_warehouse(filled.root) as warehouse:
        before = warehouse.answer("BTC", at=at, venues=venues, sign_model="taker")
        built(filled)
        found = warehouse.answer("BTC", at=at, venues=venues, sign_model="taker")
    assert_frame_equal(before.levels, found.levels)
    is_asked = (pl.col("snapshot_at") == utc("2026-03-05T11:00")) & (
        pl.col("venues") == ("all" if venues is None else "deribit")
    )
    for name in (*BY_TRADES, "taker_coverage"):
        mine = found.coverage if name == "taker_coverage" else getattr(found, name)
        stored = rows(filled, name).filter(
            is_asked & (pl.col("sign_model") == "taker" if name != "taker_coverage" else True)
        )
        assert mine.height > 0
        key = [n for n in TABLES[name].key if n != "venues"]
        assert_frame_equal(
            mine.drop("venues").sort(key),
            stored.drop("venues").select(mine.drop("venues").columns),
            rel_tol=1e-9,
            abs_tol=1e-6,
        )


def test_a_window_and_the_strikes(filled: Store) -> None:
    with open_warehouse(filled.root) as warehouse:
        at = {"at": utc("2026-03-05T11:30")}
        whole, far = (warehouse.answer("BTC", **at, sign_model="taker", moneyness_min=m) for m in (None, 50.0))
        naive = warehouse.answer("BTC", **at)
        macro = warehouse.query("FROM levels_for('BTC', at := '2026-03-05 11:30Z', sign_model := 'taker')")
    assert set(far.levels["status"]) == {"empty"}
    assert whole.exposure["net_gex_usd"].sum() == pytest.approx(
        whole.levels.filter(scope="all_expiry")["net_gex_usd"][0]
    )
    assert whole.exposure["call_oi_coin"].to_list() == naive.exposure["call_oi_coin"].to_list()
    assert_frame_equal(whole.max_pain, naive.max_pain)
    assert (
        macro.filter(scope="all_expiry")["net_gex_usd"][0] == whole.levels.filter(scope="all_expiry")["net_gex_usd"][0]
    )


@pytest.mark.parametrize(("venues", "at"), [(["binance"], "2026-03-05T11:30"), (None, "2026-03-03T12:00")])
def test_a_question_without_trades_is_told_in_one_line(filled: Store, venues: list[str] | None, at: str) -> None:
    fill(filled, "2026-03-03")
    with (
        open_warehouse(filled.root) as warehouse,
        pytest.raises(GexError, match=r"^no option trade of BTC from .*fetches") as told,
    ):
        warehouse.answer("BTC", at=utc(at), venues=venues, sign_model="taker")
    assert "\n" not in str(told.value)


def test_the_command_says_how_much_the_trades_explain(filled: Store, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["levels", "btc", "--at", "2026-03-05T11:30Z", "--sign-model", "taker", "--warehouse", str(filled.root)]
    assert cli.main([*words, "--json"]) == 0
    out, err = capsys.readouterr()
    extra = json.loads(out)["meta"]["extra"]
    (line,) = [line for line in err.splitlines() if "trades since" in line]
    first = rows(filled, "trades")["traded_at"].min()
    assert line.startswith(f"gex: BTC: trades since {first:%Y-%m-%d %H:%M:%S} UTC explain ")
    assert line.endswith("; 12 hours since have none; partial: some venues have no trades")
    assert f"{extra['coverage']['share_of_oi']:.1%}".replace("%", " % of open interest") in line
    assert (extra["sign_model"], extra["coverage"]["status"]) == ("taker", "partial")


def test_the_command_without_trades_fails_in_one_line(filled: Store, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--at", "2026-03-05T11:30Z", "--venue", "binance", "--sign-model", "taker"]
    assert cli.main(["levels", "BTC", *words, "--warehouse", str(filled.root)]) == 1
    assert capsys.readouterr().err == (
        "gex: no option trade of BTC from binance until 2026-03-05T11:00Z is stored: "
        "sign model taker needs them, gex market fetches them\n"
    )
