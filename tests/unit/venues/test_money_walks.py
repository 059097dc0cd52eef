"""Perpetuals, funding and settlement prices of the four venues: units, one side, pages, agreement of the strikes."""

from __future__ import annotations

from typing import Any

import pytest

from gex_pipeline.venues.around import AROUND
from gex_pipeline.venues.base import Request
from gex_pipeline.venues.feeds import Feed, instant
from tests.unit.venues.replies import AT, RECEIVED
from tests.unit.venues.walks import ms, params, span, trouble, walked

NOW = span("2026-11-20T12:00", "2026-11-20T12:00")
DAYS = span("2026-11-18T00:00", "2026-11-20T12:00")
LATE = ms("2026-11-20T11:59:59")
SETTLED = [ms(f"2026-11-{day}T08:00") for day in (20, 19, 18)]
EIGHTS = [ms("2026-11-20T08:00"), ms("2026-11-20T00:00"), ms("2026-11-19T16:00")]


def feed(venue: str, table: str, name: str, coins: tuple[str, ...] = ("BTC",)) -> Feed:
    return next(f for f in AROUND[venue].feeds(coins) if f.table.name == table and f.name == name)


def only(haul: Any) -> dict[str, Any]:
    assert haul.frame.height == 1
    return haul.frame.row(0, named=True)


FOUR_LATER = str(EIGHTS[0] + 4 * 3_600_000)


# ---------------------------------------------------------------- perpetuals now


def deribit_ticker(**changes: Any) -> dict[str, Any]:
    prices = {"mark_price": 84000.0, "last_price": 84010.0, "index_price": 83990.0, "open_interest": 840000000}
    rates = {"current_funding": 0.0, "funding_8h": 0.0001, "timestamp": LATE, "instrument_name": "BTC-PERPETUAL"}
    return {"result": {**prices, **rates, **changes}}


def test_deribit_inverse_open_interest_is_dollars() -> None:
    haul, asked = walked(feed("deribit", "perps", "BTC-PERPETUAL"), NOW, [deribit_ticker()])
    row = only(haul)
    assert (row["mark_usd"], row["last_usd"], row["index_usd"]) == (84000.0, 84010.0, 83990.0)
    assert (row["open_interest_coin"], row["funding_rate"], row["period_hours"]) == (10000.0, 0.0001, 8.0)
    assert (row["snapshot_at"], row["knowledge_time"]) == (instant(LATE), RECEIVED)
    assert asked[0].params == {"instrument_name": "BTC-PERPETUAL"}


def test_deribit_linear_open_interest_is_coins() -> None:
    sol = deribit_ticker(instrument_name="SOL_USDC-PERPETUAL", mark_price=132.0, open_interest=5000.0)
    haul, _ = walked(feed("deribit", "perps", "SOL_USDC-PERPETUAL", ("SOL",)), NOW, [sol])
    assert only(haul)["open_interest_coin"] == 5000.0


def test_a_price_from_a_clock_ahead_is_not_known_before_itself() -> None:
    ahead = ms("2026-11-20T12:00:09")
    haul, _ = walked(feed("deribit", "perps", "BTC-PERPETUAL"), NOW, [deribit_ticker(timestamp=ahead)])
    assert only(haul)["knowledge_time"] == instant(ahead)


@pytest.mark.parametrize(("one", "expected"), [({"singleOpenInterest": "21000"}, 21000.0), ({}, 20000.0)])
def test_bybit_open_interest_is_of_one_side(one: dict[str, str], expected: float) -> None:
    row = {"symbol": "BTCUSDT", "lastPrice": "84010", "indexPrice": "83990", "markPrice": "84000", **one}
    body = {"result": {"list": [{**row, "openInterest": "40000", "fundingRate": "-0.00005"}]}, "time": LATE}
    haul, _ = walked(feed("bybit", "perps", "BTCUSDT"), NOW, [body])
    assert (only(haul)["open_interest_coin"], only(haul)["funding_rate"]) == (expected, -0.00005)


def okx_now(request: Request) -> dict[str, Any]:
    swap = {"instId": "BTC-USDT-SWAP"}
    rows = {
        "mark-price": {**swap, "markPx": "84000", "ts": str(LATE)},
        "open-interest": {**swap, "oi": "3000000", "oiCcy": "30000", "oiUsd": "2520000000", "ts": str(LATE)},
        "index-tickers": {"instId": "BTC-USDT", "idxPx": "83990", "ts": str(LATE)},
        "tickers": {**swap, "last": "84010"},
        "funding-rate": {
            **swap,
            "fundingRate": "0.0001",
            "fundingTime": "1795190400000",
            "nextFundingTime": "1795204800000",
        },
    }
    return {"code": "0", "data": [rows[request.endpoint.rsplit("/", 1)[1]]]}


def test_okx_has_its_prices_at_five_endpoints_and_a_period_of_four_hours() -> None:
    haul, asked = walked(feed("okx", "perps", "BTC-USDT-SWAP"), NOW, okx_now)
    row = only(haul)
    assert (row["mark_usd"], row["last_usd"], row["index_usd"]) == (84000.0, 84010.0, 83990.0)
    assert (row["open_interest_coin"], row["funding_rate"], row["period_hours"]) == (30000.0, 0.0001, 4.0)
    assert len(asked) == 5


def test_binance_says_neither_last_price_nor_open_interest() -> None:
    body = {
        "symbol": "BTCUSDT",
        "markPrice": "84000.1",
        "indexPrice": "83990.2",
        "lastFundingRate": "0.0001",
        "time": LATE,
    }
    haul, asked = walked(feed("binance", "perps", "BTCUSDT"), NOW, [body])
    row = only(haul)
    assert (row["mark_usd"], row["index_usd"], row["funding_rate"]) == (84000.1, 83990.2, 0.0001)
    assert row["last_usd"] is row["open_interest_coin"] is row["period_hours"] is None
    assert asked[0].host == "futures"


def test_prices_of_another_perpetual_are_an_error() -> None:
    other = deribit_ticker(instrument_name="ETH-PERPETUAL")
    assert "instrument_name is 'ETH-PERPETUAL'" in trouble(feed("deribit", "perps", "BTC-PERPETUAL"), NOW, [other])
    assert "has no row of BTCUSDT" in trouble(
        feed("bybit", "perps", "BTCUSDT"), NOW, [{"result": {"list": []}, "time": LATE}]
    )


# ---------------------------------------------------------------- funding


def test_deribit_funding_is_by_the_hour() -> None:
    row = {"timestamp": EIGHTS[0], "index_price": 84000.5, "prev_index_price": 83990.0}
    body = {"result": [{**row, "interest_8h": 0.00008, "interest_1h": 0.00001}]}
    haul, _ = walked(feed("deribit", "funding", "BTC-PERPETUAL"), DAYS, [body])
    row = only(haul)
    assert (row["funding_rate"], row["period_hours"], row["index_usd"]) == (0.00001, 1.0, 84000.5)
    assert row["funding_at"] == row["knowledge_time"] == instant(EIGHTS[0])


def bybit_funding(*times: int) -> dict[str, Any]:
    fixed = {"symbol": "BTCUSDT", "fundingRate": "-0.00012345"}
    return {"result": {"list": [{**fixed, "fundingRateTimestamp": str(at)} for at in times]}}


def test_bybit_funding_goes_back_with_both_ends() -> None:
    pages = [bybit_funding(*EIGHTS[:2]), bybit_funding(EIGHTS[2]), bybit_funding()]
    haul, asked = walked(feed("bybit", "funding", "BTCUSDT"), DAYS, pages)
    assert haul.frame.height == 3 and set(haul.frame["funding_rate"]) == {-0.00012345}
    assert params(asked, "startTime", "endTime") == [
        (str(DAYS.start_ms), str(DAYS.end_ms - 1)),
        (str(DAYS.start_ms), str(EIGHTS[1] - 1)),
        (str(DAYS.start_ms), str(EIGHTS[2] - 1)),
    ]


def test_okx_funding_is_what_was_realized() -> None:
    row = {"instId": "BTC-USDT-SWAP", "fundingTime": str(EIGHTS[0]), "fundingRate": "0.0001", "realizedRate": "0.00009"}
    haul, asked = walked(feed("okx", "funding", "BTC-USDT-SWAP"), DAYS, [{"data": [row]}, {"data": []}])
    assert only(haul)["funding_rate"] == 0.00009
    assert [after for (after,) in params(asked, "after")] == [str(DAYS.end_ms), str(EIGHTS[0])]


def test_binance_funding_goes_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gex_pipeline.venues.binance.perpetuals._MOST", 2)
    rows = [{"symbol": "BTCUSDT", "fundingTime": at, "fundingRate": "0.0001", "markPrice": "1"} for at in EIGHTS[::-1]]
    haul, asked = walked(feed("binance", "funding", "BTCUSDT"), DAYS, [rows[:2], rows[2:]])
    assert haul.frame.height == 3
    assert [start for (start,) in params(asked, "startTime")] == [str(DAYS.start_ms), str(EIGHTS[1] + 1)]


def test_a_funding_without_a_rate_is_counted() -> None:
    body = bybit_funding(EIGHTS[0])
    body["result"]["list"][0]["fundingRate"] = ""
    haul, _ = walked(feed("bybit", "funding", "BTCUSDT"), DAYS, [body, bybit_funding()])
    assert haul.frame.height == 0 and haul.dropped == {"rate missing": 1}


# ---------------------------------------------------------------- settlement prices


def deribit_prices(*days: str) -> dict[str, Any]:
    return {"result": {"data": [{"date": day, "delivery_price": 85012.3312} for day in days], "records_total": 3100}}


def test_deribit_dates_are_of_eight_o_clock() -> None:
    prices = deribit_prices("2026-11-20", "2026-11-19", "2026-11-18", "2026-11-17")
    haul, asked = walked(feed("deribit", "settlements", "btc_usd"), DAYS, [prices])
    assert haul.frame["expiry_at"].to_list() == [instant(at) for at in SETTLED]
    row = haul.frame.row(0, named=True)
    assert (row["price_usd"], row["settle_currency"], row["underlying"]) == (85012.3312, "BTC", "BTC")
    assert (row["knowledge_time"] - row["expiry_at"]).total_seconds() == 60
    assert asked[0].params == {"index_name": "btc_usd", "offset": "0", "count": "4"}


def test_deribit_pages_by_offset_and_a_repeated_one_is_an_error() -> None:
    page = ("2026-11-20", "2026-11-19")
    long = span("2026-11-19T00:00", "2026-11-20T12:00")
    index = feed("deribit", "settlements", "btc_usdc")
    full = [*page, "2026-11-18"]
    haul, asked = walked(index, long, [deribit_prices(*full)])
    assert haul.frame.height == 2 and len(asked) == 1
    early = span("2026-11-10T00:00", "2026-11-20T12:00", now=instant(ms("2026-11-11T00:00")))
    assert trouble(index, early, lambda _: deribit_prices(*full)).endswith("it repeats")


def test_bybit_has_an_index_per_currency() -> None:
    names = [f.name for f in AROUND["bybit"].feeds(("BTC",)) if f.table.name == "settlements"]
    assert names == ["BTCUSDT", "BTCUSDC"]
    rows = [{"deliveryPrice": "85011.67589830854", "deliveryTime": str(at)} for at in SETTLED]
    haul, asked = walked(feed("bybit", "settlements", "BTCUSDC"), DAYS, [{"result": {"list": rows}}])
    assert set(haul.frame["price_usd"]) == {85011.67589830854} and set(haul.frame["settle_currency"]) == {"USDC"}
    assert asked[0].params == {"category": "option", "baseCoin": "BTC", "settleCoin": "USDC"}


def okx_exercises(price: str = "85011.7731", name: str = "BTC-USD-261120-90000-C") -> dict[str, Any]:
    details = [
        {"insId": "BTC-USD-261120-84000-C", "px": "85011.7731", "type": "exercised"},
        {"insId": name, "px": price, "type": "expired_otm"},
    ]
    return {"data": [{"ts": str(SETTLED[0]), "details": details}]}


def test_okx_lists_every_strike_and_one_row_is_made_of_them() -> None:
    haul, asked = walked(feed("okx", "settlements", "BTC-USD"), DAYS, [okx_exercises(), {"data": []}])
    assert only(haul)["price_usd"] == 85011.7731 and only(haul)["expiry_at"] == instant(SETTLED[0])
    assert [after for (after,) in params(asked, "after")] == [str(DAYS.end_ms), str(SETTLED[0])]


def test_strikes_that_disagree_are_an_error() -> None:
    text = trouble(feed("okx", "settlements", "BTC-USD"), DAYS, [okx_exercises("85011.7732"), {"data": []}])
    assert "two settlement prices of BTC-USD: 85011.7731 and 85011.7732 at 2026-11-20T08:00Z" in text


def test_a_strike_of_another_expiry_is_an_error() -> None:
    body = okx_exercises(name="BTC-USD-261119-90000-C")
    assert "is no option that expires at 2026-11-20T08:00Z" in trouble(
        feed("okx", "settlements", "BTC-USD"), DAYS, [body]
    )


def binance_exercises(*expiries: int, price: str = "85010.77310000") -> list[dict[str, Any]]:
    names = ("BTC-261119-84000-C", "BTC-261119-86000-C")
    result = {"strikePrice": "84000", "realStrikePrice": price, "strikeResult": "REALISTIC_VALUE_STRICKEN"}
    return [{"symbol": name, "expiryDate": at, **result} for at in expiries for name in names]


def test_binance_goes_back_by_expiries() -> None:
    pages = [binance_exercises(*SETTLED[:2]), binance_exercises(SETTLED[2]), []]
    haul, asked = walked(feed("binance", "settlements", "BTCUSDT"), DAYS, pages)
    assert haul.frame["price_usd"].to_list() == [85010.7731] * 3
    assert [end for (end,) in params(asked, "endTime")] == [
        str(DAYS.end_ms - 1),
        str(SETTLED[1] - 1),
        str(SETTLED[2] - 1),
    ]


def test_a_settlement_without_a_price_is_counted() -> None:
    haul, _ = walked(feed("binance", "settlements", "BTCUSDT"), DAYS, [binance_exercises(SETTLED[0], price="0"), []])
    assert haul.frame.height == 0 and haul.dropped == {"price missing": 1}


def test_what_is_now_is_not_asked_as_a_history() -> None:
    assert NOW.now == AT
    assert {f.table.name for venue in AROUND.values() for f in venue.feeds(("BTC",)) if f.is_now} == {"perps"}
