"""Every fault does what it says, over a real socket."""

from __future__ import annotations

import http.client
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gex_pipeline.errors import UsageError
from gex_pipeline.market.server import Fault, VenueServer, serve
from gex_pipeline.market.server.faults import BODIES, KINDS
from tests.unit.market.venue_client import NOW, NOW_MS, Response, get

SUMMARY = ("/api/v2/public/get_book_summary_by_currency", {"currency": "USDC", "kind": "option"})
CHART = "/api/v2/public/get_tradingview_chart_data?instrument_name=BTC-PERPETUAL&resolution=1D"
PATHS = {
    "deribit": SUMMARY,
    "bybit": ("/v5/market/tickers", {"category": "option", "baseCoin": "SOL"}),
    "okx": ("/api/v5/public/opt-summary", {"instFamily": "SOL-USD_UM"}),
    "binance": ("/eapi/v1/mark", {}),
}
NAMES = {"deribit": "instrument_name", "bybit": "symbol", "okx": "instId", "binance": "symbol"}
IVS = {"deribit": "mark_iv", "bybit": "markIv", "okx": "markVol", "binance": "markIV"}


@pytest.fixture(scope="module")
def shared() -> Iterator[VenueServer]:
    with serve(3, NOW) as server:
        yield server


@pytest.fixture
def server(shared: VenueServer) -> Iterator[VenueServer]:
    yield shared
    shared.heal()


def ask(server: VenueServer, venue: str, timeout: float = 5.0) -> Response:
    path, query = PATHS[venue]
    return get(server.address, path, timeout, **query)


def rows(venue: str, response: Response) -> list[dict]:
    tree = response.json()
    return {
        "deribit": lambda: tree["result"],
        "bybit": lambda: tree["result"]["list"],
        "okx": lambda: tree["data"],
        "binance": lambda: tree,
    }[venue]()


def broken(server: VenueServer, venue: str, kind: str, **more: object) -> Response:
    server.inject(Fault(venue, "", kind, **more))
    return ask(server, venue)


@pytest.mark.parametrize("venue", PATHS)
def test_reset_before_the_answer(server: VenueServer, venue: str) -> None:
    server.inject(Fault(venue, "", "reset"))
    with pytest.raises(ConnectionResetError):
        ask(server, venue)
    assert ask(server, venue).status == 200


def test_reset_in_the_middle_of_the_body(server: VenueServer) -> None:
    server.inject(Fault("deribit", "", "reset_midway"))
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        ask(server, "deribit")


def test_cut_ends_early_without_an_error_of_the_connection(server: VenueServer) -> None:
    server.inject(Fault("deribit", "", "cut"))
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(server, "deribit")
    assert 0 < len(caught.value.partial) == pytest.approx(caught.value.expected, abs=1)


def test_slow_answers_late_and_properly(server: VenueServer) -> None:
    started = time.monotonic()
    answer = broken(server, "okx", "slow", value=0.3)
    assert time.monotonic() - started >= 0.3
    assert len(rows("okx", answer)) > 100


def test_slow_outlasts_a_read_timeout(server: VenueServer) -> None:
    server.inject(Fault("okx", "", "slow", value=2))
    with pytest.raises(TimeoutError):
        ask(server, "okx", timeout=0.2)


def test_drip_never_ends_and_never_times_out(server: VenueServer) -> None:
    server.inject(Fault("binance", "", "drip", value=0.02))
    connection = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=0.5)
    connection.request("GET", PATHS["binance"][0])
    response = connection.getresponse()
    assert response.status == 200 and response.getheader("Content-Length") is None
    assert [response.read(1) for _ in range(10)] == [b" "] * 10
    response.close()
    connection.close()


@pytest.mark.parametrize(("given", "status"), [(None, 502), (500, 500), (404, 404)])
def test_http_status_comes_with_a_page(server: VenueServer, given: int | None, status: int) -> None:
    answer = broken(server, "bybit", "http_status", value=given)
    assert answer.status == status
    assert answer.headers["content-type"] == "text/html" and answer.body.startswith(b"<html>")


def test_html_with_status_200(server: VenueServer) -> None:
    answer = broken(server, "okx", "html_200")
    assert answer.status == 200 and answer.body.startswith(b"<html>")


@pytest.mark.parametrize(
    ("venue", "status", "member", "code"),
    [
        ("deribit", 400, "error", {"code": 11051, "message": "system_maintenance"}),
        ("bybit", 200, "retCode", 10016),
        ("okx", 503, "code", "50001"),
        ("binance", 503, "code", -1016),
    ],
)
def test_maintenance(server: VenueServer, venue: str, status: int, member: str, code: object) -> None:
    answer = broken(server, venue, "maintenance")
    assert (answer.status, answer.json()[member]) == (status, code)


@pytest.mark.parametrize(
    ("venue", "status", "member", "code"),
    [
        ("deribit", 429, "error", {"code": 10028, "message": "too_many_requests"}),
        ("bybit", 200, "retCode", 10006),
        ("okx", 429, "code", "50011"),
        ("binance", 429, "code", -1003),
    ],
)
def test_rate_limit(server: VenueServer, venue: str, status: int, member: str, code: object) -> None:
    answer = broken(server, venue, "rate_limit", value=7)
    assert (answer.status, answer.json()[member]) == (status, code)
    if venue == "binance":
        assert answer.headers["retry-after"] == "7"
    if venue == "bybit":
        assert answer.headers["x-bapi-limit-status"] == "0"
        assert answer.headers["x-bapi-limit-reset-timestamp"] == str(NOW_MS + 7_000)


@pytest.mark.parametrize(("venue", "status"), [("deribit", 403), ("bybit", 403), ("okx", 403), ("binance", 418)])
def test_ban(server: VenueServer, venue: str, status: int) -> None:
    answer = broken(server, venue, "ban")
    assert answer.status == status
    assert venue != "bybit" or answer.body == b"403, access too frequent"
    assert venue != "binance" or answer.headers["retry-after"] == "120"


def test_redirect_to_another_host(server: VenueServer) -> None:
    answer = broken(server, "deribit", "redirect", value="http://other.invalid/x")
    assert (answer.status, answer.headers["location"]) == (302, "http://other.invalid/x")


def test_gzip_bomb(server: VenueServer) -> None:
    answer = broken(server, "deribit", "gzip_bomb", value=4_000_000)
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.body) < 40_000


def test_oversize_is_valid_json(server: VenueServer) -> None:
    answer = broken(server, "bybit", "oversize", value=2_000_000)
    assert len(answer.body) == 2_000_000 and len(rows("bybit", answer)) > 100


@pytest.mark.parametrize("kind", ["invalid_json", "truncated_json"])
@pytest.mark.parametrize("venue", PATHS)
def test_no_json(server: VenueServer, venue: str, kind: str) -> None:
    answer = broken(server, venue, kind)
    assert answer.status == 200 and int(answer.headers["content-length"]) == len(answer.body)
    with pytest.raises(json.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize("venue", PATHS)
def test_nan_and_numbers_that_no_float_holds(server: VenueServer, venue: str) -> None:
    assert math.isnan(float(rows(venue, broken(server, venue, "nan"))[0][IVS[venue]]))
    answer = broken(server, venue, "huge_number")
    assert math.isinf(float(rows(venue, answer)[0][IVS[venue]]))
    assert b"1e400" in answer.body


@pytest.mark.parametrize("venue", PATHS)
def test_fields(server: VenueServer, venue: str) -> None:
    iv = IVS[venue]
    assert isinstance(rows(venue, broken(server, venue, "wrong_type"))[0][iv], list)
    missing = rows(venue, broken(server, venue, "missing_field"))
    assert [iv in row for row in missing[:4]] == [False, True, True, False]
    assert rows(venue, broken(server, venue, "null_field"))[3][iv] is None
    assert NAMES[venue] not in rows(venue, broken(server, venue, "missing_field", field=NAMES[venue]))[0]


@pytest.mark.parametrize("venue", PATHS)
def test_rows(server: VenueServer, venue: str) -> None:
    whole, name = rows(venue, ask(server, venue)), NAMES[venue]
    assert rows(venue, broken(server, venue, "empty_list")) == []
    assert rows(venue, broken(server, venue, "half_the_rows")) == whole[: len(whole) // 2]
    doubled = rows(venue, broken(server, venue, "duplicate_rows"))
    assert doubled[: len(whole)] == whole and doubled[len(whole) :] == whole[::3]
    assert rows(venue, broken(server, venue, "unknown_name"))[0][name] == "NO-SUCH-NAME"
    new = rows(venue, broken(server, venue, "new_instrument"))
    assert len(new) == len(whole) + 1 and new[-1][name] not in {row[name] for row in whole}


@pytest.mark.parametrize("value", [-1, 0, 5, 999])
@pytest.mark.parametrize("venue", PATHS)
def test_iv_sentinels(server: VenueServer, venue: str, value: float) -> None:
    hit = rows(venue, broken(server, venue, "iv_sentinel", value=value))[0][IVS[venue]]
    assert float(hit) == value
    assert isinstance(hit, str) == (venue != "deribit")


@pytest.mark.parametrize(("kind", "sign"), [("stale", -1), ("future", 1)])
def test_times(server: VenueServer, kind: str, sign: int) -> None:
    moved = broken(server, "deribit", kind, value=600).json()
    assert moved["result"][0]["creation_timestamp"] == NOW_MS + sign * 600_000
    assert moved["usOut"] == NOW_MS * 1_000 + sign * 600_000_000
    assert broken(server, "bybit", kind).json()["time"] == NOW_MS + sign * 3_600_000
    assert int(rows("okx", broken(server, "okx", kind))[0]["ts"]) // 60_000 == NOW_MS // 60_000 + sign * 60 - 1


def test_swapped_units(server: VenueServer) -> None:
    sol = [r for r in rows("deribit", broken(server, "deribit", "swapped_units")) if r["base_currency"] == "SOL"]
    assert any(row["open_interest"] % 10 for row in sol)
    assert float(rows("bybit", broken(server, "bybit", "swapped_units"))[0]["markIv"]) > 5
    server.inject(Fault("okx", "public/instruments", "swapped_units"), Fault("binance", "", "swapped_units"))
    lost = get(server.address, "/api/v5/public/instruments", instType="OPTION", instFamily="ETH-USD").json()
    assert {row["ctMult"] for row in lost["data"]} == {"1"}
    symbols = get(server.address, "/eapi/v1/exchangeInfo").json()["optionSymbols"]
    assert {row["unit"] for row in symbols} == {100}


def test_after_and_times(server: VenueServer) -> None:
    server.inject(Fault("bybit", "market/tickers", "http_status", times=2, after=1))
    assert [ask(server, "bybit").status for _ in range(4)] == [200, 502, 502, 200]
    server.inject(Fault("bybit", "", "http_status", times=None))
    assert [ask(server, "bybit").status for _ in range(4)] == [502] * 4


def test_a_fault_meets_only_its_endpoint(server: VenueServer) -> None:
    server.inject(Fault("bybit", "market/time", "http_status"), Fault("okx", "", "http_status"))
    assert ask(server, "bybit").status == 200
    assert get(server.address, "/v5/market/time").status == 502


def test_faults_queue(server: VenueServer) -> None:
    server.inject(Fault("okx", "", "http_status", value=500), Fault("okx", "", "http_status", value=503))
    assert [ask(server, "okx").status for _ in range(3)] == [500, 503, 200]


def test_unknown_words_are_refused(server: VenueServer) -> None:
    with pytest.raises(UsageError, match="nearest is 'market/tickers'"):
        server.inject(Fault("okx", "market/ticker", "reset"))
    with pytest.raises(UsageError, match="nearest is 'reset'"):
        Fault("okx", "", "resett")
    with pytest.raises(UsageError, match="venue"):
        Fault("okex", "", "reset")


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize(
    ("venue", "path"),
    [
        ("deribit", "/api/v2/public/get_index_price?index_name=btc_usd"),
        ("deribit", "/api/v2/public/get_instruments?currency=BTC&kind=option"),
        ("deribit", "/api/v2/public/get_index_price"),
        ("deribit", f"{CHART}&start_timestamp=0&end_timestamp={NOW_MS}"),
        ("bybit", "/v5/market/instruments-info?category=option"),
        ("bybit", "/v5/market/tickers?category=option&baseCoin=HYPE"),
        ("bybit", "/v5/market/tickers"),
        ("bybit", "/v5/market/kline?category=linear&symbol=BTCUSDT&interval=D"),
        ("okx", "/api/v5/system/status"),
        ("okx", "/api/v5/public/instruments"),
        ("okx", "/api/v5/public/underlying?instType=OPTION"),
        ("okx", "/api/v5/public/open-interest?instType=OPTION&instFamily=BTC-USD"),
        ("binance", "/eapi/v1/index?underlying=BTCUSDT"),
        ("binance", "/eapi/v1/exchangeInfo"),
    ],
)
def test_bodies_change_on_any_endpoint(server: VenueServer, venue: str, path: str, kind: str) -> None:
    proper = get(server.address, path)
    server.inject(Fault(venue, "", kind, value=100 if kind == "oversize" else None))
    assert get(server.address, path).status == proper.status


def test_every_kind_is_tested_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert all(f'"{kind}"' in text or kind in BODIES for kind in KINDS)
