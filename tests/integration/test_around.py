"""`gex candles` and `gex market` against the local venues: what is asked, stored and said, also by a second run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from gex_pipeline.engine import feeds as engine
from gex_pipeline.market.server.faults import Fault
from gex_pipeline.market.server.server import VenueServer, serve
from gex_pipeline.present.progress import LineProgress
from gex_pipeline.schema import CANDLES, TABLES
from gex_pipeline.store.layout import FETCHED
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues.binance.options import settlements
from tests.integration.live import Run, healthy, query
from tests.unit.market.venue_client import NOW

KLINE = "market/kline"
OKX = "1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 12h, 1d"
#: Two days before NOW, in hours and in fives of minutes: more than a page of any venue.
SINCE = ("--from", "2026-11-18T09:00", "--to", "2026-11-20T09:00")
BYBIT = ("candles", "--venue", "bybit", "--underlying", "BTC", "--market", "perp", *SINCE)


@pytest.fixture(scope="module")
def venues() -> Iterator[VenueServer]:
    with serve(5, NOW) as made:
        yield made


@pytest.fixture
def server(venues: VenueServer, monkeypatch: pytest.MonkeyPatch) -> VenueServer:
    monkeypatch.setattr(engine.fetch, "__kwdefaults__", {"progress": None, "clock": lambda: NOW})
    return healthy(venues, monkeypatch, GEX_HTTP_TIMEOUT="5")


def complaints(err: str) -> list[str]:
    """What is said on standard error, progress aside."""
    return [line for line in err.splitlines() if line.startswith("gex:")]


# ---------------------------------------------------------------- candles


def test_candles_of_all_venues_and_markets(server: VenueServer, gex: Run, place: Path) -> None:
    status, out, err = gex("candles", "--underlying", "BTC,SOL", *SINCE)
    assert (status, complaints(err)) == (0, [])
    assert "candles: 960 new rows, 0 already stored" in out
    found = query(
        place, "SELECT venue, market, count(*) AS n, count(DISTINCT symbol) AS symbols FROM candles GROUP BY ALL"
    )
    three = [(venue, market, 96, 2) for venue in ("bybit", "okx", "binance") for market in ("perp", "index", "mark")]
    assert sorted(found.rows()) == sorted([("deribit", "perp", 96, 2), *three])


def test_venues_agree_on_a_bar_and_on_its_coins(server: VenueServer, gex: Run, place: Path) -> None:
    gex("candles", "--underlying", "BTC", "--market", "perp", *SINCE)
    sql = "SELECT open_at, max(close) / min(close) AS apart, max(volume_coin) / min(volume_coin) AS times FROM candles"
    found = query(place, f"{sql} GROUP BY ALL")
    assert found["apart"].max() < 1.002  # OKX in contracts would be a hundred times the others
    assert found["times"].max() < 2.0


def test_a_second_run_asks_for_nothing(server: VenueServer, gex: Run, place: Path) -> None:
    gex("candles", "--underlying", "BTC", *SINCE)
    server.requests.clear()
    status, out, _ = gex("candles", "--underlying", "BTC", *SINCE)
    assert (status, out) == (0, "nothing is missing\n") and not server.requests


def test_the_default_goes_on_from_the_last_bar_to_the_last_that_is_over(
    server: VenueServer, gex: Run, place: Path
) -> None:
    gex("candles", "--underlying", "BTC", *SINCE)
    status, _, _ = gex("candles", "--underlying", "BTC")
    last = query(place, "SELECT venue, market, max(close_at) AS last, count(*) AS n FROM candles GROUP BY ALL")
    assert status == 0 and set(last["last"]) == {NOW.replace(minute=0)} and NOW.minute > 0
    assert set(last["n"]) == {48 + (NOW.hour - 9)}, "nothing before the last stored bar is asked for"


def test_a_gap_is_found_and_asked_again(server: VenueServer, gex: Run, place: Path) -> None:
    gex(*BYBIT)
    store = Store(place)
    (file,) = store.partitions(CANDLES, "BTC", "bybit")
    rows = store.read(file)
    store.replace(file, pl.concat([rows[:10], rows[13:]]), {})
    server.requests.clear()
    status, out, _ = gex(*BYBIT)
    assert status == 0 and "candles: 3 new rows, 0 already stored" in out
    assert server.requests == Counter({("bybit", KLINE): 1})
    assert store.read(file).equals(rows)


def test_several_pages_and_every_bar_once(server: VenueServer, gex: Run, place: Path) -> None:
    day = ("--from", "2026-11-19T09:00", "--to", SINCE[-1])
    status, out, _ = gex("candles", "--underlying", "BTC", "--interval", "1m", "--market", "mark", *day)
    assert status == 0 and "candles: 4,320 new rows" in out
    asked = {
        venue: sum(n for (v, _), n in server.requests.items() if v == venue) for venue in ("bybit", "okx", "binance")
    }
    assert asked == {"bybit": 2, "okx": 15, "binance": 2}


def test_an_interruption_loses_little_and_the_next_run_asks_for_the_rest(
    server: VenueServer, gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*BYBIT, "--interval", "1m")
    walked = engine._Walker._walked
    asked: list[object] = []

    async def stopped(self: object, feed: object, span: object) -> object:
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(span)
        return await walked(self, feed, span)

    monkeypatch.setattr(engine._Walker, "_walked", stopped)
    status, _, err = gex(*words)
    assert status == 130 and "interrupted" in err
    assert query(place, "SELECT count(*) AS n FROM candles")["n"].item() == 2000
    monkeypatch.undo()
    for name, url in server.urls.items():
        monkeypatch.setenv(name, url)
    server.requests.clear()
    assert gex(*words)[0] == 0
    assert server.requests == Counter({("bybit", KLINE): 1})
    assert query(place, "SELECT count(DISTINCT open_at) AS n FROM candles")["n"].item() == 2880


def test_a_venue_that_is_down_is_named_and_costs_itself(server: VenueServer, gex: Run, place: Path) -> None:
    server.inject(Fault("okx", "", "ban", times=None))
    status, _, err = gex("candles", "--underlying", "BTC", "--venue", "okx,binance", *SINCE)
    assert status == 3 and set(query(place, "FROM candles")["venue"]) == {"binance"}
    lines = complaints(err)
    assert len(lines) == 3 and all(line.startswith("gex: okx: api/v5/market/") and "HTTP 403" in line for line in lines)


def test_a_ban_ends_the_feeds_of_a_venue(server: VenueServer, gex: Run, place: Path) -> None:
    server.inject(Fault("bybit", "", "ban", times=None))
    status, _, err = gex("candles", "--underlying", "BTC,ETH", "--venue", "bybit", *SINCE)
    assert status == 1 and sum(server.requests.values()) == 1
    assert complaints(err)[0].endswith("; 5 more not asked")


def test_an_address_that_is_down_costs_what_is_asked_there(
    server: VenueServer, gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Binance's futures are away, its options are not."""
    monkeypatch.setenv("GEX_BINANCE_FUTURES_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("gex_pipeline.venues.binance.around.trades", settlements)
    status, _, err = gex("market", "--venue", "binance", "--underlying", "BTC,ETH")
    assert status == 3 and query(place, "SELECT DISTINCT underlying FROM settlements").height == 2
    (line,) = complaints(err)
    assert line.startswith("gex: binance: fapi/v1/premiumIndex symbol=BTCUSDT: cannot connect")
    assert line.endswith("; 3 more not asked")


@pytest.mark.parametrize("kind", ["html_200", "wrong_type", "truncated_json"])
def test_a_body_that_is_none_is_one_line(server: VenueServer, gex: Run, kind: str) -> None:
    server.inject(Fault("binance", "fapi/v1/klines", kind, times=None))
    words = ("candles", "--venue", "binance", "--underlying", "BTC", "--market", "perp", *SINCE)
    status, _, err = gex(*words)
    assert status == 1 and len(complaints(err)) == 1
    assert complaints(err)[0].startswith("gex: binance: fapi/v1/klines symbol=BTCUSDT interval=1h startTime=")


def test_a_coin_that_is_not_listed_is_said_and_is_no_failure(server: VenueServer, gex: Run) -> None:
    status, out, err = gex("candles", "--venue", "okx,deribit", "--underlying", "BTC,NOPE", "--market", "perp", *SINCE)
    assert (status, complaints(err)) == (0, [])
    assert "not listed: deribit candles perp NOPE_USDC-PERPETUAL 1h, okx candles perp NOPE-USDT-SWAP 1h" in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--interval", "7h"), "unknown interval '7h': valid are 1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d"),
        (
            ("--interval", "8h", "--venue", "okx"),
            f"no candles of 8h: okx has {OKX}",
        ),
        (("--market", "mark", "--venue", "deribit"), "no candles of market mark: deribit has perp"),
    ],
)
def test_what_no_venue_has_is_wrong_usage(server: VenueServer, gex: Run, words: tuple[str, ...], expected: str) -> None:
    status, _, err = gex("candles", *words)
    assert status == 2 and complaints(err) == [f"gex: {expected}"] and not server.requests


def test_a_venue_without_the_interval_is_passed_over_and_named(server: VenueServer, gex: Run) -> None:
    status, out, err = gex("candles", "--interval", "4h", "--underlying", "BTC", "--market", "perp", *SINCE)
    assert status == 0 and complaints(err) == ["gex: deribit: has no candles of 4h"]
    assert "candles: 33 new rows" in out


# ---------------------------------------------------------------- everything else


MARKET = ("market", "--underlying", "BTC,SOL", "--venue", "deribit,bybit,okx")
END = ("--to", "2026-11-13")
TIMES = {"funding": "funding_at", "settlements": "expiry_at", "dvol": "open_at", "trades": "traded_at"}


def test_the_market_of_three_venues(server: VenueServer, gex: Run, place: Path) -> None:
    assert gex(*MARKET)[0] == 0
    found = query(place, "SELECT venue, underlying, count(*) AS n FROM perps GROUP BY ALL")
    assert found["n"].to_list() == [1] * 6
    hours = query(place, "SELECT venue, count(*) AS n FROM funding WHERE underlying = 'BTC' GROUP BY ALL")
    assert dict(hours.rows()) == {"deribit": 720, "bybit": 90, "okx": 90}
    days = query(place, "SELECT venue, symbol, count(*) AS n FROM settlements WHERE underlying = 'BTC' GROUP BY ALL")
    assert {(v, s): n for v, s, n in days.rows()} == {
        ("deribit", "btc_usd"): 30,
        ("deribit", "btc_usdc"): 30,
        ("bybit", "BTCUSDT"): 30,
        ("bybit", "BTCUSDC"): 30,
        ("okx", "BTC-USD"): 30,
        ("okx", "BTC-USD_UM"): 30,
    }
    assert query(place, "SELECT count(*) AS n FROM dvol")["n"].item() == 719


def test_a_second_run_adds_prices_of_now_alone(server: VenueServer, gex: Run, place: Path) -> None:
    gex(*MARKET)
    before = {name: query(place, f"SELECT count(*) AS n FROM {name}")["n"].item() for name in TIMES}
    gex(*MARKET)
    assert {name: query(place, f"SELECT count(*) AS n FROM {name}")["n"].item() for name in TIMES} == before


def test_a_range_that_was_fetched_is_not_asked_for_again(server: VenueServer, gex: Run, place: Path) -> None:
    words = ("market", "--underlying", "BTC", "--venue", "deribit", *SINCE)
    gex(*words)
    server.requests.clear()
    status, out, _ = gex(*words)
    assert (status, out) == (0, "nothing is missing\n") and not server.requests


def test_what_was_deleted_is_fetched_again(server: VenueServer, gex: Run, place: Path) -> None:
    words = ("market", "--underlying", "BTC", "--venue", "deribit", *SINCE)
    gex(*words)
    store = Store(place)
    before = query(place, "SELECT count(*) AS n FROM trades")["n"].item()
    file = store.partitions(TABLES["trades"], "BTC", "deribit")[1]
    store.objects.delete(file.path)
    store.objects.delete(file.manifest_path)
    assert query(place, "SELECT count(*) AS n FROM trades")["n"].item() < before
    gex(*words)
    assert query(place, "SELECT count(*) AS n FROM trades")["n"].item() == before


def test_notes_that_are_lost_cost_no_rows(server: VenueServer, gex: Run, place: Path) -> None:
    words = ("market", "--underlying", "BTC", "--venue", "deribit", *SINCE)
    gex(*words)
    for file in (place / FETCHED).iterdir():
        file.write_text("no JSON")
    status, out, _ = gex(*words)
    assert status == 0 and "trades: 0 new rows" in out and "funding: 0 new rows" in out


def test_old_trades_are_of_the_history_host_and_whole(
    server: VenueServer, gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every trade is there although there are more than a page has, and those of both books."""
    gex("market", "--underlying", "BTC", "--venue", "deribit", "--from", "2026-11-14", "--to", "2026-11-15")
    found = query(place, "SELECT count(*) AS n, count(DISTINCT trade_id) AS ids, min(traded_at) AS lo FROM trades")
    assert found["n"].item() == found["ids"].item() > 2 * 1000
    linear = query(place, "SELECT count(*) AS n FROM trades WHERE price_coin IS NULL AND instrument LIKE 'BTC_USDC-%'")
    assert linear["n"].item() > 0
    monkeypatch.setenv("GEX_DERIBIT_HISTORY_URL", "http://127.0.0.1:9/api/v2")
    status, _, err = gex(
        "market", "--underlying", "BTC", "--venue", "deribit", "--from", "2026-11-12", "--to", "2026-11-13"
    )
    assert status == 3 and "cannot connect" in complaints(err)[-1]


def test_trades_that_the_venue_forgot_are_said(server: VenueServer, gex: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first run says where they begin; one that comes a day later has a hole before it."""
    words, trades = ("market", "--underlying", "BTC", "--venue", "okx"), "gex: okx trades BTC-USD: "
    status, _, err = gex(*words)
    (said,) = [line for line in complaints(err) if line.startswith(trades)]
    assert (
        status == 0 and said.startswith(f"{trades}whole from 2026-11-20T") and said.endswith("the venue keeps no more")
    )
    later = NOW + timedelta(days=1)
    with serve(5, later) as next_day:
        healthy(next_day, monkeypatch)
        monkeypatch.setattr(engine.fetch, "__kwdefaults__", {"progress": None, "clock": lambda: later})
        status, _, err = gex(*words)
    (said,) = [line for line in complaints(err) if line.startswith(trades)]
    assert status == 3 and said.startswith(f"{trades}not all is known from 2026-11-20T") and "ask more often" in said


def test_every_hole_of_a_range_is_said(server: VenueServer, gex: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies before the trades of a first run, and between them and those of a day later."""
    words, trades = ("market", "--underlying", "BTC", "--venue", "okx"), "gex: okx trades BTC-USD: "
    _, _, err = gex(*words)
    (since,) = [line.split("whole from ")[1][:17] for line in complaints(err) if line.startswith(trades)]
    later = NOW + timedelta(days=1)
    with serve(5, later) as next_day:
        healthy(next_day, monkeypatch)
        monkeypatch.setattr(engine.fetch, "__kwdefaults__", {"progress": None, "clock": lambda: later})
        _, _, err = gex(*words, "--from", "2026-11-19T00:00")
    before, between = [line for line in complaints(err) if line.startswith(trades)]
    assert before == f"{trades}not all is known from 2026-11-19T00:00Z to {since}: the venue keeps no more"
    assert between.startswith(f"{trades}not all is known from 2026-11-20T")


@pytest.mark.parametrize("command", ["candles", "market"])
def test_a_start_that_is_still_to_come_is_wrong_usage(server: VenueServer, gex: Run, command: str) -> None:
    status, _, err = gex(command, "--from", "2026-11-21")
    assert status == 2 and complaints(err)[0].startswith("gex: --from 2026-11-21T00:00Z is still to come")
    assert not server.requests


def test_help_says_from_when_to_when(gex: Run) -> None:
    for command in ("candles", "market"):
        _, out, _ = gex(command, "--help")
        words = " ".join(out.replace("│", " ").split())
        assert "First instant. Default: since the last that is stored, else 30 days back" in words
        assert "Last instant. Default: now." in words


def test_the_count_ends_at_its_total_and_moves_within_a_long_walk(
    server: VenueServer, gex: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a venue lacks what was asked for, or has gone away."""
    monkeypatch.setattr(LineProgress.__init__, "__defaults__", (time.monotonic, 0.0))
    words = ("market", "--underlying", "BTC,NOPE", "--venue", "deribit")
    _, _, err = gex(*words, "--from", "2026-11-14", "--to", "2026-11-15")
    lines = [line for line in err.splitlines() if line.startswith("fetch: ")]
    assert sum("get_last_trades" in line for line in lines) > 2
    total = lines[0].split()[1]
    assert lines[-1] == f"fetch: {total} of {total}"
    server.inject(Fault("bybit", "", "ban", times=None))
    for _ in range(2):  # the second is told by the file
        assert gex(*BYBIT)[2].splitlines()[-2] == "fetch: 1 of 1"


def test_made_up_numbers_stay_out_of_a_real_warehouse(server: VenueServer, gex: Run, place: Path) -> None:
    Store(place).create("real")
    status, _, err = gex(*BYBIT)
    assert status == 1 and "is a warehouse of real data" in complaints(err)[0]
    assert not (place / "candles").exists()


def test_the_source_says_that_numbers_are_made_up(server: VenueServer, gex: Run, place: Path) -> None:
    gex(*BYBIT)
    assert set(query(place, "FROM candles")["source"]) == {"synthetic-bybit-rest"}
    assert gex("verify")[0] == 0
