"""Bars through a mapping and from kline files: times, faults, contradictions."""

from __future__ import annotations

import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers import READERS, Imported, Options
from gex_pipeline.importers.klines import COLUMNS
from gex_pipeline.importers.mapping import mapping_from
from gex_pipeline.schema import TABLES
from gex_pipeline.schema.checks import violations
from tests.instants import utc
from tests.unit.importers.build import csv_text
from tests.unit.importers.test_mapping import BARS

START = 1_717_200_000  # 2024-06-01T00:00Z
HOUR = 3_600


def _bar(hour: float = 0, **cells: Any) -> dict[str, Any]:
    return {"t": int((START + hour * HOUR) * 1000), "open": 10, "high": 12, "low": 9, "close": 11, "v": 5, **cells}


def _read(folder: Path, bars: list[dict[str, Any]], section: dict[str, Any] | None = None, **options: Any) -> Imported:
    path = folder / "BTC_1h.csv"
    path.write_text(csv_text(bars))
    words = {k: v for k, v in {**BARS, "volume_coin": "v", **(section or {})}.items() if v is not None}
    mapping = mapping_from({"venue": "binance", "candles": words}, "test")
    return READERS["candles"](path, Options(mapping=mapping, **options))


def test_a_bar(tmp_path: Path) -> None:
    imported = _read(tmp_path, [_bar(1), _bar(0)])
    frame = imported.tables["candles"]
    assert violations(TABLES["candles"], frame) == []
    assert frame["open_at"].to_list() == [utc("2024-06-01"), utc("2024-06-01T01:00")]  # sorted, newest was first
    assert frame.row(0, named=True) == {
        "venue": "binance",
        "market": "spot",
        "symbol": "BTCUSDT",
        "underlying": "BTC",
        "interval": "1h",
        "open_at": utc("2024-06-01"),
        "close_at": utc("2024-06-01T01:00"),
        "open": 10.0,
        "high": 12.0,
        "low": 9.0,
        "close": 11.0,
        "volume_coin": 5.0,
        "source": "test",
    }


def test_bars_stamped_by_their_end(tmp_path: Path) -> None:
    section = {"open_at": None, "close_at": {"column": "t", "format": "ms"}}
    frame = _read(tmp_path, [_bar(1)], section).tables["candles"]
    assert frame.select("open_at", "close_at").row(0) == (utc("2024-06-01"), utc("2024-06-01T01:00"))


def test_unusable_bars_are_counted(tmp_path: Path) -> None:
    bars = [
        _bar(0),
        _bar(1, close=""),
        _bar(2, low="NaN"),
        _bar(3, open=0),
        _bar(4, low=-1),
        _bar(5, low=13),
        _bar(6),
        _bar(6),
        _bar(7, high="1e300"),
        _bar(8, low="1e-300"),
    ]
    imported = _read(tmp_path, bars)
    prices = {"price missing": 2, "price not positive": 2, "price out of range": 2}
    assert imported.dropped == {"identical": 1, "low above high": 1, **prices}
    assert imported.rows == imported.tables["candles"].height + sum(imported.dropped.values()) == 10
    with pytest.raises(ImportFileError, match=r"has no usable bar: 1 x price not positive"):
        _read(tmp_path, [_bar(high=0)])


def test_two_bars_of_one_instant_refuse_the_file(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match=r"line 4: a second, different bar opens at 2024-06-01T00:00:00Z"):
        _read(tmp_path, [_bar(0), _bar(1), _bar(0, close=10)])


def test_interval_against_spacing(tmp_path: Path) -> None:
    with pytest.raises(
        ImportFileError, match=r"line 3: the bar opens at 2024-06-01T00:30:00.000000Z, not a multiple of 1h"
    ):
        _read(tmp_path, [_bar(0), _bar(0.5)])
    with pytest.raises(ImportFileError, match=r"bars are 8:00:00 apart \(median\), which is not 1h"):
        _read(tmp_path, [_bar(0), _bar(8), _bar(16)])
    assert _read(tmp_path, [_bar(0), _bar(1), _bar(9), _bar(17)]).rows == 4  # gaps are no contradiction


def test_a_bar_without_time_or_symbol(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="line 3: the bar has no time"):
        _read(tmp_path, [_bar(0), _bar(t="")])
    with pytest.raises(ImportFileError, match="line 2: no symbol for BTC"):
        _read(tmp_path, [_bar(0)], {"symbol": {"value": {"ETH": "ETHUSDT"}}})
    with pytest.raises(ImportFileError, match="line 2: no underlying"):
        _read(tmp_path, [_bar(0, coin="")], {"underlying": "coin"})


def test_underlying_from_the_file_name(tmp_path: Path) -> None:
    section = {"underlying": {"file": "^([A-Z]+)_1h"}}
    assert _read(tmp_path, [_bar()], section).tables["candles"]["underlying"].to_list() == ["BTC"]
    with pytest.raises(ImportFileError, match="does not match"):
        _read(tmp_path, [_bar()], {"underlying": {"file": "^([A-Z]+)_5m"}})
    with pytest.raises(ImportFileError, match="holds BTC, no ETH"):
        _read(tmp_path, [_bar()], section, underlying="ETH")


def test_a_coin_that_can_name_no_folder_refuses_the_file(tmp_path: Path) -> None:
    for coin in ("BTC OPT", "a/b", "..", "B%54C", "BTC\u20bf"):
        with pytest.raises(ImportFileError, match=r"line 3: coin = '.*' is no name of a coin: it may have letters"):
            _read(tmp_path, [_bar(0, coin="BTC"), _bar(1, coin=coin)], {"underlying": "coin"})
    with pytest.raises(ImportFileError, match=r"BTC_1h\.csv: its name's underlying = '\.csv' is no name of a coin"):
        _read(tmp_path, [_bar()], {"underlying": {"file": r"1h(\..*)$"}})
    found = _read(tmp_path, [_bar(coin="1000x.a-b_c")], {"underlying": "coin", "symbol": {"value": "x"}})
    assert found.tables["candles"]["underlying"].to_list() == ["1000X.A-B_C"]


def test_dvol(tmp_path: Path) -> None:
    words = {k: v for k, v in BARS.items() if k not in ("market", "symbol")}
    mapping = mapping_from({"venue": "deribit", "dvol": words}, "test")
    path = tmp_path / "dvol.csv"
    path.write_text(csv_text([_bar()]))
    frame = READERS["dvol"](path, Options(mapping=mapping)).tables["dvol"]
    assert violations(TABLES["dvol"], frame) == []
    assert frame.row(0)[3:] == (utc("2024-06-01"), utc("2024-06-01T01:00"), 10.0, 12.0, 9.0, 11.0, "test")


HEADER = ",".join(COLUMNS) + "\n"


def _kline(at: int, unit: int = 1000) -> str:
    return f"{at * unit},10,12,9,11,5,{(at + HOUR) * unit - 1},50,7,2,20,0\n"


@pytest.mark.parametrize("header", [HEADER, ""])
@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000])
def test_klines(tmp_path: Path, header: str, unit: int) -> None:
    path = tmp_path / "ETHUSDT-1h-2024-06.csv"
    path.write_text(header + _kline(START, unit) + _kline(START + HOUR, unit))
    frame = READERS["binance-klines"](path, Options(market="perp")).tables["candles"]
    assert violations(TABLES["candles"], frame) == []
    assert frame["open_at"].to_list() == [utc("2024-06-01"), utc("2024-06-01T01:00")]
    assert (frame["close_at"] - frame["open_at"]).unique().to_list() == [timedelta(hours=1)]
    assert frame.select("market", "symbol", "underlying", "interval", "source").row(0) == (
        "perp",
        "ETHUSDT",
        "ETH",
        "1h",
        "binance-klines",
    )


def test_klines_in_another_dollar_coin(tmp_path: Path) -> None:
    path = tmp_path / "BTCFDUSD-1h-2024-06.csv"
    path.write_text(_kline(START))
    frame = READERS["binance-klines"](path, Options(market="spot")).tables["candles"]
    assert frame.select("symbol", "underlying").row(0) == ("BTCFDUSD", "BTC")


def test_klines_zip_and_market(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-5m-2024-06-01.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("BTCUSDT-5m-2024-06-01.csv", _kline(START))
    frame = READERS["binance-klines"](path, Options(market="spot")).tables["candles"]
    assert frame.select("market", "interval").row(0) == ("spot", "5m")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("ETHBTC-1h-2024-06.csv", _kline(START), r"ETHBTC is not quoted in dollars \(USD, .*\); candles are in USD"),
        ("BTCEUR-1h-2024-06.csv", _kline(START), "BTCEUR is not quoted in dollars"),
        ("USDT-1h-2024-06.csv", _kline(START), "USDT is not quoted in dollars"),
        ("BTCUSDT.csv", _kline(START), "the name is not of the form SYMBOL-INTERVAL-YYYY-MM"),
        ("BTCUSDT-1mo-2024-06.csv", _kline(START), "interval '1mo' is not one of 1m"),
        ("BTCUSDT-1h-2024-06.csv", "1717200000000,1,2\n", "line 1: 3 cells instead of 12"),
        (
            "BTCUSDT-1h-2024-06.csv",
            HEADER.replace("close,", "clos,", 1) + _kline(START),
            "no column 'close'; nearest is",
        ),
        ("BTCUSDT-1h-2024-06.csv", "open_time,open,high,low,close,volume\n1717200000000,1,2,1,1,1\n", "not 12 columns"),
        ("BTCUSDT-5m-2024-06.csv", "".join(_kline(START + i * HOUR) for i in range(4)), "which is not 5m"),
    ],
)
def test_what_is_no_kline_file(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ImportFileError, match=message):
        READERS["binance-klines"](tmp_path / name, Options(market="perp"))
