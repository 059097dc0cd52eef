"""Units, quotes, names and reasons: one row of a chain, worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers import READERS, Options
from gex_pipeline.importers.mapping import mapping_from
from gex_pipeline.schema import TABLES
from gex_pipeline.schema.checks import violations
from gex_pipeline.schema.types import polars_schema
from tests.instants import utc
from tests.unit.importers.build import CHAIN, chain_of, good, reasons, row


def _one(folder: Path, section: dict[str, Any] | None = None, **cells: Any) -> dict[str, Any]:
    return good(chain_of(folder, [row(**cells)], section)).row(0, named=True)


def test_a_whole_row(tmp_path: Path) -> None:
    imported = chain_of(tmp_path, [row()])
    frame = good(imported)
    assert frame.schema == polars_schema(TABLES["chain"])
    assert imported.tables["chain_rejected"].schema == polars_schema(TABLES["chain_rejected"])
    assert frame.row(0, named=True) == {
        "snapshot_at": utc("2026-01-01"),
        "venue_time": None,
        "knowledge_time": utc("2026-01-01"),
        "underlying": "BTC",
        "venue": "deribit",
        "instrument": "BTC-10JAN26-100000-C",
        "expiry_at": utc("2026-01-10T08:00"),
        "strike_usd": 100000.0,
        "option_type": "C",
        "open_interest_coin": 3.0,
        "contract_size_coin": None,
        "mark_iv": 0.5,
        "bid_iv": None,
        "ask_iv": None,
        "forward_usd": 100000.0,
        "forward_source": "venue",
        "index_usd": 100000.0,
        "index_source": "front_forward",
        "settlement_estimate_usd": None,
        "mark_usd": 2000.0,
        "bid_usd": 1900.0,
        "ask_usd": 2100.0,
        "settlement": "inverse",
        "tenor_years": (9 * 86_400 + 8 * 3_600) / (365 * 86_400),
        "volume_24h_coin": None,
        "source": "test",
    }


@pytest.mark.parametrize(
    ("at", "sent", "stored"),
    [
        ("2026-01-10T07:45Z", 99_500.0, 99_500.0),
        ("2026-01-10T07:30Z", 99_500.0, None),  # nothing is averaged yet: it is the index
        ("2026-01-01T00:00Z", 99_500.0, None),
        ("2026-01-10T07:45Z", "", None),
        ("2026-01-10T07:45Z", 0, None),
        ("2026-01-10T07:45Z", -1, None),
        ("2026-01-10T07:45Z", "inf", None),
    ],
)
def test_a_settlement_estimate_is_one_within_its_window(tmp_path: Path, at: str, sent: object, stored: object) -> None:
    found = _one(tmp_path, {"settlement_estimate_usd": "estimate"}, at=at, estimate=sent)
    assert found["settlement_estimate_usd"] == stored


@pytest.mark.parametrize(("at", "stored"), [("2026-01-10T07:29Z", None), ("2026-01-10T07:31Z", 99_500.0)])
def test_what_was_sent_before_the_window_is_no_estimate(tmp_path: Path, at: str, stored: float | None) -> None:
    section, rows = {"settlement_estimate_usd": "estimate"}, [row(at=at, estimate=99_500.0)]
    found = good(chain_of(tmp_path, rows, section, every="20m")).row(0, named=True)
    assert (found["snapshot_at"], found["settlement_estimate_usd"]) == (utc("2026-01-10T07:40"), stored)


@pytest.mark.parametrize(
    ("unit", "name", "expected"),
    [
        ("usd", "BTC-10JAN26-100000-C", 0.02),
        ("coin", "BTC_USDC-10JAN26-100000-C", 2000.0),
        ("by_settlement", "BTC-10JAN26-100000-C", 2000.0),
        ("by_settlement", "BTC_USDC-10JAN26-100000-C", 0.02),
        ("usd_per_contract", "BTC_USDC-10JAN26-100000-C", 0.002),
    ],
)
def test_price_units(tmp_path: Path, unit: str, name: str, expected: float) -> None:
    section = {"mark_usd": {"column": "mark", "unit": unit}, "contract_size_coin": {"value": 10}}
    assert _one(tmp_path, section, name=name)["mark_usd"] == pytest.approx(expected, rel=1e-15)


def test_open_interest_in_contracts_is_multiplied_and_in_coins_is_not(tmp_path: Path) -> None:
    size = {"value": {"BTC": 1, "SOLUSDT": 10}}
    for unit, expected in (("contract", 30.0), ("coin", 3.0)):
        section = {"open_interest_coin": {"column": "oi", "unit": unit}, "contract_size_coin": size}
        found = _one(tmp_path, section, name="SOL_USDC-10JAN26-150-C", fwd="140")
        assert (found["open_interest_coin"], found["contract_size_coin"]) == (expected, 10.0)


def test_unknown_contract_size_refuses_amounts_in_contracts_only(tmp_path: Path) -> None:
    section: dict[str, Any] = {"contract_size_coin": {"value": {"ETH": 1}}}
    assert _one(tmp_path, section)["contract_size_coin"] is None
    section["open_interest_coin"] = {"column": "oi", "unit": "contract"}
    with pytest.raises(ImportFileError, match="line 2: contract_size_coin is None for BTC"):
        chain_of(tmp_path, [row()], section)


def test_iv_as_fraction(tmp_path: Path) -> None:
    assert _one(tmp_path, {"mark_iv": "iv"}, iv="0.55")["mark_iv"] == 0.55


@pytest.mark.parametrize("nothing", ["0", "", "-1", "-1.0", "0E-8", "NaN", "inf"])
def test_what_is_no_quote(tmp_path: Path, nothing: str) -> None:
    section = {"bid_iv": "bid", "ask_iv": "ask"}
    found = _one(tmp_path, section, bid=nothing, ask=nothing)
    assert [found[k] for k in ("bid_usd", "ask_usd", "bid_iv", "ask_iv")] == [None] * 4


def test_a_mark_of_zero_is_a_mark(tmp_path: Path) -> None:
    assert _one(tmp_path, mark="0E-8")["mark_usd"] == 0.0
    assert _one(tmp_path, mark="")["mark_usd"] is None


def test_first_existing_column_counts(tmp_path: Path) -> None:
    assert _one(tmp_path, {"forward_usd": {"columns": ["underlying_price", "fwd"]}})["forward_usd"] == 100000.0
    with pytest.raises(ImportFileError, match=r"rows\.csv has no column 'fwdd' or 'x'; nearest is 'fwd'"):
        chain_of(tmp_path, [row()], {"forward_usd": {"columns": ["fwdd", "x"]}})


def test_venue_time_and_venue_index(tmp_path: Path) -> None:
    section = {"venue_time": {"column": "vt", "format": "ms"}, "index_usd": "idx"}
    found = good(chain_of(tmp_path, [row(vt="1767225599000", idx="99500")], section)).row(0, named=True)
    assert found["venue_time"] == utc("2025-12-31T23:59:59")
    assert (found["index_usd"], found["index_source"]) == (99500.0, "venue")


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"name": "BTC-PERPETUAL"}, "name_not_parsed"),
        ({"name": ""}, "name_not_parsed"),
        ({"name": "BTC-10JAN26-0-C"}, "no_strike"),
        ({"name": "BTC-1JAN26-100000-C", "at": "2026-01-01T08:00:00Z"}, "expired"),
        ({"iv": ""}, "no_iv"),
        ({"iv": "0"}, "no_iv"),
        ({"iv": "-1"}, "no_iv"),
        ({"iv": "nan"}, "no_iv"),
        ({"iv": "0.999"}, "iv_out_of_range"),
        ({"iv": "500"}, "iv_out_of_range"),
        ({"fwd": ""}, "no_forward"),
        ({"fwd": "0"}, "no_forward"),
        ({"fwd": "-5"}, "no_forward"),
        ({"oi": ""}, "no_open_interest"),
        ({"oi": "inf"}, "no_open_interest"),
        ({"oi": "-0.1"}, "open_interest_negative"),
        ({"oi": "1e20"}, "open_interest_out_of_range"),
        ({"oi": "", "iv": "0", "name": "BTC-1JAN20-5-C"}, "expired"),  # the first reason of several
    ],
)
def test_every_reason(tmp_path: Path, cells: dict[str, str], reason: str) -> None:
    imported = chain_of(tmp_path, [row(**cells), row(name="BTC-10JAN26-90000-P")])
    assert reasons(imported) == [reason]
    assert good(imported).height == 1
    rejected = imported.tables["chain_rejected"]
    assert json.loads(rejected["raw"][0]) == row(**cells)
    assert violations(TABLES["chain_rejected"], rejected) == []
    assert rejected["underlying"][0] == ("BTC" if cells.get("name") != "" else "unknown")


@pytest.mark.parametrize(("sent", "stored"), [("0", 0.0), ("12", 12.0), ("-1", None), ("1e20", None), ("inf", None)])
def test_a_volume_that_cannot_be_is_none(tmp_path: Path, sent: str, stored: float | None) -> None:
    assert _one(tmp_path, {"volume_24h_coin": "vol"}, vol=sent)["volume_24h_coin"] == stored


@pytest.mark.parametrize("iv", ["1", "499.99"])
def test_iv_at_the_edges_is_kept(tmp_path: Path, iv: str) -> None:
    assert _one(tmp_path, iv=iv)["mark_iv"] == float(iv) / 100


def test_index_missing_everywhere_is_a_reason(tmp_path: Path) -> None:
    section = {"forward_usd": None, "forward": "parity", "mark_usd": "mark", "bid_usd": "bid", "ask_usd": "ask"}
    assert reasons(chain_of(tmp_path, [row()], section)) == ["no_forward"]


def test_built_names_and_their_reasons(tmp_path: Path) -> None:
    section = {
        "instrument": {"build": "deribit"},
        "underlying": {"value": "BTCUSDT"},
        "settlement": {"value": "inverse"},
        "expiry_at": {"column": "expiry", "format": "%Y-%m-%d", "at": "08:00"},
        "strike_usd": "strike",
        "option_type": "type",
    }
    new = {"expiry": "2026-01-10", "strike": "100000", "type": "put"}
    rows = [
        row(**{**new, **change}) for change in ({}, {"expiry": ""}, {"strike": ""}, {"type": "X"}, {"strike": "-1"})
    ]
    imported = chain_of(tmp_path, rows, section)
    assert good(imported)["instrument"].to_list() == ["BTC-10JAN26-100000-P"]
    assert good(imported)["option_type"].to_list() == ["P"]
    assert sorted(reasons(imported)) == ["no_expiry", "no_option_type", "no_strike", "no_strike"]


def test_a_name_the_venue_cannot_have_is_rejected(tmp_path: Path) -> None:
    section = {
        "instrument": {"build": "binance"},
        "underlying": {"value": "BTC"},
        "settlement": {"value": "inverse"},
        "expiry_at": {"column": "expiry", "format": "iso", "at": "08:00"},
        "strike_usd": "strike",
        "option_type": "type",
    }
    imported = chain_of(tmp_path, [row(expiry="2026-01-10", strike="1", type="C")], section)
    assert reasons(imported) == ["name_not_parsed"]


def test_settlement_from_a_column(tmp_path: Path) -> None:
    section = {
        "instrument": "name",
        "underlying": "coin",
        "settlement": "settle",
        "expiry_at": {"column": "expiry", "format": "iso", "at": "08:00"},
        "strike_usd": "strike",
        "option_type": "type",
    }
    new = {"coin": "BTC_USDC", "expiry": "2026-01-10", "strike": "1", "type": "c"}
    found = good(chain_of(tmp_path, [row(**new, settle="Linear")], section)).row(0, named=True)
    assert (found["settlement"], found["underlying"], found["mark_usd"]) == ("linear", "BTC", 0.02)
    with pytest.raises(ImportFileError, match="line 2: settlement is 'quanto' for BTC"):
        chain_of(tmp_path, [row(**new, settle="quanto")], section)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"oi": "many"}, r"rows\.csv line 3: oi = 'many' is not a number"),
        ({"fwd": "1,000"}, r"line 3: 9 cells instead of 8"),
        ({"iv": "1_000"}, r"line 3: iv = '1_000' is not a number"),
        ({"at": ""}, r"line 3: received_at is None"),
        ({"at": "yesterday"}, r"line 3: at = 'yesterday' is not a time of format iso"),
    ],
)
def test_a_cell_that_is_not_what_the_mapping_says_refuses_the_file(
    tmp_path: Path, cells: dict[str, str], message: str
) -> None:
    with pytest.raises(ImportFileError, match=message):
        chain_of(tmp_path, [row(), row(**cells)])


def test_names_of_another_venue_refuse_the_file(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError) as caught:
        chain_of(tmp_path, [row(name="BTC-231229-34000-C")])
    path = tmp_path / "rows.csv"
    assert str(caught.value) == f"no deribit instrument name in {path}: first is 'BTC-231229-34000-C', a binance name"
    with pytest.raises(ImportFileError, match="first is 'hello', a name of no known venue"):
        chain_of(tmp_path, [row(name="hello")])
    with pytest.raises(ImportFileError, match="the column is empty"):
        chain_of(tmp_path, [row(name="")])


@pytest.mark.parametrize("coin", ["BTC", "BTCUSDT", "btc"])
def test_only_the_coin_that_is_asked_for(tmp_path: Path, coin: str) -> None:
    rows = [row(), row(name="BTC_USDC-10JAN26-90000-C"), row(name="ETH-10JAN26-3000-C"), row(name="ETH-PERPETUAL")]
    imported = chain_of(tmp_path, rows, options={"underlying": coin})
    assert sorted(good(imported)["settlement"]) == ["inverse", "linear"]
    assert reasons(imported) == []
    assert imported.dropped == {"other underlying": 2}
    with pytest.raises(ImportFileError, match=r"rows\.csv holds BTC, ETH, no SOL"):
        chain_of(tmp_path, rows, options={"underlying": "SOL"})


def test_typed_columns_and_jsonl_give_the_same_rows_as_csv(tmp_path: Path) -> None:
    rows = [row(), row(name="BTC-10JAN26-90000-P", iv="", oi="-1")]
    expected = chain_of(tmp_path, rows)
    typed = pl.DataFrame(rows).with_columns(
        pl.col("fwd", "mark", "bid", "ask", "iv", "oi").replace("", None).cast(pl.Float64),
        pl.col("at").str.to_datetime(time_zone="UTC"),
        pl.col("name").cast(pl.Categorical),
    )
    typed.write_parquet(tmp_path / "rows.parquet")
    typed.drop("at").with_columns(at=pl.lit(rows[0]["at"])).write_ndjson(tmp_path / "rows.jsonl")
    mapping = mapping_from({"venue": "deribit", "chain": CHAIN}, "test")
    for name in ("rows.parquet", "rows.jsonl"):
        found = READERS["chain"](tmp_path / name, Options(mapping=mapping))
        assert good(found).equals(good(expected))
        assert reasons(found) == reasons(expected)
    raw = READERS["chain"](tmp_path / "rows.parquet", Options(mapping=mapping)).tables["chain_rejected"]["raw"][0]
    assert json.loads(raw)["at"] == "2026-01-01T00:00:00+00:00"


BIG_SIZE = {"value": 10.0}


@pytest.mark.parametrize("oi", ["1e308", "-1e308"])
def test_open_interest_that_the_conversion_makes_infinite_is_none(tmp_path: Path, oi: str) -> None:
    section = {"open_interest_coin": {"column": "oi", "unit": "contract"}, "contract_size_coin": BIG_SIZE}
    imported = chain_of(tmp_path, [row(oi=oi), row(name="BTC-10JAN26-90000-P")], section)
    assert reasons(imported) == ["no_open_interest"]
    assert good(imported)["open_interest_coin"].to_list() == [30.0]
    for name, table in imported.tables.items():
        assert violations(TABLES[name], table) == []


def test_prices_and_volumes_that_the_conversion_makes_infinite_are_null(tmp_path: Path) -> None:
    section = {"volume_24h_coin": {"column": "vol", "unit": "contract"}, "contract_size_coin": BIG_SIZE}
    huge = {"mark": "1e305", "bid": "1e305", "ask": "1e305", "vol": "1e308"}
    imported = chain_of(tmp_path, [row(**huge)], section)
    assert good(imported).select("mark_usd", "bid_usd", "ask_usd", "volume_24h_coin").row(0) == (None,) * 4
    assert violations(TABLES["chain"], good(imported)) == []
    per_contract = {"mark_usd": {"column": "mark", "unit": "usd_per_contract"}, "contract_size_coin": {"value": 1e-320}}
    for mark in ("5", "0"):  # a price over almost nothing, and 0 x infinity
        assert _one(tmp_path, per_contract, mark=mark)["mark_usd"] is None


def test_forwards_and_indices_that_overflow_are_none(tmp_path: Path) -> None:
    usd = {"forward_usd": None, "forward": "parity", "mark_usd": "mark", "bid_usd": "bid", "ask_usd": "ask"}
    strike = "1" + "0" * 308
    rows = [row(name=f"BTC-10JAN26-{strike}-{kind}", mark=mark) for kind, mark in (("C", "1.7e308"), ("P", "1"))]
    assert reasons(chain_of(tmp_path, rows, usd)) == ["no_forward"] * 2
    names = ("BTC-10JAN26-100000-C", "BTC-10JAN26-100000-P")
    found = chain_of(tmp_path, [row(name=n, fwd="1.7e308", mark="") for n in names])
    assert violations(TABLES["chain"], good(found)) == []


def test_a_year_is_the_year_of_the_tenor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gex_pipeline.importers.chain.SECONDS_PER_YEAR", 86_400)
    assert _one(tmp_path)["tenor_years"] == pytest.approx(9 + 8 / 24)
