"""Bybit's answers -> rows: units, nulls, guards, and what is said of bodies that are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from gex_pipeline.core.instruments import build, parse
from gex_pipeline.venues.base import Answers, Reply
from gex_pipeline.venues.bybit import wire
from gex_pipeline.venues.bybit.client import Bybit
from gex_pipeline.venues.rows import Rows
from tests.unit.venues import replies
from tests.unit.venues.bybit.payloads import (
    FORWARD,
    INDEX,
    IV,
    NAMES,
    answer,
    book,
    chain,
    instrument,
    listing,
    ticker,
)
from tests.unit.venues.replies import AT, AT_MS, DEC_25_MS, RECEIVED, book_error

VENUE = Bybit()


def rows(found: list[Reply], coin: str = "BTC") -> Rows:
    return replies.rows(VENUE, found, coin)


def first(found: list[Reply]) -> dict[str, Any]:
    made = rows(found)
    assert made.error is None
    return made.chain.row(by_predicate=pl.col("instrument") == NAMES[0], named=True)


def test_a_clean_chain_has_all_rows_and_no_findings() -> None:
    made = rows(chain())
    assert (made.chain.height, made.rejected.height, made.error, made.warnings) == (6, 0, None, ())
    assert set(made.chain["instrument"]) == set(NAMES)
    assert set(made.chain["source"]) == {"bybit-rest"}


def test_units_by_hand() -> None:
    cells = {"openInterest": "612.43", "volume24h": "17.95", "turnover24h": "1516775", "bid1Iv": "0.4712"}
    row = first(chain(**cells, bid1Price="2415", ask1Price="2495", ask1Iv="0.4804"))
    assert (row["open_interest_coin"], row["volume_24h_coin"], row["contract_size_coin"]) == (612.43, 17.95, 1.0)
    assert (row["mark_iv"], row["bid_iv"], row["ask_iv"]) == (0.5, 0.4712, 0.4804)
    assert (row["bid_usd"], row["ask_usd"]) == (2415.0, 2495.0)
    assert (row["forward_usd"], row["forward_source"]) == (85_000.0, "venue")
    assert (row["index_usd"], row["index_source"]) == (84_500.0, "venue")
    assert (row["strike_usd"], row["option_type"], row["settlement"]) == (80_000.0, "C", "linear")


def test_times() -> None:
    row = first(chain())
    assert (row["snapshot_at"], row["knowledge_time"]) == (AT, RECEIVED)
    assert row["venue_time"] == AT + timedelta(seconds=2)


@pytest.mark.parametrize("none", ["0", "", "-1"])
def test_no_quote_is_null(none: str) -> None:
    row = first(chain(bid1Price=none, bid1Iv=none, ask1Price=none, ask1Iv=none))
    assert [row[c] for c in ("bid_usd", "bid_iv", "ask_usd", "ask_iv")] == [None] * 4


def test_open_interest_of_0_is_one_and_an_empty_cell_is_none() -> None:
    assert first(chain(openInterest="0"))["open_interest_coin"] == 0.0
    made = rows(chain(openInterest=""))
    assert made.rejected.select("instrument", "reason").rows() == [(NAMES[0], "no_open_interest")]
    assert made.chain.height == 5


@pytest.mark.parametrize(("iv", "reason"), [("0", "no_iv"), ("-1", "no_iv"), ("5", "iv_out_of_range")])
def test_sentinels_and_caps_are_no_volatility(iv: str, reason: str) -> None:
    assert rows(chain(markIv=iv)).rejected["reason"].to_list() == [reason]


def test_both_settlements_are_one_chain() -> None:
    names = [NAMES[0], NAMES[0].removesuffix("-USDT")]
    made = rows([book([ticker(name) for name in names]), listing(names)])
    assert sorted(made.chain["instrument"]) == sorted(names) and made.error is None
    assert made.chain["strike_usd"].to_list() == [80_000.0, 80_000.0]


def test_a_coin_with_decimal_strikes_needs_no_code() -> None:
    names = ["XRP-25DEC26-2.05-C-USDT", "XRP-25DEC26-2.05-P-USDT"]
    made = rows([book([ticker(n, 2.1, 2.09) for n in names], "XRP"), listing(names, "XRP")], "XRP")
    assert (made.error, made.warnings) == (None, ())
    assert made.chain["strike_usd"].to_list() == [2.05, 2.05]
    assert made.chain["open_interest_coin"].to_list() == [612.43, 612.43]


@pytest.mark.parametrize("name", [NAMES[0], "BTC-6JAN27-17500-P", "XRP-25DEC26-2.05-C-USDT"])
def test_names_round_trip(name: str) -> None:
    contract = parse("bybit", name)
    assert contract is not None and build("bybit", contract) == name


def test_an_unreadable_name_of_the_coin_is_rejected_with_its_reason() -> None:
    odd = ticker(NAMES[0], symbol="BTC-25DEC26-80000-STRADDLE")
    made = rows([book([odd, *map(ticker, NAMES)]), listing(NAMES)])
    assert made.rejected.select("underlying", "reason").rows() == [("BTC", "name_not_parsed")]
    assert made.chain.height == 6


def test_a_stranger_is_a_warning_and_another_coins_contract_an_error() -> None:
    odd = ticker(NAMES[0], symbol="NO-SUCH-NAME")
    made = rows([book([odd, *map(ticker, NAMES)]), listing(NAMES)])
    assert made.error is None and "1 rows are not of BTC, first: 'NO-SUCH-NAME'" in made.warnings[0]
    other = rows([book([ticker("ETH-25DEC26-3000-C-USDT"), *map(ticker, NAMES)]), listing(NAMES)])
    assert other.chain.is_empty() and "coin: v5/market/tickers" in (other.error or "")


@pytest.mark.parametrize(
    "body", [answer({"category": "option", "list": []}), answer({}, 10001, "params error: baseCoin invalid")]
)
def test_a_coin_that_is_not_listed_has_no_book(body: Any) -> None:
    made = rows([replies.reply(wire.tickers("HYPE"), body)], "HYPE")
    assert (made.is_listed, made.error) == (False, None)


def test_an_empty_book_beside_a_list_of_contracts_is_an_error() -> None:
    made = rows([book([]), listing(NAMES)])
    assert made.is_listed and "6 of 6 listed contracts are missing" in (made.error or "")


def test_a_missing_contract_is_named() -> None:
    made = rows([book([ticker(n) for n in NAMES[:4]]), listing(NAMES)])
    assert "2 of 6 listed contracts are missing" in (made.error or "")


@pytest.mark.parametrize("status", ["PreLaunch", "Delivering", "Closed"])
def test_contracts_that_are_not_traded_need_not_be_in_the_book(status: str) -> None:
    idle = instrument("BTC-25DEC26-70000-C-USDT", status=status)
    found = Answers(VENUE, [book([ticker(n) for n in NAMES]), listing([*NAMES, idle])])
    made = VENUE.book(found, "BTC", AT)
    assert made is not None and made.listed == set(NAMES)


def test_expired_contracts_are_not_expected() -> None:
    made = VENUE.book(Answers(VENUE, chain()), "BTC", AT + timedelta(days=40))
    assert made is not None and made.listed == frozenset()


# guards


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"optionsType": "Put"}, "options_type = 'Put' contradicts the name: 'Call'"),
        ({"deliveryTime": str(DEC_25_MS + 1)}, f"delivery_time = '{DEC_25_MS + 1}' contradicts the name"),
        ({"baseCoin": "ETH"}, "base_coin = 'ETH' contradicts the name: 'BTC'"),
    ],
)
def test_a_list_that_contradicts_a_name_is_an_error(cells: dict[str, str], said: str) -> None:
    made = rows([chain()[0], listing([instrument(NAMES[0], **cells), *NAMES[1:]])])
    assert made.chain.is_empty() and said in (made.error or "")


@pytest.mark.parametrize(("coins", "is_red"), [(100.0, True), (0.01, True), (1.4, False), (0.7, False)])
def test_a_contract_that_is_not_one_coin_shows_in_the_turnover(coins: float, is_red: bool) -> None:
    traded = [ticker(n, turnover24h=f"{coins * 2 * INDEX}") for n in NAMES]
    made = rows([book(traded), listing(NAMES)])
    assert ("contract_size: turnover is" in (made.error or "")) is is_red


def test_nothing_is_said_of_the_turnover_where_nothing_was_traded() -> None:
    idle = [ticker(n, turnover24h="0", volume24h="0") for n in NAMES]
    assert rows([book(idle), listing(NAMES)]).warnings == ()


@pytest.mark.parametrize(("factor", "severity"), [(1.0, ""), (1.05, "warning"), (1.5, "error"), (0.01, "error")])
def test_gamma_is_compared(factor: float, severity: str) -> None:
    changed = []
    for name in NAMES:
        gamma = replies.price_and_gamma(FORWARD, float(name.split("-")[2]), IV, name.split("-")[3])[1]
        changed.append(ticker(name, gamma=f"{gamma * factor:.10f}"))
    made = rows([book(changed), listing(NAMES)])
    said = made.error if severity == "error" else "; ".join(made.warnings)
    assert ("gamma: " in (said or "")) is bool(severity)


def test_gamma_of_the_last_day_is_not_compared() -> None:
    # 20 hours before its end the venue's gamma is 20 / 24 of it
    names = ["BTC-21NOV26-85000-C-USDT", "BTC-21NOV26-85000-P-USDT"]
    tenor = 20 / 24 / 365
    near = []
    for name in names:
        mark, gamma = replies.price_and_gamma(FORWARD, 85_000.0, IV, name.split("-")[3], tenor)
        near.append(ticker(name, markPrice=f"{mark:.8f}", gamma=f"{gamma * 20 / 24:.8f}"))
    ends = str(round((AT + timedelta(hours=20)).timestamp() * 1000))
    made = rows([book(near), listing(names, deliveryTime=ends)])
    assert (made.chain.height, made.error, made.warnings) == (2, None, ())


def test_gammas_without_digits_say_so() -> None:
    short = [ticker(n, gamma="0.00000001") for n in NAMES]
    assert rows([book(short), listing(NAMES)]).warnings == ("gamma: no contract's gamma has the digits to be compared",)


def test_volatility_in_percent_is_red() -> None:
    made = rows([book([ticker(n, markIv="50") for n in NAMES]), listing(NAMES)])
    assert "volatility: 6 of 6 rows" in (made.error or "")


def test_a_row_twice_is_one_and_with_other_values_an_error() -> None:
    cells = [ticker(n) for n in NAMES]
    assert rows([book([*cells, cells[0]]), listing(NAMES)]).chain.height == 6
    other = cells[0] | {"openInterest": "1"}
    assert "duplicates: " in (rows([book([*cells, other]), listing(NAMES)]).error or "")


# bodies

BOOK, LIST = wire.tickers("BTC").label, wire.instruments("BTC").label


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"openInterest": None}, "Expected `str`, got `null` - at `$.result.list[0].openInterest`"),
        ({"markIv": ["0.5"]}, "Expected `str`, got `array` - at `$.result.list[0].markIv`"),
        ({"markPrice": 1.5}, "Expected `str`, got `float` - at `$.result.list[0].markPrice`"),
        ({"bid1Iv": "NaN"}, "- at `$.result.list[0].bid1Iv`"),
        ({"indexPrice": "84,500"}, "- at `$.result.list[0].indexPrice`"),
    ],
)
def test_a_field_of_another_type_is_named_with_its_place(change: dict[str, Any], said: str) -> None:
    error = book_error(VENUE, chain(**change), "BTC")
    assert error.startswith(f"{BOOK}: ") and error.endswith(said)


def test_a_missing_field_is_named() -> None:
    row = ticker(NAMES[0])
    del row["openInterest"]
    error = book_error(VENUE, [book([row]), listing(NAMES)], "BTC")
    assert error == f"{BOOK}: Object missing required field `openInterest` - at `$.result.list[0]`"


def test_a_missing_field_of_the_list_is_named() -> None:
    row = instrument(NAMES[0])
    del row["deliveryTime"]
    error = book_error(VENUE, [chain()[0], listing([row])], "BTC")
    assert error == f"{LIST}: Object missing required field `deliveryTime` - at `$.result.list[0]`"


def test_a_number_beyond_floats_is_none() -> None:
    assert rows(chain(openInterest="1e400")).rejected["reason"].to_list() == ["no_open_interest"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"retCode":0,"result":{"list":[{"symbol":"\xff"}]},"time":1}',
        b'{"retCode":0,"result":' + b"[" * 100_000,
        b'{"retCode":0,"result":{"list":[' + b'{"x":' * 100_000,
        b"",
        b"null",
        b"<html></html>",
        b'{"retCode":0}',
        b'{"retCode":0,"result":{"list":{}},"time":1}',
        b'{"retCode":0,"result":{"list":[]},"time":1e400}',
        b'{"retCode":0,"result":{"list":[]},"time":-1}',
        b'{"retCode":0,"result":{"list":[]},"time":99999999999999999}',
    ],
)
def test_hostile_bodies_end_in_an_error_that_names_the_request(body: bytes) -> None:
    error = book_error(VENUE, [replace(chain()[0], body=body), listing(NAMES)], "BTC")
    assert error.startswith(f"{BOOK}: ")


def test_a_missing_answer_is_said() -> None:
    assert book_error(VENUE, [], "BTC") == f"{BOOK}: not answered before the snapshot's deadline"
    assert book_error(VENUE, chain()[:1], "BTC") == f"{LIST}: not answered before the snapshot's deadline"


def test_a_list_of_another_coin_is_none() -> None:
    other = [instrument("ETH-25DEC26-3000-C-USDT")]
    assert book_error(VENUE, [chain()[0], listing(other)], "BTC") == f"{LIST}: lists no contract of BTC"


def test_a_time_far_from_ours_is_red() -> None:
    late = answer({"list": [ticker(n) for n in NAMES]}) | {"time": AT_MS - 3_600_000}
    made = rows([replies.reply(wire.tickers("BTC"), late), listing(NAMES)])
    assert "stale: " in (made.error or "")
