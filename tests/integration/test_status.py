"""`gex status`: what a monitor is told of snapshots that are old, missing, failed or not built."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gex_pipeline.commands import look
from gex_pipeline.engine import polls
from gex_pipeline.engine.bans import note_ban
from gex_pipeline.market.server.faults import Fault
from gex_pipeline.market.server.server import VenueServer
from gex_pipeline.schema import CANDLES, CHAIN, SNAPSHOTS
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues.base import Reply, Request
from tests.instants import utc
from tests.integration.live import Run, healthy
from tests.unit.store.build import chain

SNAPSHOT = ("snapshot", "--venue", "deribit,bybit", "--underlying", "SOL")
LAST = utc("2026-03-05T07:00")
SECOND = timedelta(seconds=1)


@pytest.fixture
def server(venues: VenueServer, monkeypatch: pytest.MonkeyPatch) -> VenueServer:
    settings = {"GEX_VENUES": "deribit,bybit", "GEX_UNDERLYINGS": "SOL", "GEX_HTTP_TIMEOUT": "5"}
    return healthy(venues, monkeypatch, **settings)


def at(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """Set the clock of the command."""
    monkeypatch.setattr(look, "clock", lambda: now)


def imported(place: Path, *rows: pl.DataFrame) -> Store:
    """A warehouse of made-up archives."""
    store = Store(place)
    store.create("synthetic")
    for frame in rows:
        store.merge(CHAIN, frame, {})
    return store


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([], id="no-other-snapshot"),
        pytest.param([("2026-02-20T00:00", 10, 24), ("2026-03-05T05:00", 2)], id="daily-before"),
        pytest.param([("2026-03-01T00:00", 40, 1 / 12), ("2026-03-05T05:00", 2)], id="5min-before"),
        pytest.param([("2026-01-07T00:00", 24)], id="hourly-57-days-before"),
        pytest.param([("2026-02-01T00:00", 500), ("2026-03-05T06:00", 1)], id="ten-days-down"),
        pytest.param([("2026-03-05T06:57", 3, 1 / 60)], id="some-by-hand-a-minute-apart"),
        pytest.param([("2026-03-04T06:00", 24), ("2026-03-05T06:57", 3, 1 / 60)], id="by-hand-between"),
    ],
)
def test_hourly_snapshots_are_stale_after_two_hours(
    gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch, history: list[tuple[Any, ...]]
) -> None:
    """Whatever there was before (start, snapshots, hours between), and with `levels` of the same mind."""
    imported(place, *(chain(*past) for past in history), chain("2026-03-05T07:00", 1))
    for now, is_stale in ((LAST + timedelta(hours=2), False), (LAST + timedelta(hours=2) + SECOND, True)):
        at(monkeypatch, now)
        assert ("binance BTC: stale, last snapshot 2 h ago" in gex("status", "--check")[2]) is is_stale
        assert ("BTC: stale: " in gex("levels", "BTC", "--at", now.isoformat())[2]) is is_stale


@pytest.mark.parametrize(
    ("last", "hours"),
    [
        pytest.param(("2026-03-01T07:00", 5, 24), 48, id="daily"),
        pytest.param(("2026-03-03T07:00", 3, 24 * 31), 48, id="monthly"),
        pytest.param(("2026-03-05T00:00", 8, 1 / 12), 1 / 6, id="5min"),
    ],
)
def test_snapshots_that_are_not_hourly_are_judged_by_their_rhythm(
    gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch, last: tuple[Any, ...], hours: float
) -> None:
    """At most by the day."""
    rows = chain(*last)
    imported(place, rows)
    newest = rows["snapshot_at"].max()
    assert isinstance(newest, datetime)
    for late, is_stale in ((timedelta(0), False), (SECOND, True)):
        at(monkeypatch, newest + timedelta(hours=hours) + late)
        assert ("binance BTC: stale" in gex("status", "--check")[2]) is is_stale


def test_the_hours_missing_are_those_that_gaps_lists(gex: Run, place: Path) -> None:
    """A day of a daily archive is no gap; one that it lacks is, as is a single hour of an hourly one."""
    daily = [chain(start, 4, hours=24, venue="okx") for start in ("2026-01-01", "2026-01-06")]
    imported(place, *daily, chain("2026-03-05T00:00", 5), chain("2026-03-05T06:00", 2))
    said = [line.split() for line in gex("status", "--gaps")[1].splitlines()[2:]]
    assert [(words[1], words[6]) for words in said] == [("okx", "47"), ("binance", "1")]
    assert [line.split()[-1] for line in gex("status")[1].splitlines()[2:]] == ["1", "47"]


def test_a_gap_has_the_hours_of_the_clock_and_what_failed_last(gex: Run, place: Path) -> None:
    """A snapshot that was late is of its hour; a warning is no failure."""
    day, okay = "2026-03-05T", ("ok", None)
    said = {"05:50": okay, "06:00": ("failed", "HTTP 502"), "07:00": ("partial", "odd"), "08:10": okay, "10:05": okay}
    store = imported(place, *(chain(f"{day}{minute}", 1) for minute in said if said[minute] == okay))
    fixed = {"venue": "binance", "underlying": "BTC", "rows": 0, "rejected": 0, "requests": 1, "gaps": 0}
    rows = [
        {**fixed, "snapshot_at": utc(f"{day}{minute}"), "status": status, "error": error, "duration_seconds": 1.0}
        for minute, (status, error) in said.items()
    ]
    store.merge(SNAPSHOTS, pl.DataFrame(rows, schema=polars_schema(SNAPSHOTS)), {})
    lines = [line.rstrip().split(maxsplit=7)[6:] for line in gex("status", "--gaps")[1].splitlines()[2:]]
    assert lines == [["2", "HTTP 502"], ["1", "none was taken or imported"]]


# ---------------------------------------------------------------- what a monitor judges


def test_a_monitor_judges_what_the_settings_name(
    server: VenueServer, gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not an archive, nor a coin or venue that has left them."""
    imported(place, chain("2026-03-05T07:00", 1, venue="okx"), chain("2026-03-05T07:00", 1, venue="bybit"))
    assert "okx BTC: stale" in gex("status", "--check")[2], "there is nothing but archives"
    gex("snapshot", "--venue", "deribit", "--underlying", "SOL")
    server.inject(Fault("bybit", "", "maintenance", times=None))
    gex("snapshot", "--venue", "bybit", "--underlying", "SOL")
    status, out, err = gex("status", "--check")
    assert status == 1 and err.startswith("gex: bybit SOL: the last snapshot failed: ") and err.count("\n") == 1
    assert [line.split()[:2] for line in out.splitlines()[2:]] == [
        ["BTC", "bybit"],
        ["BTC", "okx"],
        ["SOL", "bybit"],
        ["SOL", "deribit"],
    ]
    monkeypatch.setenv("GEX_VENUES", "deribit")
    assert gex("status", "--check")[::2] == (0, "")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GEX_VENUES", "deribit,okx", "okx: no snapshot yet: take one, or leave it out of GEX_VENUES"),
        ("GEX_UNDERLYINGS", "SOL,ETH", "ETH: no snapshot from any of GEX_VENUES: take one; if none lists it, mend "),
        ("GEX_UNDERLYINGS", "SOL,XPR", "XPR: no snapshot from any of GEX_VENUES: take one; if none lists it, mend "),
    ],
)
def test_a_venue_or_coin_that_was_never_taken_is_red(
    server: VenueServer, gex: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    gex(*SNAPSHOT)
    assert gex("status", "--check")[0] == 0
    monkeypatch.setenv(name, value)
    status, _, err = gex("status", "--check")
    assert status == 1 and err.startswith(f"gex: {said}") and err.count("\n") == 1


def test_a_venue_that_lists_none_of_the_coins_is_not_red(
    server: VenueServer, gex: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bybit has no HYPE; where nobody has it, it is the coin that is named."""
    monkeypatch.setenv("GEX_UNDERLYINGS", "HYPE")
    gex("snapshot")
    assert gex("status", "--check")[::2] == (0, "")
    monkeypatch.setenv("GEX_VENUES", "bybit")
    assert gex("status", "--check")[2].startswith("gex: HYPE: no snapshot from any of GEX_VENUES")


def a_month_earlier(store: Store, venue: str) -> None:
    """Move what is stored of a venue."""
    for file in [file for table in (SNAPSHOTS, CHAIN) for file in store.partitions(table)]:
        manifest = store.manifest(file)
        assert manifest is not None
        if file.value("venue") == venue:
            earlier = store.read(file).with_columns(pl.col("snapshot_at") - timedelta(days=31))
            store.replace(file, earlier, manifest.inputs)


def test_a_coin_that_was_delisted_is_not_red_for_ever(
    server: VenueServer, gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor for a month after an outage of its venue, in which every coin fails."""
    monkeypatch.setenv("GEX_UNDERLYINGS", "SOL,BTC")
    gex("snapshot", "--underlying", "BTC")
    a_month_earlier(Store(place), "bybit")
    gex("snapshot", "--underlying", "SOL", "--at", f"{polls.now() - timedelta(minutes=3):%Y-%m-%dT%H:%MZ}")
    gex("build", "--workers", "1")
    assert "bybit BTC: stale" in gex("status")[2] and gex("status", "--check")[::2] == (0, "")
    server.inject(Fault("bybit", "", "maintenance", times=None))
    gex("snapshot", "--at", f"{polls.now() - timedelta(minutes=2):%Y-%m-%dT%H:%MZ}")
    assert "bybit BTC" not in gex("status", "--check")[2] and "bybit SOL: " in gex("status", "--check")[2]
    server.heal()
    gex("snapshot", "--underlying", "SOL")
    assert gex("status", "--check")[::2] == (0, "")


def test_a_coin_that_fails_for_more_than_a_month_beside_others_stays_red(
    server: VenueServer, gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEX_UNDERLYINGS", "SOL,BTC")
    gex("snapshot", "--at", f"{polls.now() - timedelta(minutes=2):%Y-%m-%dT%H:%MZ}")
    a_month_earlier(Store(place), "deribit")
    server.inject(Fault("deribit", "public/get_index_price", "wrong_type", field="index_price"))
    assert gex("snapshot")[0] == 3
    said = [line for line in gex("status", "--check")[2].splitlines() if "the last snapshot failed" in line]
    assert len(said) == 1 and said[0].startswith("gex: deribit ")


def test_a_snapshot_may_be_built_for_some_minutes(
    server: VenueServer, gex: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it lacks then is said once a coin."""
    began = polls.now()
    gex(*SNAPSHOT, "--at", f"{began - timedelta(minutes=8):%Y-%m-%dT%H:%MZ}")
    assert gex("status", "--check")[::2] == (0, "")
    gex("build")
    gex(*SNAPSHOT)
    at(monkeypatch, began + timedelta(minutes=12))
    assert gex("status", "--check")[::2] == (0, ""), "the first snapshot is built"
    at(monkeypatch, began + timedelta(minutes=17))
    status, _, err = gex("status", "--check")
    unbuilt = [line for line in err.splitlines() if "not built" in line]
    assert (status, unbuilt) == (1, [f"gex: SOL: not built: {began:%Y-%m-%d}; run `gex build`"])


def test_a_build_that_failed_is_not_excused_by_the_next_snapshot(
    server: VenueServer, gex: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = polls.now()
    gex(*SNAPSHOT, "--at", f"{began - timedelta(minutes=9):%Y-%m-%dT%H:%MZ}")
    gex(*SNAPSHOT)
    at(monkeypatch, began + timedelta(minutes=8))
    assert "SOL: not built" in gex("status", "--check")[2]


AROUND = ("--venue", "bybit", "--underlying", "SOL")


def test_what_is_around_the_chain_is_watched(
    server: VenueServer, gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settlements come once a day and are walked every hour; what was never fetched is not missed."""
    gex(*SNAPSHOT)
    gex("market", *AROUND)
    note_ban(Store(place), "binance", [Reply(Request("x"), "", 418, LAST, LAST, retry_at=LAST)])
    assert gex("status", "--check")[::2] == (0, "")
    assert "candles" not in gex("status")[1]
    gex("candles", *AROUND)
    header, _, line = gex("status")[1].splitlines()[-3:]
    assert header.split() == ["fetched", "candles", "funding", "perps", "settlements", "trades"]
    assert line.split()[0] == "bybit" and " d" not in line and "!" not in line
    at(monkeypatch, polls.now() + timedelta(hours=4))
    late = {line.split(" ago; ")[1]: line for line in gex("status", "--check")[2].splitlines() if "fetched" in line}
    assert late["run `gex candles`"].startswith("gex: bybit candles: last fetched 4 h")
    assert late["run `gex market`"].startswith("gex: bybit trades: last fetched 4 h")
    at(monkeypatch, polls.now() + timedelta(days=6))
    assert "gex: bybit candles: last fetched 6 d" in gex("status", "--check")[2]
    monkeypatch.setenv("GEX_VENUES", "deribit")
    assert "fetched" not in gex("status", "--check")[2]


def test_a_history_that_was_fetched_by_hand_is_not_late(server: VenueServer, gex: Run, place: Path) -> None:
    gex(*SNAPSHOT)
    days = [f"{polls.now() - timedelta(days=n):%Y-%m-%d}" for n in (20, 19)]
    for command in ("candles", "market"):
        assert gex(command, *AROUND, "--from", days[0], "--to", days[1])[0] == 0
    assert "19 d" in gex("status")[1] and gex("status", "--check")[::2] == (0, "")


def test_one_coin_or_market_that_is_fetched_no_more_is_late(
    server: VenueServer, gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever of the venue still comes in, and as long as the coin is one of the settings."""
    monkeypatch.setenv("GEX_UNDERLYINGS", "SOL,BTC")
    gex("snapshot")
    for command in ("candles", "market"):
        gex(command, "--venue", "bybit")
    store = Store(place)
    (file,) = store.partitions(CANDLES, "SOL", "bybit")
    is_lost = (pl.col("market") == "mark") & (pl.col("close_at") > polls.now() - timedelta(hours=5))
    store.replace(file, store.read(file).filter(~is_lost), {})
    notes = place / ".fetched" / "bybit-trades-BTC-BTC.json"
    ((start, _, rows),) = json.loads(notes.read_text())
    notes.write_text(json.dumps([[start, (polls.now() - timedelta(hours=6)).isoformat(), rows]]))
    late = [line for line in gex("status", "--check")[2].splitlines() if "fetched" in line]
    assert [line.split(" h ")[0] for line in late] == [
        "gex: bybit candles of SOL mark: last fetched 5",
        "gex: bybit trades of BTC: last fetched 6",
    ]
    monkeypatch.setenv("GEX_UNDERLYINGS", "BTC")
    assert "SOL" not in gex("status", "--check")[2]


def test_a_foreign_file_among_the_notes_is_passed_over(server: VenueServer, gex: Run, place: Path) -> None:
    gex(*SNAPSHOT)
    for name in ("x", "bybit-x-y-SOL"):
        (place / ".fetched").mkdir(exist_ok=True)
        (place / ".fetched" / f"{name}.json").write_text('[["2026-01-01T00:00Z", "2026-01-02T00:00Z", 1]]')
    assert gex("status", "--check")[::2] == (0, "")


def test_bars_that_were_imported_or_are_of_days_were_not_fetched(server: VenueServer, gex: Run, place: Path) -> None:
    gex(*SNAPSHOT)
    gex("candles", *AROUND, "--interval", "1d")
    gex("candles", *AROUND, "--market", "perp")
    store = Store(place)
    (file,) = store.partitions(CANDLES, "SOL", "bybit")
    bars = store.read(file)
    hourly = bars.filter(pl.col("interval") == "1h").with_columns(source=pl.lit("synthetic-archive"))
    store.replace(file, pl.concat([bars.filter(pl.col("interval") == "1d"), hourly]), {})
    assert gex("status", "--check")[::2] == (0, "") and "candles" not in gex("status")[1]
