"""What is asked of OKX, what is not asked again, and what its errors mean."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, time, timedelta

import pytest

from gex_pipeline.venues.base import Answers, Reply, Request
from gex_pipeline.venues.okx import client, wire
from gex_pipeline.venues.okx.client import Okx
from gex_pipeline.venues.registry import VENUES
from gex_pipeline.venues.rows import venue_rows
from tests.unit.venues.okx import payloads
from tests.unit.venues.okx.payloads import AT, FakeAsker, body, reply, ticker

COINS = ("BTC", "SOL", "HYPE")
INDEX = wire.index("BTC")


def poll(asker: FakeAsker, coins: tuple[str, ...] = COINS, known: tuple[Reply, ...] = ()) -> Counter[str]:
    """Requests by endpoint."""
    asyncio.run(Okx().poll(asker, coins, Answers(Okx(), known)))
    return Counter(label.split(" ")[0] for label in asker.asked)


def test_a_snapshot_from_nothing() -> None:
    asker = FakeAsker()
    assert poll(asker) == {
        "api/v5/market/tickers": 1,
        "api/v5/public/mark-price": 1,
        "api/v5/public/instruments": 3,
        "api/v5/public/open-interest": 3,
        "api/v5/public/opt-summary": 3,
        "api/v5/market/index-tickers": 2,
    }
    assert len(asker.asked) == len(set(asker.asked))
    assert not any("HYPE" in label for label in asker.asked)
    for coin in ("BTC", "SOL"):
        rows = venue_rows(Okx(), Answers(Okx(), asker.replies), [coin], AT, is_synthetic=False)[coin]
        assert rows.error is None and rows.warnings == () and rows.chain.height > 0


def test_requests_as_the_venue_writes_them() -> None:
    asker = FakeAsker()
    poll(asker, ("SOL",))
    assert sorted(asker.asked) == [
        "api/v5/market/index-tickers instId=SOL-USD",
        "api/v5/market/tickers instType=OPTION",
        "api/v5/public/instruments instType=OPTION instFamily=SOL-USD_UM",
        "api/v5/public/mark-price instType=OPTION",
        "api/v5/public/open-interest instType=OPTION instFamily=SOL-USD_UM",
        "api/v5/public/opt-summary instFamily=SOL-USD_UM",
    ]


def test_a_coin_that_is_not_listed_costs_nothing_more() -> None:
    assert poll(FakeAsker(), ("HYPE",)) == {"api/v5/market/tickers": 1, "api/v5/public/mark-price": 1}


SETTLING = ("SOL-USD_UM-261120-190-C", "SOL-USD_UM-261120-200-P", "SOL-USD_UM-261121-200-C")


@pytest.mark.parametrize(("minutes", "asked"), [(31, 0), (29, 1), (0, 0)])
def test_what_settles_within_half_an_hour_is_asked_for_once_a_family(minutes: int, asked: int) -> None:
    received = datetime(2026, 11, 20, 8, tzinfo=UTC) - timedelta(minutes=minutes)
    names = dict.fromkeys([*SETTLING, "BTC-USD-261120-80000-C", "SOL-USD_UM-x"], received)
    assert wire.settling(names, "SOL") == ["SOL-USD_UM-261120-190-C"][:asked]
    assert len(wire.settling(names, "BTC")) == asked


class Silent(FakeAsker):
    """Never answers what a contract will settle at."""

    async def get(self, request: Request) -> Reply:
        if request.endpoint == wire.ESTIMATE:
            self.asked.append(request.label)
            await asyncio.Event().wait()
        return await super().get(request)


def test_an_estimate_that_never_comes_holds_no_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PATIENCE", 0.01)
    monkeypatch.setattr(payloads, "AT", datetime.combine(AT.date(), time(7, 45), UTC))
    name = f"SOL-USD_UM-{AT:%y%m%d}-200-C"
    asker = Silent({wire.tickers().label: lambda rows: [*rows, {**rows[0], "instId": name}]})
    asyncio.run(asyncio.wait_for(Okx().poll(asker, ("SOL",), Answers(Okx(), ())), 30.0))
    assert {wire.index("SOL").label, wire.estimated_price(name).label} <= set(asker.asked)


def lists(*families: str) -> tuple[Reply, ...]:
    asker = FakeAsker()
    return tuple(asyncio.run(asker.get(wire.instruments(family))) for family in families)


def test_lists_that_are_known_are_kept() -> None:
    asker = FakeAsker()
    assert "api/v5/public/instruments" not in poll(asker, known=lists("BTC-USD", "BTC-USD_UM", "SOL-USD_UM"))
    assert [r.request for r in asker.replies if r.is_kept] == [
        wire.instruments(family) for family in ("BTC-USD", "BTC-USD_UM", "SOL-USD_UM")
    ]
    rows = venue_rows(Okx(), Answers(Okx(), asker.replies), ["BTC"], AT, is_synthetic=False)["BTC"]
    assert (rows.error, rows.warnings, rows.chain.height) == (None, (), 8)


@pytest.mark.parametrize("request_", [wire.tickers(), wire.mark_prices()])
def test_a_name_that_the_known_list_lacks_refreshes_its_family(request_: Request) -> None:
    new = "BTC-USD-261225-95000-C"
    asker = FakeAsker({request_.label: lambda rows: [*rows, {**rows[0], "instId": new}]})
    poll(asker, ("BTC",), lists("BTC-USD", "BTC-USD_UM"))
    asked = [label for label in asker.asked if "public/instruments" in label]
    assert asked == [wire.instruments("BTC-USD").label]


def test_a_family_that_nobody_knew_is_asked_for() -> None:
    new = "XRP-USD-261225-2.5-C"
    asker = FakeAsker({wire.tickers().label: lambda rows: [*rows, {**ticker(rows[0]["instId"]), "instId": new}]})
    poll(asker, ("XRP",))
    assert wire.summary("XRP-USD").label in asker.asked and wire.index("XRP").label in asker.asked


@pytest.mark.parametrize("bad", [b"<html>", body([], "50026", "System error"), body([{"instId": 5}])])
def test_what_does_not_depend_on_a_request_in_trouble_is_asked_all_the_same(bad: bytes) -> None:
    whole = poll(FakeAsker())
    for request in (wire.tickers(), wire.mark_prices(), wire.open_interest("BTC-USD"), wire.index("BTC")):
        asker = FakeAsker(bodies={request.label: bad})
        assert poll(asker) == whole
        rows = venue_rows(Okx(), Answers(Okx(), asker.replies), ["BTC"], AT, is_synthetic=False)["BTC"]
        assert rows.error is not None and rows.error.startswith(request.label)


@pytest.mark.parametrize(
    ("code", "status", "is_retryable", "wait"),
    [
        ("50011", 429, True, 2.0),
        ("50011", 200, True, 2.0),
        ("50013", 429, True, 2.0),
        ("50001", 503, True, 60.0),
        ("50005", 410, True, 60.0),
        ("50004", 400, True, 0.0),
        ("50026", 500, True, 0.0),
        ("51028", 200, True, 5.0),
        ("59999", 500, True, 2.0),
        ("50014", 400, False, 0.0),
        ("50015", 400, False, 0.0),
        ("50016", 400, False, 0.0),
        ("51000", 400, False, 0.0),
        ("51001", 200, False, 0.0),
        ("51014", 200, False, 0.0),
    ],
)
def test_error_codes(code: str, status: int, is_retryable: bool, wait: float) -> None:
    trouble = Okx().trouble(reply(INDEX, body([], code, "Some\nwords"), status=status))
    assert trouble is not None and not trouble.is_ban
    assert (trouble.is_retryable, trouble.wait_seconds) == (is_retryable, wait)
    assert str(trouble) == f"api/v5/market/index-tickers instId=BTC-USD: error {code} Some words"


def test_retry_after_counts_where_there_is_one() -> None:
    trouble = Okx().trouble(reply(INDEX, body([], "50011"), status=429, **{"retry-after": "7"}))
    assert trouble is not None and trouble.wait_seconds == 7.0


@pytest.mark.parametrize(
    ("content", "status", "is_retryable", "text"),
    [
        (b"<html>", 200, True, "no answer of the interface: JSON is malformed"),
        (b"", 200, True, "no answer of the interface: Input data was truncated"),
        (b'{"code":0}', 200, True, "Expected `str`, got `int` - at `$.code`"),
        (b'{"code":"\xff"}', 200, True, "no answer of the interface: 'utf-8'"),
        (b'{"code":"0","data":' + b"[" * 100_000, 200, True, "no answer of the interface: maximum recursion"),
        (b"<html>", 403, False, "HTTP 403"),
        (b"<html>", 404, False, "HTTP 404"),
        (b"<html>", 429, True, "HTTP 429"),
        (b"<html>", 502, True, "HTTP 502"),
        (b'{"code":"0","data":[]}', 500, True, "HTTP 500"),
    ],
)
def test_bodies_that_are_no_answer(content: bytes, status: int, is_retryable: bool, text: str) -> None:
    trouble = Okx().trouble(reply(INDEX, content, status=status))
    assert trouble is not None and text in str(trouble)
    assert str(trouble).startswith("api/v5/market/index-tickers instId=BTC-USD: ")
    assert trouble.is_retryable == is_retryable


def test_an_answer_is_no_trouble() -> None:
    assert Okx().trouble(reply(INDEX, body([]))) is None


def test_lists_of_instruments_hold_for_hours_and_nothing_else() -> None:
    made = (wire.tickers(), wire.mark_prices(), wire.open_interest("X"), wire.summary("X"), INDEX)
    assert Okx().is_specification(wire.instruments("X")) and not any(map(Okx().is_specification, made))


def test_the_venue_is_known_by_its_name() -> None:
    assert isinstance(VENUES["okx"], Okx) and "" in Okx.limits
