"""All books are derived from one spot: what the venues say of one coin fits together."""

from __future__ import annotations

from statistics import median

import pytest

from tests.contract.conftest import Ask
from tests.unit.market.venue_client import NOW_MS


def indices(ask: Ask, coin: str) -> list[float]:
    found = [
        ask("/api/v2/public/get_index_price", index_name=f"{coin.lower()}_usdc").json()["result"]["index_price"],
        ask("/api/v5/market/index-tickers", instId=f"{coin}-USD").json()["data"][0]["idxPx"],
        ask("/fapi/v1/premiumIndex", symbol=f"{coin}USDT").json()["indexPrice"],
        ask("/v5/market/tickers", category="linear", symbol=f"{coin}USDT").json()["result"]["list"][0]["indexPrice"],
    ]
    return [float(price) for price in found]


@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL", "HYPE"])
def test_indices_agree_within_basis_points_and_are_not_the_same(ask: Ask, coin: str) -> None:
    found = indices(ask, coin)
    assert max(found) / min(found) - 1 < 5e-4 and len(set(found)) == 4


def test_forwards_and_volatilities_of_one_expiry_agree(ask: Ask) -> None:
    deribit = [
        row
        for row in ask("/api/v2/public/get_book_summary_by_currency", currency="BTC", kind="option").json()["result"]
        if "-25DEC26-" in row["instrument_name"]
    ]
    bybit = ask("/v5/market/tickers", category="option", baseCoin="BTC", expDate="25DEC26").json()["result"]["list"]
    okx = ask("/api/v5/public/opt-summary", uly="BTC-USD", expTime="261225").json()["data"]
    forwards = [
        median(row["underlying_price"] for row in deribit),
        median(float(row["underlyingPrice"]) for row in bybit),
        median(float(row["fwdPx"]) for row in okx),
    ]
    assert max(forwards) / min(forwards) - 1 < 5e-4
    ivs = {row["instrument_name"].split("-", 2)[2]: row["mark_iv"] / 100 for row in deribit}
    both = [(float(row["markIv"]), ivs[key]) for row in bybit if (key := row["symbol"].split("-", 2)[2][:8]) in ivs]
    assert both and all(abs(a - b) < 0.011 for a, b in both)


DAY = {"start": NOW_MS - 86_400_000, "end": NOW_MS - 1}


@pytest.mark.parametrize("coin", ["BTC", "HYPE"])
def test_the_day_of_a_ticker_is_that_of_its_candles(ask: Ask, coin: str) -> None:
    query = {"category": "linear", "symbol": f"{coin}USDT"}
    (told,) = ask("/v5/market/tickers", **query).json()["result"]["list"]
    bars = ask("/v5/market/kline", **query, interval="30", **DAY).json()["result"]["list"]
    assert len(bars) == 48
    _, opened, high, low, _, volume, _ = ([float(bar[i]) for bar in bars] for i in range(7))
    day = [float(told[key]) for key in ("prevPrice24h", "highPrice24h", "lowPrice24h", "volume24h")]
    # a change in percent of four decimals tells the first price to a unit or two of its last digit
    assert day == pytest.approx([opened[-1], max(high), min(low), sum(volume)], rel=5e-6)


@pytest.mark.parametrize("quote", ["USD", "USDT"])
def test_the_day_of_an_index_is_that_of_its_candles(ask: Ask, quote: str) -> None:
    for row in ask("/api/v5/market/index-tickers", quoteCcy=quote).json()["data"]:
        query = {"instId": row["instId"], "bar": "30m", "limit": 48, "after": NOW_MS}
        bars = ask("/api/v5/market/index-candles", **query).json()["data"]
        price, opened, high, low = (float(row[key]) for key in ("idxPx", "open24h", "high24h", "low24h"))
        assert low <= price <= high
        extremes = [float(bars[-1][1]), max(float(bar[2]) for bar in bars), min(float(bar[3]) for bar in bars)]
        assert [opened, high, low] == pytest.approx(extremes, rel=2e-6)


def test_about_five_thousand_contracts(ask: Ask) -> None:
    deribit = len(ask("/api/v2/public/get_instruments", currency="any", kind="option").json()["result"])
    bybit = sum(
        len(ask("/v5/market/tickers", category="option", baseCoin=coin).json()["result"]["list"])
        for coin in ("BTC", "ETH", "SOL")
    )
    okx = len(ask("/api/v5/market/tickers", instType="OPTION").json()["data"])
    binance = len(ask("/eapi/v1/mark").json())
    assert 4_500 < deribit + bybit + okx + binance < 7_000
