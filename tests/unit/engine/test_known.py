"""What is noted of a walked feed, and when a note counts for nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from gex_pipeline.engine.known import last_time, note, walked_until, walked_within
from gex_pipeline.engine.spans import Stretch
from gex_pipeline.schema import FUNDING
from gex_pipeline.store.layout import FETCHED
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues.feeds import Feed, frame_of
from gex_pipeline.venues.okx.perpetuals import fundings, perpetual

FEED: Feed = fundings(perpetual("BTC"))


def at(day: int) -> datetime:
    return datetime(2026, 10, 1, 8, tzinfo=UTC) + timedelta(days=day)


def days(first: int, last: int) -> Stretch:
    return at(first), at(last)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Funding once a day on forty days."""
    made = Store(tmp_path / "warehouse")
    made.create()
    rows = [
        {
            "venue": "okx",
            "symbol": "BTC-USDT-SWAP",
            "underlying": "BTC",
            "funding_at": at(day),
            "knowledge_time": at(day),
            "funding_rate": 1e-4,
            "source": "okx-rest",
        }
        for day in range(40)
    ]
    made.merge(FUNDING, frame_of(FUNDING, rows), {})
    return made


def shorten(store: Store, n: int) -> None:
    """The first n rows are gone."""
    (file,) = store.partitions(FUNDING, "BTC", "okx")
    store.replace(file, store.read(file)[n:], {})


def test_what_was_walked_is_known(store: Store) -> None:
    note(store, FEED, [days(0, 10), days(10, 20)])
    note(store, FEED, [days(25, 28)])
    assert walked_until(store, FEED) == at(28)
    assert walked_within(store, FEED, days(0, 30)) == [days(0, 20), days(25, 28)]
    assert walked_within(store, FEED, days(21, 24)) == []


def test_neighbours_are_joined_within_a_month(store: Store) -> None:
    note(store, FEED, [days(0, 20)])
    note(store, FEED, [days(20, 33)])
    note(store, FEED, [days(33, 39)])
    assert walked_within(store, FEED, days(0, 40)) == [days(0, 33), days(33, 39)]


def test_a_note_whose_rows_are_gone_counts_for_nothing(store: Store) -> None:
    note(store, FEED, [days(0, 5), days(6, 20)])
    shorten(store, 3)
    assert walked_within(store, FEED, days(0, 40)) == [days(6, 20)]
    assert walked_until(store, FEED) == at(20)


def test_what_is_walked_anew_takes_the_place_of_what_was_noted(store: Store) -> None:
    """Noting a part of a lost stretch does not vouch for the rest of it."""
    note(store, FEED, [days(0, 20)])
    shorten(store, 3)
    note(store, FEED, [days(10, 20)])
    assert walked_within(store, FEED, days(0, 40)) == [days(10, 20)]


def test_damaged_notes_are_none(store: Store) -> None:
    note(store, FEED, [days(0, 20)])
    for file in store.objects.path(FETCHED).iterdir():
        file.write_text('[["2026", 1]]')
    assert walked_until(store, FEED) is None


def test_the_last_row_is_of_the_feed(store: Store) -> None:
    assert last_time(store, FEED) == at(39)
    assert last_time(store, fundings(perpetual("ETH"))) is None
    other = Feed(FUNDING, "okx", "other", ("BTC",), FEED.walk, pl.col("symbol") == "other", FEED.window)
    assert last_time(store, other) is None
