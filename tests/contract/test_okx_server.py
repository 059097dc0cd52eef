"""The OKX of the local server against the fact sheet, and its numbers against a pricing library."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from vollib.black import black
from vollib.black.greeks.analytical import delta

from tests.contract.conftest import Ask
from tests.contract.shapes import differences, is_ascending
from tests.unit.market.venue_client import NOW, NOW_MS, START_MS

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
NAME = re.compile(r"([A-Z]+-USD(?:_UM)?)-(\d{6})-(\d+(?:\.\d+)?)-([CP])")
TICKS = {"BTC-USD": 0.0001, "ETH-USD": 0.0001, "BTC-USD_UM": 5.0, "ETH-USD_UM": 0.01, "SOL-USD_UM": 0.01}
SIZES = {"BTC-USD": 0.01, "ETH-USD": 0.1, "BTC-USD_UM": 0.01, "ETH-USD_UM": 0.01, "SOL-USD_UM": 0.1}
COIN_MARGINED = {
    "instType": "OPTION", "instId": "BTC-USD-261225-100000-C", "instFamily": "BTC-USD", "uly": "BTC-USD",
    "settleCcy": "BTC", "ctType": "", "ctVal": "1", "ctMult": "0.01", "ctValCcy": "BTC", "optType": "C",
    "stk": "100000", "expTime": "1798185600000", "listTime": "1766651400000", "tickSz": "0.0001", "lotSz": "1",
    "minSz": "1", "baseCcy": "", "quoteCcy": "", "category": "1", "alias": "", "lever": "", "state": "live",
    "ruleType": "normal", "maxLmtSz": "1000000", "maxMktSz": "5000",
}  # fmt: skip
SUMMARY = {
    "instType": "OPTION", "instId": "BTC-USD-261225-100000-C", "uly": "BTC-USD", "delta": "0.1318", "gamma": "1.0204",
    "vega": "0.00077", "theta": "-0.00049", "deltaBS": "0.1611", "gammaBS": "0.0000152", "vegaBS": "65.7",
    "thetaBS": "-41.9", "lever": "34.1", "markVol": "0.4772", "bidVol": "0.4715", "askVol": "0.4821", "realVol": "0",
    "volLv": "0.4488", "fwdPx": "85206.91", "ts": "1795166400310",
}  # fmt: skip
TICKER = {
    "instType": "OPTION", "instId": "x", "last": "0.029", "lastSz": "5", "askPx": "0.0295", "askSz": "310",
    "bidPx": "0.0285", "bidSz": "420", "open24h": "0.031", "high24h": "0.0325", "low24h": "0.0265",
    "volCcy24h": "12.1", "vol24h": "1210", "sodUtc0": "0.0305", "sodUtc8": "0.0302", "ts": "1795166400501",
}  # fmt: skip


def data(ask: Ask, path: str, **query: Any) -> list:
    answer = ask(f"/api/v5/{path}", **query)
    body = answer.json()
    assert answer.status == 200 and body.keys() == {"code", "msg", "data"}
    assert (body["code"], body["msg"]) == ("0", "")
    return body["data"]


def of_family(ask: Ask, path: str, family: str) -> dict[str, dict]:
    return {row["instId"]: row for row in data(ask, path, instType="OPTION", instFamily=family)}


@pytest.mark.parametrize("family", SIZES)
def test_instruments(ask: Ask, family: str) -> None:
    rows = of_family(ask, "public/instruments", family)
    for name, row in rows.items():
        assert not differences(row, COIN_MARGINED)
        told_family, day, strike, kind = NAME.fullmatch(name).groups()
        assert float(row["tickSz"]) == TICKS[family]
        assert (row["instFamily"], row["stk"], row["optType"]) == (told_family, strike, kind) and told_family == family
        at = datetime.strptime(day, "%y%m%d").replace(hour=8, tzinfo=UTC)
        assert int(row["expTime"]) == at.timestamp() * 1_000 > NOW_MS
        is_um = family.endswith("_UM")
        coin = family.partition("-")[0]
        assert row["uly"] == f"{coin}-USD"
        assert (row["settleCcy"], row["ctType"]) == (("USD", "linear") if is_um else (coin, ""))
        assert float(row["ctVal"]) * float(row["ctMult"]) == SIZES[family]


@pytest.mark.parametrize("family", SIZES)
def test_all_lists_name_the_same_contracts(ask: Ask, family: str) -> None:
    paths = ("instruments", "open-interest", "opt-summary", "mark-price")
    lists = [of_family(ask, f"public/{path}", family).keys() for path in paths]
    assert all(names == lists[0] == of_family(ask, "market/tickers", family).keys() for names in lists)


def test_an_underlying_has_both_families(ask: Ask) -> None:
    rows = data(ask, "public/instruments", instType="OPTION", uly="ETH-USD")
    assert {row["instFamily"] for row in rows} == {"ETH-USD", "ETH-USD_UM"}
    summary = data(ask, "public/opt-summary", uly="SOL-USD")
    assert all(row["instId"].startswith("SOL-USD_UM-") for row in summary)


@pytest.mark.parametrize("family", SIZES)
def test_open_interest_agrees_in_contracts_and_coins(ask: Ask, family: str) -> None:
    specs, rows = of_family(ask, "public/instruments", family), of_family(ask, "public/open-interest", family)
    example = {"instType": "OPTION", "instId": "x", "oi": "6", "oiCcy": "6.4", "oiUsd": "5.1", "ts": "1795166400220"}
    for name, row in rows.items():
        assert not differences(row, example)
        size = float(specs[name]["ctVal"]) * float(specs[name]["ctMult"])
        assert float(row["oi"]) * size == pytest.approx(float(row["oiCcy"]), rel=1e-9)
        assert "." not in row["oi"]
    assert any(row["oi"] == "0" for row in rows.values()) and any(row["oi"] != "0" for row in rows.values())


@pytest.mark.parametrize("family", SIZES)
def test_both_sets_of_greeks(ask: Ask, family: str) -> None:
    marks = of_family(ask, "public/mark-price", family)
    index = float(data(ask, "market/index-tickers", instId=f"{family.partition('-')[0]}-USD")[0]["idxPx"])
    for name, row in list(of_family(ask, "public/opt-summary", family).items())[::29]:
        assert not differences(row, SUMMARY, blank=("",))
        _, day, strike, kind = NAME.fullmatch(name).groups()
        at = datetime.strptime(day, "%y%m%d").replace(hour=8, tzinfo=UTC)
        t, f, iv = (at - NOW).total_seconds() / (365 * 86_400), float(row["fwdPx"]), float(row["markVol"])
        value = black(kind.lower(), f, float(strike), t, 0, iv)
        unit = 1 if family.endswith("_UM") else f
        assert float(marks[name]["markPx"]) == pytest.approx(value / unit, abs=6e-9 * unit if unit > 1 else 6e-5)
        assert float(row["deltaBS"]) == pytest.approx(delta(kind.lower(), f, float(strike), t, 0, iv), abs=1e-8)
        adjusted = float(row["deltaBS"]) - value / f
        assert float(row["delta"]) == pytest.approx(adjusted, abs=1e-8)
        expected = index * float(row["gammaBS"]) - 2 * adjusted
        assert float(row["gamma"]) == pytest.approx(expected, abs=1e-6)
        assert float(row["vega"]) == pytest.approx(float(row["vegaBS"]) / index, abs=1e-9)


def test_gamma_is_black_scholes_on_the_index(ask: Ask) -> None:
    """By finite differences of the coin price V/S = B(F)/F with F/S fixed, which is how the sheet found it."""
    index = float(data(ask, "market/index-tickers", instId="BTC-USD")[0]["idxPx"])
    rows = of_family(ask, "public/opt-summary", "BTC-USD")
    name, row = next((n, r) for n, r in rows.items() if "-261225-" in n and 0.3 < float(r["deltaBS"]) < 0.6)
    _, _, strike, kind = NAME.fullmatch(name).groups()
    t = (datetime(2026, 12, 25, 8, tzinfo=UTC) - NOW).total_seconds() / (365 * 86_400)
    ratio, h = float(row["fwdPx"]) / index, index * 1e-3

    def in_coin(s: float) -> float:
        return black(kind.lower(), s * ratio, float(strike), t, 0, float(row["markVol"])) / (s * ratio)

    second = (in_coin(index + h) - 2 * in_coin(index) + in_coin(index - h)) / h**2
    assert float(row["gamma"]) == pytest.approx(index**2 * second, rel=1e-3)
    assert float(row["delta"]) == pytest.approx(index * (in_coin(index + h) - in_coin(index - h)) / (2 * h), rel=1e-3)


def test_summary_of_one_expiry(ask: Ask) -> None:
    rows = data(ask, "public/opt-summary", instFamily="BTC-USD", expTime="261225")
    assert rows and {row["instId"].split("-")[2] for row in rows} == {"261225"}


@pytest.mark.parametrize("family", SIZES)
def test_tickers(ask: Ask, family: str) -> None:
    rows = of_family(ask, "market/tickers", family).values()
    for row in rows:
        assert not differences(row, TICKER, blank=("",))
        assert (row["bidPx"] == "") == (row["bidSz"] == "0")
    assert any(row["bidPx"] == "" for row in rows) and any(row["last"] == "" for row in rows)


def test_every_endpoint_has_its_own_time(ask: Ask) -> None:
    paths = ("public/open-interest", "public/opt-summary", "public/mark-price", "market/tickers")
    stamps = [{row["ts"] for row in of_family(ask, path, "BTC-USD").values()} for path in paths]
    assert all(len(stamp) == 1 for stamp in stamps) and len(set.union(*stamps)) == 4
    assert all(0 <= NOW_MS - int(stamp.pop()) < 1_000 for stamp in stamps)


def test_tickers_and_marks_need_no_family(ask: Ask) -> None:
    assert len(data(ask, "market/tickers", instType="OPTION")) == len(data(ask, "public/mark-price", instType="OPTION"))
    one = next(iter(of_family(ask, "public/mark-price", "BTC-USD")))
    assert [row["instId"] for row in data(ask, "public/mark-price", instType="OPTION", instId=one)] == [one]


def test_underlyings_indices_and_status(ask: Ask) -> None:
    assert data(ask, "public/underlying", instType="OPTION") == [["BTC-USD", "ETH-USD", "SOL-USD"]]
    example = {
        "instId": "BTC-USD", "idxPx": "84510.4", "high24h": "86110", "low24h": "83900.2", "open24h": "85780",
        "sodUtc0": "85010.1", "sodUtc8": "85400", "ts": "1795166400600",
    }  # fmt: skip
    assert not differences(data(ask, "market/index-tickers", quoteCcy="USD"), [example])
    assert data(ask, "market/index-tickers", instId="HYPE-USDT")[0]["instId"] == "HYPE-USDT"
    assert data(ask, "system/status") == []


def test_swaps(ask: Ask) -> None:
    (mark,) = data(ask, "public/mark-price", instType="SWAP", instId="BTC-USDT-SWAP")
    assert not differences(mark, {"instType": "SWAP", "instId": "x", "markPx": "1", "ts": "1"})
    (funding,) = data(ask, "public/funding-rate", instId="HYPE-USDT-SWAP")
    assert int(funding["fundingTime"]) % (8 * HOUR_MS) == 0 and int(funding["fundingTime"]) > NOW_MS
    (paid,) = data(ask, "public/funding-rate-history", instId="HYPE-USDT-SWAP", limit=1)
    assert funding["settFundingRate"] == paid["fundingRate"] != funding["fundingRate"]
    (oi,) = data(ask, "public/open-interest", instType="SWAP", instId="BTC-USDT-SWAP")
    assert float(oi["oi"]) * 0.01 == pytest.approx(float(oi["oiCcy"]), rel=1e-6)


@pytest.mark.parametrize(
    ("path", "name", "width"),
    [
        ("candles", "BTC-USDT-SWAP", 9),
        ("history-candles", "HYPE-USDT-SWAP", 9),
        ("index-candles", "BTC-USD", 6),
        ("history-index-candles", "HYPE-USDT", 6),
        ("mark-price-candles", "BTC-USDT-SWAP", 6),
        ("history-mark-price-candles", "ETH-USDT-SWAP", 6),
    ],
)
def test_candles_are_strings_newest_first(ask: Ask, path: str, name: str, width: int) -> None:
    rows = data(ask, f"market/{path}", instId=name, bar="1H", limit=300)
    assert not differences(rows, [["1"] * width]) and {len(row) for row in rows} == {width}
    assert len(rows) == (300 if width == 9 else 100)
    assert is_ascending([int(row[0]) for row in rows][::-1])
    is_history = path.startswith("history")
    assert [row[-1] for row in rows] == ["1" if is_history else "0"] + ["1"] * (len(rows) - 1)
    if width == 9:
        size = {"BTC": 0.01, "HYPE": 1}[name.partition("-")[0]]
        assert float(rows[0][5]) * size == pytest.approx(float(rows[0][6]), abs=1e-4)


def test_long_bars_begin_in_hong_kong_unless_they_say_utc(ask: Ask) -> None:
    for bar, hour in (("1D", 16), ("1Dutc", 0), ("1W", 16), ("1Mutc", 0)):
        rows = data(ask, "market/history-candles", instId="BTC-USDT-SWAP", bar=bar, limit=5)
        assert {datetime.fromtimestamp(int(row[0]) / 1e3, UTC).hour for row in rows} == {hour}


def test_candles_page_by_after_until_empty(ask: Ask) -> None:
    query, starts = {"instId": "BTC-USDT-SWAP", "bar": "12Hutc", "limit": 30}, [NOW_MS]
    while page := data(ask, "market/history-candles", after=starts[-1], **query):
        starts += [int(row[0]) for row in page]
    assert is_ascending(starts[::-1]) and starts[-1] == START_MS and len(starts) == 2 * 50 + 1
    newer = data(ask, "market/history-candles", before=starts[5], **query)
    assert [int(row[0]) for row in newer] == starts[1:5]


def test_recent_candles_end_after_1440(ask: Ask) -> None:
    old = {"instId": "BTC-USDT-SWAP", "bar": "1m", "after": NOW_MS - 1_439 * 60_000}
    assert data(ask, "market/candles", **old) == []
    assert len(data(ask, "market/history-candles", **old)) == 100


def test_funding_history(ask: Ask) -> None:
    rows = data(ask, "public/funding-rate-history", instId="BTC-USDT-SWAP", limit=100)
    times = [int(row["fundingTime"]) for row in rows]
    assert len(rows) == 100 and is_ascending(times[::-1]) and {t % (8 * HOUR_MS) for t in times} == {0}
    older = data(ask, "public/funding-rate-history", instId="BTC-USDT-SWAP", after=times[-1])
    assert int(older[0]["fundingTime"]) == times[-1] - 8 * HOUR_MS


def test_exercises(ask: Ask) -> None:
    path = "public/delivery-exercise-history"
    rows = data(ask, path, instType="OPTION", instFamily="BTC-USD", limit=100)
    assert not differences(rows, [{"ts": "1", "details": [{"insId": "x", "px": "85011.7731", "type": "exercised"}]}])
    assert [int(row["ts"]) for row in rows] == [NOW_MS - 90 * 60_000 - i * DAY_MS for i in range(51)]
    for detail in rows[0]["details"]:
        _, _, strike, kind = NAME.fullmatch(detail["insId"]).groups()
        pays = (float(detail["px"]) - float(strike)) * (1 if kind == "C" else -1) > 0
        assert detail["type"] == ("exercised" if pays else "expired_otm")
    older = data(ask, path, instType="OPTION", instFamily="BTC-USD", after=rows[5]["ts"], limit=2)
    assert older == rows[6:8]
    assert data(ask, path, instType="OPTION", uly="BTC-USD", limit=1) == rows[:1]


def test_an_estimated_price_has_no_row_before_the_last_half_hour(ask: Ask) -> None:
    (first, *_) = data(ask, "public/instruments", instType="OPTION", instFamily="BTC-USD")
    assert data(ask, "public/estimated-price", instId=first["instId"]) == []


def test_trades(ask: Ask) -> None:
    rows = data(ask, "public/option-trades", instFamily="BTC-USD")
    keys = ("fillVol", "fwdPx", "idxPx", "markPx", "px", "sz", "tradeId", "ts")
    example = dict.fromkeys(keys, "1") | {"instFamily": "x", "instId": "x", "optType": "C", "side": "buy"}
    assert len(rows) == 100 and not differences(rows, [example])
    times = [int(row["ts"]) for row in rows]
    assert times == sorted(times, reverse=True)
    name = rows[0]["instId"]
    (one, *_) = data(ask, "market/trades", instId=name)
    assert one == {key: rows[0][key] for key in ("instId", "side", "sz", "px", "tradeId", "ts")}
    assert {row["instId"] for row in data(ask, "public/option-trades", instId=name)} == {name}


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("public/instruments", {}, 400, "50014"),
        ("public/instruments", {"instType": "OPTION"}, 400, "50015"),
        ("public/instruments", {"instType": "OPTIONS", "uly": "BTC-USD"}, 400, "51000"),
        ("public/open-interest", {"instType": "OPTION", "instFamily": "HYPE-USD"}, 400, "51000"),
        ("public/opt-summary", {"uly": "XYZ-USD"}, 200, "51014"),
        ("public/opt-summary", {}, 400, "50015"),
        ("public/mark-price", {"instType": "OPTION", "instId": "BTC-USD-200101-1-C"}, 200, "51001"),
        ("public/estimated-price", {}, 400, "50014"),
        ("public/estimated-price", {"instId": "BTC-USD-200101-1-C"}, 200, "51001"),
        ("market/index-tickers", {"instId": "XYZ-USD"}, 200, "51014"),
        ("market/index-tickers", {}, 400, "50015"),
        ("market/candles", {"instId": "XYZ-USDT-SWAP"}, 200, "51001"),
        ("market/candles", {"instId": "BTC-USDT-SWAP", "bar": "61m"}, 400, "51000"),
        ("public/delivery-exercise-history", {"instType": "OPTION", "uly": "ETH-USD_UM"}, 200, "51014"),
        ("public/funding-rate", {"instId": "XYZ-USDT-SWAP"}, 200, "51001"),
    ],
)
def test_wrong_parameters(ask: Ask, path: str, query: dict, status: int, code: str) -> None:
    answer = ask(f"/api/v5/{path}", **query)
    body = answer.json()
    assert (answer.status, body["code"], body["data"]) == (status, code, []) and body["msg"]
