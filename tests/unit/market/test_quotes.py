"""Books of the made-up venues: sums over venues, rows made in bulk, and the hours that archives lack."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from gex_pipeline.market import archive, books, chains
from gex_pipeline.market.listing import contracts, listed
from gex_pipeline.market.quotes import dealers, quotes
from gex_pipeline.market.world import World
from gex_pipeline.schema import TABLES
from gex_pipeline.schema.checks import violations

WORLD = World(5, date(2026, 1, 5), 12)
NOON = round(datetime(2026, 1, 9, 12, 17, tzinfo=UTC).timestamp() * 1e6)


@pytest.mark.parametrize("coin", books.COINS)
def test_the_venues_hold_all_of_what_they_list(coin: str) -> None:
    """Dealers' positions and open interest of all books of a coin add up to the market's, contract by contract."""
    held, share = WORLD.market(coin).day(NOON)
    positions = {"dealers": held.dealers_at(share), "open interest": held.open_interest_at(share)}
    sums = {name: np.zeros_like(whole) for name, whole in positions.items()}
    is_listed = np.zeros_like(held.dealers, dtype=bool)
    for book in books.of(coin):
        here = contracts(book, WORLD, held.date)
        own = {"dealers": dealers(book, WORLD, NOON), "open interest": quotes(book, WORLD, NOON).open_interest}
        assert (np.abs(own["dealers"]) <= own["open interest"]).all()
        for name, values in own.items():
            sums[name][here.side, here.place] += values
        is_listed[here.side, here.place] = True
    lots = sum(book.lot_coin for book in books.of(coin))  # each book has whole lots of its own
    for name, whole in positions.items():
        assert sums[name][is_listed] == pytest.approx(whole[is_listed], abs=lots)
        assert np.abs(whole[~is_listed]).sum() < 0.02 * np.abs(whole).sum()


@pytest.mark.parametrize("book", books.BOOKS, ids=lambda b: f"{b.venue}-{b.family}-{b.coin}")
def test_nobody_can_lock_in_a_profit_within_a_book(book: books.Book) -> None:
    """Calls of an expiry fall ever more slowly with the strike; total variance grows with tenor. But for the rounding
    of volatility to 0.01 %, which moves a price by a ten-thousandth of its vega."""
    q = quotes(book, WORLD, NOON)
    marks, listed_ = q.price(q.mark_iv), q.listed
    vega = (q.price(q.mark_iv + 5e-5) - q.price(q.mark_iv - 5e-5)) / 1e-4
    variances = {}
    for end in np.unique(listed_.expiry_us):
        rows = np.flatnonzero((listed_.expiry_us == end) & listed_.is_call)
        k, price, slack = listed_.strike[rows], marks[rows], 2e-4 * vega[rows].max()
        slopes = np.diff(price) / np.diff(k)
        assert (slopes <= slack / np.diff(k).min()).all() and (slopes >= -1 - slack / np.diff(k).min()).all()
        assert (np.diff(slopes) >= -2 * slack / np.diff(k).min()).all()
        middle = np.argmin(np.abs(k / q.forward[rows] - 1))
        variances[end] = q.mark_iv[rows][middle] ** 2 * q.tenor[rows][middle]
    assert (np.diff(list(variances.values())) > 0).all()


def us(*at: int) -> int:
    return round(datetime(2026, 1, *at, tzinfo=UTC).timestamp() * 1e6)


@pytest.mark.parametrize("book", books.BOOKS, ids=lambda b: f"{b.venue}-{b.family}-{b.coin}")
def test_contracts_go_at_eight_and_come_half_an_hour_later(book: books.Book) -> None:
    before, early, late = (set(listed(book, WORLD, us(9, *at)).names) for at in ((7, 59), (8, 29, 59), (8, 30)))
    assert early < before and early < late
    for each in before - early:
        assert "9JAN26" in each or "260109" in each
    for instant in (us(9, 8, 29, 59), us(9, 8, 30)):
        assert (listed(book, WORLD, instant).since_us <= instant).all()
    new = listed(book, WORLD, us(9, 8, 30)).where(np.array([name not in early for name in sorted(late)]))
    assert len(late) - len(early) == len(new.names) > 0


def test_volume_is_that_of_the_last_day() -> None:
    """At 08:00 all of it was traded yesterday, a moment before the next 08:00 today."""
    book = books.BOOKS[0]
    eight, noon, end = (quotes(book, WORLD, us(*at)) for at in ((8, 8, 0), (8, 20, 0), (9, 7, 59, 59)))
    names = {name: i for i, name in enumerate(eight.listed.names)}
    common = [name for name in end.listed.names if name in names]
    of = [[q.listed.names.index(name) for name in common] for q in (eight, noon, end)]
    first, half, last = (q.volume[rows] for q, rows in zip((eight, noon, end), of, strict=True))
    assert half == pytest.approx(0.5 * (first + last), abs=2 * book.lot_coin)
    assert not np.allclose(first, last, rtol=0.2)


@pytest.mark.parametrize("book", books.BOOKS, ids=lambda b: f"{b.venue}-{b.family}-{b.coin}")
def test_many_instants_say_what_each_says(book: books.Book) -> None:
    many = quotes(book, WORLD, NOON + 3_600_000_000 * np.arange(5))
    one = quotes(book, WORLD, NOON + 3 * 3_600_000_000)
    assert many.listed is one.listed and many.index[3] == one.spot
    for name in ("tenor", "forward", "mark_iv", "bid_iv", "ask_iv", "open_interest", "volume"):
        assert getattr(many, name)[3].tobytes() == getattr(one, name).tobytes(), name


@pytest.mark.parametrize(("venue", "coin"), [("deribit", "BTC"), ("bybit", "ETH"), ("okx", "SOL"), ("binance", "BTC")])
def test_rows_of_chain_obey_its_rules(venue: str, coin: str) -> None:
    """Across a listing, too: the day's expiry goes at 08:00 and another one comes."""
    rows = chains.chain(venue, coin, WORLD, chains.hours(datetime(2026, 1, 8, 6, tzinfo=UTC), 4))
    typed = rows.with_columns(pl.col(pl.Enum).cast(pl.String))
    assert violations(TABLES["chain"], typed) == []
    first, last = typed["snapshot_at"].min(), typed["snapshot_at"].max()
    before, after = (set(typed.filter(snapshot_at=at)["expiry_at"]) for at in (first, last))
    assert {at.hour for at in before | after} == {8}
    assert min(before) == datetime(2026, 1, 8, 8, tzinfo=UTC) and min(after) == min(before) + timedelta(days=1)


def test_some_hours_of_an_archive_are_lacking() -> None:
    world = World(1, date(2026, 1, 5), 91)
    vendor = [piece for piece in archive.pieces(world, 24 * 90) if not piece.is_ticks]
    lacking = {p.venue: 0 for p in vendor}
    for piece in vendor:
        lacking[piece.venue] += piece.hours - len(archive.recorded(world, piece))
    assert all(0 < n < 0.02 * 24 * 90 * 4 + 26 * 4 for n in lacking.values())
    by_day = [archive.recorded(world, p) for p in vendor if p.venue == "okx" and p.coins == ("BTC",)]
    assert (np.diff(np.concatenate(by_day)) > 0).all()
