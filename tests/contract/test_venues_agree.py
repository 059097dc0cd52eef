"""All books are derived from one spot: what the venues say of one coin fits together."""

from __future__ import annotations

from statistics import median

import pytest

from tests.contract.conftest import Ask


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


def test_about_six_thousand_contracts(ask: Ask) -> None:
    deribit = len(ask("/api/v2/public/get_instruments", currency="any", kind="option").json()["result"])
    bybit = sum(
        len(ask("/v5/market/tickers", category="option", baseCoin=coin).json()["result"]["list"])
        for coin in ("BTC", "ETH", "SOL")
    )
    okx = len(ask("/api/v5/market/tickers", instType="OPTION").json()["data"])
    binance = len(ask("/eapi/v1/mark").json())
    assert 5_000 < deribit + bybit + okx + binance < 7_000
