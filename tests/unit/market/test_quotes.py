"""Books of the made-up venues: sums over venues, rows made in bulk, and the hours that archives lack."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from gex_pipeline.market import archive, books, chains
from gex_pipeline.market.quotes import contracts, dealers, quotes
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
        listed = contracts(book, WORLD, held.date)
        own = {"dealers": dealers(book, WORLD, NOON), "open interest": listed.of(positions["open interest"])}
        assert (np.abs(own["dealers"]) <= own["open interest"] * (1 + 1e-9)).all()
        for name, values in own.items():
            sums[name][listed.side, listed.place] += values
        is_listed[listed.side, listed.place] = True
    for name, whole in positions.items():
        assert sums[name][is_listed] == pytest.approx(whole[is_listed])
        assert np.abs(whole[~is_listed]).sum() < 0.02 * np.abs(whole).sum()


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
