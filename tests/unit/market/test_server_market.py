"""The pure parts: walks that can be asked anywhere, candles made of them, books and trades."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gex_pipeline.core.instruments import parse
from gex_pipeline.market.server import books, candles, history, tape
from gex_pipeline.market.server.answers import Moment, as_us, text
from gex_pipeline.market.server.paths import START, START_MINUTE, Walk, normal, uniform
from tests.unit.market.venue_client import NOW

WALK = books.spot_walk(1, "BTC")
MOMENT = Moment(1, as_us(NOW))
NOW_MINUTE = as_us(NOW) // 60_000_000


def test_uniform_numbers_fill_their_interval() -> None:
    draws = uniform(7, np.arange(100_000))
    assert 0 < draws.min() < 1e-4 and 1 - 1e-4 < draws.max() < 1
    assert np.histogram(draws, 10, (0, 1))[0] == pytest.approx(10_000, rel=0.05)
    assert np.corrcoef(draws[:-1], draws[1:])[0, 1] == pytest.approx(0, abs=0.02)
    assert normal(7, np.arange(100_000)).std() == pytest.approx(1, abs=0.02)


@given(st.integers(0, 3_000_000), st.integers(1, 4_000))
def test_a_minute_has_one_price_whatever_is_asked_with_it(offset: int, n: int) -> None:
    first = START_MINUTE + offset
    many = WALK.minutes(first, first + n)
    assert len(many) == n
    assert WALK.minutes(first + n - 1, first + n)[0] == many[-1]
    assert WALK.at((first + n - 1) * 60_000_000)[0] == many[-1]


def test_the_walk_is_as_volatile_within_days_as_over_them() -> None:
    minutes = np.log(WALK.minutes(START_MINUTE, START_MINUTE + 1_440 * 700))
    for step in (1, 60, 1_440):
        yearly = np.diff(minutes[::step]).std() * np.sqrt(365 * 1_440 / step)
        assert yearly == pytest.approx(0.45, rel=0.1)
    over_midnight = np.diff(minutes)[1_439::1_440]
    assert over_midnight.std() == pytest.approx(np.diff(minutes).std(), rel=0.1)


def test_before_the_start_there_is_nothing() -> None:
    with pytest.raises(ValueError, match="begin on 2024-01-01"):
        WALK.at(as_us(START - timedelta(minutes=1)))


def test_instants_between_two_minutes_lie_between_their_prices() -> None:
    a, b = WALK.minutes(NOW_MINUTE, NOW_MINUTE + 2)
    assert WALK.at(as_us(NOW) + 15_000_000)[0] == pytest.approx(0.75 * a + 0.25 * b)


def test_months_and_weeks() -> None:
    year = (as_us(datetime(2025, 1, 1, tzinfo=UTC)) // 1_000, as_us(datetime(2025, 12, 31, tzinfo=UTC)) // 1_000)
    assert [datetime.fromtimestamp(ms / 1e3, UTC).month for ms in candles.month().starts(*year)] == list(range(1, 13))
    weeks = candles.week().starts(*year)
    assert {datetime.fromtimestamp(ms / 1e3, UTC).weekday() for ms in weeks} == {0} and len(weeks) == 52
    assert candles.month().end_ms(year[0]) == as_us(datetime(2025, 2, 1, tzinfo=UTC)) // 1_000


def test_an_open_bar_ends_now() -> None:
    now = Moment(1, as_us(NOW) + 12_345_678)
    step = candles.Step(60)
    b = candles.bars(now, WALK, step.starts(now.now_ms - 7_200_000, now.now_ms), step)
    assert b.is_closed.tolist() == [True, False] and b.close[-1] == WALK.at(now.now_us)[0]
    assert b.low[-1] <= b.close[-1] <= b.high[-1]


@pytest.mark.parametrize("book", books.BOOKS, ids=lambda b: f"{b.venue}-{b.family}-{b.coin}")
def test_books(book: books.Book) -> None:
    q = books.quotes(book, 1, as_us(NOW))
    found = [parse(book.venue, name) for name in q.listed.names]
    assert [f.strike_usd for f in found] == q.listed.strike.tolist()
    assert [f.expiry_at.timestamp() * 1e6 for f in found] == q.listed.expiry_us.tolist()
    assert {f.underlying for f in found} == {book.coin} and {f.settlement for f in found} == {book.settlement}
    assert len(set(q.listed.names)) == len(q.listed.names) == len(set(q.listed.number.tolist()))
    lots = q.open_interest / book.lot_coin
    assert lots == pytest.approx(np.round(lots), abs=1e-6) and (q.open_interest == 0).any()
    assert (q.tenor > 0).all() and (q.mark_iv > 0.05).all() and (q.mark_iv < 4.5).all()
    assert len({(f.expiry_at, f.strike_usd, iv) for f, iv in zip(found, q.mark_iv, strict=True)}) == len(found) // 2


@pytest.mark.parametrize("book", books.BOOKS, ids=lambda b: f"{b.venue}-{b.family}-{b.coin}")
def test_contracts_stay_until_they_expire(book: books.Book) -> None:
    """Through listings, expiries, and a spot that wanders."""
    mornings = [datetime(2026, 9, 20, 8, tzinfo=UTC) + timedelta(days=i) for i in range(40)]
    for morning, next_one in pairwise(mornings):
        before, after = (books.contracts(book, 1, at.date()) for at in (morning, next_one))
        over = {name for name, end in zip(before.names, before.expiry_us, strict=True) if end <= as_us(next_one)}
        assert set(before.names) - set(after.names) == over == set(books.expiring(book, 1, next_one.date()).names)


def test_delivery_is_the_mean_of_the_last_half_hour() -> None:
    minutes = WALK.minutes(NOW_MINUTE - 120, NOW_MINUTE - 89)
    told = history.delivery_price(1, "deribit/usd", "BTC", NOW.date())
    assert told == pytest.approx(minutes.mean(), abs=1e-8)


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
        assert abs(trade.iv / trade.mark_iv - 1) < 0.011


def _place(trade: tape.Trade) -> tuple[str, int]:
    return trade.book.family, trade.number


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [(2415.0, 2, "2415"), (0.4712, 4, "0.4712"), (1e-7, 8, "0.0000001"), (-1e-12, 4, "0"), (100.0, 0, "100")],
)
def test_numbers_as_text(value: float, decimals: int, expected: str) -> None:
    assert text(value, decimals) == expected


def test_walks_of_other_seeds_are_others() -> None:
    other = books.spot_walk(2, "BTC")
    assert other.minutes(NOW_MINUTE, NOW_MINUTE + 2)[0] != WALK.minutes(NOW_MINUTE, NOW_MINUTE + 2)[0]
    assert isinstance(other, Walk)
