"""The sockets: keep-alive, gzip, counting, clocks, and nothing left after the end."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from gex_pipeline.errors import UsageError
from gex_pipeline.market.server import Fault, VenueServer, serve
from gex_pipeline.market.server.server import route
from gex_pipeline.settings import load
from tests.unit.market.venue_client import NOW, NOW_MS, get, get_on

SUMMARY = "/api/v2/public/get_book_summary_by_currency?currency=BTC&kind=option"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v2/public/ticker", ("deribit", "public/ticker")),
        ("/v5/market/tickers", ("bybit", "market/tickers")),
        ("/api/v5/market/tickers", ("okx", "market/tickers")),
        ("/eapi/v1/mark", ("binance", "eapi/v1/mark")),
        ("/fapi/v1/klines", ("binance", "fapi/v1/klines")),
        ("/", ("", "")),
    ],
)
def test_paths_say_the_venue(path: str, expected: tuple[str, str]) -> None:
    assert route(path) == expected


def test_urls_are_complete_and_work() -> None:
    with serve(1, NOW) as server:
        paths = {
            "GEX_DERIBIT_URL": "/public/status",
            "GEX_DERIBIT_HISTORY_URL": "/public/status",
            "GEX_BYBIT_URL": "/v5/market/time",
            "GEX_OKX_URL": "/api/v5/public/time",
            "GEX_BINANCE_OPTIONS_URL": "/eapi/v1/time",
            "GEX_BINANCE_FUTURES_URL": "/fapi/v1/time",
            "GEX_BINANCE_SPOT_URL": "/fapi/v1/time",  # there is no spot market, and nobody is sent to the real one
        }
        assert server.urls.keys() == paths.keys()
        assert server.hosts == load(server.urls).hosts
        base = server.address
        assert {get(base, url.removeprefix(base) + paths[name]).status for name, url in server.urls.items()} == {200}


def test_nothing_is_left_after_the_end() -> None:
    before = set(threading.enumerate())
    with serve(1, NOW) as server:
        idle = http.client.HTTPConnection(server.address.removeprefix("http://"))
        assert get_on(idle, "/v5/market/time").status == 200
        assert set(threading.enumerate()) - before
    assert not set(threading.enumerate()) - before
    with pytest.raises(ConnectionRefusedError):
        get(server.address, "/v5/market/time")
    idle.close()


def test_a_closed_server_refuses() -> None:
    with serve(1, NOW) as server:
        server.close()
        with pytest.raises(ConnectionRefusedError):
            get(server.address, "/v5/market/time")


def test_a_time_without_prices_is_refused() -> None:
    with pytest.raises(UsageError, match="begins on 2026-11-20"):
        VenueServer(1, NOW, start=NOW.date())


@pytest.mark.parametrize("kind", ["slow", "drip"])
def test_it_ends_at_once_while_somebody_waits(kind: str) -> None:
    with serve(1, NOW) as server:
        server.inject(Fault("okx", "", kind, value=60))
        hanging = http.client.HTTPConnection(server.address.removeprefix("http://"))
        hanging.request("GET", "/api/v5/public/time")
        while not server.requests:
            time.sleep(0.01)
        started = time.monotonic()
    assert time.monotonic() - started < 2
    hanging.close()


def test_connections_are_kept_and_every_answer_is_marked() -> None:
    with serve(1, NOW) as server:
        connection = http.client.HTTPConnection(server.address.removeprefix("http://"))
        paths = (SUMMARY, "/v5/market/time", "/nothing", "/api/v5/nothing", "/eapi/v1/index")
        answers = [get_on(connection, path) for path in paths]
        socket = connection.sock
        assert [r.status for r in answers] == [200, 200, 404, 404, 400]
        assert {r.headers["x-synthetic"] for r in answers} == {"true"}
        assert connection.sock is socket and socket is not None
        connection.close()


def test_gzip_where_it_is_accepted() -> None:
    with serve(1, NOW) as server:
        plain, packed = get(server.address, SUMMARY), get(server.address, SUMMARY, accept="gzip, deflate")
    assert "content-encoding" not in plain.headers and packed.headers["content-encoding"] == "gzip"
    assert len(packed.body) < len(plain.body) / 3 and packed.json() == plain.json()


def test_requests_are_counted_by_venue_and_endpoint() -> None:
    with serve(1, NOW) as server:
        for path in (SUMMARY, SUMMARY, "/v5/market/time"):
            get(server.address, path)
        assert server.requests == {("deribit", "public/get_book_summary_by_currency"): 2, ("bybit", "market/time"): 1}


def test_same_seed_and_time_same_bytes() -> None:
    paths = (SUMMARY, "/v5/market/tickers?category=option&baseCoin=ETH", "/eapi/v1/mark")

    def bodies(seed: int, now: datetime) -> list[bytes]:
        with serve(seed, now) as server:
            return [get(server.address, path).body for path in paths]

    assert bodies(1, NOW) == bodies(1, NOW)
    assert bodies(1, NOW) != bodies(2, NOW)
    assert bodies(1, NOW) != bodies(1, NOW + timedelta(minutes=1))


def test_time_follows_the_clock() -> None:
    now = [NOW]
    with serve(1, lambda: now[0]) as server:
        first = get(server.address, "/eapi/v1/time")
        now[0] = NOW + timedelta(milliseconds=1_234)
        second = get(server.address, "/eapi/v1/time")
    assert second.json()["serverTime"] - first.json()["serverTime"] == 1_234
    assert first.json()["serverTime"] == NOW_MS
    assert first.headers["date"] == "Fri, 20 Nov 2026 09:30:00 GMT"


def test_the_real_clock_is_the_default() -> None:
    with serve() as server:
        told = datetime.fromtimestamp(get(server.address, "/eapi/v1/time").json()["serverTime"] / 1_000, UTC)
    assert abs(told - datetime.now(UTC)) < timedelta(seconds=5)


def test_coins_can_be_left_out() -> None:
    with serve(1, NOW, coins=["BTC"]) as server:
        rows = get(server.address, "/eapi/v1/mark").json()
        assert {row["symbol"].partition("-")[0] for row in rows} == {"BTC"}
        assert get(server.address, "/api/v5/public/underlying?instType=OPTION").json()["data"] == [["BTC-USD"]]


def test_many_clients_at_once() -> None:
    statuses: list[int] = []
    with serve(5, NOW) as server:
        clients = [
            threading.Thread(target=lambda: statuses.extend(get(server.address, SUMMARY).status for _ in range(5)))
            for _ in range(10)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    assert statuses == [200] * 50


def test_answers_are_quick_after_the_first() -> None:
    with serve(1, NOW) as server:
        connection = http.client.HTTPConnection(server.address.removeprefix("http://"))
        get_on(connection, SUMMARY)
        started = time.perf_counter()
        for _ in range(20):
            get_on(connection, SUMMARY)
        assert (time.perf_counter() - started) / 20 < 0.05
        connection.close()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--at", "2020-01-01", "--start", "2020-01-01"], "the made-up market begins on 2020-01-01"),
        (["--seed", "-1"], "'-1' is no seed"),
        (["--port", "65536"], "'65536' is no port"),
        (["--at", "noon"], "'noon' is no time"),
        (["--at", "0001-01-01T00:00+14:00"], "'0001-01-01T00:00+14:00' is no time"),
        (["--start", "2026-02-30"], "'2026-02-30' is no day"),
        (["--start", "0001-01-01"], "'0001-01-01' is no time of the years 1970 to 2099"),
    ],
)
def test_a_program_that_cannot_start_says_why(arguments: list[str], why: str) -> None:
    command = [sys.executable, "-m", "gex_pipeline.market.server", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2 and why in done.stderr and done.stderr.count("\n") == 1


def test_as_a_program() -> None:
    command = [sys.executable, "-m", "gex_pipeline.market.server", "--seed", "7", "--at", "2026-11-20T09:30"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        lines = [program.stdout.readline().strip() for _ in range(7)]
        urls = dict(line.split("=", 1) for line in lines)
        body = get(urls["GEX_BYBIT_URL"], "/v5/market/time").json()
        program.send_signal(signal.SIGINT)
        try:
            assert program.wait(30) == 0
        finally:
            program.kill()  # else this waits for ever
    assert body["time"] == NOW_MS
    assert list(urls) == [
        "GEX_DERIBIT_URL",
        "GEX_DERIBIT_HISTORY_URL",
        "GEX_BYBIT_URL",
        "GEX_OKX_URL",
        "GEX_BINANCE_OPTIONS_URL",
        "GEX_BINANCE_FUTURES_URL",
        "GEX_BINANCE_SPOT_URL",
    ]
