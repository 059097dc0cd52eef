"""Each venue's documented limits, on a clock of the test's own; and a few over sockets."""

from __future__ import annotations

import http.client
from contextlib import closing

import pytest

from gex_pipeline.market.server import serve
from gex_pipeline.market.server.limits import Limits, Verdict, Weights, weight
from tests.unit.market.venue_client import NOW, get_on


class Clock:
    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


def passed(limits: Limits, venue: str, endpoint: str, n: int) -> int:
    """How many of n requests at one moment pass."""
    return sum(limits.verdict(venue, endpoint, 0) is None for _ in range(n))


def test_deribit_credits() -> None:
    limits = Limits(clock := Clock())
    assert passed(limits, "deribit", "public/get_book_summary_by_currency", 120) == 100
    clock.at += 1.0
    assert passed(limits, "deribit", "public/ticker", 50) == 20
    assert limits.verdict("deribit", "public/ticker", 0) == Verdict("rate_limit", 1)


def test_deribit_instruments_have_a_bucket_of_their_own() -> None:
    limits = Limits(clock := Clock())
    assert passed(limits, "deribit", "public/get_instruments", 60) == 50
    clock.at += 3.0
    assert passed(limits, "deribit", "public/get_instruments", 60) == 3
    assert passed(limits, "deribit", "public/ticker", 1) == 1


def test_bybit_shuts_out_for_ten_minutes() -> None:
    limits = Limits(clock := Clock())
    assert passed(limits, "bybit", "market/tickers", 700) == 600
    clock.at += 599.0
    assert limits.verdict("bybit", "market/time", 0).kind == "ban"
    clock.at += 2.0
    assert limits.verdict("bybit", "market/time", 0) is None


@pytest.mark.parametrize(
    ("endpoint", "most"),
    [
        ("public/instruments", 20),
        ("public/opt-summary", 20),
        ("public/open-interest", 20),
        ("market/tickers", 20),
        ("public/mark-price", 10),
        ("public/delivery-exercise-history", 40),
        ("market/candles", 40),
        ("market/history-candles", 20),
        ("public/funding-rate-history", 10),
        ("system/status", 1),
    ],
)
def test_okx_counts_each_endpoint_in_two_seconds(endpoint: str, most: int) -> None:
    limits = Limits(clock := Clock())
    assert passed(limits, "okx", endpoint, 60) == most
    assert passed(limits, "okx", "another", 1) == 1
    clock.at += 5.0 if endpoint == "system/status" else 2.0
    assert passed(limits, "okx", endpoint, 60) == most


@pytest.mark.parametrize(
    ("endpoint", "query", "expected"),
    [
        ("eapi/v1/exchangeInfo", {}, 1),
        ("eapi/v1/mark", {}, 5),
        ("eapi/v1/ticker", {}, 40),
        ("eapi/v1/ticker", {"symbol": "BTC-261225-100000-C"}, 1),
        ("eapi/v1/openInterest", {}, 3),
        ("eapi/v1/exerciseHistory", {}, 3),
        ("fapi/v1/klines", {"limit": "99"}, 1),
        ("fapi/v1/klines", {"limit": "499"}, 2),
        ("fapi/v1/klines", {}, 5),
        ("fapi/v1/markPriceKlines", {"limit": "1500"}, 10),
    ],
)
def test_binance_weights(endpoint: str, query: dict[str, str], expected: int) -> None:
    assert weight(endpoint, query) == expected


def test_binance_weights_are_per_minute_and_family() -> None:
    weights = Weights()
    assert weights.add("eapi/v1/mark", {}, 60.0) == 5
    assert weights.add("eapi/v1/mark", {}, 119.9) == 10
    assert weights.add("fapi/v1/time", {}, 119.9) == 1
    assert weights.add("eapi/v1/mark", {}, 120.0) == 5


def test_binance_bans_who_does_not_listen() -> None:
    limits = Limits(clock := Clock())
    assert limits.verdict("binance", "eapi/v1/mark", 400) is None
    kinds = [limits.verdict("binance", "eapi/v1/mark", 401).kind for _ in range(6)]
    assert kinds == ["rate_limit"] * 5 + ["ban"]
    assert limits.verdict("binance", "eapi/v1/mark", 1) == Verdict("ban", 121)
    clock.at += 120.0
    assert limits.verdict("binance", "eapi/v1/mark", 1) is None


def test_limits_over_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gex_pipeline.market.server.server.monotonic", lambda: 90.0)
    with serve(3, NOW, has_limits=True) as server, closing(connect(server.address)) as connection:
        binance = [get_on(connection, "/eapi/v1/ticker") for _ in range(17)]
        assert [r.status for r in binance] == [200] * 10 + [429] * 5 + [418] * 2
        assert [r.headers["x-mbx-used-weight-1m"] for r in binance[:2]] == ["40", "80"]
        assert (binance[10].headers["retry-after"], binance[15].headers["retry-after"]) == ("30", "120")
        okx = [get_on(connection, "/api/v5/public/mark-price?instType=SWAP") for _ in range(11)]
        assert [r.status for r in okx] == [200] * 10 + [429] and okx[-1].json()["code"] == "50011"
        deribit = [get_on(connection, "/api/v2/public/status") for _ in range(101)]
        assert [r.status for r in deribit] == [200] * 100 + [429]
        assert deribit[-1].json()["error"]["code"] == 10028
        bybit = [get_on(connection, "/v5/market/time") for _ in range(601)]
        assert [r.status for r in bybit] == [200] * 600 + [403] and bybit[-1].body == b"403, access too frequent"


def test_no_limits_unless_asked_for() -> None:
    with serve(3, NOW) as server, closing(connect(server.address)) as connection:
        assert {get_on(connection, "/eapi/v1/ticker").status for _ in range(30)} == {200}


def connect(address: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(address.removeprefix("http://"))
