"""The pure parts: walks that can be asked anywhere, candles made of them, books and trades."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from gex_pipeline.core.instruments import parse
from gex_pipeline.market import books
from gex_pipeline.market.draws import normal, uniform
from gex_pipeline.market.listing import contracts, expiring
from gex_pipeline.market.quotes import quotes
from gex_pipeline.market.server import candles, history, tape
from gex_pipeline.market.server.answers import Moment, as_us, text
from gex_pipeline.market.world import World
from tests.unit.market.venue_client import NOW

WORLD = World(1, date(2026, 10, 1), 56)
SPOT = WORLD.spot("BTC")
MOMENT = Moment(WORLD, as_us(NOW))
NOW_MINUTE = as_us(NOW) // 60_000_000


def test_uniform_numbers_fill_their_interval() -> None:
    draws = uniform(7, np.arange(100_000))
    assert 0 < draws.min() < 1e-4 and 1 - 1e-4 < draws.max() < 1
    assert np.histogram(draws, 10, (0, 1))[0] == pytest.approx(10_000, rel=0.05)
    assert np.corrcoef(draws[:-1], draws[1:])[0, 1] == pytest.approx(0, abs=0.02)
    assert normal(7, np.arange(100_000)).std() == pytest.approx(1, abs=0.02)


def test_a_longer_world_begins_as_a_shorter_one() -> None:
    long, short = (World(3, WORLD.start, days) for days in (9, 6))
    assert long.spot("ETH").values[: 6 * 1440 + 1].tobytes() == short.spot("ETH").values.tobytes()
    assert long.bars("ETH").high[: 6 * 1440].tobytes() == short.bars("ETH").high.tobytes()
    at = short.start_us + 5 * 86_400_000_000 + 12_345_000_000
    one, other = (quotes(books.BOOKS[1], world, at) for world in (long, short))
    assert one.listed.names == other.listed.names
    for name in ("forward", "mark_iv", "open_interest", "volume"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


def test_outside_of_the_world_there_is_nothing() -> None:
    for us in (WORLD.start_us - 1, WORLD.end_us + 1):
        with pytest.raises(ValueError, match="no such instant"):
            SPOT.at(us)
    for day in (WORLD.start - timedelta(days=2), WORLD.start + timedelta(days=WORLD.days)):
        with pytest.raises(ValueError, match="lists nothing"):
            contracts(books.BOOKS[0], WORLD, day)


def test_instants_between_two_minutes_lie_between_their_prices() -> None:
    a, b = SPOT.minutes(NOW_MINUTE, NOW_MINUTE + 2)
    assert SPOT.at(as_us(NOW) + 15_000_000)[0] == pytest.approx(0.75 * a + 0.25 * b)


def test_months_and_weeks() -> None:
    years = World(1, date(2024, 12, 30), 400)  # only its bounds are looked at
    year = (as_us(datetime(2025, 1, 1, tzinfo=UTC)) // 1_000, as_us(datetime(2025, 12, 31, tzinfo=UTC)) // 1_000)
    assert [datetime.fromtimestamp(ms / 1e3, UTC).month for ms in candles.month().starts(years, *year)] == list(
        range(1, 13)
    )
    weeks = candles.week().starts(years, *year)
    assert {datetime.fromtimestamp(ms / 1e3, UTC).weekday() for ms in weeks} == {0} and len(weeks) == 52
    assert candles.month().end_ms(year[0]) == as_us(datetime(2025, 2, 1, tzinfo=UTC)) // 1_000


def test_an_open_bar_ends_now() -> None:
    now = Moment(WORLD, as_us(NOW) + 12_345_678)
    step = candles.Step(60)
    b = candles.bars(now, WORLD.bars("BTC"), step.starts(WORLD, now.now_ms - 7_200_000, now.now_ms), step)
    assert b.is_closed.tolist() == [True, False] and b.close[-1] == SPOT.at(now.now_us)[0]
    assert b.low[-1] <= b.close[-1] <= b.high[-1]


@pytest.mark.parametrize("book", books.BOOKS, ids=lambda b: f"{b.venue}-{b.family}-{b.coin}")
def test_books(book: books.Book) -> None:
    q = quotes(book, WORLD, as_us(NOW))
    found = [parse(book.venue, name) for name in q.listed.names]
    assert [f.strike_usd for f in found] == q.listed.strike.tolist()
    assert [f.expiry_at.timestamp() * 1e6 for f in found] == q.listed.expiry_us.tolist()
    assert {f.underlying for f in found} == {book.coin} and {f.settlement for f in found} == {book.settlement}
    assert len(set(q.listed.names)) == len(q.listed.names) == len(set(q.listed.number.tolist()))
    lots = q.open_interest / book.lot_coin
    assert lots == pytest.approx(np.round(lots), abs=1e-6) and (
        (q.open_interest == 0).any() or len(books.of(book.coin)) == 1
    )
    assert (q.tenor > 0).all() and (q.mark_iv > 0.05).all() and (q.mark_iv < 4.5).all()
    assert len({(f.expiry_at, f.strike_usd, iv) for f, iv in zip(found, q.mark_iv, strict=True)}) == len(found) // 2


@pytest.mark.parametrize("book", books.BOOKS, ids=lambda b: f"{b.venue}-{b.family}-{b.coin}")
def test_contracts_stay_until_they_expire(book: books.Book) -> None:
    """Through listings, expiries, and a spot that wanders."""
    mornings = [datetime(2026, 10, 2, 8, tzinfo=UTC) + timedelta(days=i) for i in range(50)]
    for morning, next_one in pairwise(mornings):
        before, after = (contracts(book, WORLD, at.date()) for at in (morning, next_one))
        over = {name for name, end in zip(before.names, before.expiry_us, strict=True) if end <= as_us(next_one)}
        assert set(before.names) - set(after.names) == over == set(expiring(book, WORLD, next_one.date()).names)


@pytest.mark.parametrize(
    ("venue", "day", "window"),
    [("deribit", 17, 30), ("bybit", 18, 30), ("okx", 17, 60), ("okx", 18, 30), ("binance", 17, 30)],
)
def test_delivery_is_the_mean_of_the_last_minutes(venue: str, day: int, window: int) -> None:
    """OKX' were an hour until 2026-03-18."""
    world, at = World(1, date(2026, 3, 10), 14), datetime(2026, 3, day, 8, tzinfo=UTC)
    source = {"deribit": "deribit/usd", "okx": "okx/usd"}.get(venue, f"{venue}/usdt")
    end = as_us(at) // 60_000_000
    mean = world.spot("BTC").minutes(end - window, end + 1).mean() * (1 + books.INDEX_BP[source] / 1e4)
    assert history.delivery_price(world, source, "BTC", at.date()) == pytest.approx(mean, rel=1e-9)


def test_trades_are_the_same_from_both_ends() -> None:
    of = [book for book in books.BOOKS if book.venue == "deribit"]
    first, last = MOMENT.now_us - 40 * 3_600_000_000, MOMENT.now_us
    forth = tape.oldest_first(MOMENT, of, first, last, 100_000)
    back = tape.newest_first(MOMENT, of, first, last, 100_000)
    assert len(forth) > 3_000 and sorted(back, key=_place) == sorted(forth, key=_place)
    assert all(a.time_us <= b.time_us for a, b in pairwise(forth))
    for trade in forth[::97]:
        found = parse("deribit", trade.name)
        assert found.expiry_at.timestamp() * 1e6 > trade.time_us and trade.amount > 0


@pytest.mark.parametrize("book", books.BOOKS, ids=lambda b: f"{b.venue}-{b.family}-{b.coin}")
def test_trades_lie_within_the_book_on_the_taker_side(book: books.Book) -> None:
    trades = tape.newest_first(MOMENT, [book], MOMENT.now_us - 86_400_000_000, MOMENT.now_us, 100_000)
    for trade in trades[:: len(trades) // 20]:
        q = quotes(book, WORLD, trade.time_us)
        i = q.listed.names.index(trade.name)
        bid, ask = (prices[i] for prices in q.bid_and_ask())
        assert (trade.mark_iv, trade.mark, trade.forward) == (q.mark_iv[i], q.mark()[i], q.forward[i])
        assert not (trade.price < bid - 1e-9 or trade.price > ask + 1e-9)
        if trade.is_buy:
            assert trade.iv > trade.mark_iv and trade.price >= trade.mark - 1e-9
        else:
            assert trade.iv < trade.mark_iv and trade.price <= max(trade.mark, book.tick) + 1e-9


def _place(trade: tape.Trade) -> tuple[str, int]:
    return trade.book.family, trade.number


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [(2415.0, 2, "2415"), (0.4712, 4, "0.4712"), (1e-7, 8, "0.0000001"), (-1e-12, 4, "0"), (100.0, 0, "100")],
)
def test_numbers_as_text(value: float, decimals: int, expected: str) -> None:
    assert text(value, decimals) == expected


def test_other_seeds_are_other_markets() -> None:
    assert World(2, WORLD.start, 2).spot("BTC").values[60] != SPOT.values[60]
