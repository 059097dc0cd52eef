"""What a snapshot of Bybit asks for, and what its errors mean."""

from __future__ import annotations

from typing import Any

import pytest

from gex_pipeline.venues.base import Request
from gex_pipeline.venues.bybit import wire
from gex_pipeline.venues.bybit.client import Bybit
from tests.unit.venues import replies
from tests.unit.venues.bybit.payloads import NAMES, answer, book, chain, instrument, listing, ticker
from tests.unit.venues.replies import RECEIVED, book_error, polled, reply

VENUE = Bybit()
BOOK, LIST = wire.tickers("BTC").label, wire.instruments("BTC").label
HYPE = wire.tickers("HYPE").label
NO_COIN = answer({}, 10001, "params error: baseCoin invalid")


def bodies(**cells: Any) -> dict[str, Any]:
    return {r.request.label: r for r in chain(**cells)}


def page(names: Any, after: str | None) -> dict[str, Any]:
    return answer({"nextPageCursor": after, "list": [instrument(n) for n in names]})


def test_requests_are_those_of_the_documentation() -> None:
    assert BOOK == "v5/market/tickers category=option baseCoin=BTC"
    assert LIST == "v5/market/instruments-info category=option baseCoin=BTC limit=1000"


def test_two_requests_a_coin_and_one_where_it_is_not_listed() -> None:
    table = polled(VENUE, bodies() | {HYPE: NO_COIN}, ["BTC", "HYPE"])
    assert sorted(table.asked) == sorted([BOOK, LIST, HYPE])
    assert replies.rows(VENUE, table.replies, "BTC").chain.height == 6
    assert not replies.rows(VENUE, table.replies, "HYPE").is_listed


def test_a_known_list_is_kept_and_not_asked_for() -> None:
    table = polled(VENUE, bodies(), ["BTC"], [listing(NAMES)])
    assert (table.asked, table.kept) == ([BOOK], [LIST])
    assert replies.rows(VENUE, table.replies, "BTC").chain.height == 6


def test_a_new_name_asks_for_the_list_again() -> None:
    table = polled(VENUE, bodies(), ["BTC"], [listing(NAMES[1:])])
    assert (table.asked, table.kept) == ([BOOK, LIST], [])


def test_pages_are_followed_and_kept_together() -> None:
    second = wire.instruments("BTC", "first%3Dx%26last%3Dy")
    pages = {LIST: page(NAMES[:3], "first%3Dx%26last%3Dy"), second.label: page(NAMES[3:], None)}
    table = polled(VENUE, bodies() | pages, ["BTC"])
    assert table.asked == [BOOK, LIST, second.label]
    assert replies.rows(VENUE, table.replies, "BTC").error is None
    again = polled(VENUE, bodies(), ["BTC"], [r for r in table.replies if VENUE.is_specification(r.request)])
    assert (again.asked, again.kept) == ([BOOK], [LIST, second.label])


def test_a_known_list_with_a_page_missing_is_asked_for_again() -> None:
    first = reply(wire.instruments("BTC"), page(NAMES, "more"))
    assert polled(VENUE, bodies(), ["BTC"], [first]).asked == [BOOK, LIST]


def test_a_list_without_end_is_given_up() -> None:
    endless = {LIST: page(NAMES, "x"), wire.instruments("BTC", "x").label: page(NAMES, "x")}
    table = polled(VENUE, bodies() | endless, ["BTC"])
    assert len(table.asked) == 1 + wire.MAX_PAGES
    assert book_error(VENUE, table.replies, "BTC") == f"{LIST}: the list does not end after {wire.MAX_PAGES} pages"


def test_a_book_that_cannot_be_read_asks_no_further_and_is_explained() -> None:
    broken = book([ticker(NAMES[0], markIv=None)])
    table = polled(VENUE, {BOOK: broken}, ["BTC"])
    assert table.asked == [BOOK]
    assert "$.result.list[0].markIv" in book_error(VENUE, table.replies, "BTC")


def test_a_coin_in_trouble_does_not_stop_the_others() -> None:
    table = polled(VENUE, bodies() | {wire.tickers("ETH").label: answer({}, 10016, "restarting")}, ["ETH", "BTC"])
    assert replies.rows(VENUE, table.replies, "BTC").chain.height == 6
    assert "error 10016" in (replies.rows(VENUE, table.replies, "ETH").error or "")


def test_an_empty_book_of_a_coin_that_was_listed_is_an_error() -> None:
    table = polled(VENUE, {BOOK: answer({"list": []})}, ["BTC"], [listing(NAMES)])
    assert table.asked == [BOOK]
    assert "6 of 6 listed contracts are missing" in (replies.rows(VENUE, table.replies, "BTC").error or "")


# errors


@pytest.mark.parametrize(
    ("code", "is_retryable", "wait"),
    [
        (10000, True, 0.0),
        (10006, True, 5.0),
        (10016, True, 5.0),
        (10018, True, 5.0),
        (10429, True, 1.0),
        (10001, False, 0.0),
        (10002, False, 0.0),
        (10009, False, 0.0),
        (10017, False, 0.0),
        (10029, False, 0.0),
        (110023, False, 0.0),
    ],
)
def test_codes(code: int, is_retryable: bool, wait: float) -> None:
    trouble = VENUE.trouble(reply(wire.tickers("BTC"), answer({}, code, "said")))
    assert trouble is not None and not trouble.is_ban
    assert (str(trouble), trouble.is_retryable, trouble.wait_seconds) == (
        f"{BOOK}: error {code} said",
        is_retryable,
        wait,
    )


@pytest.mark.parametrize(
    ("reset", "wait"), [(RECEIVED.timestamp() + 2, 2.0), (RECEIVED.timestamp() - 9, 0.0), (1e300, 5.0), ("", 5.0)]
)
def test_the_reset_header_says_how_long_to_wait(reset: Any, wait: float) -> None:
    text = f"{reset * 1000:.0f}" if reset else ""
    limited = reply(
        wire.tickers("BTC"), answer({}, 10006, "Too many visits!"), headers={"x-bapi-limit-reset-timestamp": text}
    )
    trouble = VENUE.trouble(limited)
    assert trouble is not None and trouble.is_retryable and trouble.wait_seconds == pytest.approx(wait)


@pytest.mark.parametrize("body", [b"403, access too frequent", b"<html>not here</html>"])
def test_403_is_a_ban_of_ten_minutes(body: bytes) -> None:
    trouble = VENUE.trouble(reply(wire.tickers("BTC"), body, 403))
    assert trouble is not None and (trouble.is_ban, trouble.wait_seconds, trouble.is_retryable) == (True, 600.0, False)


@pytest.mark.parametrize(
    ("status", "is_retryable"), [(404, False), (429, True), (500, True), (503, True), (451, False)]
)
def test_statuses_without_an_envelope(status: int, is_retryable: bool) -> None:
    trouble = VENUE.trouble(reply(wire.tickers("BTC"), b"<html>", status))
    assert trouble is not None and (str(trouble), trouble.is_retryable) == (f"{BOOK}: HTTP {status}", is_retryable)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"x":1}', b'{"retCode":"0"}', b'{"retCode":0,"retMsg":"\xff"}']
)
def test_a_body_that_is_no_answer_is_asked_for_again(body: bytes) -> None:
    trouble = VENUE.trouble(reply(wire.tickers("BTC"), body))
    assert trouble is not None and trouble.is_retryable and str(trouble).startswith(f"{BOOK}: no answer of Bybit's: ")


def test_an_unknown_coin_is_an_answer_to_the_book_alone() -> None:
    assert VENUE.trouble(reply(wire.tickers("HYPE"), NO_COIN)) is None
    assert VENUE.trouble(reply(wire.instruments("HYPE"), NO_COIN)) is not None
    assert VENUE.trouble(reply(wire.tickers("BTC"), answer({}, 10001, "params error: category invalid"))) is not None


def test_lists_are_specifications() -> None:
    assert VENUE.is_specification(wire.instruments("BTC", "x"))
    assert not VENUE.is_specification(wire.tickers("BTC")) and not VENUE.is_specification(Request(""))
