"""Binance's end-of-hour summaries, built by hand in their published shape."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers import READERS, Imported, Options
from gex_pipeline.importers.binance_eoh import COLUMNS
from tests.instants import utc
from tests.unit.importers.build import csv_text, good, reasons

READ = READERS["binance-eoh"]


def _row(symbol: str = "BTC-231229-34000-C", **cells: Any) -> dict[str, Any]:
    strike = "-".join(symbol.split("-")[1:3])
    defaults = dict.fromkeys(COLUMNS, "0E-8")
    known = {
        "date": "2023-10-20",
        "hour": "01",
        "symbol": symbol,
        "underlying": "BTCUSDT",
        "type": symbol[-1],
        "strike": strike,
        "best_buy_iv": '""',
        "best_sell_iv": "0.48220694",
        "best_bid_price": "745.00000000",
        "mark_price": "762.40000000",
        "mark_iv": "0.47771484",
        "openinterest_contracts": "4.98000000",
        "volume_contracts": "2.5",
    }
    return {**defaults, **known, **cells}


def _read(folder: Path, rows: list[dict[str, Any]], **options: Any) -> Imported:
    path = folder / "BTCUSDT-EOHSummary-2023-10-20.csv"
    path.write_text(csv_text(rows))
    return READ(path, Options(**options))


def _pair(**cells: Any) -> list[dict[str, Any]]:
    put = {**cells, "mark_price": cells.get("put", "5000")}
    put.pop("put", None)
    cells.pop("put", None)
    return [_row(**cells), _row("BTC-231229-34000-P", **put)]


def test_a_row(tmp_path: Path) -> None:
    frame = good(_read(tmp_path, _pair()))
    found = frame.filter(frame["option_type"] == "C").row(0, named=True)
    assert found["snapshot_at"] == found["knowledge_time"] == utc("2023-10-20T02:00")  # hour 01 ends at two
    assert found["expiry_at"] == utc("2023-12-29T08:00")
    assert (found["strike_usd"], found["settlement"], found["contract_size_coin"]) == (34000.0, "linear", 1.0)
    assert (found["open_interest_coin"], found["volume_24h_coin"], found["mark_iv"]) == (4.98, 2.5, 0.47771484)
    assert (found["bid_iv"], found["ask_iv"]) == (None, 0.48220694)
    assert (found["bid_usd"], found["ask_usd"], found["mark_usd"]) == (745.0, None, 762.4)
    assert (found["forward_usd"], found["forward_source"]) == (34000 + 762.4 - 5000, "parity")
    assert (found["index_usd"], found["index_source"]) == (34000 + 762.4 - 5000, "front_forward")
    assert (found["source"], found["venue"]) == ("binance-eoh", "binance")


def test_last_hour_ends_at_midnight(tmp_path: Path) -> None:
    assert set(good(_read(tmp_path, _pair(hour="23")))["snapshot_at"]) == {utc("2023-10-21")}


def test_empty_open_interest_is_rejected_and_zero_is_kept(tmp_path: Path) -> None:
    imported = _read(tmp_path, [_row(openinterest_contracts='""'), _row("BTC-231229-34000-P")])
    assert reasons(imported) == ["no_open_interest"]
    zero = _read(tmp_path, _pair(openinterest_contracts="0E-8"))
    assert good(zero)["open_interest_coin"].to_list() == [0.0, 0.0]


def test_the_venues_cap_is_kept(tmp_path: Path) -> None:
    assert good(_read(tmp_path, _pair(mark_iv="1.40000000")))["mark_iv"].to_list() == [1.4, 1.4]


def test_unit_other_than_one(tmp_path: Path) -> None:
    names = ("XRP-231229-0.5-C", "XRP-231229-0.5-P")
    rows = [
        _row(n, mark_price=m, best_bid_price="10", underlying="XRPUSDT")
        for n, m in zip(names, ("12", "7"), strict=True)
    ]
    found = good(_read(tmp_path, rows)).filter(option_type="C").row(0, named=True)
    assert found["contract_size_coin"] == 100.0
    assert found["open_interest_coin"] == pytest.approx(498.0)
    assert found["mark_usd"] == pytest.approx(0.12)
    assert found["bid_usd"] == pytest.approx(0.1)
    assert found["forward_usd"] == pytest.approx(0.55)
    with pytest.raises(ImportFileError, match="contract_size_coin is None for ABC"):
        _read(tmp_path, [_row("ABC-231229-0.5-C")])


def test_zip_as_published(tmp_path: Path) -> None:
    _read(tmp_path, _pair())
    path = tmp_path / "BTCUSDT-EOHSummary-2023-10-20.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path.with_suffix(".csv"), "BTCUSDT-EOHSummary-2023-10-20.csv")
    assert good(READ(path, Options())).height == 2


def test_columns_must_be_the_26(tmp_path: Path) -> None:
    rows = _pair()
    with pytest.raises(ImportFileError, match=r"no EOHSummary: unknown column 'mark_pric'; nearest is 'mark_price'"):
        _read(tmp_path, [{("mark_pric" if k == "mark_price" else k): v for k, v in r.items()} for r in rows])
    with pytest.raises(ImportFileError, match=r"no EOHSummary: no column 'theta'; nearest is "):
        _read(tmp_path, [{k: v for k, v in r.items() if k != "theta"} for r in rows])


@pytest.mark.parametrize("hour", ["24", "-1", "1.5", '""'])
def test_what_is_no_hour_is_refused(tmp_path: Path, hour: str) -> None:
    with pytest.raises(ImportFileError, match=r"line 2: hour = .* is not an hour"):
        _read(tmp_path, _pair(hour=hour))


def test_underlying_is_a_filter(tmp_path: Path) -> None:
    assert good(_read(tmp_path, _pair(), underlying="BTCUSDT")).height == 2
    with pytest.raises(ImportFileError, match="holds BTC, no ETH"):
        _read(tmp_path, _pair(), underlying="ETH")
