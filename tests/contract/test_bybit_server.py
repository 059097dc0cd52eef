"""The Bybit of the local server against the fact sheet, and its numbers against a pricing library."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest
from vollib.black import black
from vollib.black.greeks.analytical import delta, gamma, theta, vega

from tests.contract.conftest import Ask
from tests.contract.shapes import differences, is_ascending
from tests.unit.market.venue_client import NOW, NOW_MS

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
NAME = re.compile(r"([A-Z]+)-(\d{1,2}[A-Z]{3}\d{2})-(\d+(?:\.\d+)?)-([CP])(-USDT)?")
INSTRUMENT = {
    "symbol": "BTC-25DEC26-100000-C-USDT", "symbolId": 81234, "status": "Trading", "baseCoin": "BTC",
    "quoteCoin": "USDT", "settleCoin": "USDT", "optionsType": "Call", "launchTime": "1766649600000",
    "deliveryTime": "1798185600000", "deliveryFeeRate": "0.00015",
    "priceFilter": {"minPrice": "5", "maxPrice": "1110000", "tickSize": "5"},
    "lotSizeFilter": {"maxOrderQty": "500", "minOrderQty": "0.01", "qtyStep": "0.01"},
    "displayName": "BTCUSDT-25DEC26-100000-C",
}  # fmt: skip
TICKER = {
    "symbol": "BTC-25DEC26-100000-C-USDT", "bid1Price": "2415", "bid1Size": "3.1", "bid1Iv": "0.4712",
    "ask1Price": "2495", "ask1Size": "2.8", "ask1Iv": "0.4804", "lastPrice": "2450", "highPrice24h": "2780",
    "lowPrice24h": "2260", "markPrice": "2462.81730411", "indexPrice": "84511.72", "markIv": "0.4765",
    "underlyingPrice": "85204.18", "openInterest": "612.43", "turnover24h": "1520034.77", "volume24h": "17.95",
    "totalVolume": "2107", "totalTurnover": "178101245", "delta": "0.16020331", "gamma": "0.00001512",
    "vega": "65.10440218", "theta": "-41.20773041", "predictedDeliveryPrice": "0", "change24h": "-0.06130268",
}  # fmt: skip


def result(ask: Ask, path: str, message: str = "OK", **query: Any) -> dict:
    answer = ask(f"/v5/{path}", **query)
    body = answer.json()
    assert answer.status == 200 and body.keys() == {"retCode", "retMsg", "result", "retExtInfo", "time"}
    assert (body["retCode"], body["retMsg"], body["time"]) == (0, message, NOW_MS)
    return body["result"]


def tickers(ask: Ask, coin: str) -> list[dict]:
    return result(ask, "market/tickers", category="option", baseCoin=coin)["list"]


def instruments(ask: Ask, **query: Any) -> dict:
    return result(ask, "market/instruments-info", "success", category="option", **query)


@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
def test_instruments(ask: Ask, coin: str) -> None:
    rows = instruments(ask, baseCoin=coin, limit=1000)["list"]
    for row in rows:
        assert not differences(row, INSTRUMENT)
        match = NAME.fullmatch(row["symbol"])
        assert row["settleCoin"] == ("USDT" if match[5] else "USDC")
        assert row["optionsType"] == {"C": "Call", "P": "Put"}[match[4]]
        assert int(row["deliveryTime"]) % DAY_MS == 8 * HOUR_MS
        assert row["status"] == ("Trading" if int(row["deliveryTime"]) > NOW_MS else "Delivering")
    trading = {row["symbol"] for row in rows if row["status"] == "Trading"}
    assert trading == {row["symbol"] for row in tickers(ask, coin)}
    assert len({row["symbolId"] for row in rows}) == len(rows)
    settles = [row["settleCoin"] for row in rows]
    assert coin == "SOL" or 0 < settles.count("USDC") < settles.count("USDT")


def test_instruments_come_in_pages_and_btc_by_default(ask: Ask) -> None:
    whole = instruments(ask, limit=1000)
    assert {row["baseCoin"] for row in whole["list"]} == {"BTC"} and whole["nextPageCursor"] == ""
    assert instruments(ask)["list"] == whole["list"][:500]  # the default of a page
    first = instruments(ask, limit=300)
    assert len(first["list"]) == 300
    second = instruments(ask, limit=300, cursor=first["nextPageCursor"])
    assert second == instruments(ask, limit=300, cursor=unquote(first["nextPageCursor"]))
    assert second["nextPageCursor"] == "" and first["list"] + second["list"] == whole["list"]


@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
def test_tickers(ask: Ask, coin: str) -> None:
    rows = tickers(ask, coin)
    for row in rows:
        assert not differences(row, TICKER)
        assert (row["bid1Price"] == "0") == (row["bid1Size"] == "0") == (row["bid1Iv"] == "0")
        assert 0.05 <= float(row["markIv"]) < 5
    for key in ("bid1Price", "ask1Price", "openInterest", "lastPrice"):
        assert any(row[key] != "0" for row in rows)
        assert coin == "SOL" or any(row[key] == "0" for row in rows)  # a small book may have all of one


def test_marks_and_greeks_are_black_76_on_the_forward(ask: Ask) -> None:
    for row in tickers(ask, "ETH")[::31]:
        _, day, strike, kind, _ = NAME.fullmatch(row["symbol"]).groups()
        at = datetime.strptime(day, "%d%b%y").replace(hour=8, tzinfo=UTC)
        t = (at - NOW).total_seconds() / (365 * 86_400)
        given = (kind.lower(), float(row["underlyingPrice"]), float(strike), t, 0, float(row["markIv"]))
        assert float(row["markPrice"]) == pytest.approx(black(*given), abs=1e-6)
        assert float(row["delta"]) == pytest.approx(delta(*given), abs=1e-7)
        assert float(row["gamma"]) == pytest.approx(gamma(*given), abs=1e-7)
        assert float(row["vega"]) == pytest.approx(vega(*given), abs=1e-6)
        assert float(row["theta"]) == pytest.approx(theta(*given), rel=1e-5, abs=1e-6)


def test_one_expiry_or_one_symbol(ask: Ask) -> None:
    rows = result(ask, "market/tickers", category="option", baseCoin="BTC", expDate="25DEC26")["list"]
    assert rows and {row["symbol"].split("-")[1] for row in rows} == {"25DEC26"}
    symbol = rows[0]["symbol"]
    assert result(ask, "market/tickers", category="option", symbol=symbol)["list"] == rows[:1]
    assert [row["symbol"] for row in instruments(ask, baseCoin="BTC", symbol=symbol)["list"]] == [symbol]


def test_hype_has_no_options(ask: Ask) -> None:
    assert tickers(ask, "HYPE") == [] == instruments(ask, baseCoin="HYPE")["list"]


def test_perpetuals(ask: Ask) -> None:
    rows = result(ask, "market/tickers", category="linear")["list"]
    symbols = {f"{coin}{quote}" for coin in ("BTC", "ETH", "SOL", "HYPE") for quote in ("USDT", "PERP")}
    assert {row["symbol"] for row in rows} == symbols
    keys = ("lastPrice", "indexPrice", "markPrice", "fundingRate", "nextFundingTime", "openInterest")
    for row in rows:
        assert not differences({key: row[key] for key in keys}, dict.fromkeys(keys, "1"))
        assert float(row["openInterest"]) == 2 * float(row["singleOpenInterest"])


def test_time_and_status(ask: Ask) -> None:
    example = {"timeSecond": "1", "timeNano": "1"}
    assert not differences(result(ask, "market/time"), example)
    assert result(ask, "system/status") == {"list": []}


@pytest.mark.parametrize(("path", "width"), [("kline", 7), ("index-price-kline", 5), ("mark-price-kline", 5)])
@pytest.mark.parametrize("symbol", ["BTCUSDT", "HYPEPERP"])
def test_klines_are_strings_newest_first(ask: Ask, path: str, width: int, symbol: str) -> None:
    query = {"category": "linear", "symbol": symbol, "interval": "60"}
    told = result(ask, f"market/{path}", **query)
    assert (told["category"], told["symbol"], len(told["list"])) == ("linear", symbol, 200)
    assert not differences(told["list"], [["1"] * width]) and {len(row) for row in told["list"]} == {width}
    starts = [int(row[0]) for row in told["list"]]
    assert starts[0] == NOW_MS // HOUR_MS * HOUR_MS and is_ascending(starts[::-1])


def test_klines_walk_backwards_until_empty(ask: Ask) -> None:
    query = {"category": "linear", "symbol": "ETHUSDT", "interval": "D", "limit": 20}
    starts, end = [], NOW_MS
    while page := result(ask, "market/kline", end=end, **query)["list"]:
        starts += [int(row[0]) for row in page]
        end = starts[-1] - 1
    assert starts == [NOW_MS // DAY_MS * DAY_MS - i * DAY_MS for i in range(51)]


def test_kline_windows(ask: Ask) -> None:
    query = {"category": "linear", "symbol": "BTCUSDT", "interval": "60"}
    window = result(ask, "market/kline", start=NOW_MS - 10 * HOUR_MS, end=NOW_MS - 5 * HOUR_MS, **query)["list"]
    assert len(window) == 5
    months = result(ask, "market/kline", category="linear", symbol="BTCUSDT", interval="M")["list"]
    assert [datetime.fromtimestamp(int(row[0]) / 1e3, UTC).day for row in months] == [1] * 2
    weeks = result(ask, "market/kline", category="linear", symbol="BTCUSDT", interval="W")["list"]
    assert {datetime.fromtimestamp(int(row[0]) / 1e3, UTC).weekday() for row in weeks} == {0}


def test_funding(ask: Ask) -> None:
    rows = result(ask, "market/funding/history", category="linear", symbol="SOLUSDT", limit=3)["list"]
    example = {"symbol": "SOLUSDT", "fundingRate": "0.0001", "fundingRateTimestamp": "1"}
    assert not differences(rows, [example])
    assert [NOW_MS - int(row["fundingRateTimestamp"]) for row in rows] == [
        int((1.5 + 8 * i) * HOUR_MS) for i in range(3)
    ]


def test_delivery_prices(ask: Ask) -> None:
    rows = result(ask, "market/new-delivery-price", category="option", baseCoin="BTC")["list"]
    assert not differences(rows, [{"deliveryPrice": "111675.89830854", "deliveryTime": "1756080000000"}])
    assert [int(row["deliveryTime"]) for row in rows] == [NOW_MS - 90 * 60_000 - i * DAY_MS for i in range(50)]
    now = result(ask, "market/delivery-price", category="option", limit=5)
    assert [len(row["symbol"].split("-")) for row in now["list"]] == [4] * 5 and now["nextPageCursor"]
    more = result(ask, "market/delivery-price", category="option", limit=5, cursor=now["nextPageCursor"])
    assert not {row["symbol"] for row in more["list"]} & {row["symbol"] for row in now["list"]}
    usdt = result(ask, "market/delivery-price", category="option", settleCoin="USDT")["list"]
    assert {row["deliveryPrice"] for row in usdt} == {rows[0]["deliveryPrice"]}
    one = result(ask, "market/delivery-price", category="option", symbol=usdt[0]["symbol"])["list"]
    assert one == usdt[:1]


def test_recent_trades(ask: Ask) -> None:
    rows = result(ask, "market/recent-trade", category="option", baseCoin="BTC", limit=100)["list"]
    example = {
        "execId": "x", "symbol": "x", "price": "1", "size": "1", "side": "Buy", "time": "1", "isBlockTrade": False,
        "isRPITrade": False, "mP": "1", "iP": "1", "mIv": "0.4", "iv": "0.4", "seq": "1",
    }  # fmt: skip
    assert len(rows) == 100 and not differences(rows, [example])
    times = [int(row["time"]) for row in rows]
    assert times == sorted(times, reverse=True) and len({row["execId"] for row in rows}) == 100
    one = result(ask, "market/recent-trade", category="option", symbol=rows[0]["symbol"])["list"]
    assert one[0] == rows[0] and {row["symbol"] for row in one} == {rows[0]["symbol"]}


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("market/tickers", {"category": "option", "baseCoin": "XYZ"}),
        ("market/tickers", {"category": "option"}),
        ("market/tickers", {"category": "options", "baseCoin": "BTC"}),
        ("market/tickers", {"baseCoin": "BTC"}),
        ("market/tickers", {"category": "option", "symbol": "BTC-25DEC26-1-C-USDT"}),
        ("market/instruments-info", {"category": "option", "limit": 1001}),
        ("market/instruments-info", {"category": "option", "cursor": "nonsense"}),
        ("market/kline", {"category": "linear", "symbol": "BTCUSDT", "interval": "61"}),
        ("market/kline", {"category": "linear", "symbol": "XYZUSDT", "interval": "60"}),
        ("market/funding/history", {"category": "linear", "symbol": "BTCUSDT", "startTime": 1}),
    ],
)
def test_wrong_parameters(ask: Ask, path: str, query: dict) -> None:
    answer = ask(f"/v5/{path}", **query)
    body = answer.json()
    assert (answer.status, body["retCode"], body["result"]) == (200, 10001, {})
    assert body["retMsg"].startswith("params error: ") and body["time"] == NOW_MS


def test_wrong_path(ask: Ask) -> None:
    assert ask("/v5/market/nothing").status == 404
