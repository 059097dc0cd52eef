"""Bars of the four venues: direction and pages, units, which bar is over, days in UTC."""

from __future__ import annotations

from typing import Any

import pytest

from gex_pipeline.venues.around import AROUND
from gex_pipeline.venues.base import Request
from gex_pipeline.venues.deribit.candles import dvol
from gex_pipeline.venues.feeds import Feed
from tests.unit.venues.replies import reply
from tests.unit.venues.walks import ms, params, span, trouble, walked

HOUR = 3_600_000
DAY = 24 * HOUR
THREE = span("2026-11-20T06:00", "2026-11-20T09:00")
SIX, SEVEN, EIGHT = (ms(f"2026-11-20T0{h}:00") for h in (6, 7, 8))


def feed(venue: str, market: str = "perp", interval: str = "1h", coin: str = "BTC") -> Feed:
    return AROUND[venue].candles[market](coin, interval)


def chart(*ticks: int, **changes: Any) -> dict[str, Any]:
    n = len(ticks)
    columns = {"open": [84410.0] * n, "high": [84610.0] * n, "low": [84300.5] * n, "close": [84502.5] * n}
    result = {"status": "ok", "ticks": list(ticks), **columns, "volume": [118.2231] * n, "cost": [9985120.0] * n}
    return {"jsonrpc": "2.0", "result": {**result, **changes}, "usOut": ms("2026-11-20T12:00") * 1000, "testnet": False}


def bybit(*starts: int, cells: int = 7) -> dict[str, Any]:
    row = ["84410", "84610", "84300.5", "84502.5", "1288.004", "108722019.5"][: cells - 1]
    listed = [[str(start), *row] for start in starts]
    return {
        "retCode": 0,
        "result": {"category": "linear", "symbol": "BTCUSDT", "list": listed},
        "time": ms("2026-11-20T12:00"),
    }


def okx(*starts: int, confirm: str = "1") -> dict[str, Any]:
    row = ["84502.5", "84700", "84455", "84688", "109322.1", "1093.221", "92511300.1", confirm]
    return {"code": "0", "msg": "", "data": [[str(start), *row] for start in starts]}


def okx_index(*starts: int, confirm: str = "1") -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": [[str(s), "84502.5", "84700", "84455", "84688", confirm] for s in starts]}


def binance(*starts: int) -> list[Any]:
    cells = ["84410.0", "84610.0", "84300.5", "84502.5", "4120.331"]
    return [[s, *cells, s + HOUR - 1, "347990112.10", 81234, "2033.1", "171600120.5", "0"] for s in starts]


def opens(haul: Any) -> list[int]:
    return sorted(round(value.timestamp() * 1000) for value in haul.frame["open_at"])


# ---------------------------------------------------------------- units and columns


def test_deribit_volume_is_in_coins_and_a_window_is_one_request() -> None:
    haul, asked = walked(feed("deribit"), THREE, [chart(SIX, SEVEN, EIGHT)])
    first = haul.frame.sort("open_at").row(0, named=True)
    assert (first["open"], first["high"], first["low"], first["close"]) == (84410.0, 84610.0, 84300.5, 84502.5)
    assert (first["volume_coin"], first["market"], first["symbol"]) == (118.2231, "perp", "BTC-PERPETUAL")
    assert first["close_at"].timestamp() * 1000 == SEVEN
    assert params(asked, "instrument_name", "start_timestamp", "end_timestamp", "resolution") == [
        ("BTC-PERPETUAL", str(SIX), str(EIGHT + HOUR - 1), "60")
    ]


def test_deribit_names_the_linear_perpetual_of_other_coins() -> None:
    assert "SOL_USDC-PERPETUAL" in feed("deribit", coin="SOL").name


def test_deribit_flat_bars_without_volume_are_kept() -> None:
    flat = {name: [84410.0] for name in ("open", "high", "low", "close")}
    haul, _ = walked(feed("deribit"), span("2026-11-20T06:00", "2026-11-20T07:00"), [chart(SIX, **flat, volume=[0.0])])
    assert haul.frame["volume_coin"].to_list() == [0.0]


def test_okx_swaps_have_their_coins_in_the_second_volume() -> None:
    haul, asked = walked(feed("okx"), THREE, [okx(EIGHT, SEVEN, SIX)])
    assert set(haul.frame["volume_coin"]) == {1093.221}
    assert params(asked, "instId", "bar", "after") == [("BTC-USDT-SWAP", "1H", str(EIGHT + HOUR))]


def test_okx_spot_pairs_have_them_in_the_first() -> None:
    haul, _ = walked(feed("okx", "spot"), THREE, [okx(EIGHT, SEVEN, SIX)])
    assert set(haul.frame["volume_coin"]) == {109322.1}


def test_bars_of_index_and_mark_have_no_volume() -> None:
    for venue, market, body in (
        ("bybit", "index", bybit(EIGHT, SEVEN, SIX, cells=5)),
        ("okx", "mark", okx_index(EIGHT, SEVEN, SIX)),
        ("binance", "index", binance(SIX, SEVEN, EIGHT)),
    ):
        haul, _ = walked(feed(venue, market), THREE, [body])
        assert haul.frame["volume_coin"].to_list() == [None] * 3
        assert set(haul.frame["market"]) == {market}


def test_binance_and_bybit_volume_is_in_coins() -> None:
    haul, asked = walked(feed("binance"), THREE, [binance(SIX, SEVEN, EIGHT)])
    assert set(haul.frame["volume_coin"]) == {4120.331}
    assert asked[0].host == "futures"
    haul, _ = walked(feed("bybit"), THREE, [bybit(EIGHT, SEVEN, SIX)])
    assert set(haul.frame["volume_coin"]) == {1288.004}


# ---------------------------------------------------------------- pages


def test_bybit_goes_back_until_the_start() -> None:
    haul, asked = walked(feed("bybit"), THREE, [bybit(EIGHT, SEVEN), bybit(SIX)])
    assert opens(haul) == [SIX, SEVEN, EIGHT]
    assert params(asked, "start", "end") == [(str(SIX), str(EIGHT + HOUR - 1)), (str(SIX), str(SEVEN - 1))]


def test_okx_goes_back_by_after() -> None:
    haul, asked = walked(feed("okx", "index"), THREE, [okx_index(EIGHT), okx_index(SEVEN), okx_index(SIX)])
    assert opens(haul) == [SIX, SEVEN, EIGHT]
    assert [after for (after,) in params(asked, "after")] == [str(EIGHT + HOUR), str(EIGHT), str(SEVEN)]
    assert asked[0].endpoint == "api/v5/market/index-candles"


def test_okx_asks_the_history_for_what_is_old() -> None:
    old = span("2026-01-01T00:00", "2026-01-01T02:00")
    first = ms("2026-01-01T00:00")
    _, asked = walked(feed("okx"), old, [okx(first + HOUR, first)])
    assert asked[0].endpoint == "api/v5/market/history-candles" and asked[0].params["limit"] == "100"


def test_binance_goes_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gex_pipeline.venues.binance.candles._MOST", 2)
    haul, asked = walked(feed("binance"), THREE, [binance(SIX, SEVEN), binance(EIGHT)])
    assert opens(haul) == [SIX, SEVEN, EIGHT]
    assert [start for (start,) in params(asked, "startTime")] == [str(SIX), str(SEVEN + 1)]


def test_binance_windows_are_one_page() -> None:
    assert feed("binance").window / feed("binance").step == 999


@pytest.mark.parametrize(
    ("venue", "empty"), [("deribit", chart(status="no_data")), ("bybit", bybit()), ("okx", okx()), ("binance", [])]
)
def test_an_empty_page_ends_the_walk(venue: str, empty: Any) -> None:
    haul, asked = walked(feed(venue), THREE, [empty])
    assert haul.frame.height == 0 and len(asked) == 1


def test_a_page_that_repeats_is_an_error() -> None:
    text = trouble(feed("bybit"), THREE, lambda _: bybit(EIGHT, SEVEN))
    assert text.startswith("v5/market/kline category=linear") and text.endswith("it repeats")
    assert trouble(feed("okx"), THREE, lambda _: okx(EIGHT)).endswith("it repeats")


def test_a_forward_page_that_repeats_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gex_pipeline.venues.binance.candles._MOST", 2)
    assert trouble(feed("binance"), THREE, lambda _: binance(SIX, SEVEN)).endswith("it repeats")


def test_bars_beyond_the_span_are_passed_over() -> None:
    haul, _ = walked(feed("okx"), THREE, [okx(EIGHT + HOUR, EIGHT, SEVEN, SIX, SIX - HOUR)])
    assert opens(haul) == [SIX, SEVEN, EIGHT]


# ---------------------------------------------------------------- which bars are over


#: Around AT, which is 12:00.
LAST_HOURS = span("2026-11-20T11:00", "2026-11-20T13:00")


def test_the_open_bar_is_left_out_by_the_clock() -> None:
    eleven, noon = ms("2026-11-20T11:00"), ms("2026-11-20T12:00")
    for venue, body in (
        ("deribit", chart(eleven, noon)),
        ("bybit", bybit(noon, eleven)),
    ):
        haul, _ = walked(feed(venue), LAST_HOURS, [body])
        assert opens(haul) == [eleven], venue


def test_binances_bars_wait_for_a_clock_that_may_be_ahead() -> None:
    """They do not say whether they are over: one that ended this second may be sent before it has."""
    eleven = ms("2026-11-20T11:00")
    assert opens(walked(feed("binance"), LAST_HOURS, [binance(eleven)])[0]) == []
    earlier = span("2026-11-20T10:00", "2026-11-20T13:00")
    assert opens(walked(feed("binance"), earlier, [binance(eleven - HOUR, eleven)])[0]) == [eleven - HOUR]


def test_the_open_bar_is_left_out_by_confirm() -> None:
    eleven = ms("2026-11-20T11:00")
    haul, _ = walked(feed("okx"), LAST_HOURS, [okx(eleven, confirm="0")])
    assert haul.frame.height == 0


def test_the_venues_clock_counts_where_it_is_behind() -> None:
    eleven = ms("2026-11-20T11:00")
    behind = {**bybit(eleven), "time": ms("2026-11-20T12:00") - 1}
    haul, _ = walked(feed("bybit"), LAST_HOURS, [behind])
    assert haul.frame.height == 0


# ---------------------------------------------------------------- days


def test_okx_days_are_asked_in_utc() -> None:
    day = ms("2026-11-18T00:00")
    haul, asked = walked(feed("okx", interval="1d"), span("2026-11-18T00:00", "2026-11-19T00:00"), [okx(day)])
    assert asked[0].params["bar"] == "1Dutc" and opens(haul) == [day]


def test_days_of_another_zone_are_an_error() -> None:
    hong_kong = ms("2026-11-18T16:00")
    days = span("2026-11-18T00:00", "2026-11-20T00:00")
    text = trouble(feed("okx", interval="1d"), days, [okx(hong_kong), okx()])
    assert "a bar opens at 2026-11-18T16:00:00.000000Z, no multiple of 1d" in text


# ---------------------------------------------------------------- what is no bar


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"open": [0.0]}, "price not positive"),
        ({"low": [84610.5]}, "price outside low and high"),
        ({"close": [None]}, "price missing"),
        ({"volume": [-1.0]}, "volume negative"),
    ],
)
def test_unusable_bars_are_counted(change: dict[str, Any], reason: str) -> None:
    haul, _ = walked(feed("deribit"), span("2026-11-20T06:00", "2026-11-20T07:00"), [chart(SIX, **change)])
    assert haul.frame.height == 0 and haul.dropped == {reason: 1}


def test_hostile_bodies_name_the_field() -> None:
    hour = span("2026-11-20T06:00", "2026-11-20T07:00")
    assert "columns of different lengths" in trouble(feed("deribit"), hour, [chart(SIX, open=[])])
    assert "$.result.open[0]" in trouble(feed("deribit"), hour, [chart(SIX, open=["84410"])])
    assert "testnet" in trouble(feed("deribit"), hour, [{**chart(SIX), "testnet": True}])
    wrong = bybit(SIX)
    wrong["result"]["list"][0][1] = "NaN"
    assert "$.result.list[0][1]" in trouble(feed("bybit"), hour, [wrong])
    assert "$.data[0]" in trouble(feed("okx"), hour, [{"code": "0", "data": [["x"]]}])
    assert "$[0]" in trouble(feed("binance"), hour, [[["1", "2"]]])
    assert "malformed" in trouble(feed("binance"), hour, [b"<html>"])


def test_a_number_no_float_can_hold_is_missing() -> None:
    wrong = bybit(SIX)
    wrong["result"]["list"][0][2] = "1e999"
    haul, _ = walked(feed("bybit"), span("2026-11-20T06:00", "2026-11-20T07:00"), [wrong])
    assert haul.dropped == {"price missing": 1}


# ---------------------------------------------------------------- the volatility index


def points(*starts: int, continuation: int | None = None) -> dict[str, Any]:
    rows = [[start, 47.2, 48.0, 46.9, 47.5] for start in starts]
    return {"result": {"data": rows, "continuation": continuation}, "usOut": ms("2026-11-20T12:00") * 1000}


def test_dvol_goes_back_by_continuation() -> None:
    haul, asked = walked(dvol("BTC"), THREE, [points(EIGHT, continuation=EIGHT - 1), points(SIX, SEVEN)])
    assert opens(haul) == [SIX, SEVEN, EIGHT]
    assert params(asked, "currency", "end_timestamp", "resolution") == [
        ("BTC", str(EIGHT + HOUR - 1), "3600"),
        ("BTC", str(EIGHT - 1), "3600"),
    ]
    assert set(haul.frame["close"]) == {47.5} and set(haul.frame["interval"]) == {"1h"}


def test_dvol_ends_at_the_start_whatever_continues() -> None:
    _, asked = walked(dvol("BTC"), THREE, [points(SIX, SEVEN, EIGHT, continuation=SIX - 1)])
    assert len(asked) == 1


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("venue", "body", "expected"),
    [
        ("deribit", {"error": {"code": -32602, "message": "x", "data": {"reason": "instrument not found"}}}, True),
        ("deribit", {"error": {"code": -32602, "message": "x", "data": {"reason": "invalid resolution"}}}, False),
        ("bybit", {"retCode": 10001, "retMsg": "params error: symbol invalid"}, True),
        ("bybit", {"retCode": 10001, "retMsg": "params error: interval invalid"}, False),
        ("okx", {"code": "51001", "msg": "Instrument ID doesn't exist", "data": []}, True),
        ("okx", {"code": "51000", "msg": "Parameter bar error", "data": []}, False),
        ("binance", {"code": -1121, "msg": "Invalid symbol."}, True),
        ("binance", {"code": -1120, "msg": "Invalid interval."}, False),
    ],
)
def test_what_says_that_there_is_no_such_thing(venue: str, body: Any, expected: bool) -> None:
    assert AROUND[venue].is_unlisted(reply(Request("x"), body)) is expected
    assert AROUND[venue].is_unlisted(reply(Request("x"), b"<html>")) is False
