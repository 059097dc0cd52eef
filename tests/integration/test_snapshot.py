"""`gex snapshot` against the local venues: what is asked, stored and said, and what a rebuild makes of it."""

from __future__ import annotations

import gc
import hashlib
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import polars as pl
import pytest

from gex_pipeline.engine import live, poll_rows, polls
from gex_pipeline.engine.bans import banned_until, note_ban
from gex_pipeline.engine.outcomes import Outcome
from gex_pipeline.errors import StoreError
from gex_pipeline.market.server.faults import Fault
from gex_pipeline.market.server.server import VenueServer
from gex_pipeline.schema import CHAIN, RAW, SNAPSHOTS
from gex_pipeline.settings import load
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues.base import Reply, Request
from gex_pipeline.venues.raw import Poll
from gex_pipeline.venues.rows import Rows
from tests.integration.live import Run, healthy, query

SUMMARY = "public/get_book_summary_by_currency"
LISTING = "public/get_instruments"
COINS = ("BTC", "ETH", "SOL", "HYPE")


@pytest.fixture
def server(venues: VenueServer, monkeypatch: pytest.MonkeyPatch) -> VenueServer:
    return healthy(venues, monkeypatch, GEX_HTTP_TIMEOUT="5", GEX_SNAPSHOT_DEADLINE="10")


def minutes_ago(minutes: int) -> str:
    return f"{polls.now() - timedelta(minutes=minutes):%Y-%m-%dT%H:%MZ}"


def digests(place: Path) -> dict[str, str]:
    names = ("chain", "chain_rejected", "snapshots")
    files = [f for name in names for f in (place / name).rglob("*.parquet")]
    return {str(f.relative_to(place)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_a_snapshot_is_stored_and_said(server: VenueServer, gex: Run, place: Path) -> None:
    at = minutes_ago(3)
    status, out, err = gex("snapshot", "--venue", "deribit", "--at", at)
    assert (status, err) == (0, "")
    rows = query(place, "SELECT underlying, count(*) AS n FROM chain GROUP BY ALL ORDER BY n DESC, 1")
    assert set(rows["underlying"]) == set(COINS)
    assert out.startswith(f"snapshot {at.removesuffix('Z')}:00Z\nderibit: BTC ")
    said = query(place, "SELECT underlying, rows, rejected, status, error, gaps, requests FROM snapshots")
    assert dict(said.select("underlying", "rows").rows()) == dict(rows.rows())
    assert set(said["status"]) == {"ok"} and set(said["gaps"]) == {0} and set(said["requests"]) == {12}


def test_a_slow_venue_keeps_no_other_waiting(server: VenueServer, place: Path) -> None:
    server.inject(Fault("deribit", SUMMARY, "slow", times=1, value=1.0))
    handed_on: list[str] = []

    def then(poll: Poll, file: Partition) -> str:
        assert Store(place).read(file).height == len(poll.replies)
        handed_on.append(poll.venue)
        return poll.venue

    network = polls.Network(load(server.urls).hosts, 5.0, 10.0)
    found = polls.poll_all(Store(place), network, {"deribit": True, "bybit": True}, ["SOL"], polls.now(), then)
    assert found == {"deribit": "deribit", "bybit": "bybit"}
    assert handed_on == ["bybit", "deribit"]


def test_a_defect_costs_no_other_venue_its_replies(server: VenueServer, place: Path) -> None:
    """It is raised once everything that was asked for is stored."""
    server.inject(Fault("deribit", SUMMARY, "slow", times=1, value=1.0))

    def then(poll: Poll, file: Partition) -> None:
        if poll.venue == "bybit":
            raise ZeroDivisionError

    network = polls.Network(load(server.urls).hosts, 5.0, 10.0)
    with pytest.raises(ZeroDivisionError):
        polls.poll_all(Store(place), network, {"deribit": True, "bybit": True}, ["SOL"], polls.now(), then)
    assert [len(Store(place).partitions(RAW, venue)) for venue in ("deribit", "bybit")] == [1, 1]


def test_rows_that_could_not_be_stored_are_said_again(server: VenueServer, gex: Run, place: Path) -> None:
    """Also where the instant was polled and is not asked for again."""
    words, at = ("snapshot", "--venue", "bybit", "--underlying", "SOL", "--at"), minutes_ago(2)
    gex(*words, minutes_ago(3))
    file = next((place / "chain").rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:500])
    assert [gex(*words, at)[0] for _ in range(2)] == [1, 1]
    assert f"cannot read {file}" in gex(*words, at)[2] and len(Store(place).partitions(RAW, "bybit")) == 2


def test_all_rows_are_of_the_instant_and_known_after_it(server: VenueServer, gex: Run, place: Path) -> None:
    at = minutes_ago(3)
    gex("snapshot", "--venue", "deribit", "--at", at)
    found = query(place, "SELECT DISTINCT snapshot_at, venue_time <= knowledge_time AS is_later, source FROM chain")
    assert found.rows() == [(datetime.fromisoformat(at), True, "synthetic-deribit-rest")]
    known = query(place, "SELECT min(knowledge_time) AS first, max(knowledge_time) AS last FROM chain").row(0)
    raw = query(place, f"SELECT min(received_at) FILTER (endpoint = '{SUMMARY}') AS a, max(received_at) AS b FROM raw")
    assert raw["a"][0] <= known[0] <= known[1] <= raw["b"][0], "not before the last answer that a row is made of"


def test_every_reply_is_in_raw(server: VenueServer, gex: Run, place: Path) -> None:
    gex("snapshot", "--venue", "deribit", "--underlying", "BTC")
    raw = query(place, "SELECT endpoint, params, status, error, body, headers, asked FROM raw")
    assert raw.height == sum(server.requests.values())
    assert set(raw["status"]) == {200} and raw["error"].null_count() == raw.height
    assert all(body.startswith(b'{"jsonrpc"') and body.endswith(b"}") for body in raw["body"])
    assert set(raw["asked"]) == {"BTC"}


def test_both_books_of_a_coin_and_sizes_that_are_stated_and_not_multiplied(
    server: VenueServer, gex: Run, place: Path
) -> None:
    gex("snapshot", "--venue", "deribit")
    sizes = query(place, "SELECT DISTINCT underlying, settlement, contract_size_coin FROM chain ORDER BY ALL")
    assert sizes.rows() == [
        ("BTC", "inverse", 1.0),
        ("BTC", "linear", 1.0),
        ("ETH", "inverse", 1.0),
        ("ETH", "linear", 1.0),
        ("HYPE", "linear", 10.0),
        ("SOL", "linear", 10.0),
    ]
    odd = query(place, "SELECT count(*) AS n FROM chain WHERE contract_size_coin = 10 AND open_interest_coin % 10 <> 0")
    assert odd["n"].item() == 0


def test_the_same_instant_is_taken_once(server: VenueServer, gex: Run) -> None:
    """Also where a coin is not listed, as HYPE at Binance."""
    at = minutes_ago(2)
    gex("snapshot", "--venue", "binance", "--at", at)
    server.requests.clear()
    assert gex("snapshot", "--venue", "binance", "--at", at)[1].splitlines()[1:] == [
        "binance: BTC, ETH, SOL stored before"
    ]
    assert not server.requests


def test_stored_before_is_of_the_coins_that_are_asked_for(server: VenueServer, gex: Run) -> None:
    """BTC's snapshot of the instant makes up for nothing where SOL is asked for and fails."""
    words, at = ("snapshot", "--venue", "bybit", "--at"), minutes_ago(2)
    gex(*words, at, "--underlying", "BTC")
    server.inject(Fault("bybit", "", "maintenance", times=None))
    status, out, _ = gex(*words, at, "--underlying", "SOL")
    assert status == 1 and "stored before" not in out


def test_two_processes_that_take_one_instant_store_one_poll(
    server: VenueServer, gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has read what is stored before the other stores, unless one waits; their polls differ by a row."""
    gex("snapshot", "--venue", "bybit", "--underlying", "SOL", "--at", minutes_ago(3))
    server.inject(Fault("bybit", "market/tickers", "iv_sentinel"))
    both, at = Barrier(2), live.grid_time(None, polls.now())
    made = poll_rows.outcomes

    def together(*arguments: Any) -> list[Outcome]:
        found = made(*arguments)
        with suppress(BrokenBarrierError):
            both.wait(timeout=2)
        return found

    monkeypatch.setattr(poll_rows, "outcomes", together)
    network = polls.Network(load(server.urls).hosts, 5.0, 10.0)
    with ThreadPoolExecutor(2) as processes:
        done = list(processes.map(lambda _: live.snapshot(Store(place), network, ["bybit"], ["SOL"], at), range(2)))
    monkeypatch.undo()
    assert sorted(len(summary.outcomes) + len(summary.taken.get("bybit", [])) for summary in done) == [1, 1]
    before = digests(place)
    assert gex("build", "--from-raw")[0] == 0
    assert digests(place) == before, "the rows of the first poll, and nothing of the second"


def test_of_two_polls_of_one_instant_the_later_counts_whoever_stores_it(
    server: VenueServer, gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process of the first poll comes to store it after another one has stored both."""
    server.inject(Fault("okx", "", "maintenance", times=None))
    made = live.store_rows

    def overtaken(store: Store, poll: Poll, file: Partition) -> list[Outcome]:
        monkeypatch.setattr(live, "store_rows", made)
        server.heal()
        server.inject(Fault("okx", "public/opt-summary", "wrong_type", times=None, field="markVol"))
        network = polls.Network(load(server.urls).hosts, 5.0, 10.0)
        live.snapshot(store, network, ["okx"], ["SOL"], poll.snapshot_at)
        return made(store, poll, file)

    monkeypatch.setattr(live, "store_rows", overtaken)
    status, _, err = gex("snapshot", "--venue", "okx", "--underlying", "SOL")
    assert status == 1 and err.startswith("gex: okx SOL: ")
    assert "markVol" in query(place, "SELECT error FROM snapshots").item()
    before = digests(place)
    assert gex("build", "--from-raw")[0] == 0
    assert digests(place) == before


def test_lists_of_instruments_are_kept_until_a_name_is_unknown(server: VenueServer, gex: Run, place: Path) -> None:
    gex("snapshot", "--venue", "deribit", "--at", minutes_ago(3))
    gex("snapshot", "--venue", "deribit", "--at", minutes_ago(2))
    assert server.requests["deribit", LISTING] == 3
    kept = query(place, "SELECT snapshot_at, count(*) AS n FROM raw WHERE is_kept GROUP BY ALL")
    assert kept["n"].to_list() == [3]
    server.inject(Fault("deribit", SUMMARY, "new_instrument"))
    gex("snapshot", "--venue", "deribit", "--at", minutes_ago(1))
    assert server.requests["deribit", LISTING] == 4


def test_a_rebuild_gives_the_same_bytes(server: VenueServer, gex: Run, place: Path) -> None:
    for minutes in (4, 3, 2):
        server.heal()
        if minutes == 3:
            server.inject(Fault("deribit", SUMMARY, "half_the_rows", times=None))
        if minutes == 2:
            server.inject(Fault("deribit", SUMMARY, "iv_sentinel", times=None))
        gex("snapshot", "--venue", "deribit", "--at", minutes_ago(minutes))
    before = digests(place)
    assert any(name.startswith("chain_rejected") for name in before)
    for name in ("chain", "chain_rejected", "snapshots"):
        shutil.rmtree(place / name)
    status, out, _ = gex("build", "--from-raw")
    assert status == 0 and out.startswith("3 polls read again")
    assert digests(place) == before


def test_a_rebuild_leaves_other_rows_alone_and_mends_its_own(server: VenueServer, gex: Run, place: Path) -> None:
    gex("snapshot", "--venue", "deribit", "--at", minutes_ago(2))
    before = digests(place)
    store = Store(place)
    file = store.partitions(CHAIN, "BTC", "deribit")[0]
    wrong = store.read(file).with_columns(open_interest_coin=pl.col("open_interest_coin") * 10)
    other = wrong.head(5).with_columns(
        source=pl.lit("synthetic-archive"), snapshot_at=pl.col("snapshot_at") - timedelta(hours=1)
    )
    store.replace(file, pl.concat([wrong, other]), {})
    assert gex("build", "--from-raw", "--underlying", "BTC")[0] == 0
    mended = store.read(store.partitions(CHAIN, "BTC", "deribit")[0])
    assert mended.filter(pl.col("source") == "synthetic-archive").height == 5
    store.replace(file, mended.filter(pl.col("source") != "synthetic-archive"), {})
    assert digests(place) == before


def test_a_venue_that_is_away_is_one_line(
    server: VenueServer, gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEX_SNAPSHOT_DEADLINE", "2")
    server.inject(Fault("deribit", SUMMARY, "reset", times=None))
    status, out, err = gex("snapshot", "--venue", "deribit", "--underlying", "BTC")
    assert status == 1 and "deribit: nothing stored" in out
    assert err.startswith(f"gex: deribit BTC: {SUMMARY} currency=") and err.count("\n") == 1
    monkeypatch.setenv("GEX_VENUES", "deribit")
    assert gex("status", "--check")[2].startswith(f"gex: deribit BTC: the last snapshot failed: {SUMMARY} ")
    server.heal()
    assert gex("snapshot", "--venue", "deribit", "--underlying", "BTC")[0] == 0
    with pytest.raises(StoreError, match="is a warehouse of synthetic data"):
        Store(place).create("real")


def test_a_coin_whose_book_failed_does_not_cost_the_others(server: VenueServer, gex: Run, place: Path) -> None:
    server.inject(Fault("deribit", "public/get_index_price", "wrong_type", field="index_price", after=2))
    status, _, err = gex("snapshot", "--venue", "deribit")
    assert status == 3 and err.count("\n") == 1 and "$.result.index_price" in err
    found = query(place, "SELECT status, count(*) AS n FROM snapshots GROUP BY ALL ORDER BY 1")
    assert found.rows() == [("failed", 1), ("ok", 3)]
    failed = query(place, "SELECT underlying FROM snapshots WHERE status = 'failed'").item()
    assert query(place, f"SELECT count(*) AS n FROM chain WHERE underlying = '{failed}'").item() == 0


def test_what_was_polled_and_not_made_into_rows_is_finished(server: VenueServer, gex: Run, place: Path) -> None:
    gex("snapshot", "--venue", "deribit", "--at", minutes_ago(3))
    before = digests(place)
    for name in ("chain", "snapshots"):
        shutil.rmtree(place / name)
    gex("snapshot", "--venue", "deribit", "--at", minutes_ago(2))
    assert query(place, "SELECT count(DISTINCT snapshot_at) AS n FROM chain").item() == 2
    shutil.rmtree(next((place / "raw").rglob("month=*")).parent / "none", ignore_errors=True)
    assert set(before) <= set(digests(place))


def test_a_second_attempt_that_was_killed_is_finished_too(server: VenueServer, gex: Run, place: Path) -> None:
    """Its coins are not those of the first, of which all is stored."""
    at = minutes_ago(3)
    gex("snapshot", "--venue", "deribit", "--underlying", "SOL", "--at", at)
    before = {name: shutil.copytree(place / name, place.parent / name) for name in ("chain", "snapshots")}
    gex("snapshot", "--venue", "deribit", "--underlying", "HYPE", "--at", at)
    for name, copy in before.items():
        shutil.rmtree(place / name)
        shutil.move(copy, place / name)
    gex("snapshot", "--venue", "deribit", "--underlying", "SOL", "--at", minutes_ago(2))
    found = query(place, f"SELECT underlying, status FROM snapshots WHERE snapshot_at = '{at}' ORDER BY 1")
    assert found.rows() == [("HYPE", "ok"), ("SOL", "ok")]


@pytest.mark.parametrize("table", ["raw", "chain", "snapshots"])
def test_a_damaged_file_of_one_venue_costs_the_others_nothing(
    server: VenueServer, gex: Run, place: Path, table: str
) -> None:
    """And not even its own replies."""
    words = ("snapshot", "--venue", "deribit,bybit", "--underlying", "SOL", "--at")
    gex(*words, minutes_ago(3))
    file = next((place / table).glob("**/venue=deribit/**/*.parquet"))
    file.write_bytes(file.read_bytes()[:500])
    status, out, err = gex(*words, minutes_ago(2))
    assert "bybit: SOL " in out
    assert (status, err.count("\n")) == ((0, 0) if table == "raw" else (3, 1)), err
    assert table == "raw" or (err.startswith("gex: deribit: ") and str(file) in err)
    assert len(list((place / "raw" / "venue=deribit").glob("**/*.parquet"))) == 2


def test_a_coin_that_has_gone_is_missed(
    server: VenueServer, gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its book and its list are empty, as if it had never been listed."""
    monkeypatch.setattr(polls, "_SPECIFICATION_AGE", timedelta(0))
    gex("snapshot", "--venue", "deribit", "--underlying", "SOL", "--at", minutes_ago(3))
    for endpoint in (SUMMARY, LISTING):
        server.inject(Fault("deribit", endpoint, "empty_list", times=None))
    status, _, err = gex("snapshot", "--venue", "deribit", "--underlying", "SOL", "--at", minutes_ago(2))
    assert status == 1 and "SOL: contracts: none is listed any more, though " in err
    assert query(place, "SELECT status FROM snapshots ORDER BY snapshot_at DESC LIMIT 1").item() == "failed"


def test_nothing_that_is_listed_is_said(server: VenueServer, gex: Run) -> None:
    status, _, err = gex("snapshot", "--venue", "bybit,okx", "--underlying", "DOGE")
    assert (status, err) == (1, "gex: DOGE is listed at none of bybit, okx\n")


def test_a_misspelt_coin_beside_good_ones_is_said(server: VenueServer, gex: Run) -> None:
    """Also by a run that has nothing left to ask."""
    words = ("snapshot", "--venue", "bybit,binance", "--underlying", "SOL,SOLL", "--at", minutes_ago(2))
    for _ in range(2):
        assert gex(*words)[::2] == (3, "gex: SOLL is listed at none of bybit, binance\n")


def test_a_misspelt_coin_of_the_settings_is_said(
    server: VenueServer, gex: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one that is stored from another venue, and no default: each venue lists but some of them."""
    words = ("snapshot", "--at")
    assert gex(*words, minutes_ago(4), "--venue", "deribit", "--underlying", "HYPE")[0] == 0
    monkeypatch.setenv("GEX_VENUES", "binance")
    assert gex(*words, minutes_ago(3))[::2] == (0, "")
    monkeypatch.setattr("gex_pipeline.settings.DEFAULT_UNDERLYINGS", ("BTC",))
    monkeypatch.setenv("GEX_UNDERLYINGS", "BTC,HYPE,ETHH,XRPP")
    assert gex(*words, minutes_ago(2))[::2] == (3, "gex: ETHH, XRPP are listed at none of binance\n")


def test_while_a_venue_is_away_nobody_knows_what_it_lists(server: VenueServer, gex: Run) -> None:
    server.inject(Fault("binance", "", "maintenance", times=None))
    status, _, err = gex("snapshot", "--venue", "bybit,binance", "--underlying", "SOL,SOLL")
    assert status == 3 and "is listed at none" not in err


def test_lists_are_asked_for_again_after_a_failure(server: VenueServer, gex: Run) -> None:
    """A kept list may be what is wrong: it must not fail every snapshot until it is old."""
    server.inject(Fault("deribit", SUMMARY, "half_the_rows"))
    for minutes in (3, 2, 1):
        gex("snapshot", "--venue", "deribit", "--underlying", "SOL", "--at", minutes_ago(minutes))
    assert server.requests["deribit", LISTING] == 2


def test_what_a_venue_says_cannot_steer_the_terminal(server: VenueServer, gex: Run, place: Path) -> None:
    outcome = Outcome("bybit", "SOL", Rows(pl.DataFrame(), pl.DataFrame(), error="a\x1b[2J\x07\u202e\nb"))
    assert outcome.text == "a\\x1b[2J\\x07\\u202e b"


def test_a_made_up_market_cannot_enter_a_real_warehouse(server: VenueServer, gex: Run, place: Path) -> None:
    Store(place).create("real")
    status, _, err = gex("snapshot", "--venue", "deribit")
    assert status == 1 and "is a warehouse of real data: synthetic rows need another" in err


@pytest.mark.parametrize("at", ["2026-01-01", "2999-01-01"])
def test_an_instant_that_cannot_be_taken(server: VenueServer, gex: Run, at: str) -> None:
    status, _, err = gex("snapshot", "--at", at)
    assert status == 2 and "is not within the last ten minutes" in err
    assert not server.requests


def test_status_says_what_failed_and_gaps_are_recorded(
    server: VenueServer, gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gex("snapshot", "--venue", "deribit", "--underlying", "BTC", "--at", minutes_ago(2))
    store = Store(place)
    year = store.partitions(SNAPSHOTS, "deribit")[0]
    hours_ago = [store.read(year).with_columns(pl.col("snapshot_at") - timedelta(hours=h)) for h in (5, 9)]
    failed = hours_ago[0].with_columns(status=pl.lit("failed"), error=pl.lit("HTTP 502"))
    store.replace(year, pl.concat([failed, hours_ago[1]]), {})
    day = store.partitions(CHAIN, "BTC", "deribit")[0]
    store.merge(CHAIN, store.read(day).with_columns(pl.col("snapshot_at") - timedelta(hours=9)), {})
    store.replace(day, store.read(day).filter(pl.col("snapshot_at") < polls.now() - timedelta(hours=1)), {})
    store.remove(store.partitions(RAW, "deribit")[0])  # else it would be made into rows again
    gex("snapshot", "--venue", "deribit", "--underlying", "BTC", "--at", minutes_ago(1))
    missing = query(place, "SELECT gaps FROM snapshots ORDER BY snapshot_at DESC LIMIT 1").item()
    assert missing in (8, 9), "an hour more where one has begun between the two"
    _, out, _ = gex("status", "--gaps")
    assert out.splitlines()[-1].split()[:2] == ["BTC", "deribit"] and out.rstrip().endswith(f"{missing}  HTTP 502")
    assert gex("status")[1].splitlines()[-1].split()[-1] == str(missing)
    server.inject(Fault("deribit", "", "maintenance", times=None))
    gex("snapshot", "--venue", "deribit", "--underlying", "BTC")
    status, _, err = gex("status", "--check")
    assert status == 1 and "the last snapshot failed: " in err and "11051" in err


def test_a_coin_that_a_venue_does_not_list_is_not_red_after_an_outage(server: VenueServer, gex: Run) -> None:
    """While it is away nobody knows that it does not list HYPE."""
    server.inject(Fault("bybit", "", "maintenance", times=None))
    words = ("snapshot", "--venue", "bybit,deribit", "--underlying", "SOL,HYPE", "--at")
    _, _, err = gex(*words, minutes_ago(3))
    assert err.startswith("gex: bybit ") and "HYPE" in err
    server.heal()
    assert gex(*words, minutes_ago(2))[0] == 0
    gex("build")
    assert "bybit" not in gex("status", "--check")[2]
    assert [line.split()[:2] for line in gex("status")[1].splitlines() if "HYPE" in line] == [["HYPE", "deribit"]]


def test_a_coin_that_a_venue_does_not_list_is_not_red_after_a_second_attempt(
    server: VenueServer, gex: Run, place: Path
) -> None:
    """Of the same instant: nothing is left of the first, also by a rebuild."""
    server.inject(Fault("okx", "", "maintenance", times=None))
    words = ("snapshot", "--venue", "okx,deribit", "--underlying", "SOL,HYPE", "--at", minutes_ago(2))
    assert gex(*words)[0] == 3
    server.heal()
    assert gex(*words)[0] == 0
    assert query(place, "SELECT underlying, status FROM snapshots WHERE venue = 'okx'").rows() == [("SOL", "ok")]
    assert "okx" not in gex("status", "--check")[2]
    server.requests.clear()
    assert gex(*words)[::2] == (0, "") and not server.requests
    before = digests(place)
    for is_kept in (True, False):
        if not is_kept:
            shutil.rmtree(place / "snapshots")
        assert gex("build", "--from-raw")[0] == 0
        assert digests(place) == before


def test_a_coin_that_fails_again_and_again_stays_red(server: VenueServer, gex: Run) -> None:
    """A snapshot of other coins says nothing of it."""
    for minutes, coin in ((4, "SOL,BTC"), (3, "BTC"), (2, "SOL,BTC")):
        server.heal()
        server.inject(Fault("okx", "public/opt-summary", "wrong_type", times=None, field="markVol"))
        if coin == "BTC":
            server.heal()
        gex("snapshot", "--venue", "okx", "--underlying", coin, "--at", minutes_ago(minutes))
    assert "okx SOL: the last 2 snapshots failed" in gex("status", "--check")[2]


def test_a_ban_is_never_made_shorter(place: Path) -> None:
    store, at = Store(place), polls.now()
    store.create("synthetic")
    for hours in (72, 1):
        reply = Reply(Request("x"), "", 418, at, at, retry_at=at + timedelta(hours=hours))
        note_ban(store, "binance", [reply])
    assert banned_until(store, "binance", at) == at + timedelta(hours=72)
    assert banned_until(store, "binance", at + timedelta(hours=73)) is None


@pytest.mark.parametrize("where", ["asyncio.events.new_event_loop", "gex_pipeline.venues.http._bounded"])
@pytest.mark.filterwarnings("error")
def test_ctrl_c_is_one_line_before_anything_is_asked_and_while_it_is(
    server: VenueServer, gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Nothing that was begun is left for the interpreter to complain of."""
    monkeypatch.setattr(where, lambda *_: signal.raise_signal(signal.SIGINT))
    complaints: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", complaints.append)
    before = signal.getsignal(signal.SIGINT)
    try:
        assert gex("snapshot", "--underlying", "SOL") == (130, "", "gex: interrupted\n")
    finally:
        signal.signal(signal.SIGINT, before)
    gc.collect()
    assert not complaints and not place.exists()


def test_raw_is_never_replaced(server: VenueServer, gex: Run, place: Path) -> None:
    at = minutes_ago(2)
    server.inject(Fault("deribit", SUMMARY, "half_the_rows", times=3))
    assert gex("snapshot", "--venue", "deribit", "--at", at)[0] == 1
    assert gex("snapshot", "--venue", "deribit", "--at", at)[0] == 0
    assert len(Store(place).partitions(RAW, "deribit")) == 2
    assert query(place, "SELECT DISTINCT status FROM snapshots")["status"].to_list() == ["ok"]


def test_a_ban_holds_for_the_runs_that_follow(server: VenueServer, gex: Run, place: Path) -> None:
    """Binance says for how long; until then it is not asked, and the others are."""
    server.inject(Fault("binance", "eapi/v1/mark", "ban", value=3600))
    words = ("snapshot", "--venue", "binance,bybit", "--underlying", "SOL", "--at")
    assert gex(*words, minutes_ago(3))[0] == 3
    server.heal()
    server.requests.clear()
    for minutes in (2, 1):
        status, _, err = gex(*words, minutes_ago(minutes))
        assert status == 3 and err.startswith("gex: binance SOL: not asked: it has banned us until ")
    assert {venue for venue, _ in server.requests} == {"bybit"}
    found = query(place, "SELECT DISTINCT retry_at FROM raw WHERE retry_at IS NOT NULL")
    assert found.height == 1 and found["retry_at"][0] > polls.now() + timedelta(minutes=55)


def test_a_ban_that_another_command_met_holds_too(server: VenueServer, gex: Run) -> None:
    gex("snapshot", "--venue", "bybit", "--underlying", "SOL", "--at", minutes_ago(2))
    server.inject(Fault("binance", "", "ban", value=3600, times=None))
    assert gex("candles", "--venue", "binance", "--underlying", "SOL")[0] == 1
    server.heal()
    server.requests.clear()
    for words in (("snapshot",), ("market",)):
        _, _, err = gex(*words, "--venue", "binance", "--underlying", "SOL")
        assert "not asked: it has banned us until " in err
    assert not server.requests
