"""Deribit: which requests, what its errors mean, and its units checked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gex_pipeline.venues.base import Reply, Request
from gex_pipeline.venues.deribit import wire
from gex_pipeline.venues.deribit.client import Deribit
from tests.unit.venues import replies
from tests.unit.venues.replies import AT_MS, DEC_25_MS, RECEIVED, price_and_gamma, reply

VENUE = Deribit()
FORWARD, INDEX = 85_000.0, 84_500.0
INVERSE = ("BTC-25DEC26-80000-C", "BTC-25DEC26-90000-P", "BTC-25DEC26-90000-C", "BTC-25DEC26-95000-P")
LINEAR = ("BTC_USDC-25DEC26-80000-C", "SOL_USDC-25DEC26-150-C")


def answer(result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "result": result, "usIn": 1, "usOut": AT_MS * 1000, "testnet": False}


def failure(code: int, message: str = "no") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": {"code": code, "message": message}, "usOut": 1, "testnet": False}


def forward(name: str) -> float:
    return 150.0 if name.startswith("SOL") else FORWARD


def row(name: str, **cells: Any) -> dict[str, Any]:
    """A contract at 50 % with 120 coins open; inverse ones quoted in coin."""
    strike, kind = float(name.split("-")[2]), name[-1]
    usd = price_and_gamma(forward(name), strike, 0.5, kind)[0]
    per = 1.0 if "_USDC" in name else forward(name)
    return {
        "instrument_name": name, "open_interest": 120.0, "mark_price": usd / per, "bid_price": None, "ask_price": 0.0,
        "mark_iv": 50.0, "underlying_price": forward(name), "volume": 7.0, "creation_timestamp": AT_MS, **cells,
    }  # fmt: skip


def instrument(name: str, **cells: Any) -> dict[str, Any]:
    return {
        "instrument_name": name, "strike": float(name.split("-")[2]), "expiration_timestamp": DEC_25_MS,
        "option_type": {"C": "call", "P": "put"}[name[-1]], "contract_size": 10.0 if name.startswith("SOL") else 1.0,
        **cells,
    }  # fmt: skip


def chain(**cells: Any) -> dict[str, Any]:
    """Answers of both books, by the label of their requests; ``cells`` are those of the first inverse contract."""
    books = {"BTC": INVERSE, "USDC": LINEAR}
    answers: list[tuple[Request, Any]] = []
    for currency, names in books.items():
        answers.append((wire.summary(currency), [row(n, **cells if n == INVERSE[0] else {}) for n in names]))
        answers.append((wire.listing(currency), [instrument(name) for name in names]))
    for coin, currency, price in (("BTC", "BTC", INDEX), ("BTC", "USDC", INDEX + 1), ("SOL", "USDC", 149.0)):
        answers.append((wire.index(coin, currency), {"index_price": price}))
    return {request.label: reply(request, answer(result)) for request, result in answers}


def rows(bodies: dict[str, Reply], coin: str = "BTC") -> Any:
    return replies.rows(VENUE, list(bodies.values()), coin)


def test_one_pair_of_requests_a_currency_and_one_index_a_book() -> None:
    table = replies.polled(VENUE, chain(), ["BTC", "SOL", "HYPE"])
    assert sorted(table.asked) == sorted(chain())
    assert replies.rows(VENUE, table.replies, "BTC").chain.height == 5
    assert not replies.rows(VENUE, table.replies, "HYPE").is_listed


def test_kept_lists_are_not_asked_for_and_a_new_name_asks_again() -> None:
    known = [r for label, r in chain().items() if "get_instruments" in label]
    table = replies.polled(VENUE, chain(), ["BTC", "SOL"], known)
    assert sorted(table.kept) == sorted(wire.listing(c).label for c in ("BTC", "USDC"))
    lacking = [reply(wire.listing("BTC"), answer([instrument(INVERSE[0])]))]
    assert wire.listing("BTC").label in replies.polled(VENUE, chain(), ["BTC"], lacking).asked


def test_units_by_hand() -> None:
    """Inverse prices times the forward, linear ones as they are; open interest is coins, be a contract ten of them."""
    btc = {r["instrument"]: r for r in rows(chain()).chain.rows(named=True)}
    usd = price_and_gamma(FORWARD, 80_000.0, 0.5, "C")[0]
    for name in (INVERSE[0], LINEAR[0]):
        assert btc[name]["mark_usd"] == pytest.approx(usd, rel=1e-12)
        assert (btc[name]["mark_iv"], btc[name]["open_interest_coin"], btc[name]["volume_24h_coin"]) == (
            0.5,
            120.0,
            7.0,
        )
        assert btc[name]["bid_usd"] is None and btc[name]["ask_usd"] is None
    assert (btc[INVERSE[0]]["index_usd"], btc[LINEAR[0]]["index_usd"]) == (INDEX, INDEX + 1)
    assert (btc[INVERSE[0]]["settlement"], btc[LINEAR[0]]["settlement"]) == ("inverse", "linear")
    assert btc[INVERSE[0]]["knowledge_time"] == RECEIVED
    (sol,) = rows(chain(), "SOL").chain.rows(named=True)
    assert (sol["open_interest_coin"], sol["contract_size_coin"]) == (120.0, 10.0)


def test_a_row_is_known_once_all_that_it_is_made_of_is() -> None:
    """The index comes after the book; a list that was kept says nothing of now."""
    bodies, late = chain(), RECEIVED + timedelta(seconds=44)
    for label in (wire.index("BTC", "BTC").label, wire.listing("USDC").label):
        bodies[label] = replace(bodies[label], received_at=late)
    found = rows(bodies).chain
    assert dict(found.select("settlement", "knowledge_time").unique().rows()) == {"inverse": late, "linear": late}
    bodies[wire.listing("USDC").label] = replace(bodies[wire.listing("USDC").label], is_kept=True)
    assert set(rows(bodies).chain.filter(settlement="linear")["knowledge_time"]) == {RECEIVED}


@pytest.mark.parametrize(
    "cells", [{"strike": 90_000.0}, {"option_type": "put"}, {"expiration_timestamp": 1_798_185_600_001}]
)
def test_a_list_that_contradicts_a_name_is_an_error(cells: dict[str, Any]) -> None:
    bodies, of = chain(), wire.listing("BTC")
    bodies[of.label] = reply(of, answer([instrument(INVERSE[0], **cells), *map(instrument, INVERSE[1:])]))
    assert f"names: {INVERSE[0]}: {next(iter(cells))} = " in (rows(bodies).error or "")


@pytest.mark.parametrize("price", [0.0, -1.0])
def test_an_index_that_is_no_price_is_not_replaced_by_another(price: float) -> None:
    bodies, of = chain(), wire.index("BTC", "BTC")
    bodies[of.label] = reply(of, answer({"index_price": price}))
    assert "index_price is" in (rows(bodies).error or "")


def test_open_interest_in_contracts_would_be_seen_where_a_contract_is_more_than_a_coin() -> None:
    bodies = chain()
    odd = wire.summary("USDC")
    bodies[odd.label] = reply(odd, answer([row(LINEAR[0]), row(LINEAR[1], open_interest=123.0)]))
    assert "open_interest_unit: SOL_USDC-25DEC26-150-C" in rows(bodies, "SOL").error
    assert rows(bodies, "BTC").error is None


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"mark_iv": None}, "no_iv"),
        ({"mark_iv": 0.0}, "no_iv"),
        ({"mark_iv": 999.0}, "iv_out_of_range"),
        ({"open_interest": None}, "no_open_interest"),
        ({"open_interest": -1.0}, "open_interest_negative"),
        ({"underlying_price": 0.0}, "no_forward"),
    ],
)
def test_a_row_that_cannot_be_used_is_kept_with_its_reason(cells: dict[str, Any], reason: str) -> None:
    found = rows(chain(**cells))
    assert found.error is None
    assert found.rejected.select("instrument", "reason").rows() == [(INVERSE[0], reason)]


def test_a_name_that_cannot_be_read_is_kept() -> None:
    bodies = chain()
    odd = wire.summary("BTC")
    bodies[odd.label] = reply(odd, answer([*map(row, INVERSE), row(INVERSE[0], instrument_name="BTC-CS-1-2")]))
    found = rows(bodies)
    assert found.rejected.select("instrument", "reason").rows() == [("BTC-CS-1-2", "name_not_parsed")]


@pytest.mark.parametrize("missing", [label for label in chain() if "SOL" not in label and "sol" not in label])
def test_a_coin_is_whole_or_not_at_all(missing: str) -> None:
    bodies = chain()
    del bodies[missing]
    found = rows(bodies)
    assert found.error is not None and missing in found.error and found.chain.is_empty()


def test_a_size_that_contradicts_the_name_is_no_list() -> None:
    bodies = chain()
    listing = wire.listing("BTC")
    bodies[listing.label] = reply(listing, answer([instrument(INVERSE[0], contract_size="1")]))
    assert "$.result[0].contract_size" in rows(bodies).error


@pytest.mark.parametrize(
    ("code", "is_retryable", "wait"),
    [(10028, True, 1.0), (10066, True, 1.0), (10040, True, 0.0), (10041, True, 5.0), (10047, True, 1.0),
     (13028, True, 1.0), (13888, True, 0.0), (11094, True, 0.0), (11051, True, 60.0), (-32602, False, 0.0),
     (13020, False, 0.0), (10020, False, 0.0), (11029, False, 0.0), (11050, False, 0.0), (-32601, False, 0.0)],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 400])
def test_what_an_error_means(code: int, is_retryable: bool, wait: float, status: int) -> None:
    trouble = VENUE.trouble(reply(wire.summary("BTC"), failure(code), status))
    assert trouble is not None and str(code) in str(trouble)
    assert (trouble.is_retryable, trouble.wait_seconds, trouble.is_ban) == (is_retryable, wait, False)


@pytest.mark.parametrize(
    ("body", "status", "is_retryable"),
    [(b"<html>", 502, True), (b"<html>", 200, True), (b"", 200, True), (b'{"result": [1', 200, True),
     (b"<html>", 404, False), (b'{"error": {"code": 1, "message": "\xff"}}', 400, False), (b"[" * 5000, 200, True)],
)  # fmt: skip
def test_what_is_no_answer(body: bytes, status: int, is_retryable: bool) -> None:
    trouble = VENUE.trouble(reply(wire.summary("BTC"), body, status))
    assert trouble is not None and trouble.is_retryable == is_retryable


def test_the_test_network_is_refused() -> None:
    bodies = chain()
    book = wire.summary("BTC")
    bodies[book.label] = reply(book, {**answer([row(INVERSE[0])]), "testnet": True})
    assert "testnet is true" in rows(bodies).error
