"""The Deribit of the local server against the fact sheet, and its numbers against two pricing libraries."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import QuantLib as ql
from vollib.black import black
from vollib.black.greeks.analytical import delta, gamma

from tests.contract.conftest import Ask
from tests.contract.shapes import differences, is_ascending
from tests.unit.market.venue_client import NOW, NOW_MS, START_MS

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
NAME = re.compile(r"(?P<base>[A-Z0-9]+)(_USDC)?-(\d{1,2})([A-Z]{3})(\d{2})-(?P<k>\d+(?:d\d+)?)-(?P<cp>[CP])")
INVERSE = {
    "instrument_name": "BTC-25DEC26-100000-C", "instrument_id": 712345, "kind": "option", "option_type": "call",
    "strike": 100000.0, "expiration_timestamp": 1798185600000, "creation_timestamp": 1758787200000, "is_active": True,
    "state": "open", "base_currency": "BTC", "quote_currency": "BTC", "counter_currency": "USD",
    "settlement_currency": "BTC", "settlement_period": "month", "instrument_type": "reversed", "price_index": "btc_usd",
    "contract_size": 1.0, "min_trade_amount": 0.1, "lot_size": 1, "tick_size": 0.0001,
    "tick_size_steps": [{"above_price": 0.005, "tick_size": 0.0005}], "maker_commission": 0.0003,
    "taker_commission": 0.0003, "block_trade_commission": 0.0003, "block_trade_tick_size": 0.0001,
    "block_trade_min_trade_amount": 25, "product_group": "BTC", "underlying_type": "crypto",
}  # fmt: skip
SUMMARY = {
    "instrument_name": "BTC-25DEC26-100000-C", "base_currency": "BTC", "quote_currency": "BTC", "open_interest": 1.6,
    "mark_price": 0.02914321, "bid_price": 0.0285, "ask_price": 0.0295, "mid_price": 0.029, "last": 0.029,
    "high": 0.0325, "low": 0.0265, "mark_iv": 47.83, "underlying_price": 85210.44, "underlying_index": "BTC-25DEC26",
    "interest_rate": 0.0, "estimated_delivery_price": 84512.07, "volume": 215.4, "volume_usd": 531220.51,
    "price_change": -4.91, "creation_timestamp": 1795166400101,
}  # fmt: skip
TRADE = {
    "trade_seq": 1, "trade_id": "x", "timestamp": 1, "tick_direction": 0, "price": 0.1, "mark_price": 0.1, "iv": 40.1,
    "instrument_name": "x", "index_price": 1.5, "direction": "buy", "contracts": 0.1, "amount": 0.1,
}  # fmt: skip


def result(ask: Ask, method: str, **query: Any) -> Any:
    answer = ask(f"/api/v2/public/{method}", **query)
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"jsonrpc", "result", "usIn", "usOut", "usDiff", "testnet"}
    assert body["usOut"] - body["usIn"] == body["usDiff"] and body["usOut"] == NOW_MS * 1_000
    return body["result"]


def summary(ask: Ask, currency: str) -> list[dict]:
    return result(ask, "get_book_summary_by_currency", currency=currency, kind="option")


@pytest.mark.parametrize("currency", ["BTC", "ETH", "USDC"])
def test_instruments(ask: Ask, currency: str) -> None:
    rows = result(ask, "get_instruments", currency=currency, kind="option")
    for row in rows:
        assert not differences(row, INVERSE)
        assert NAME.fullmatch(row["instrument_name"])
        assert row["expiration_timestamp"] % DAY_MS == 8 * HOUR_MS and row["expiration_timestamp"] > NOW_MS
        assert row["settlement_currency"] == currency
        is_linear = currency == "USDC"
        assert row["instrument_type"] == ("linear" if is_linear else "reversed")
        assert row["contract_size"] == (10 if row["base_currency"] in ("SOL", "HYPE") else 1)
        assert row["price_index"] == f"{row['base_currency'].lower()}_{'usdc' if is_linear else 'usd'}"
        assert row["creation_timestamp"] <= NOW_MS
    bases = {row["base_currency"] for row in rows}
    assert bases == ({"BTC", "ETH", "SOL", "HYPE"} if currency == "USDC" else {currency})
    assert len({row["instrument_id"] for row in rows}) == len(rows)


def test_both_lists_name_the_same_contracts(ask: Ask) -> None:
    for currency in ("BTC", "ETH", "USDC"):
        listed = [r["instrument_name"] for r in result(ask, "get_instruments", currency=currency, kind="option")]
        assert Counter(listed) == Counter(row["instrument_name"] for row in summary(ask, currency))
    everything = result(ask, "get_instruments", currency="any", kind="option")
    assert len(everything) > 2_000


def test_decimal_strikes_are_written_with_d(ask: Ask) -> None:
    names = [row["instrument_name"] for row in summary(ask, "USDC")]
    assert any(re.fullmatch(r"HYPE_USDC-\d+[A-Z]{3}\d\d-\d+d5-[CP]", name) for name in names)
    assert not any("-0" in name or "." in name for name in names)


def test_expired_instruments(ask: Ask) -> None:
    rows = result(ask, "get_instruments", currency="BTC", kind="option", expired="true")
    assert {row["is_active"] for row in rows} == {False}
    assert all(NOW_MS - 31 * DAY_MS < row["expiration_timestamp"] <= NOW_MS for row in rows)


def test_kind_left_out_brings_futures_along(ask: Ask) -> None:
    rows = result(ask, "get_instruments", currency="BTC")
    assert [row["instrument_name"] for row in rows if row["kind"] == "future"] == ["BTC-PERPETUAL"]
    assert result(ask, "get_instruments", currency="EURR", kind="option") == []


@pytest.mark.parametrize("currency", ["BTC", "ETH", "USDC"])
def test_summary(ask: Ask, currency: str) -> None:
    rows = summary(ask, currency)
    for row in rows:
        assert not differences(row, SUMMARY, blank=(None,)), row
        assert row["creation_timestamp"] == NOW_MS
        is_daily = row["underlying_index"].startswith("SYN.")
        assert row["underlying_index"].removeprefix("SYN.") == "-".join(row["instrument_name"].split("-")[:2])
        assert is_daily == (_expiry(row).weekday() != 4)
        never_null = ("open_interest", "mark_price", "mark_iv", "underlying_price", "volume")
        assert all(row[key] is not None for key in never_null)
        assert row["mid_price"] is None or row["bid_price"] <= row["mark_price"] + 1e-9 <= row["ask_price"] + 2e-9
    assert any(row["bid_price"] is None for row in rows) and any(row["ask_price"] is None for row in rows)
    assert any(row["open_interest"] == 0 for row in rows) and any(row["last"] is None for row in rows)


def _expiry(row: dict) -> datetime:
    day = row["instrument_name"].split("-")[1]
    return datetime.strptime(day, "%d%b%y").replace(hour=8, tzinfo=UTC)


def test_open_interest_of_sol_and_hype_is_a_multiple_of_their_contracts(ask: Ask) -> None:
    rows = [row for row in summary(ask, "USDC") if row["base_currency"] in ("SOL", "HYPE")]
    assert len(rows) > 300 and {row["open_interest"] % 10 for row in rows} == {0}


@pytest.mark.parametrize("currency", ["BTC", "ETH", "USDC"])
def test_marks_are_black_76_of_the_mark_volatility(ask: Ask, currency: str) -> None:
    for row in summary(ask, currency)[::37]:
        f, iv, flag = row["underlying_price"], row["mark_iv"] / 100, row["instrument_name"][-1]
        k = float(NAME.fullmatch(row["instrument_name"])["k"].replace("d", "."))
        t = (_expiry(row) - NOW).total_seconds() / (365 * 86_400)
        kind = ql.Option.Call if flag == "C" else ql.Option.Put
        expected = ql.blackFormula(kind, k, f, iv * t**0.5)
        assert expected == pytest.approx(black(flag.lower(), f, k, t, 0, iv), rel=1e-6, abs=1e-6)
        unit = f if currency != "USDC" else 1.0
        assert row["mark_price"] == pytest.approx(expected / unit, abs=6e-9 if currency != "USDC" else 6e-5)


def test_forward_lies_above_the_index_by_a_carry(ask: Ask) -> None:
    index = result(ask, "get_index_price", index_name="btc_usd")["index_price"]
    by_expiry = {_expiry(row): row["underlying_price"] for row in summary(ask, "BTC")}
    assert is_ascending([by_expiry[at] for at in sorted(by_expiry)])
    assert all(index < f < 1.06 * index for f in by_expiry.values())


@pytest.mark.parametrize("name", ["btc_usd", "eth_usd", "btc_usdc", "eth_usdc", "sol_usdc", "hype_usdc"])
def test_index_price(ask: Ask, name: str) -> None:
    price = result(ask, "get_index_price", index_name=name)
    assert not differences(price, {"index_price": 84512.07, "estimated_delivery_price": 84512.07})


def test_ticker_of_an_option(ask: Ask) -> None:
    row = next(r for r in summary(ask, "BTC") if "-25DEC26-" in r["instrument_name"] and r["bid_price"] and r["last"])
    told = result(ask, "ticker", instrument_name=row["instrument_name"])
    example = {
        "timestamp": 1, "state": "open", "instrument_name": "x", "open_interest": 1.0, "best_bid_price": 0.02,
        "best_bid_amount": 21.3, "best_ask_price": 0.02, "best_ask_amount": 18.0, "bid_iv": 47.2, "ask_iv": 48.3,
        "mark_iv": 47.83, "mark_price": 0.029, "last_price": 0.029, "settlement_price": 0.03, "min_price": 0.0001,
        "max_price": 0.07, "interest_rate": 0.0, "underlying_price": 85210.44, "underlying_index": "BTC-25DEC26",
        "index_price": 84512.07, "estimated_delivery_price": 84512.07,
        "greeks": {"delta": 0.16104, "gamma": 0.00002, "vega": 65.7, "theta": -41.9, "rho": 13.2},
        "stats": {"high": 0.03, "low": 0.02, "price_change": -4.91, "volume": 215.4, "volume_usd": 531220.51},
    }  # fmt: skip
    assert not differences(told, example)
    f, iv, flag = told["underlying_price"], told["mark_iv"] / 100, row["instrument_name"][-1].lower()
    k, t = float(row["instrument_name"].split("-")[2]), (_expiry(row) - NOW).total_seconds() / (365 * 86_400)
    assert told["greeks"]["delta"] == pytest.approx(delta(flag, f, k, t, 0, iv), abs=6e-6)
    assert told["greeks"]["gamma"] == pytest.approx(gamma(flag, f, k, t, 0, iv), abs=6e-6)


@pytest.mark.parametrize("name", ["BTC-PERPETUAL", "SOL_USDC-PERPETUAL", "HYPE_USDC-PERPETUAL"])
def test_perpetuals(ask: Ask, name: str) -> None:
    told = result(ask, "ticker", instrument_name=name)
    for key in ("mark_price", "index_price", "current_funding", "funding_8h", "open_interest"):
        assert isinstance(told[key], float)
    assert abs(told["mark_price"] / told["index_price"] - 1) < 1e-3
    (row,) = result(ask, "get_book_summary_by_instrument", instrument_name=name)
    assert row["mark_price"] == told["mark_price"]


def test_contract_size(ask: Ask) -> None:
    name = next(row["instrument_name"] for row in summary(ask, "USDC") if row["base_currency"] == "SOL")
    assert result(ask, "get_contract_size", instrument_name=name) == {"contract_size": 10.0}


def test_status(ask: Ask) -> None:
    assert result(ask, "status") == {"locked": "false", "locked_indices": []}


def test_delivery_prices_are_paged_newest_first(ask: Ask) -> None:
    pages = [result(ask, "get_delivery_prices", index_name="btc_usd", offset=o, count=40) for o in (0, 40)]
    rows = [row for page in pages for row in page["data"]]
    assert not differences(rows[0], {"date": "2026-11-19", "delivery_price": 85012.3312})
    assert len(rows) == pages[0]["records_total"] == 51
    dates = [row["date"] for row in rows]
    assert dates[0] == "2026-11-20" and dates[-1] == "2026-10-01" and is_ascending(dates[::-1])
    assert len(result(ask, "get_delivery_prices", index_name="eth_usd")["data"]) == 10


def chart(ask: Ask, first: int, last: int, resolution: str, name: str = "BTC-PERPETUAL") -> dict:
    window = {"start_timestamp": first, "end_timestamp": last}
    return result(ask, "get_tradingview_chart_data", instrument_name=name, resolution=resolution, **window)


def test_candles(ask: Ask) -> None:
    bars = chart(ask, NOW_MS - 10 * HOUR_MS, NOW_MS, "60")
    columns = {"open": 1.5, "high": 1.5, "low": 1.5, "close": 1.5, "volume": 1.5, "cost": 1.5}
    example = {"status": "ok", "ticks": [1]} | {key: [value] for key, value in columns.items()}
    assert not differences(bars, example)
    assert len({len(bars[key]) for key in example if key != "status"}) == 1
    assert is_ascending(bars["ticks"]) and {tick % HOUR_MS for tick in bars["ticks"]} == {0}
    assert bars["open"][1:] == bars["close"][:-1]
    for o, h, low, c in zip(bars["open"], bars["high"], bars["low"], bars["close"], strict=True):
        assert low <= min(o, c) <= max(o, c) <= h


def test_candles_of_all_lengths_agree(ask: Ask) -> None:
    day = NOW_MS // DAY_MS * DAY_MS - DAY_MS
    hours, days = chart(ask, day, day + 23 * HOUR_MS, "60"), chart(ask, day, day, "1D")
    assert days["high"] == [max(hours["high"])] and days["low"] == [min(hours["low"])]
    assert days["open"] == hours["open"][:1] and days["close"] == hours["close"][-1:]
    assert days["volume"][0] == pytest.approx(sum(hours["volume"]), abs=0.01)


def test_candles_cap_at_the_trailing_5001(ask: Ask) -> None:
    bars = chart(ask, NOW_MS - 20_000 * 60_000, NOW_MS, "1")
    assert len(bars["ticks"]) == 5_001 and bars["ticks"][-1] == NOW_MS


def test_candles_without_data(ask: Ask) -> None:
    empty = chart(ask, NOW_MS + DAY_MS, NOW_MS + 2 * DAY_MS, "60")
    assert empty["status"] == "no_data" and empty["ticks"] == []
    assert chart(ask, 0, 1_600_000_000_000, "1D")["status"] == "no_data"


def test_dvol_pages_backwards(ask: Ask) -> None:
    query = {"currency": "BTC", "resolution": "3600", "start_timestamp": NOW_MS - 1_150 * HOUR_MS}
    last = result(ask, "get_volatility_index_data", end_timestamp=NOW_MS, **query)
    assert len(last["data"]) == 1_000 and not differences(last["data"], [[1, 47.2, 47.2, 47.2, 47.2]])
    first = result(ask, "get_volatility_index_data", end_timestamp=last["continuation"], **query)
    assert len(first["data"]) == 150 and first["continuation"] is None
    assert is_ascending([row[0] for row in first["data"] + last["data"]])
    atm = [row["mark_iv"] for row in summary(ask, "BTC") if abs(_moneyness(row) - 1) < 0.01]
    assert min(atm) - 3 < last["data"][-1][4] < max(atm) + 3


@pytest.mark.parametrize(("resolution", "seconds"), [("1", 1), ("60", 60)])
def test_dvol_at_every_resolution(ask: Ask, resolution: str, seconds: int) -> None:
    window = {"start_timestamp": NOW_MS - 1_500 * 1_000 * seconds, "end_timestamp": NOW_MS}
    told = result(ask, "get_volatility_index_data", currency="ETH", resolution=resolution, **window)
    times = [row[0] for row in told["data"]]
    assert np.diff(times).tolist() == [seconds * 1_000] * (len(times) - 1) and len(times) == 1_000
    assert told["continuation"] == times[0] - 1
    assert all(low <= min(o, c) <= max(o, c) <= high for _, o, high, low, c in told["data"])


@pytest.mark.parametrize(("resolution", "hours"), [("3600", 1), ("43200", 12), ("1D", 24)])
def test_dvol_from_the_first_day_on(ask: Ask, resolution: str, hours: int) -> None:
    """The index has begun with the market; longer bars are made of the shorter ones."""
    window = {"start_timestamp": 0, "end_timestamp": NOW_MS}
    bars = result(ask, "get_volatility_index_data", currency="ETH", resolution=resolution, **window)["data"]
    if hours > 1:
        assert bars[0][0] == START_MS and len(bars) == -(-(NOW_MS - START_MS) // (hours * HOUR_MS))
    end = bars[-2][0] + hours * HOUR_MS
    short = {"resolution": "60", "start_timestamp": end - hours * HOUR_MS, "end_timestamp": end - 1}
    minutes = result(ask, "get_volatility_index_data", currency="ETH", **short)["data"][-1_000:]
    assert bars[-2][4] == minutes[-1][4] and bars[-2][2] >= max(row[2] for row in minutes)


def _moneyness(row: dict) -> float:
    return float(row["instrument_name"].split("-")[2]) / row["underlying_price"]


def test_funding(ask: Ask) -> None:
    window = {"start_timestamp": NOW_MS - 2_000 * HOUR_MS, "end_timestamp": NOW_MS}
    rows = result(ask, "get_funding_rate_history", instrument_name="BTC-PERPETUAL", **window)
    example = {"timestamp": 1, "index_price": 1.5, "prev_index_price": 1.5, "interest_8h": 1e-5, "interest_1h": 1e-6}
    assert not differences(rows[0], example) and len(rows) == 744
    assert is_ascending([row["timestamp"] for row in rows])
    assert all(a["index_price"] == b["prev_index_price"] for a, b in pairwise(rows))


@pytest.mark.parametrize("currency", ["BTC", "USDC"])
def test_trades(ask: Ask, currency: str) -> None:
    page = result(ask, "get_last_trades_by_currency", currency=currency, kind="option", count=1000)
    assert page["has_more"] is True and len(page["trades"]) == 1_000
    for row in page["trades"]:
        without_block = {key: value for key, value in row.items() if not key.startswith("block_trade")}
        assert not differences(without_block, TRADE)
        assert NAME.fullmatch(row["instrument_name"]) and row["direction"] in ("buy", "sell")
    assert any("block_trade_id" in row for row in page["trades"])
    times = [row["timestamp"] for row in page["trades"]]
    assert times == sorted(times, reverse=True) and times[0] <= NOW_MS
    assert len({row["trade_id"] for row in page["trades"]}) == 1_000


def test_trades_page_through_a_window_without_gap_or_repeat(ask: Ask) -> None:
    method = "get_last_trades_by_currency_and_time"
    query = {"currency": "ETH", "kind": "option", "sorting": "asc", "end_timestamp": NOW_MS, "include_old": "true"}
    start, whole = NOW_MS - 10 * HOUR_MS, []
    while True:
        page = result(ask, method, start_timestamp=start, count=300, **query)
        whole += page["trades"]
        if not page["has_more"]:
            break
        start = page["trades"][-1]["timestamp"] + 1
    once = result(ask, method, start_timestamp=NOW_MS - 10 * HOUR_MS, count=1000, **query)["trades"][: len(whole)]
    assert len(whole) > 600 and whole[: len(once)] == once
    assert is_ascending([row["timestamp"] for row in whole])


def test_old_trades_are_silently_absent_unless_asked_for(ask: Ask) -> None:
    window = {"start_timestamp": NOW_MS - 9 * DAY_MS, "end_timestamp": NOW_MS - 8 * DAY_MS}
    query = {"currency": "BTC", "kind": "option", **window}
    method = "get_last_trades_by_currency_and_time"
    assert result(ask, method, **query) == {"trades": [], "has_more": False}
    assert result(ask, method, include_old="true", **query)["has_more"] is True


@pytest.mark.parametrize(
    ("method", "query", "param", "reason"),
    [
        ("get_book_summary_by_currency", {"currency": "XYZ", "kind": "option"}, "currency", "invalid currency"),
        ("get_book_summary_by_currency", {"currency": "any", "kind": "option"}, "currency", "invalid currency"),
        ("get_instruments", {"currency": "HYPE", "kind": "option"}, "currency", "invalid currency"),
        ("get_instruments", {"kind": "option"}, "currency", "is required"),
        ("get_instruments", {"currency": "BTC", "kind": "optoin"}, "kind", "invalid kind"),
        ("get_index_price", {"index_name": "hype_usd"}, "index_name", "invalid index_name"),
        ("ticker", {"instrument_name": "BTC-25DEC26-1-C"}, "instrument_name", "instrument not found"),
        ("get_delivery_prices", {"index_name": "btc_usd", "count": 2000}, "count", "value must be between 1 and 1000"),
        ("get_volatility_index_data", {"currency": "SOL", "resolution": "60"}, "currency", "invalid currency"),
    ],
)
def test_wrong_parameters(ask: Ask, method: str, query: dict, param: str, reason: str) -> None:
    answer = ask(f"/api/v2/public/{method}", **query)
    error = {"code": -32602, "message": "Invalid params", "data": {"param": param, "reason": reason}}
    assert (answer.status, answer.json()["error"]) == (400, error)
    assert "usIn" in answer.json() and "result" not in answer.json()


def test_unknown_methods_and_ids(ask: Ask) -> None:
    assert ask("/api/v2/public/get_nothing").json()["error"]["code"] == -32601
    assert ask("/api/v2/public/status", id="7").json()["id"] == "7"
    assert "id" not in ask("/api/v2/public/status").json()
