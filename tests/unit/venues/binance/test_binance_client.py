"""What a snapshot of Binance asks for, and what its errors mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gex_pipeline.venues.base import Reply, Request
from gex_pipeline.venues.binance import wire
from gex_pipeline.venues.binance.client import Binance
from tests.unit.venues import replies
from tests.unit.venues.binance.payloads import NAMES, XRP, chain, contract, listing, mark, xrp
from tests.unit.venues.replies import book_error, polled, reply

VENUE = Binance()
SHARED = [wire.MARKS.label, wire.TICKERS.label, wire.SPECIFICATION.label]
OF_BTC = [wire.index("BTC").label, *(wire.open_interest("BTC", day).label for day in ("261127", "261225"))]
CONTRACTS = [contract(n) for n in NAMES]


def bodies(found: Sequence[Reply] = ()) -> dict[str, Any]:
    return {r.request.label: r for r in found or chain()}


def test_requests_are_those_of_the_documentation() -> None:
    assert SHARED == ["eapi/v1/mark", "eapi/v1/ticker", "eapi/v1/exchangeInfo"]
    assert OF_BTC == [
        "eapi/v1/index underlying=BTCUSDT",
        "eapi/v1/openInterest underlyingAsset=BTC expiration=261127",
        "eapi/v1/openInterest underlyingAsset=BTC expiration=261225",
    ]


def test_a_coin_costs_its_index_and_its_expiries_and_nothing_where_it_is_not_listed() -> None:
    table = polled(VENUE, bodies(), ["BTC", "HYPE"])
    assert sorted(table.asked) == sorted(SHARED + OF_BTC)
    assert replies.rows(VENUE, table.replies, "BTC").chain.height == 12
    assert not replies.rows(VENUE, table.replies, "HYPE").is_listed


def test_a_coin_of_another_unit_needs_no_code() -> None:
    table = polled(VENUE, bodies(xrp()), ["XRP"])
    assert len(table.asked) == 5
    made = replies.rows(VENUE, table.replies, "XRP")
    assert (made.error, made.warnings, set(made.chain["instrument"])) == (None, (), set(XRP))


def test_a_known_list_is_kept_and_not_asked_for() -> None:
    table = polled(VENUE, bodies(), ["BTC"], [listing(CONTRACTS)])
    assert (sorted(table.asked), table.kept) == (sorted(SHARED[:2] + OF_BTC), SHARED[2:])
    assert replies.rows(VENUE, table.replies, "BTC").chain.height == 12


def test_a_new_name_of_a_wanted_coin_asks_for_the_list_again() -> None:
    assert SHARED[2] in polled(VENUE, bodies(), ["BTC"], [listing(CONTRACTS[1:])]).asked
    other = bodies(chain(marks=[mark(n) for n in (*NAMES, "SOL-261225-150-C")]))
    assert SHARED[2] not in polled(VENUE, other, ["BTC"], [listing(CONTRACTS)]).asked


def test_expiries_that_were_over_when_the_marks_came_are_not_asked_for() -> None:
    found = bodies()
    found[SHARED[0]] = replace(found[SHARED[0]], received_at=datetime(2026, 11, 27, 8, tzinfo=UTC))
    assert OF_BTC[1] not in polled(VENUE, found, ["BTC"]).asked


def test_marks_that_cannot_be_read_ask_no_further_and_are_explained() -> None:
    table = polled(VENUE, bodies(chain(marks=[mark(NAMES[0], markIV=None)])), ["BTC"])
    assert sorted(table.asked) == SHARED[:2]
    assert "$[0].markIV" in book_error(VENUE, table.replies, "BTC")


def test_a_list_that_cannot_be_read_is_not_kept() -> None:
    odd = listing([contract(NAMES[0], unit="1")])
    assert SHARED[2] in polled(VENUE, bodies(), ["BTC"], [odd]).asked


def test_too_many_expiries_are_not_asked_for() -> None:
    day = 86_400_000
    many = [contract(NAMES[0], symbol=f"BTC-{i}", expiryDate=1_800_000_000_000 + day * i) for i in range(60)]
    table = polled(VENUE, bodies(chain(contracts=many)), ["BTC"])
    assert sorted(table.asked) == sorted(SHARED)


def test_a_request_in_trouble_does_not_stop_the_others() -> None:
    found = bodies() | {OF_BTC[1]: reply(wire.open_interest("BTC", "261127"), {"code": -1000, "msg": "?"}, 500)}
    table = polled(VENUE, found, ["BTC"])
    assert sorted(table.asked) == sorted(SHARED + OF_BTC)
    error = replies.rows(VENUE, table.replies, "BTC").error
    assert error == "eapi/v1/openInterest underlyingAsset=BTC expiration=261127: error -1000 ?"


# errors


@pytest.mark.parametrize(
    ("code", "is_retryable", "wait"),
    [
        (-1000, True, 0.0),
        (-1001, True, 0.0),
        (-1003, True, 60.0),
        (-1004, True, 0.0),
        (-1007, True, 0.0),
        (-1008, True, 1.0),
        (-1016, True, 60.0),
        (-1100, False, 0.0),
        (-1102, False, 0.0),
        (-1121, False, 0.0),
        (-1125, False, 0.0),
        (-1128, False, 0.0),
        (-2015, False, 0.0),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_codes(code: int, is_retryable: bool, wait: float, status: int) -> None:
    trouble = VENUE.trouble(reply(wire.MARKS, {"code": code, "msg": "said"}, status))
    assert trouble is not None and not trouble.is_ban
    expected = (f"eapi/v1/mark: error {code} said", is_retryable, wait)
    assert (str(trouble), trouble.is_retryable, trouble.wait_seconds) == expected


@pytest.mark.parametrize(("header", "wait"), [("7", 7.0), ("", 60.0), ("soon", 60.0), ("1e300", 7 * 86_400.0)])
@pytest.mark.parametrize("body", [b'{"code":-1003,"msg":"Too many requests"}', b"<html>"])
def test_429_is_waited_for(header: str, wait: float, body: bytes) -> None:
    trouble = VENUE.trouble(reply(wire.MARKS, body, 429, headers={"retry-after": header}))
    assert trouble is not None and not trouble.is_ban
    assert (trouble.is_retryable, trouble.wait_seconds) == (True, wait)


@pytest.mark.parametrize(
    ("status", "headers", "wait"), [(418, {"retry-after": "300"}, 300.0), (418, {}, 120.0), (403, {}, 120.0)]
)
def test_bans(status: int, headers: dict[str, str], wait: float) -> None:
    body = {"code": -1003, "msg": "Way too many requests; IP banned until 1."}
    trouble = VENUE.trouble(reply(wire.MARKS, body, status, headers=headers))
    assert trouble is not None
    assert (trouble.is_ban, trouble.is_retryable, trouble.wait_seconds) == (True, False, wait)


@pytest.mark.parametrize(
    ("status", "is_retryable"), [(404, False), (451, False), (500, True), (502, True), (503, True)]
)
def test_statuses_without_an_envelope(status: int, is_retryable: bool) -> None:
    trouble = VENUE.trouble(reply(wire.MARKS, b"<html>", status))
    assert trouble is not None and (str(trouble), trouble.is_retryable) == (
        f"eapi/v1/mark: HTTP {status}",
        is_retryable,
    )


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"7", b'{"code":"x"}', b'{"code":-1,"msg":"\xff"}', b'{"a":' * 100_000]
)
def test_a_body_that_is_no_answer_is_asked_for_again(body: bytes) -> None:
    trouble = VENUE.trouble(reply(wire.MARKS, body))
    assert (
        trouble is not None and trouble.is_retryable and str(trouble).startswith("eapi/v1/mark: no answer of Binance's")
    )


def test_lists_and_objects_are_answers() -> None:
    assert VENUE.trouble(reply(wire.MARKS, [])) is None
    assert VENUE.trouble(reply(wire.index("BTC"), {"time": 1, "indexPrice": "1"})) is None


def test_the_list_is_a_specification() -> None:
    assert VENUE.is_specification(wire.SPECIFICATION)
    assert not VENUE.is_specification(wire.MARKS) and not VENUE.is_specification(Request(""))
