"""Saved responses of Deribit, built by hand in their published shape: units, times, containers, refusals."""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gex_pipeline.errors import ImportFileError, UsageError
from gex_pipeline.importers import READERS, Imported, Options
from gex_pipeline.importers.deribit_instruments import contract_sizes
from gex_pipeline.schema import TABLES
from gex_pipeline.schema.checks import violations
from tests.instants import utc
from tests.unit.importers.build import good, reasons

READ = READERS["deribit-book-summary"]
FOUR = 1_773_763_200_000  # 2026-03-17T16:00Z in milliseconds
MINUTE = 60_000
CALL = "BTC-27MAR26-100000-C"
PUT = "SOL_USDC-27MAR26-150-P"
EXPIRY = 1_774_598_400_000  # 2026-03-27T08:00Z


def summary(name: str = CALL, **cells: Any) -> dict[str, Any]:
    """A row of a book summary; a cell that is given as ... is absent."""
    usual = {
        "instrument_name": name,
        "open_interest": 12.5,
        "mark_price": 0.025,
        "bid_price": 0.024,
        "ask_price": None,
        "mid_price": None,
        "mark_iv": 55.0,
        "underlying_price": 80000.0,
        "underlying_index": "SYN.BTC-27MAR26",
        "interest_rate": 0.0,
        "estimated_delivery_price": 79000.0,
        "volume": 3.5,
        "price_change": None,
        "creation_timestamp": FOUR,
    }
    return {k: v for k, v in {**usual, **cells}.items() if v is not ...}


def listed(name: str = PUT, **fields: Any) -> dict[str, Any]:
    """A row of get_instruments."""
    usual = {
        "instrument_name": name,
        "kind": "option",
        "contract_size": 10,
        "strike": 150.0,
        "expiration_timestamp": EXPIRY,
        "option_type": "put",
        "is_active": True,
        "tick_size_steps": [],
    }
    return {k: v for k, v in {**usual, **fields}.items() if v is not ...}


def response(rows: Any, ms: int = FOUR, **more: Any) -> dict[str, Any]:
    """The envelope, sent a quarter of a second after `ms`."""
    us = ms * 1000 + 250_000
    return {"jsonrpc": "2.0", "result": rows, "usIn": us - 9, "usOut": us, "usDiff": 9, "testnet": False, **more}


def saved(folder: Path, *documents: Any, name: str = "a.json") -> Path:
    """One document a line."""
    path = folder / name
    path.write_text("\n".join(json.dumps(d) for d in documents) + "\n")
    return path


def imported(folder: Path, *documents: Any, **options: Any) -> Imported:
    return READ(saved(folder, *documents), Options(**options))


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(ImportFileError) as caught:
        READ(path, Options(**options))
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


# One row of each book


def test_an_inverse_row(tmp_path: Path) -> None:
    rows = [summary(), summary("BTC-20MAR26-90000-P", underlying_price=79500.0)]
    found = imported(tmp_path, response(rows))
    frame = good(found)
    assert violations(TABLES["chain"], frame) == []
    assert frame.filter(instrument=CALL).row(0, named=True) == {
        "snapshot_at": utc("2026-03-17T16:01"),  # the minute after the envelope's time
        "venue_time": utc("2026-03-17T16:00"),  # of the row
        "knowledge_time": utc("2026-03-17T16:01"),
        "underlying": "BTC",
        "venue": "deribit",
        "instrument": CALL,
        "expiry_at": utc("2026-03-27T08:00"),
        "strike_usd": 100000.0,
        "option_type": "C",
        "open_interest_coin": 12.5,
        "contract_size_coin": None,
        "mark_iv": 0.55,
        "bid_iv": None,
        "ask_iv": None,
        "forward_usd": 80000.0,
        "forward_source": "venue",
        "index_usd": 79500.0,  # the nearer expiry's forward, not estimated_delivery_price
        "index_source": "front_forward",
        "settlement_estimate_usd": None,  # nothing is averaged before the last half hour
        "mark_usd": 2000.0,  # 0.025 coins of 80000
        "bid_usd": 1920.0,
        "ask_usd": None,
        "settlement": "inverse",
        "tenor_years": (9 * 86_400 + 16 * 3_600 - 60) / (365 * 86_400),
        "volume_24h_coin": 3.5,
        "source": "deribit-book-summary",
    }
    assert (found.rows, found.dropped, found.repeated) == (2, {}, 0)


def test_a_linear_row_with_its_contract_size(tmp_path: Path) -> None:
    sizes = saved(tmp_path, response([listed()]), name="instruments.json")
    row = summary(PUT, open_interest=300.0, mark_price=12.5, bid_price=12.0, ask_price=13.0, underlying_price=140.0)
    found = good(imported(tmp_path, response([row]), instruments=(sizes,))).row(0, named=True)
    assert (found["open_interest_coin"], found["contract_size_coin"]) == (300.0, 10.0)  # not 3000
    assert (found["mark_usd"], found["bid_usd"], found["ask_usd"]) == (12.5, 12.0, 13.0)
    assert (found["settlement"], found["underlying"], found["option_type"]) == ("linear", "SOL", "P")
    assert (found["strike_usd"], found["index_usd"], found["volume_24h_coin"]) == (150.0, 140.0, 3.5)


def test_the_books_of_a_coin_have_their_own_index(tmp_path: Path) -> None:
    rows = [summary(), summary("BTC_USDC-27MAR26-100000-C", underlying_price=80100.0)]
    found = good(imported(tmp_path, response(rows)))
    assert dict(found.select("settlement", "index_usd").iter_rows()) == {"inverse": 80000.0, "linear": 80100.0}


# Cells


@pytest.mark.parametrize("nothing", [None, ...])
def test_absent_is_null(tmp_path: Path, nothing: Any) -> None:
    optional = ("mark_price", "bid_price", "ask_price", "volume", "creation_timestamp")
    found = good(imported(tmp_path, response([summary(**dict.fromkeys(optional, nothing))]))).row(0, named=True)
    columns = ("mark_usd", "bid_usd", "ask_usd", "volume_24h_coin", "venue_time")
    assert [found[k] for k in columns] == [None] * 5


@pytest.mark.parametrize("nothing", [None, ...])
@pytest.mark.parametrize(
    ("cell", "reason"),
    [("mark_iv", "no_iv"), ("underlying_price", "no_forward"), ("open_interest", "no_open_interest")],
)
def test_rows_that_cannot_be_used_are_kept_apart(tmp_path: Path, cell: str, reason: str, nothing: Any) -> None:
    found = imported(tmp_path, response([summary(**{cell: nothing}), summary("BTC-27MAR26-90000-P")]))
    assert (reasons(found), good(found).height) == ([reason], 1)
    rejected = found.tables["chain_rejected"]
    assert violations(TABLES["chain_rejected"], rejected) == []
    raw = json.loads(rejected["raw"][0])
    assert (raw["instrument_name"], raw[cell], raw["usOut"]) == (CALL, None, FOUR * 1000 + 250_000)


def test_zero_open_interest_is_some_and_a_bid_of_zero_is_none(tmp_path: Path) -> None:
    found = good(imported(tmp_path, response([summary(open_interest=0, bid_price=0.0)]))).row(0, named=True)
    assert (found["open_interest_coin"], found["bid_usd"]) == (0.0, None)


@pytest.mark.parametrize("name", ["BTC-CS-27MAR26-90000_100000", "BTC-PERPETUAL", "BTC-27MAR26"])
def test_what_is_no_option_is_rejected(tmp_path: Path, name: str) -> None:
    odd = summary(name, mark_iv=-3.0, mark_price=-0.01)
    found = imported(tmp_path, response([odd, summary()]))
    assert (reasons(found), good(found)["instrument"].to_list()) == (["name_not_parsed"], [CALL])
    with pytest.raises(ImportFileError, match=f"no deribit instrument name in .*: first is {name!r}"):
        imported(tmp_path, response([odd]))


def test_numbers_may_be_written_as_integers_and_unknown_keys_are_passed_over(tmp_path: Path) -> None:
    row = summary(underlying_price=80000, mark_iv=55, starbase={"deep": [1, {"x": None}]})
    found = good(imported(tmp_path, response([row], newKey="x"))).row(0, named=True)
    assert (found["forward_usd"], found["mark_iv"]) == (80000.0, 0.55)


# Containers


def test_every_container_gives_the_same_rows(tmp_path: Path) -> None:
    early, late = response([summary()], FOUR), response([summary(PUT, open_interest=20)], FOUR + MINUTE)
    expected = pl.concat([good(imported(tmp_path, early)), good(imported(tmp_path, late))])
    text = json.dumps(early) + "\n\n" + json.dumps(late)
    names = {n: text.encode() for n in ("b.json", "b.jsonl", "b.ndjson")}
    names |= {"b.jsonl.gz": gzip.compress(text.encode()), "crlf.json": text.replace("\n", "\r\n").encode()}
    names |= {"b.json.gz": names["b.jsonl.gz"], "bom.json": b"\xef\xbb\xbf" + text.encode()}
    for name, data in names.items():
        (tmp_path / name).write_bytes(data)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("b.jsonl", text)
    for name in [*names, "b.zip"]:
        found = READ(tmp_path / name, Options())
        assert_frame_equal(good(found), expected)
        assert found.rows == 2


@pytest.mark.parametrize("indent", [None, 2])
def test_one_response_over_many_lines_or_on_one(tmp_path: Path, indent: int | None) -> None:
    for document in (response([summary()]), [summary(creation_timestamp=FOUR + 7)]):
        path = tmp_path / "a.json"
        path.write_text(json.dumps(document, indent=indent))
        assert good(READ(path, Options()))["instrument"].to_list() == [CALL]


def test_a_bare_list_has_the_time_of_its_latest_row(tmp_path: Path) -> None:
    rows = [summary(), summary(PUT, creation_timestamp=FOUR + 7), summary("BTC-27MAR26-1-P", creation_timestamp=...)]
    for document in (rows, response(rows, usOut=None)):
        frame = good(imported(tmp_path, document))
        assert set(frame["snapshot_at"]) == {utc("2026-03-17T16:01")}
        assert set(frame["venue_time"]) == {utc("2026-03-17T16:00"), utc("2026-03-17T16:00:00.007"), None}


def test_empty_responses_among_others_add_nothing(tmp_path: Path) -> None:
    found = imported(tmp_path, response([]), response([summary()]), [])
    assert (found.rows, good(found).height) == (1, 1)
    assert refusal(saved(tmp_path, response([]), [])) == " has no rows"


# Grid, coin, repeats


def test_the_books_of_one_poll_are_one_snapshot(tmp_path: Path) -> None:
    """Each response has a time of its own, some milliseconds from the others; the minutes are the grid."""
    usdc = response([summary("BTC_USDC-27MAR26-100000-C")], FOUR + 341)
    frames = [good(imported(tmp_path, document)) for document in (response([summary()]), usdc)]
    assert {t for frame in frames for t in frame["snapshot_at"]} == {utc("2026-03-17T16:01")}
    later = good(imported(tmp_path, response([summary()], FOUR + MINUTE)))
    assert later["snapshot_at"].to_list() == [utc("2026-03-17T16:02")]


def test_the_grid_takes_the_last_response_before_it(tmp_path: Path) -> None:
    lines = [response([summary(open_interest=i)], FOUR + minutes * 60_000) for i, minutes in enumerate((31, 55, 62))]
    found = imported(tmp_path, *lines, every=timedelta(hours=1), max_age=timedelta(minutes=30))
    frame = good(found).sort("snapshot_at")
    assert frame.select("snapshot_at", "open_interest_coin").rows() == [(utc("2026-03-17T17:00"), 1.0)]
    assert found.dropped == {"superseded on the grid": 1, "too old for the grid": 1}


def test_underlying_is_a_filter(tmp_path: Path) -> None:
    found = imported(tmp_path, response([summary(), summary(PUT, open_interest=20)]), underlying="SOLUSDT")
    assert good(found)["underlying"].to_list() == ["SOL"]
    assert found.dropped == {"other underlying": 1}
    assert refusal(saved(tmp_path, response([summary()])), underlying="ETH") == " holds BTC, no ETH"


def test_a_response_that_is_there_twice(tmp_path: Path) -> None:
    found = imported(tmp_path, *[response([summary(), summary()])] * 2)
    assert (found.rows, good(found).height, found.dropped) == (4, 1, {"identical": 3})
    other = imported(tmp_path, response([summary(open_interest=1)]), response([summary(open_interest=2)]))
    assert (good(other)["open_interest_coin"].to_list(), other.dropped) == ([2.0], {"superseded on the grid": 1})


# Instruments


def test_instruments_of_several_files_and_names_they_do_not_know(tmp_path: Path) -> None:
    one = saved(
        tmp_path, response([listed(), listed("SOL_USDC-PERPETUAL", strike=..., option_type=...)]), name="1.json"
    )
    two = saved(tmp_path, [listed(CALL, contract_size=1.0, strike=..., expiration_timestamp=None, option_type=...)])
    two = two.rename(tmp_path / "2.json")
    rows = [summary(), summary(PUT, open_interest=20), summary("BTC-27MAR26-90000-P")]
    found = good(imported(tmp_path, response(rows), instruments=(one, two)))
    sizes = dict(found.select("instrument", "contract_size_coin").iter_rows())
    assert sizes == {CALL: 1.0, PUT: 10.0, "BTC-27MAR26-90000-P": None}


@pytest.mark.parametrize("size", [10, 0.1])
def test_sizes_scale_nothing(tmp_path: Path, size: float) -> None:
    sizes = saved(tmp_path, response([listed(contract_size=size)]), name="instruments.json")
    rows = response([summary(PUT, open_interest=30.0)])
    with_sizes, without = (good(imported(tmp_path, rows, instruments=i)) for i in ((sizes,), ()))
    assert with_sizes["contract_size_coin"].to_list() == [size]
    assert_frame_equal(with_sizes.drop("contract_size_coin"), without.drop("contract_size_coin"))


@pytest.mark.parametrize(
    ("interest", "is_coins"), [(0, 1), (10, 1), (41230.0, 1), (30.000001, 1), (5, 0), (41235.0, 0)]
)
def test_open_interest_in_contracts_is_noticed(tmp_path: Path, interest: float, is_coins: int) -> None:
    sizes = saved(tmp_path, response([listed()]), name="instruments.json")
    path = saved(tmp_path, response([summary(), summary(PUT, open_interest=interest)]))
    assert good(READ(path, Options())).height == 2
    if is_coins:
        assert good(READ(path, Options(instruments=(sizes,)))).height == 2
        return
    assert refusal(path, instruments=(sizes,)) == (
        f" $.result[1]: open_interest = {interest:g} of {PUT} is no multiple of its contract size 10:"
        " open interest seems to be in contracts, not in coins"
    )


def test_a_contract_of_one_coin_trades_in_parts(tmp_path: Path) -> None:
    name = "BTC_USDC-27MAR26-100000-C"
    sizes = saved(
        tmp_path, response([listed(name, contract_size=1, strike=1e5, option_type="call")]), name="instruments.json"
    )
    found = imported(tmp_path, response([summary(name, open_interest=0.37)]), instruments=(sizes,))
    assert good(found).select("open_interest_coin", "contract_size_coin").rows() == [(0.37, 1.0)]


def test_rows_that_are_rejected_anyway_do_not_refuse_the_file(tmp_path: Path) -> None:
    sizes = saved(tmp_path, response([listed()]), name="instruments.json")
    rows = [summary(), summary(PUT, open_interest=-5)]
    assert reasons(imported(tmp_path, response(rows), instruments=(sizes,))) == ["open_interest_negative"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([listed(strike=151.0)], f" $[0]: {PUT}: strike = 151.0 contradicts the name: 150.0"),
        (
            response([listed(), listed("SOL_USDC-27MAR26-150-C")]),
            " $.result[1]: SOL_USDC-27MAR26-150-C: option_type = 'put' contradicts the name: 'call'",
        ),
        (
            [listed(expiration_timestamp=EXPIRY + 1)],
            f" $[0]: {PUT}: expiration_timestamp = {EXPIRY + 1} contradicts the name: {EXPIRY}",
        ),
        ([listed(contract_size=0)], f" $[0]: {PUT}: contract_size = 0 is not above 0"),
        ([listed(), listed(contract_size=1)], f" $[1]: contract_size = 1 of {PUT} is 10 in another place"),
        ([summary()], " is no get_instruments response: no contract_size (a book summary is a PATH)"),
        ([], " lists no instruments: its result is empty"),
        ({"result": []}, " lists no instruments: its result is empty"),
        ([listed(strike="150")], ": Expected `float | null`, got `str` - at `$[0].strike`"),
        (response([listed()], testnet=True), ": testnet is true: the test network's prices are not real"),
    ],
)
def test_instruments_that_are_refused(tmp_path: Path, document: Any, message: str) -> None:
    sizes = saved(tmp_path, document, name="instruments.json")
    with pytest.raises(UsageError) as caught:
        imported(tmp_path, response([summary()]), instruments=(sizes,))
    assert str(caught.value) == f"--instruments {sizes}{message}"


def test_instruments_that_contradict_each_other_or_are_not_there(tmp_path: Path) -> None:
    one = saved(tmp_path, [listed()], name="1.json")
    two = saved(tmp_path, [listed(contract_size=1)], name="2.json")
    for paths, message in [
        ((one, two), f"--instruments {two} $[0]: contract_size = 1 of {PUT} is 10 in another place"),
        ((one, tmp_path / "absent.json"), f"--instruments {tmp_path / 'absent.json'} does not exist"),
    ]:
        with pytest.raises(UsageError) as caught:
            imported(tmp_path, response([summary()]), instruments=paths)
        assert str(caught.value) == message


def test_instruments_are_read_once_and_again_when_they_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = saved(tmp_path, [listed()], name="instruments.json")
    first = contract_sizes((sizes,))
    assert first == {PUT: 10.0}
    assert contract_sizes((sizes,)) is first
    saved(tmp_path, [listed(contract_size=20)], name="instruments.json")
    os.utime(sizes, ns=(1, 1))
    assert contract_sizes((sizes,)) == {PUT: 20.0}


# Refusals


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", " is empty"),
        (b" \n\n", " is empty"),
        (b"\xef\xbb\xbf", " is empty"),
        (b"<!DOCTYPE html><html>", " is not json: its content is HTML or XML"),
        (b"\x1f\x8b\x08", " is not json: its content is gzip"),
        (b"[\0]", " is not text: NUL at byte 1"),
        (b'["\xff"]', " is not UTF-8 at byte 2"),
        (b"ts,name\n1,x\n", " is not JSON: invalid character (byte 4)"),
        (b"[{'a': 1}]", " is not JSON: object keys must be strings (byte 2)"),
        (b'{"result": [', " is cut off: its JSON has no end at byte 12"),
        (b'{"x":' + b"[" * 100_000, " is not JSON: it is nested too deeply"),
        (b"5", ": Expected `object | array`, got `int`"),
        (b"{}", ": no response: it has neither a result nor an error"),
        (b'{"result": {"index_price": 1.0}}', ": Expected `array | null`, got `object` - at `$.result`"),
        (b'[{"mark_iv": 1}]', ": Object missing required field `instrument_name` - at `$[0]`"),
    ],
)
def test_what_is_no_response(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(data)
    assert refusal(path) == message


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"open_interest": "12.5"}, ": Expected `float | null`, got `str` - at `$.result[1].open_interest`"),
        ({"mark_iv": True}, ": Expected `float | null`, got `bool` - at `$.result[1].mark_iv`"),
        ({"creation_timestamp": 1.5}, ": Expected `int | null`, got `float` - at `$.result[1].creation_timestamp`"),
        (
            {"creation_timestamp": 10**30},
            ": Expected `int` <= 9007199254740992 - at `$.result[1].creation_timestamp`",
        ),
        (
            {"creation_timestamp": FOUR // 1000},
            " $.result[1]: creation_timestamp = 1773763200 is not between 2000 and 2100; wrong time format?",
        ),
        (
            {"creation_timestamp": 2**53},
            f" $.result[1]: creation_timestamp = {2**53} is not between 2000 and 2100; wrong time format?",
        ),
    ],
)
def test_a_wrong_cell_is_named_by_its_path(tmp_path: Path, cells: dict[str, Any], message: str) -> None:
    assert refusal(saved(tmp_path, response([summary(), summary(PUT, **cells)]))) == message


def test_a_bare_list_in_microseconds_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, [summary(), summary(PUT, creation_timestamp=FOUR * 1000)])
    assert refusal(path) == (
        f" $[1]: creation_timestamp = {FOUR * 1000} is not between 2000 and 2100; wrong time format?"
    )


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            response([summary()], usOut=FOUR),
            f" $.result[0]: usOut = {FOUR} is not between 2000 and 2100; wrong time format?",
        ),
        (response([summary()], usOut=-1), ": Expected `int` >= 0 - at `$.usOut`"),
        (
            {"jsonrpc": "2.0", "error": {"code": 10028, "message": "too_many_requests"}, "testnet": False},
            ": the response is an error of the venue: 10028 'too_many_requests'",
        ),
        (response([summary()], testnet=True), ": testnet is true: the test network's prices are not real"),
        (
            [summary(creation_timestamp=...)],
            " $ has no time: neither usOut nor a creation_timestamp",
        ),
        (
            response([listed()]),
            " $.result is a get_instruments response: give it with --instruments",
        ),
    ],
)
def test_responses_that_are_refused(tmp_path: Path, document: Any, message: str) -> None:
    assert refusal(saved(tmp_path, document)) == message
    assert refusal(saved(tmp_path, [summary()], [], document)) == f" line 3{message}"


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    whole = json.dumps(response([summary()]))
    path = tmp_path / "a.jsonl"
    path.write_text(f"{whole}\n\n{whole[:-5]}\n{whole}\n")
    assert refusal(path) == f" line 3 is cut off: its JSON has no end at byte {len(whole) - 5}"
    path.write_text(f"{whole}\n{whole.replace('12.5', '12,5')}\n")
    assert refusal(path).startswith(" line 2 is not JSON: ")


def test_a_file_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.json", json.dumps(response([summary()])).encode()
    for size in range(1, len(whole)):
        path.write_bytes(whole[:size])
        half_a_number = f" is not JSON: invalid number (byte {size})"
        assert refusal(path) in (f" is cut off: its JSON has no end at byte {size}", half_a_number)


def test_a_message_of_the_venue_stays_on_one_line(tmp_path: Path) -> None:
    path = saved(tmp_path, {"error": {"code": -32602, "message": "Invalid\nparams " * 20, "data": {"param": "x"}}})
    found = refusal(path)
    assert found.startswith(r": the response is an error of the venue: -32602 'Invalid\nparams ")
    assert found.endswith("...")


def test_damaged_compression(tmp_path: Path) -> None:
    whole = gzip.compress(json.dumps(response([summary(f"BTC-27MAR26-{k}-C") for k in range(1, 200)])).encode())
    path = tmp_path / "a.json.gz"
    path.write_bytes(whole[:-100])
    assert refusal(path) == f" is cut off: its gzip stream has no end at byte {len(whole) - 100}"
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04....")
    assert refusal(tmp_path / "b.zip").startswith(" is a damaged zip of 8 bytes")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.json", "[]")
        archive.writestr("b.json", "[]")
    assert refusal(tmp_path / "two.zip") == " holds 2 files; a zip must hold exactly one"
    assert refusal(tmp_path / "absent.json") == " does not exist"
