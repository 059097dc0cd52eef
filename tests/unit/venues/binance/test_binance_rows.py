"""Binance's answers -> rows: units, joins, guards, and what is said of bodies that are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from gex_pipeline.core.instruments import build, parse
from gex_pipeline.venues.base import Answers, Reply
from gex_pipeline.venues.binance import wire
from gex_pipeline.venues.binance.client import Binance
from gex_pipeline.venues.rows import Rows, venue_rows
from tests.unit.venues import replies
from tests.unit.venues.binance.payloads import (
    INDEX,
    NAMES,
    XRP,
    chain,
    contract,
    index,
    interest,
    listing,
    mark,
    marks,
    quote,
    with_first,
    xrp,
)
from tests.unit.venues.replies import AT, AT_MS, RECEIVED, book_error, reply

VENUE = Binance()
FIRST = NAMES[0]
MARKS = [mark(n) for n in NAMES]
QUOTES = [quote(n) for n in NAMES]
CONTRACTS = [contract(n) for n in NAMES]
INTEREST = [interest(n) for n in NAMES]


def rows(found: Sequence[Reply], coin: str = "BTC") -> Rows:
    return replies.rows(VENUE, found, coin)


def row_of(made: Rows, name: str = FIRST) -> dict[str, Any]:
    assert made.error is None
    return made.chain.row(by_predicate=pl.col("instrument") == name, named=True)


def reasons(made: Rows) -> list[tuple[str, str]]:
    return made.rejected.select("instrument", "reason").rows()


def changed(found: Sequence[Reply], new: Reply) -> list[Reply]:
    """The replies with one in another's place."""
    return [new if r.request.label == new.request.label else r for r in found]


def test_a_clean_chain_has_all_rows_and_no_findings() -> None:
    made = rows(chain())
    assert (made.chain.height, made.rejected.height, made.error, made.warnings) == (12, 0, None, ())
    assert set(made.chain["instrument"]) == set(NAMES)
    assert set(made.chain["source"]) == {"binance-rest"}


def test_units_by_hand_of_one_coin_a_contract() -> None:
    row = row_of(rows(chain()))
    assert (row["open_interest_coin"], row["volume_24h_coin"], row["contract_size_coin"]) == (212.4, 6.83, 1.0)
    assert (row["mark_iv"], row["bid_iv"], row["ask_iv"]) == (0.5, 0.49, 0.51)
    assert (row["bid_usd"], row["ask_usd"]) == (2410.0, 2500.0)
    assert (row["strike_usd"], row["option_type"], row["settlement"]) == (80_000.0, "C", "linear")


def test_units_by_hand_of_a_hundred_coins_a_contract() -> None:
    found = xrp()
    found[0] = marks([mark(n, 2.0, 100) for n in XRP])
    row = row_of(rows(found, "XRP"), "XRP-261225-2.05-P")
    # 3.5 contracts are 350 coins, and 18.50 USDT for one are 0.185 a coin
    assert (row["open_interest_coin"], row["volume_24h_coin"], row["contract_size_coin"]) == (350.0, 700.0, 100.0)
    assert row["bid_usd"] == pytest.approx(0.185) and row["ask_usd"] == pytest.approx(0.195)
    assert row["mark_usd"] == pytest.approx(replies.price_and_gamma(2.0, 2.05, 0.5, "P")[0], rel=1e-6)
    assert row["strike_usd"] == 2.05


def test_the_forward_is_that_of_parity_and_the_index_the_venues() -> None:
    row = row_of(rows(chain()))
    assert row["forward_usd"] == pytest.approx(INDEX, rel=1e-9) and row["forward_source"] == "parity"
    assert (row["index_usd"], row["index_source"]) == (INDEX, "venue")


def test_a_row_is_known_when_the_last_of_its_answers_has_come() -> None:
    late = RECEIVED + timedelta(seconds=7)
    found = [replace(r, received_at=late) if r.request.params.get("expiration") == "261225" else r for r in chain()]
    made = rows(found)
    known = dict(made.chain.select("instrument", "knowledge_time").rows())
    assert {t for n, t in known.items() if "-261225-" in n} == {late}
    assert {t for n, t in known.items() if "-261127-" in n} == {RECEIVED}
    assert made.chain["venue_time"].null_count() == 12


@pytest.mark.parametrize("label", [wire.MARKS.label, wire.TICKERS.label, wire.index("BTC").label])
def test_every_answer_of_all_rows_counts_for_when_they_are_known(label: str) -> None:
    late = RECEIVED + timedelta(seconds=7)
    found = [replace(r, received_at=late) if r.request.label == label else r for r in chain()]
    assert set(rows(found).chain["knowledge_time"]) == {late}


def test_a_kept_list_is_older_and_does_not_count() -> None:
    found = chain()
    found[2] = replace(found[2], received_at=RECEIVED - timedelta(hours=11), is_kept=True)
    assert set(rows(found).chain["knowledge_time"]) == {RECEIVED}


@pytest.mark.parametrize("none", ["0", "", "-1", "-1.0", "0E-8"])
def test_no_quote_is_null(none: str) -> None:
    made = rows(
        chain(marks=with_first(MARKS, bidIV=none, askIV=none), quotes=with_first(QUOTES, bidPrice=none, askPrice=none))
    )
    row = row_of(made)
    assert [row[c] for c in ("bid_usd", "bid_iv", "ask_usd", "ask_iv")] == [None] * 4


@pytest.mark.parametrize("iv", ["-1", "-1.0", "0", ""])
def test_a_sentinel_is_no_volatility(iv: str) -> None:
    assert reasons(rows(chain(marks=with_first(MARKS, markIV=iv)))) == [(FIRST, "no_iv")]


def test_open_interest_of_0_is_one() -> None:
    assert row_of(rows(chain(interest=with_first(INTEREST, sumOpenInterest="0"))))["open_interest_coin"] == 0.0


@pytest.mark.parametrize("name", [FIRST, "XRP-251219-2.05-P", "XRP-230331-0.365-P"])
def test_names_round_trip(name: str) -> None:
    found = parse("binance", name)
    assert found is not None and build("binance", found) == name


# joins


def test_without_open_interest_a_contract_is_rejected_and_not_0() -> None:
    made = rows(chain(interest=INTEREST[1:]))
    assert (reasons(made), made.chain.height, made.error) == ([(FIRST, "no_open_interest")], 11, None)


def test_an_expiry_without_open_interest_is_an_empty_list() -> None:
    made = rows(chain(interest=INTEREST[6:]))
    assert {reason for _, reason in reasons(made)} == {"no_open_interest"} and made.chain.height == 6
    assert made.warnings == ("open_interest: 50% of marks have none",)


def test_no_open_interest_at_all_is_an_error() -> None:
    assert "open_interest: 100% of marks have none" in (rows(chain(interest=[])).error or "")


def test_a_listed_contract_without_a_mark_is_a_row_and_many_are_an_error() -> None:
    made = rows(chain(marks=MARKS[1:], quotes=QUOTES[1:]))
    assert reasons(made) == [(FIRST, "no_iv")]
    assert made.warnings == (f"completeness: 1 of 12 listed contracts have no mark, first: {FIRST}",)
    assert "completeness: 3 of 12" in (rows(chain(marks=MARKS[3:])).error or "")


def test_contracts_that_are_not_traded_need_no_mark() -> None:
    idle = contract("BTC-261225-99000-C", status="BREAK")
    made = rows(chain(contracts=[*CONTRACTS, idle]))
    assert made.warnings == () and reasons(made) == [("BTC-261225-99000-C", "no_iv")]


def test_without_a_quote_a_contract_stays() -> None:
    row = row_of(rows(chain(quotes=QUOTES[1:])))
    assert row["bid_usd"] is None and row["volume_24h_coin"] is None and row["open_interest_coin"] == 212.4


def test_many_without_a_quote_are_a_warning() -> None:
    assert rows(chain(quotes=[])).warnings == ("quotes: 100% of marks have no row of quotes",)


def test_open_interest_without_a_mark_stays_as_a_row() -> None:
    made = rows(chain(marks=MARKS[1:], quotes=QUOTES[1:], contracts=CONTRACTS[1:]))
    assert reasons(made) == [(FIRST, "no_iv")]
    assert made.warnings == (f"unlisted: 1 contracts are in no list, first: {FIRST}",)


def test_open_interest_of_a_contract_whose_unit_is_not_known_is_not_taken() -> None:
    made = rows(chain(contracts=CONTRACTS[1:]))
    assert reasons(made) == [(FIRST, "no_open_interest")]
    assert made.warnings == (f"unlisted: 1 contracts are in no list, first: {FIRST}",)


def test_a_coin_whose_rows_cannot_be_placed_costs_itself_alone() -> None:
    """Two sizes of XRP and a contract that is in no list: its size could be either."""
    both = chain(
        marks=[*MARKS, *(mark(n, 2.0, 100) for n in XRP)],
        contracts=[*CONTRACTS, contract(XRP[0], 100), contract(XRP[1], 10)],
    )
    found = venue_rows(VENUE, Answers(VENUE, [*both, *xrp()[3:]]), ["BTC", "XRP"], AT, is_synthetic=False)
    assert "contract_size_coin is None for XRP; the row cannot be placed without it" in (found["XRP"].error or "")
    assert found["BTC"].error is None and found["BTC"].chain.equals(rows(chain()).chain)


def test_an_unreadable_name_of_the_coin_is_rejected_with_its_reason() -> None:
    odd = mark(FIRST, symbol="BTC-261127-80000-X")
    made = rows(chain(marks=[*MARKS, odd]))
    assert made.rejected.select("underlying", "instrument", "reason").rows() == [
        ("BTC", "BTC-261127-80000-X", "name_not_parsed")
    ]
    assert made.chain.height == 12


def test_other_coins_are_theirs() -> None:
    both = chain(
        marks=[*MARKS, *(mark(n, 2.0, 100) for n in XRP)], contracts=[*CONTRACTS, *(contract(n, 100) for n in XRP)]
    )
    assert set(rows(both).chain["underlying"]) == {"BTC"}
    made = rows([*both, *xrp()[3:]], "XRP")
    assert set(made.chain["instrument"]) == set(XRP) and made.chain["bid_usd"].null_count() == 4


def test_a_coin_that_is_not_listed_has_no_book() -> None:
    made = rows(chain(), "HYPE")
    assert (made.is_listed, made.error) == (False, None)


def test_a_coin_whose_contracts_have_all_expired_has_no_book() -> None:
    gone = [contract(n, symbol=f"SOL-261119-{i}-C", expiryDate=AT_MS - 86_400_000) for i, n in enumerate(NAMES)]
    assert not rows(chain(contracts=[*CONTRACTS, *gone]), "SOL").is_listed


def test_marks_without_a_listed_contract_are_an_error() -> None:
    error = book_error(VENUE, chain(contracts=[]), "BTC")
    assert error == "eapi/v1/exchangeInfo: lists no contract of BTC, eapi/v1/mark has 12"


# guards


@pytest.mark.parametrize(
    ("factor", "severity"),
    [
        (1.0, ""),
        (1.019, ""),
        (1.021, "warning"),
        (0.979, "warning"),
        (1.4, "warning"),
        (0.1, "error"),
        (100, "error"),
    ],
)
def test_the_notional_shows_the_unit(factor: float, severity: str) -> None:
    """The index moves by some percent in a crash, of all times; a unit is wrong by a factor."""
    made = rows(chain(interest=[interest(n, index=INDEX * factor) for n in NAMES]))
    said = made.error if severity == "error" else "; ".join(made.warnings)
    assert ("unit: sumOpenInterestUsd is" in (said or "")) is bool(severity)


def test_a_unit_that_has_changed_is_red() -> None:
    found = changed(xrp(), listing([contract(n, 10) for n in XRP]))
    assert "unit: sumOpenInterestUsd is 10 times" in (rows(found, "XRP").error or "")


def test_one_odd_notional_is_nothing() -> None:
    assert rows(chain(interest=with_first(INTEREST, sumOpenInterestUsd="1.0"))).warnings == ()


def test_notionals_of_0_say_that_nothing_was_checked() -> None:
    made = rows(chain(interest=[interest(n, sumOpenInterestUsd="0.0") for n in NAMES]))
    assert made.warnings == ("unit: no open interest has a notional in USD to check the unit by",)


@pytest.mark.parametrize("unit", [0, -1])
def test_a_unit_that_is_not_positive_is_an_error(unit: float) -> None:
    error = book_error(VENUE, chain(contracts=with_first(CONTRACTS, unit=unit)), "BTC")
    assert error == f"eapi/v1/exchangeInfo: unit = {unit} of {FIRST} is not above 0"


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"strikePrice": "80001"}, "strike_price = '80001' contradicts the name: 80000.0"),
        ({"expiryDate": AT_MS}, f"expiry_date = {AT_MS} contradicts the name"),
        ({"side": "PUT"}, "side = 'PUT' contradicts the name: 'CALL'"),
        ({"underlying": "BTCUSDC"}, "underlying = 'BTCUSDC' contradicts the name: 'BTCUSDT'"),
    ],
)
def test_a_list_that_contradicts_a_name_is_an_error(cells: dict[str, Any], said: str) -> None:
    made = rows(chain(contracts=with_first(CONTRACTS, **cells)))
    assert made.chain.is_empty() and said in (made.error or "")


@pytest.mark.parametrize(
    ("factor", "severity"), [(1.0, ""), (1.08, ""), (1.25, "warning"), (3.0, "error"), (0.01, "error")]
)
def test_gamma_is_compared(factor: float, severity: str) -> None:
    made = rows(chain(marks=[row | {"gamma": f"{float(row['gamma']) * factor:.10f}"} for row in MARKS]))
    said = made.error if severity == "error" else "; ".join(made.warnings)
    assert ("gamma: " in (said or "")) is bool(severity)


@pytest.mark.parametrize(("seconds", "severity"), [(100, ""), (-100, ""), (200, "warning"), (-3600, "error")])
def test_an_index_of_another_time(seconds: int, severity: str) -> None:
    made = rows(changed(chain(), index(time=AT_MS + 3_000 - seconds * 1000)))
    said = made.error if severity == "error" else "; ".join(made.warnings)
    assert ("index_time: " in (said or "")) is bool(severity)


def test_old_open_interest_is_a_warning_where_even_the_newest_is_old() -> None:
    old = str(AT_MS - 3_600_000)
    assert rows(chain(interest=[interest(n, timestamp=old) for n in NAMES[1:]] + INTEREST[:1])).warnings == ()
    made = rows(chain(interest=[interest(n, timestamp=old) for n in NAMES]))
    assert made.warnings == ("open_interest_time: the newest is of 11:00:00Z",)


def test_volatility_in_percent_is_red() -> None:
    assert "volatility: 12 of 12" in (rows(chain(marks=[mark(n, markIV="50") for n in NAMES])).error or "")


def test_prices_of_a_coin_where_contracts_are_meant_are_red() -> None:
    found = changed(xrp(), marks([mark(n, 2.0, 1) for n in XRP]))
    assert rows(found, "XRP").error is not None


def test_a_stranger_among_open_interest_is_an_error() -> None:
    found = chain()
    found[-1] = reply(found[-1].request, [interest("ETH-261225-3000-C")])
    assert "coin: eapi/v1/openInterest" in (rows(found).error or "")


def test_a_row_twice_is_one_and_with_other_values_an_error() -> None:
    assert rows(chain(marks=[*MARKS, MARKS[0]])).chain.height == 12
    error = book_error(VENUE, chain(marks=[*MARKS, mark(FIRST, markPrice="1")]), "BTC")
    assert error == f"eapi/v1/mark: {FIRST} comes twice with different values"


# bodies


@pytest.mark.parametrize(
    ("table", "cells", "said"),
    [
        ("marks", {"markIV": None}, "eapi/v1/mark: Expected `str`, got `null` - at `$[0].markIV`"),
        ("marks", {"markPrice": 2455}, "eapi/v1/mark: Expected `str`, got `int` - at `$[0].markPrice`"),
        ("quotes", {"volume": ["6"]}, "eapi/v1/ticker: Expected `str`, got `array` - at `$[0].volume`"),
        (
            "contracts",
            {"unit": "1"},
            "eapi/v1/exchangeInfo: Expected `float`, got `str` - at `$.optionSymbols[0].unit`",
        ),
        (
            "interest",
            {"sumOpenInterest": None},
            f"{wire.open_interest('BTC', '261127').label}: Expected `str`, got `null` - at `$[0].sumOpenInterest`",
        ),
    ],
)
def test_a_field_of_another_type_is_named_with_its_place(table: str, cells: dict[str, Any], said: str) -> None:
    found = {"marks": MARKS, "quotes": QUOTES, "contracts": CONTRACTS, "interest": INTEREST}[table]
    assert book_error(VENUE, chain(**{table: with_first(found, **cells)}), "BTC") == said


@pytest.mark.parametrize("word", ["NaN", "1,5", " 1", "1\n", "0x1", "\uff11"])
def test_text_that_is_no_number_is_refused(word: str) -> None:
    assert "- at `$[0].markIV`" in book_error(VENUE, chain(marks=with_first(MARKS, markIV=word)), "BTC")


@pytest.mark.parametrize("key", ["markIV", "markPrice", "gamma", "symbol"])
def test_a_missing_field_is_named(key: str) -> None:
    row = {k: v for k, v in MARKS[0].items() if k != key}
    error = book_error(VENUE, chain(marks=[row, *MARKS[1:]]), "BTC")
    assert error == f"eapi/v1/mark: Object missing required field `{key}` - at `$[0]`"


@pytest.mark.parametrize("price", ["0", "-1", "1e400"])
def test_an_index_that_is_no_price_is_an_error(price: str) -> None:
    error = book_error(VENUE, changed(chain(), index(price=price)), "BTC")
    assert error == f"eapi/v1/index underlying=BTCUSDT: indexPrice = {price} is no price"


def test_a_number_beyond_floats_is_none() -> None:
    assert reasons(rows(chain(interest=with_first(INTEREST, sumOpenInterest="1e400")))) == [(FIRST, "no_open_interest")]


@pytest.mark.parametrize("request_", [wire.MARKS, wire.TICKERS, wire.SPECIFICATION, wire.index("BTC")])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"7",
        b"<html>",
        b'[{"symbol":"\xff"}]',
        b"[" * 100_000,
        b'[{"x":' * 100_000,
        b'{"optionSymbols":' * 100_000,
        b"[NaN]",
        b"{}",
        b"[[]]",
    ],
)
def test_hostile_bodies_end_in_an_error_that_names_the_request(request_: Any, body: bytes) -> None:
    error = book_error(VENUE, changed(chain(), replace(reply(request_, []), body=body)), "BTC")
    assert error.startswith(f"{request_.label}: ")


def test_a_missing_answer_is_said() -> None:
    for missing in chain():
        found = [r for r in chain() if r.request.label != missing.request.label]
        assert (
            book_error(VENUE, found, "BTC") == f"{missing.request.label}: not answered before the snapshot's deadline"
        )


def test_more_expiries_than_a_venue_has_are_an_error() -> None:
    many = [contract(FIRST, expiryDate=AT_MS + 86_400_000 * i) for i in range(1, 60)]
    named = [row | {"symbol": f"BTC-{i}"} for i, row in enumerate(many)]
    assert book_error(VENUE, chain(contracts=named), "BTC") == "eapi/v1/exchangeInfo: 59 expiries of BTC"


def test_the_book_is_a_function_of_the_replies() -> None:
    first, again = (VENUE.book(Answers(VENUE, chain()), "BTC", AT) for _ in range(2))
    assert first is not None and again is not None and first.frame.equals(again.frame)
