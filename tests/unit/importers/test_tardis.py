"""Tardis' option chains of three exchanges, built by hand in their published shape."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers import READERS, Imported, Options
from gex_pipeline.importers.tardis import COLUMNS
from tests.instants import utc
from tests.unit.importers.build import csv_text, good, reasons

READ = READERS["tardis-options-chain"]
EXPIRY = "2026-03-27T08:00"


def micros(text: str) -> int:
    return int(utc(text).timestamp() * 1_000_000)


def tick(symbol: str = "BTC-27MAR26-100000-C", at: str = "2026-01-05T00:59:58.5", **cells: Any) -> dict[str, Any]:
    parts = symbol.removesuffix("-USDT").split("-")
    known = {
        "exchange": "deribit",
        "symbol": symbol,
        "timestamp": micros(at) - 300_000,
        "local_timestamp": micros(at),
        "type": {"C": "call", "P": "put"}[parts[-1]],
        "strike_price": parts[-2].lower().replace("d", "."),
        "expiration": micros(EXPIRY),
        "open_interest": "12.5",
        "bid_price": "0.019",
        "bid_iv": "49",
        "ask_price": "0.021",
        "ask_iv": "51",
        "mark_price": "0.02",
        "mark_iv": "50",
        "underlying_index": "SYN.BTC-27MAR26",
        "underlying_price": "90000",
    }
    return {**dict.fromkeys(COLUMNS, ""), **known, **cells}


def read(folder: Path, rows: list[dict[str, Any]], **options: Any) -> Imported:
    path = folder / "OPTIONS.csv.gz"
    path.write_bytes(gzip.compress(csv_text(rows).encode()))
    imported = READ(path, Options(**options))
    heights = sum(t.height for t in imported.tables.values())
    assert imported.rows == len(rows) == heights - imported.repeated + sum(imported.dropped.values())
    return imported


def refused(folder: Path, rows: list[dict[str, Any]], **options: Any) -> str:
    with pytest.raises(ImportFileError) as caught:
        read(folder, rows, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def only(imported: Imported) -> dict[str, Any]:
    assert reasons(imported) == []
    return good(imported).row(0, named=True)


def test_a_row_of_deribits_inverse_book(tmp_path: Path) -> None:
    row = only(read(tmp_path, [tick()]))
    assert row["snapshot_at"] == row["knowledge_time"] == utc("2026-01-05T01:00")
    assert row["venue_time"] == utc("2026-01-05T00:59:58.2")
    assert (row["venue"], row["underlying"], row["instrument"]) == ("deribit", "BTC", "BTC-27MAR26-100000-C")
    assert (row["expiry_at"], row["strike_usd"], row["option_type"]) == (utc(EXPIRY), 100_000.0, "C")
    assert (row["mark_iv"], row["bid_iv"], row["ask_iv"]) == (0.50, 0.49, 0.51)  # per cent in the file
    assert (row["open_interest_coin"], row["contract_size_coin"]) == (12.5, None)  # coins already
    assert (row["forward_usd"], row["forward_source"]) == (90_000.0, "venue")
    assert (row["index_usd"], row["index_source"]) == (90_000.0, "front_forward")
    assert (row["mark_usd"], row["bid_usd"], row["ask_usd"]) == (1_800.0, pytest.approx(1_710), pytest.approx(1_890))
    assert (row["settlement"], row["source"], row["volume_24h_coin"]) == ("inverse", "tardis-options-chain", None)


def test_a_row_of_deribits_linear_book_in_upper_case(tmp_path: Path) -> None:
    cells = {
        "mark_price": "1.25",
        "bid_price": "",
        "ask_price": "1.3",
        "underlying_price": "9.1",
        "open_interest": "300",
    }
    row = only(read(tmp_path, [tick("AVAX_USDC-27MAR26-8D6-P", **cells)]))
    assert (row["underlying"], row["instrument"], row["strike_usd"]) == ("AVAX", "AVAX_USDC-27MAR26-8d6-P", 8.6)
    assert (row["mark_usd"], row["bid_usd"], row["ask_usd"], row["settlement"]) == (1.25, None, 1.3, "linear")
    assert row["open_interest_coin"] == 300.0  # coins, whatever the contract size is


def test_a_row_of_bybit(tmp_path: Path) -> None:
    cells = {"exchange": "bybit-options", "mark_iv": "0.5", "bid_iv": "0", "ask_iv": "0.51", "mark_price": "1800"}
    row = only(read(tmp_path, [tick("BTC-27MAR26-100000-C-USDT", **cells, bid_price="0", ask_price="1890")]))
    assert (row["venue"], row["underlying"], row["settlement"]) == ("bybit", "BTC", "linear")
    assert (row["mark_iv"], row["bid_iv"], row["mark_usd"], row["bid_usd"]) == (0.5, None, 1_800.0, None)
    assert (row["open_interest_coin"], row["forward_usd"], row["forward_source"]) == (12.5, 90_000.0, "venue")


def okx(symbol: str, mark: str, at: str = "2026-01-05T00:59:58.5", **cells: Any) -> dict[str, Any]:
    own = {"exchange": "okex-options", "mark_iv": "0.5", "bid_iv": "", "ask_iv": "", "mark_price": mark}
    return tick(symbol, at, **{**own, "underlying_index": "BTC-USD", "open_interest": "500", **cells})


def test_rows_of_okx_have_the_index_and_the_forward_comes_from_parity_in_coin(tmp_path: Path) -> None:
    """c - p = 1 - K / F, so K = 90,000, c = 0.06 and p = 0.04 say F = 90,000 / 0.98."""
    pair = [okx("BTC-USD-260327-90000-C", "0.06"), okx("BTC-USD-260327-90000-P", "0.04", open_interest="")]
    imported = read(tmp_path, pair)
    assert reasons(imported) == ["no_open_interest"]
    row = good(imported).row(0, named=True)
    assert (row["venue"], row["settlement"]) == ("okx", "inverse")
    assert (row["index_usd"], row["index_source"]) == (90_000.0, "venue")
    assert (row["forward_usd"], row["forward_source"]) == (pytest.approx(90_000 / 0.98, rel=1e-15), "parity")
    assert row["mark_usd"] == pytest.approx(0.06 * 90_000 / 0.98, rel=1e-15)
    assert (row["open_interest_coin"], row["contract_size_coin"]) == (5.0, 0.01)
    assert row["mark_iv"] == 0.5


def test_okx_without_a_pair_takes_the_index(tmp_path: Path) -> None:
    row = only(read(tmp_path, [okx("BTC-USD-260327-90000-C", "0.06")]))
    assert (row["forward_usd"], row["forward_source"], row["mark_usd"]) == (90_000.0, "index", 5_400.0)


@pytest.mark.parametrize(
    ("family", "day", "size"),
    [
        ("BTC-USD", "2022-05-13T12:00", 0.1),
        ("ETH-USD", "2022-05-13T12:00", 1.0),
        ("BTC-USD", "2022-05-27T00:00", 0.01),
        ("ETH-USD", "2022-06-01T00:00", 0.1),
        ("BTC-USD_UM", "2026-01-05T00:30", 0.01),
        ("ETH-USD_UM", "2026-01-05T00:30", 0.01),
        ("SOL-USD_UM", "2026-01-05T00:30", 0.1),
    ],
)
def test_contract_sizes_of_okx(tmp_path: Path, family: str, day: str, size: float) -> None:
    row = only(read(tmp_path, [okx(f"{family}-260327-90000-C", "0.06", at=day)]))
    assert (row["contract_size_coin"], row["open_interest_coin"]) == (size, pytest.approx(500 * size))
    assert row["settlement"] == ("linear" if family.endswith("_UM") else "inverse")
    assert row["mark_usd"] == (0.06 if family.endswith("_UM") else 5_400.0)


def test_sizes_of_okx_that_nobody_knows(tmp_path: Path) -> None:
    assert "OKX changed its contract sizes between 2022-05-14 and 2022-05-27" in refused(
        tmp_path, [okx("BTC-USD-260327-90000-C", "0.06", at="2022-05-20T00:00")]
    )


def test_a_family_of_okx_whose_size_nobody_knows_leaves_the_others(tmp_path: Path) -> None:
    """The message says how: coin by coin."""
    rows = [
        okx("BTC-USD-260327-90000-C", "0.06"),
        okx("SOL-USD-260327-90-C", "0.06"),
        okx("ETH-USD-260327-3000-C", "0.06"),
    ]
    assert refused(tmp_path, rows).endswith(
        "OPTIONS.csv.gz line 3: the contract size of SOL-USD is not known, so its open interest cannot be counted in "
        "coins: import the other coins one by one with --underlying BTC, ETH"
    )
    imported = read(tmp_path, rows, underlying="BTC")
    assert good(imported)["instrument"].to_list() == ["BTC-USD-260327-90000-C"]
    assert imported.dropped == {"other underlying": 2}
    assert "the contract size of SOL-USD is not known" in refused(tmp_path, rows, underlying="SOL")
    alone = refused(tmp_path, rows[1:2])
    assert alone.endswith("the contract size of SOL-USD is not known, so its open interest cannot be counted in coins")


def test_the_grid_is_an_hour_unless_said_otherwise(tmp_path: Path) -> None:
    rows = [
        tick(at="2026-01-05T00:10", open_interest=1),
        tick(at="2026-01-05T00:58", open_interest=2),
        tick("BTC-27MAR26-90000-P", at="2026-01-05T00:20", open_interest=3),
    ]
    imported = read(tmp_path, rows)
    assert good(imported)["open_interest_coin"].to_list() == [3, 2]
    assert set(good(imported)["snapshot_at"]) == {utc("2026-01-05T01:00")}
    assert imported.dropped == {"superseded on the grid": 1}
    halves = read(tmp_path, rows, every=timedelta(minutes=30))
    at = [(f"{t:%H:%M}", oi) for t, oi in good(halves).select("snapshot_at", "open_interest_coin").iter_rows()]
    assert at == [("00:30", 3), ("00:30", 1), ("01:00", 2)]
    aged = read(tmp_path, rows, max_age=timedelta(minutes=30))
    assert good(aged)["open_interest_coin"].to_list() == [2]
    assert aged.dropped == {"superseded on the grid": 1, "too old for the grid": 1}


def test_unordered_and_repeated_rows_become_the_same_chain(tmp_path: Path) -> None:
    rows = [tick(at=f"2026-01-05T00:{m:02d}", open_interest=m) for m in range(1, 9)]
    whole = good(read(tmp_path, rows))
    unordered = read(tmp_path, rows[::-1])
    assert good(unordered).equals(whole)
    assert unordered.notes == ["7 rows go back in time: each was taken by its time"]
    repeated = read(tmp_path, [r for r in rows for _ in range(3)])
    assert good(repeated).equals(whole)
    assert (repeated.notes, repeated.dropped) == ([], {"superseded on the grid": 23})


def test_several_underlyings_in_one_file(tmp_path: Path) -> None:
    rows = [tick(), tick("ETH-27MAR26-3000-C"), tick("SOL_USDC-27MAR26-150-C")]
    assert sorted(good(read(tmp_path, rows))["underlying"]) == ["BTC", "ETH", "SOL"]
    path = tmp_path / "OPTIONS.csv.gz"
    one = READ(path, Options(underlying="ETH"))
    assert (good(one)["underlying"].to_list(), one.dropped) == (["ETH"], {"other underlying": 2})
    with pytest.raises(ImportFileError, match="holds BTC, ETH, SOL, no HYPE"):
        READ(path, Options(underlying="HYPE"))


def test_what_cannot_be_used_is_kept_with_its_reason(tmp_path: Path) -> None:
    rows = [
        tick("BTC-27MAR26-1000-C", mark_iv=""),
        tick("BTC-27MAR26-2000-C", open_interest=""),
        tick("BTC-27MAR26-3000-C", mark_iv="500"),
        {**tick(), "symbol": "BTC-PERPETUAL", "type": "", "strike_price": "", "expiration": ""},
        tick(),
    ]
    assert sorted(reasons(read(tmp_path, rows))) == ["iv_out_of_range", "name_not_parsed", "no_iv", "no_open_interest"]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"local_timestamp": micros("2026-01-05T00:59") // 1000}, "local_timestamp = '17675"),  # milliseconds
        ({"timestamp": micros("2026-01-05T00:59") // 1000}, "is not between 2000 and 2100; wrong time format?"),
        ({"expiration": micros(EXPIRY) // 1000}, "expiration = '1774598400000' is not between 2000 and 2100"),
        (
            {"expiration": micros("2026-03-20T08:00")},
            "is another contract than its columns say: call 100000 2026-03-20",
        ),
        ({"strike_price": "10000"}, "is another contract than its columns say: call 10000 2026-03-27"),
        ({"type": "put"}, "is another contract than its columns say: put 100000"),
        ({"strike_price": ""}, "is another contract than its columns say: not whole"),
        ({"mark_iv": "n/a"}, "mark_iv = 'n/a' is not a number"),
        ({"exchange": "binance-european-options"}, "exchange = 'binance-european-options' in a file of deribit"),
    ],
)
def test_a_cell_that_cannot_be_is_named_with_its_line(tmp_path: Path, cells: dict[str, Any], message: str) -> None:
    rows = [tick("BTC-27MAR26-90000-P"), tick(at="2026-01-05T00:01"), tick(**cells)]
    found = refused(tmp_path, rows)
    assert message in found
    assert "OPTIONS.csv.gz line 4: " in found


def test_an_exchange_that_is_not_known(tmp_path: Path) -> None:
    assert "line 2: exchange = 'binance-european-options' is none of deribit, bybit-options, okex-options" in refused(
        tmp_path, [tick(exchange="binance-european-options")]
    )


def test_columns_must_be_the_24(tmp_path: Path) -> None:
    renamed = {("markIv" if name == "mark_iv" else name): cell for name, cell in tick().items()}
    assert "line 1: no column 'mark_iv'; nearest is 'markIv'" in refused(tmp_path, [renamed])
    missing = {name: cell for name, cell in tick().items() if name != "rho"}
    assert "line 1: no column 'rho'" in refused(tmp_path, [missing])
    assert good(read(tmp_path, [{**tick(), "new": 1}])).height == 1  # what is added changes nothing
