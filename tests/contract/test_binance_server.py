"""The Binance of the local server against the fact sheet, and its numbers against a pricing library."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime
from statistics import median
from typing import Any

import pytest
from vollib.black import black
from vollib.black.greeks.analytical import delta, gamma, theta, vega

from tests.contract.conftest import Ask
from tests.contract.shapes import differences, is_ascending
from tests.unit.market.venue_client import NOW, NOW_MS, START_MS

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
NAME = re.compile(r"([A-Z]+)-(\d{6})-(\d+(?:\.\d+)?)-([CP])")
TICKS = {"BTC": 5.0, "ETH": 0.2, "SOL": 0.01}
SYMBOL = {
    "expiryDate": 1798185600000,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "5", "maxPrice": "9800", "tickSize": "5"},
        {"filterType": "LOT_SIZE", "minQty": "0.01", "maxQty": "100", "stepSize": "0.01"},
    ],
    "symbol": "BTC-261225-100000-C", "side": "CALL", "strikePrice": "100000", "underlying": "BTCUSDT", "unit": 1,
    "liquidationFeeRate": "0.0019000", "minQty": "0.01", "maxQty": "100", "initialMargin": "0.15000000",
    "maintenanceMargin": "0.07500000", "minInitialMargin": "0.10000000", "minMaintenanceMargin": "0.05000000",
    "priceScale": 0, "quantityScale": 2, "quoteAsset": "USDT", "contractType": "CRYPTO", "underlyingType": "COIN",
    "nakedSell": True, "status": "TRADING",
}  # fmt: skip
MARK = {
    "symbol": "BTC-261225-100000-C", "markPrice": "2455", "bidIV": "0.47120001", "askIV": "0.48310001",
    "markIV": "0.47715001", "delta": "0.15891021", "theta": "-41.55120033", "gamma": "0.00001508",
    "vega": "64.80221177", "highPriceLimit": "5980", "lowPriceLimit": "5", "riskFreeInterest": "0",
}  # fmt: skip
TICKER = {
    "symbol": "BTC-261225-100000-C", "priceChange": "-160", "priceChangePercent": "-0.0611", "lastPrice": "2450",
    "lastQty": "0.12", "open": "2610", "high": "2790", "low": "2300", "volume": "6.83", "amount": "17120.44",
    "bidPrice": "2410", "askPrice": "2500", "openTime": 1795080000000, "closeTime": 1795166380017, "firstTradeId": 12,
    "tradeCount": 22, "strikePrice": "100000", "exercisePrice": "84512.04941176",
}  # fmt: skip
CANDLE = [1, "84410.0", "84610.0", "84300.5", "84502.5", "4120.331", 2, "347990112.10", 81234, "2033.1", "1.5", "0"]


def told(ask: Ask, path: str, **query: Any) -> Any:
    answer = ask(f"/{path}", **query)
    assert answer.status == 200 and int(answer.headers["x-mbx-used-weight-1m"]) > 0
    return answer.json()


def symbols(ask: Ask) -> list[dict]:
    return told(ask, "eapi/v1/exchangeInfo")["optionSymbols"]


def test_exchange_info(ask: Ask) -> None:
    info = told(ask, "eapi/v1/exchangeInfo")
    assert info.keys() == {
        "timezone", "serverTime", "optionContracts", "optionAssets", "optionSymbols", "rateLimits",
    }  # fmt: skip
    assert info["timezone"] == "UTC" and info["serverTime"] == NOW_MS
    assert info["optionContracts"][0] == {
        "baseAsset": "BTC", "quoteAsset": "USDT", "underlying": "BTCUSDT", "settleAsset": "USDT",
    }  # fmt: skip
    weights = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 400}
    assert info["rateLimits"][0] == weights
    assert {row["underlying"] for row in info["optionSymbols"]} == {"BTCUSDT", "ETHUSDT", "SOLUSDT"}
    for row in info["optionSymbols"]:
        assert not differences(row, SYMBOL)
        coin, day, strike, kind = NAME.fullmatch(row["symbol"]).groups()
        assert (row["underlying"], row["strikePrice"]) == (f"{coin}USDT", strike)
        assert row["side"] == {"C": "CALL", "P": "PUT"}[kind] and row["unit"] == 1
        at = datetime.strptime(day, "%y%m%d").replace(hour=8, tzinfo=UTC)
        assert row["expiryDate"] == at.timestamp() * 1_000 > NOW_MS


def test_marks(ask: Ask) -> None:
    rows = told(ask, "eapi/v1/mark")
    assert {row["symbol"] for row in rows} == {row["symbol"] for row in symbols(ask)}
    for row in rows:
        assert not differences(row, MARK)
    assert any(row["bidIV"] == "-1.0" for row in rows) and any(row["askIV"] == "-1.0" for row in rows)


@pytest.mark.parametrize("coin", TICKS)
def test_marks_and_greeks_are_black_scholes_on_the_index(ask: Ask, coin: str) -> None:
    index = float(told(ask, "eapi/v1/index", underlying=f"{coin}USDT")["indexPrice"])
    for row in [row for row in told(ask, "eapi/v1/mark") if row["symbol"].startswith(coin)][::23]:
        _, day, strike, kind = NAME.fullmatch(row["symbol"]).groups()
        at = datetime.strptime(day, "%y%m%d").replace(hour=8, tzinfo=UTC)
        t = (at - NOW).total_seconds() / (365 * 86_400)
        given = (kind.lower(), index, float(strike), t, 0, float(row["markIV"]))
        value = max(black(*given), TICKS[coin])
        assert float(row["markPrice"]) == pytest.approx(value, abs=0.5001 * TICKS[coin])
        assert float(row["delta"]) == pytest.approx(delta(*given), abs=1e-7)
        assert float(row["gamma"]) == pytest.approx(gamma(*given), abs=1e-7)
        assert float(row["vega"]) == pytest.approx(vega(*given), abs=1e-6)
        assert float(row["theta"]) == pytest.approx(theta(*given), rel=1e-5, abs=1e-6)


def test_parity_gives_the_index_back(ask: Ask) -> None:
    index = float(told(ask, "eapi/v1/index", underlying="BTCUSDT")["indexPrice"])
    pairs: dict[tuple[str, float], dict[str, float]] = defaultdict(dict)
    for row in told(ask, "eapi/v1/mark"):
        coin, day, strike, kind = NAME.fullmatch(row["symbol"]).groups()
        if coin == "BTC":
            pairs[day, float(strike)][kind] = float(row["markPrice"])
    forwards = defaultdict(list)
    for (day, strike), marks in sorted(pairs.items(), key=lambda p: abs(p[1]["C"] - p[1]["P"])):
        forwards[day].append(strike + marks["C"] - marks["P"])
    assert all(median(f[:5]) == pytest.approx(index, abs=10) for f in forwards.values())


def test_tickers(ask: Ask) -> None:
    rows = told(ask, "eapi/v1/ticker")
    for row in rows:
        assert not differences(row, TICKER)
        never = row["lastPrice"] == "0"
        assert never == (row["openTime"] == 0) == (row["closeTime"] == 0) == (row["firstTradeId"] == 0)
    assert any(row["bidPrice"] == "0" for row in rows) and any(row["openTime"] == 0 for row in rows)
    assert told(ask, "eapi/v1/ticker", symbol=rows[3]["symbol"]) == [rows[3]]


def test_index_and_times(ask: Ask) -> None:
    assert not differences(
        told(ask, "eapi/v1/index", underlying="ETHUSDT"), {"time": 1, "indexPrice": "84512.04941176"}
    )
    for family in ("eapi", "fapi"):
        assert told(ask, f"{family}/v1/time") == {"serverTime": NOW_MS} and told(ask, f"{family}/v1/ping") == {}
    assert told(ask, "sapi/v1/system/status") == {"status": 0, "msg": "normal"}


@pytest.mark.parametrize("coin", TICKS)
def test_open_interest_needs_one_call_per_expiry(ask: Ask, coin: str) -> None:
    listed = {row["symbol"] for row in symbols(ask) if row["symbol"].startswith(coin)}
    index = float(told(ask, "eapi/v1/index", underlying=f"{coin}USDT")["indexPrice"])
    found = []
    for day in {name.split("-")[1] for name in listed}:
        found += told(ask, "eapi/v1/openInterest", underlyingAsset=coin, expiration=day)
    example = {"symbol": "x", "sumOpenInterest": "212.4", "sumOpenInterestUsd": "17950301.11", "timestamp": "1"}
    for row in found:
        assert not differences(row, example) and int(row["timestamp"]) % 60_000 == 0
        assert float(row["sumOpenInterest"]) * index == pytest.approx(float(row["sumOpenInterestUsd"]), rel=1e-9)
    assert {row["symbol"] for row in found} == listed and len(found) == len(listed)
    assert any(row["sumOpenInterest"] == "0" for row in found)
    assert told(ask, "eapi/v1/openInterest", underlyingAsset=coin, expiration="300101") == []


def test_exercises(ask: Ask) -> None:
    rows = told(ask, "eapi/v1/exerciseHistory", underlying="BTCUSDT")
    example = {
        "symbol": "BTC-261119-84000-C", "strikePrice": "84000", "realStrikePrice": "85010.77310000",
        "expiryDate": 1795075200000, "strikeResult": "REALISTIC_VALUE_STRICKEN",
    }  # fmt: skip
    assert len(rows) == 100 and not differences(rows, [example])
    assert rows[0]["expiryDate"] == NOW_MS - 90 * 60_000
    for row in rows:
        _, _, strike, kind = NAME.fullmatch(row["symbol"]).groups()
        pays = (float(row["realStrikePrice"]) - float(strike)) * (1 if kind == "C" else -1) > 0
        assert row["strikeResult"] == ("REALISTIC_VALUE_STRICKEN" if pays else "EXTRINSIC_VALUE_EXPIRED")
    window = {"startTime": NOW_MS - 10 * DAY_MS, "endTime": NOW_MS - 9 * DAY_MS}
    assert {row["expiryDate"] for row in told(ask, "eapi/v1/exerciseHistory", **window)} == {
        NOW_MS - 90 * 60_000 - 9 * DAY_MS
    }


def test_trades(ask: Ask) -> None:
    example = {"id": 1, "symbol": "x", "price": "1000", "qty": "-0.1", "quoteQty": "-100", "side": -1, "time": 1}
    found = []
    for row in symbols(ask)[:80]:
        found += told(ask, "eapi/v1/trades", symbol=row["symbol"])
    assert found and not differences(found, [example])
    assert all((float(row["qty"]) > 0) == (row["side"] == 1) for row in found)


@pytest.mark.parametrize(
    ("path", "parameter"), [("klines", "symbol"), ("indexPriceKlines", "pair"), ("markPriceKlines", "symbol")]
)
@pytest.mark.parametrize("symbol", ["BTCUSDT", "HYPEUSDT"])
def test_candles(ask: Ask, path: str, parameter: str, symbol: str) -> None:
    rows = told(ask, f"fapi/v1/{path}", interval="1h", **{parameter: symbol})
    assert len(rows) == 500 and not [d for row in rows for d in differences(row, CANDLE)]
    assert is_ascending([row[0] for row in rows]) and rows[-1][0] == NOW_MS // HOUR_MS * HOUR_MS
    assert {row[6] - row[0] for row in rows} == {HOUR_MS - 1}
    assert {row[5] == "0" for row in rows} == {path != "klines"}


def test_candles_page_forward(ask: Ask) -> None:
    start, starts = 0, []
    while page := told(ask, "fapi/v1/klines", symbol="ETHUSDT", interval="12h", startTime=start or 1, limit=40):
        starts += [row[0] for row in page]
        start = starts[-1] + 1
    assert starts == [START_MS + i * 12 * HOUR_MS for i in range(2 * 50 + 1)]


def test_perpetuals(ask: Ask) -> None:
    example = {
        "symbol": "BTCUSDT", "markPrice": "1", "indexPrice": "1", "estimatedSettlePrice": "1",
        "lastFundingRate": "0.0001", "interestRate": "0.0001", "nextFundingTime": 1, "time": 1,
    }  # fmt: skip
    rows = told(ask, "fapi/v1/premiumIndex")
    assert {row["symbol"] for row in rows} == {"BTCUSDT", "ETHUSDT", "SOLUSDT", "HYPEUSDT"}
    assert not differences(rows, [example])
    assert told(ask, "fapi/v1/premiumIndex", symbol="HYPEUSDT") in rows


def test_funding(ask: Ask) -> None:
    example = {"symbol": "x", "fundingTime": 1, "fundingRate": "0.0001", "markPrice": "84000.00000000"}
    rows = told(ask, "fapi/v1/fundingRate", symbol="BTCUSDT")
    assert len(rows) == 100 and not differences(rows, [example])
    assert is_ascending([row["fundingTime"] for row in rows]) and rows[-1]["fundingTime"] <= NOW_MS
    first = told(ask, "fapi/v1/fundingRate", symbol="BTCUSDT", startTime=1, limit=2)
    assert [row["fundingTime"] for row in first] == [START_MS, START_MS + 8 * HOUR_MS]


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("eapi/v1/index", {}, -1102),
        ("eapi/v1/index", {"underlying": "HYPEUSDT"}, -1121),
        ("eapi/v1/index", {"underlying": "BTC"}, -1121),
        ("eapi/v1/openInterest", {"underlyingAsset": "BTC"}, -1102),
        ("eapi/v1/openInterest", {"underlyingAsset": "HYPE", "expiration": "261225"}, -1121),
        ("eapi/v1/openInterest", {"underlyingAsset": "BTC", "expiration": "25DEC26"}, -1130),
        ("eapi/v1/mark", {"symbol": "BTC-261225-1-C"}, -1121),
        ("eapi/v1/trades", {"symbol": "X"}, -1121),
        ("fapi/v1/klines", {"symbol": "BTCUSDT"}, -1102),
        ("fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "61m"}, -1120),
        ("fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 1501}, -1130),
        ("fapi/v1/indexPriceKlines", {"symbol": "BTCUSDT", "interval": "1m"}, -1102),
        ("fapi/v1/premiumIndex", {"symbol": "XYZUSDT"}, -1121),
    ],
)
def test_wrong_parameters(ask: Ask, path: str, query: dict, code: int) -> None:
    answer = ask(f"/{path}", **query)
    assert (answer.status, answer.json()["code"]) == (400, code) and answer.json()["msg"]
