"""OKX's answers as rows: units by hand, nothing lost in the join, each check green and red."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from gex_pipeline.core.instruments import build, parse
from gex_pipeline.venues.base import Answers, VenueError
from gex_pipeline.venues.okx import wire
from gex_pipeline.venues.okx.client import Okx
from gex_pipeline.venues.rows import venue_rows
from tests.unit.venues.okx import payloads
from tests.unit.venues.okx.payloads import AT, NAMES, body, each, failure, made, only, reply, requests, rows_of, without

CALL, LINEAR = "BTC-USD-261225-80000-C", "BTC-USD_UM-261225-80000-C"
TICKERS = wire.tickers().endpoint
BOOK = (TICKERS, wire.MARK_PRICE, wire.INTEREST, wire.SUMMARY)
INDEX = wire.index("BTC").endpoint


def row(chain: pl.DataFrame, name: str) -> dict[str, object]:
    return chain.row(by_predicate=pl.col("instrument") == name, named=True)


def test_units_of_a_coin_margined_contract() -> None:
    found = row(made().chain, CALL)
    assert found["open_interest_coin"] == pytest.approx(12.34)  # 1,234 x 1 x 0.01, and oiCcy says so
    assert found["contract_size_coin"] == pytest.approx(0.01)
    assert (found["mark_iv"], found["bid_iv"], found["ask_iv"]) == (0.5, 0.48, None)
    assert (found["forward_usd"], found["index_usd"]) == (85_000.0, 84_500.0)
    assert (found["forward_source"], found["index_source"]) == ("venue", "venue")
    assert found["mark_usd"] == pytest.approx(payloads.price_in_usd(CALL), rel=1e-5)
    assert (found["bid_usd"], found["ask_usd"]) == (pytest.approx(1_700.0), pytest.approx(2_550.0))  # x 85,000
    assert found["volume_24h_coin"] == pytest.approx(1.5)  # 150 contracts
    assert (found["settlement"], found["source"]) == ("inverse", "okx-rest")
    assert found["tenor_years"] == pytest.approx((34 + 20 / 24) / 365)


def test_units_of_a_usd_margined_contract() -> None:
    found = row(made().chain, LINEAR)
    assert (found["bid_usd"], found["ask_usd"], found["settlement"]) == (1_000.0, 1_100.0, "linear")
    assert found["mark_usd"] == pytest.approx(payloads.price_in_usd(LINEAR), rel=1e-5)
    assert (found["open_interest_coin"], found["contract_size_coin"]) == (pytest.approx(12.34), pytest.approx(0.01))


def test_both_factors_of_a_size_count() -> None:
    size = {wire.INSTRUMENTS: each(ctVal="0.1", ctMult="0.1")}
    assert made(size).chain["contract_size_coin"].unique().to_list() == [pytest.approx(0.01)]
    large = {wire.INSTRUMENTS: each(ctVal="100", ctMult="1"), wire.INTEREST: each(oi="3", oiCcy="300")}
    found = row(made(large).chain, CALL)
    assert (found["open_interest_coin"], found["contract_size_coin"]) == (300.0, 100.0)
    assert found["volume_24h_coin"] == 15_000.0


def test_sound_answers_have_no_findings() -> None:
    rows = made()
    assert (rows.error, rows.warnings, rows.rejected.height) == (None, (), 0)
    assert set(rows.chain["instrument"]) == {name for name in NAMES if name.startswith("BTC-")}


def test_a_coin_with_one_family_and_strikes_with_a_point() -> None:
    wanted = requests("SOL", ["SOL-USD_UM"])
    found = Answers(Okx(), [reply(request, body(rows_of(request))) for request in wanted])
    rows = venue_rows(Okx(), found, ["SOL"], AT, is_synthetic=False)["SOL"]
    assert rows.error is None and rows.warnings == ()
    assert rows.chain["strike_usd"].to_list() == [200.0, 202.5]
    assert rows.chain["open_interest_coin"].to_list() == [pytest.approx(123.4)] * 2


@pytest.mark.parametrize("name", [*NAMES, "XRP-USD_UM-261225-2.05-P"])
def test_names_there_and_back(name: str) -> None:
    contract = parse("okx", name)
    assert contract is not None and build("okx", contract) == name
    assert wire.families([name], contract.underlying) == [name.rsplit("-", 3)[0]]


def test_a_coin_that_is_not_listed() -> None:
    assert Okx().book(payloads.answers(), "HYPE", AT) is None
    assert not made(coin="HYPE").is_listed
    assert Okx().book(payloads.answers(without=[wire.mark_prices().label]), "HYPE", AT) is None


def test_a_venue_without_any_option_is_no_venue_without_the_coin() -> None:
    nothing = {request.label: lambda _: [] for request in (wire.tickers(), wire.mark_prices())}
    assert failure(nothing) == "api/v5/market/tickers instType=OPTION: has no option of any coin"


def test_times_of_a_row() -> None:
    chain = made().chain
    assert set(chain["snapshot_at"]) == {AT}
    assert set(chain["venue_time"]) == {AT + timedelta(seconds=4)}  # that of opt-summary
    last = 6 + len(requests()) - 1  # the index, asked last
    assert set(chain["knowledge_time"]) == {AT + timedelta(seconds=last)}


def test_a_row_is_known_once_the_last_answer_that_has_it_came() -> None:
    order = [wire.index("BTC"), *requests()[:-1]]
    replies = [reply(r, body(rows_of(r)), seconds=6 + i) for i, r in enumerate(order)]
    chain = venue_rows(Okx(), Answers(Okx(), replies), ["BTC"], AT, is_synthetic=False)["BTC"].chain
    assert row(chain, CALL)["knowledge_time"] == AT + timedelta(seconds=11)  # opt-summary of BTC-USD
    assert row(chain, LINEAR)["knowledge_time"] == AT + timedelta(seconds=14)


@pytest.mark.parametrize("nothing", ["", "0", "-1", "0.0"])
def test_no_quote_is_null(nothing: str) -> None:
    quotes = {TICKERS: only(CALL, bidPx=nothing, askPx=nothing, vol24h="0"), wire.SUMMARY: only(CALL, bidVol=nothing)}
    rows = made(quotes)
    found = row(rows.chain, CALL)
    assert rows.error is None
    assert (found["bid_usd"], found["ask_usd"], found["bid_iv"], found["volume_24h_coin"]) == (None, None, None, 0.0)


def test_no_mark_is_null() -> None:
    assert row(made({wire.MARK_PRICE: only(CALL, markPx="")}).chain, CALL)["mark_usd"] is None


@pytest.mark.parametrize(
    ("endpoint", "cells", "reason"),
    [
        (wire.SUMMARY, {"markVol": ""}, "no_iv"),
        (wire.SUMMARY, {"markVol": "0"}, "no_iv"),
        (wire.SUMMARY, {"markVol": "-1"}, "no_iv"),
        (wire.SUMMARY, {"markVol": "5"}, "iv_out_of_range"),
        (wire.SUMMARY, {"fwdPx": ""}, "no_forward"),
        (wire.INTEREST, {"oi": "", "oiCcy": ""}, "no_open_interest"),
        (wire.INTEREST, {"oi": "-100", "oiCcy": "-1"}, "open_interest_negative"),
    ],
)
def test_rows_that_cannot_be_used(endpoint: str, cells: dict[str, str], reason: str) -> None:
    rows = made({endpoint: only(CALL, **cells)})
    assert rows.rejected.select("instrument", "reason").rows() == [(CALL, reason)]
    assert rows.chain.height == 7


def test_open_interest_of_zero_is_one() -> None:
    assert row(made({wire.INTEREST: only(CALL, oi="0", oiCcy="0")}).chain, CALL)["open_interest_coin"] == 0.0


def test_names_that_cannot_be_read_are_rejected_and_not_lost() -> None:
    odd = ("BTC-USD-261225", "BTC-USD_UM_XPERP-310404", "BTC-EUR-261225-80000-C")
    more = {TICKERS: lambda rows: [*rows, *({**rows[0], "instId": name} for name in odd)]}
    rows = made(more)
    assert rows.error is None and rows.chain.height == 8
    assert rows.rejected.select("instrument", "reason").rows() == [(name, "name_not_parsed") for name in sorted(odd)]


#: So many that one contract is a small share.
MANY = (
    *NAMES,
    *(f"BTC-USD{um}-261225-{80_100 + 100 * i}-{kind}" for um in ("", "_UM") for i in range(24) for kind in "CP"),
)


@pytest.mark.parametrize(
    ("endpoint", "what"),
    [(TICKERS, "quotes"), (wire.MARK_PRICE, "marks"), (wire.INTEREST, "open interest"), (wire.SUMMARY, "volatilities")],
)
def test_a_contract_that_one_answer_lacks_keeps_its_row(endpoint: str, what: str) -> None:
    lacking = made({endpoint: without(CALL)}, names=MANY)
    assert lacking.error is None and lacking.chain.height + lacking.rejected.height == 8 + 96
    reasons = {wire.INTEREST: ["no_open_interest"], wire.SUMMARY: ["no_iv"]}
    assert lacking.rejected["reason"].to_list() == reasons.get(endpoint, [])
    assert lacking.warnings == ()  # one of 104 is below the bound
    few = made({endpoint: without("-80000")}, names=MANY)
    assert few.warnings == (f"completeness: {what}: 4 of 104 listed contracts are missing, first: {CALL}",)


@pytest.mark.parametrize("endpoint", BOOK)
def test_half_an_answer_is_an_error(endpoint: str) -> None:
    assert "4 of 8 listed contracts are missing" in failure({endpoint: without("90000")})


def test_a_contract_that_the_list_lacks_keeps_its_row_with_a_warning() -> None:
    rows = made({wire.INSTRUMENTS: without(CALL)}, names=MANY)
    found = row(rows.chain, CALL)
    assert (found["open_interest_coin"], found["contract_size_coin"]) == (pytest.approx(12.34), None)
    assert found["volume_24h_coin"] is None
    assert rows.warnings == (f"completeness: instruments: 1 of 104 contracts are not listed, first: {CALL}",)
    assert "2 of 8 contracts are not listed" in failure({wire.INSTRUMENTS: without("80000-C")})
    assert "8 of 8 contracts are not listed" in failure({wire.INSTRUMENTS: lambda _: []})


@pytest.mark.parametrize("label", [request.label for request in requests()])
def test_an_answer_that_is_missing(label: str) -> None:
    rows = made(without=[label])
    assert rows.error == f"{label}: not answered before the snapshot's deadline"
    assert rows.chain.is_empty()


def test_open_interest_that_is_not_contracts_times_size() -> None:
    assert failure({wire.INTEREST: each(oiCcy="12.34001")}) == ""  # 8e-7
    text = f"open_interest_unit: oi = '1234' x 0.01 of {CALL} is not oiCcy = '1234' (1 of 8 contracts)"
    assert failure({wire.INTEREST: only(CALL, oiCcy="1234")}) == text
    assert "open_interest_unit" in failure({wire.INTEREST: only(CALL, oiCcy="12.3401")})  # 8e-6
    assert "x 1 of" in failure({wire.INSTRUMENTS: each(ctMult="1")})  # a multiplier that is lost
    assert "open_interest_unit" in failure({wire.INTEREST: only(CALL, oiCcy="")})
    assert "open_interest_unit" in failure({wire.INTEREST: only(CALL, oi="")})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ctVal", ""),
        ("ctVal", "0"),
        ("ctMult", "-0.01"),
        ("ctValCcy", "USD"),
        ("ctValCcy", "ETH"),
        ("settleCcy", "USD"),
        ("settleCcy", ""),
        ("stk", "8000"),
        ("stk", ""),
        ("expTime", "1798189200000"),
        ("expTime", ""),
        ("optType", "P"),
    ],
)
def test_fields_that_do_not_fit_the_name(key: str, value: str) -> None:
    text = failure({wire.INSTRUMENTS: only(CALL, **{key: value})})
    assert text.startswith(f"instruments: {key} = {value!r} does not fit {CALL} (1 of 8 contracts)")


def test_a_usd_margined_contract_that_settles_in_coin() -> None:
    assert "settleCcy = 'BTC' does not fit" in failure({wire.INSTRUMENTS: only(LINEAR, settleCcy="BTC")})
    assert failure({wire.INSTRUMENTS: only(LINEAR, settleCcy="USDC")}) == ""


def scaled_gamma(factor: float, part: str = "") -> payloads.Edit:
    def edit(rows: list[payloads.Row]) -> list[payloads.Row]:
        return [{**r, "gammaBS": f"{float(r['gammaBS']) * factor:.10f}"} if part in r["instId"] else r for r in rows]

    return edit


def test_gamma_beside_the_venues() -> None:
    assert made({wire.SUMMARY: scaled_gamma(1.08)}).warnings == ()
    some = made({wire.SUMMARY: scaled_gamma(1.25, "USD-")})
    assert some.warnings == ("gamma: BTC-USD: 20.0% beside Black-76 of the venue's own numbers",)
    assert failure({wire.SUMMARY: scaled_gamma(100, "USD-")}).startswith("gamma: BTC-USD: 99.0% beside")
    # no source says which gamma a USD-margined family states: only a warning
    assert made({wire.SUMMARY: scaled_gamma(100, "_UM")}).warnings == (
        "gamma: BTC-USD_UM: 99.0% beside Black-76 of the venue's own numbers",
    )


@pytest.mark.parametrize("sent", ["", "0", "0.00", "0.000021", "2.1e-5", "-0.5", None])
def test_gammas_that_say_too_little_are_not_compared(sent: str | None) -> None:
    rows = made({wire.SUMMARY: each(gammaBS=sent)})
    said = "no contract's gamma has the digits to be compared"
    is_short = sent is not None and float(sent or 0) > 0  # a comparison that has stopped to happen has to be seen
    assert rows.error is None
    assert rows.warnings == ((f"gamma: BTC-USD: {said}", f"gamma: BTC-USD_UM: {said}") if is_short else ())


@pytest.mark.parametrize(
    ("endpoint", "what"),
    [
        (TICKERS, "quotes of BTC-USD"),
        (wire.MARK_PRICE, "marks of BTC-USD"),
        (wire.INTEREST, "open interest of BTC-USD"),
        (INDEX, "index"),
    ],
)
def test_answers_of_another_time(endpoint: str, what: str) -> None:
    def at(minutes: float) -> payloads.Edit:
        return each(ts=payloads.ms(AT + timedelta(minutes=minutes)))

    assert made({endpoint: at(-5)}).warnings[0].startswith(f"stale: {what}: 3")
    assert failure({endpoint: at(-15)}).startswith(f"stale: {what}: 9")
    assert made({endpoint: at(1)}).warnings[0].startswith(f"future: {what}: ")
    assert failure({endpoint: at(5)}).startswith(f"future: {what}: 2")


def test_volatilities_of_another_time() -> None:
    assert failure({wire.SUMMARY: each(ts=payloads.ms(AT - timedelta(hours=1)))}).startswith("stale: ")


@pytest.mark.parametrize("price", ["", "0", "-1"])
def test_an_index_without_a_price(price: str) -> None:
    text = failure({INDEX: each(idxPx=price)})
    assert text == f"api/v5/market/index-tickers instId=BTC-USD: idxPx of BTC-USD is {price!r}, no price"


def test_an_index_of_another_coin() -> None:
    assert "idxPx of BTC-USD is ''" in failure({INDEX: each(instId="ETH-USD")})


def test_a_contract_twice_with_other_values() -> None:
    twice = {wire.INTEREST: lambda rows: [*rows, {**rows[0], "oi": "1", "oiCcy": "0.01"}]}
    assert "duplicates: " in failure(twice)


def test_a_kept_list_with_contracts_that_have_expired_since() -> None:
    old = "BTC-USD-261120-80000-C"
    expired = {"instId": old, "expTime": payloads.ms(AT.replace(hour=8))}
    replies = []
    for request in requests():
        rows = rows_of(request)
        is_list = request.endpoint == wire.INSTRUMENTS
        content = body([*rows, {**rows[0], **expired}] if request == wire.instruments("BTC-USD") else rows)
        replies.append(payloads.replace(reply(request, content), is_kept=is_list))
    rows = venue_rows(Okx(), Answers(Okx(), replies), ["BTC"], AT, is_synthetic=False)["BTC"]
    assert (rows.chain.height, rows.rejected.height, rows.warnings) == (8, 0, ())
    fresh = {wire.instruments("BTC-USD").label: lambda rows: [*rows, {**rows[0], **expired}]}
    assert made(fresh).rejected.select("instrument", "reason").rows() == [(old, "expired")]


@pytest.mark.parametrize(
    ("endpoint", "cells", "text"),
    [
        (TICKERS, {"bidPx": 0.02}, "Expected `str`, got `float` - at `$.data[0].bidPx`"),
        (TICKERS, {"vol24h": None}, "Object missing required field `vol24h` - at `$.data[0]`"),
        (wire.MARK_PRICE, {"markPx": "NaN"}, "at `$.data[0].markPx`"),
        (wire.INTEREST, {"oiCcy": "1e400"}, "at `$.data[0].oiCcy`"),
        (wire.INTEREST, {"oi": "12 "}, "at `$.data[0].oi`"),
        (wire.INTEREST, {"oi": "12\n"}, "at `$.data[0].oi`"),
        (wire.INTEREST, {"oi": None}, "Object missing required field `oi` - at `$.data[0]`"),
        (wire.SUMMARY, {"markVol": ["0.5"]}, "Expected `str`, got `array` - at `$.data[0].markVol`"),
        (wire.SUMMARY, {"ts": "yesterday"}, "at `$.data[0].ts`"),
        (wire.INSTRUMENTS, {"ctMult": 0.01}, "Expected `str`, got `float` - at `$.data[0].ctMult`"),
        (wire.INSTRUMENTS, {"ctVal": None}, "Object missing required field `ctVal` - at `$.data[0]`"),
        (INDEX, {"idxPx": 84_500}, "Expected `str`, got `int` - at `$.data[0].idxPx`"),
    ],
)
def test_fields_of_another_type(endpoint: str, cells: dict[str, object], text: str) -> None:
    error = failure({endpoint: each(**cells)})
    assert error.startswith(f"{endpoint} ") and error.endswith(text)


@pytest.mark.parametrize("sent", ["1", "-0.5", "007", "1e-5", "1E+3", "0.00000001", "612.45"])
def test_every_number_that_is_let_through_is_read(sent: str) -> None:
    frame = pl.DataFrame({"x": [sent]})
    assert frame.select(pl.col("x").cast(pl.Float64, strict=False)).item() == float(sent)
    wire.rows(reply(wire.index("BTC"), body([{"instId": "BTC-USD", "idxPx": sent, "ts": "1"}])), wire.Index)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b'{"code":"0","data":{}}', b'{"code":"0"}'])
def test_bodies_that_are_no_rows(content: bytes) -> None:
    with pytest.raises(VenueError, match=r"^api/v5/market/index-tickers instId=BTC-USD: "):
        wire.rows(reply(wire.index("BTC"), content), wire.Index)


def test_text_that_is_no_utf_8_and_nesting_without_end() -> None:
    for content in (b'{"code":"0","data":[{"instId":"\xff"}]}', b'{"code":"0","data":' + b"[" * 100_000):
        with pytest.raises(VenueError, match=r"^api/v5/market/tickers instType=OPTION: "):
            wire.rows(reply(wire.tickers(), content), wire.Ticker)
        assert wire.names(reply(wire.tickers(), content)) == set()
