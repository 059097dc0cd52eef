"""Mapping files: strict, and helpful about what was meant."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gex_pipeline.errors import ImportFileError, UsageError
from gex_pipeline.importers import load_mapping, parse_duration
from gex_pipeline.importers.mapping import mapping_from
from gex_pipeline.importers.read import file_bytes
from tests.unit.importers.build import CHAIN

BARS = {
    "underlying": {"value": "BTC"},
    "symbol": {"value": "BTCUSDT"},
    "market": {"value": "spot"},
    "interval": {"value": "1h"},
    "open_at": {"column": "t", "format": "ms"},
    **{k: k for k in ("open", "high", "low", "close")},
}


def _refused(section: dict[str, Any] | None = None, target: str = "chain", **top: Any) -> str:
    base = CHAIN if target == "chain" else BARS
    words = {k: v for k, v in {**base, **(section or {})}.items() if v is not None}
    with pytest.raises(UsageError) as caught:
        mapping_from({"venue": "deribit", **top, target: words}, "test")
    return str(caught.value)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"mark_vi": "x"}, "unknown column of [chain] 'mark_vi'; nearest is 'mark_iv'"),
        ({"mark_iv": {"column": "x", "unit": "percnt"}}, "unknown unit of mark_iv 'percnt'; nearest is 'percent'"),
        ({"mark_iv": {"colunm": "x"}}, "unknown key of mark_iv 'colunm'; nearest is 'column'"),
        ({"mark_iv": {"column": "x", "zone": "UTC"}}, "mark_iv takes no 'zone'; nearest is 'column'"),
        ({"mark_iv": {"unit": "percent"}}, "mark_iv needs exactly one of column, columns, value, build or file"),
        ({"mark_iv": {"columns": []}}, "mark_iv: column names must be text, not []"),
        ({"mark_iv": 3}, "mark_iv must be a column name or a table, not 3"),
        ({"mark_iv": None}, "[chain] lacks mark_iv"),
        (
            {"instrument": {"column": "n", "grammar": "derbit"}},
            "unknown grammar of instrument 'derbit'; nearest is 'deribit'",
        ),
        (
            {"received_at": {"column": "t", "format": "iso8601"}},
            "unknown time format of received_at 'iso8601'; nearest is 'iso'",
        ),
        (
            {"received_at": {"column": "t", "format": "%Q"}},
            "received_at: format = '%Q': 'Q' is a bad directive in format '%Q'",
        ),
        (
            {"received_at": {"column": "t", "zone": "Europe/Berln"}},
            "unknown zone of received_at 'Europe/Berln'; nearest is 'Europe/Berlin'",
        ),
        ({"received_at": {"column": "t", "at": "8:00"}}, "received_at: at = '8:00' is not a time of day such as 08:00"),
        ({"strike_usd": "k"}, "strike_usd comes from the name (instrument has a grammar): remove it"),
        (
            {"instrument": "n"},
            "[chain] lacks expiry_at, strike_usd, option_type, settlement (or a grammar for instrument)",
        ),
        (
            {"open_interest_coin": {"column": "oi", "unit": "contract"}},
            "open_interest_coin is per contract: contract_size_coin is needed",
        ),
        ({"contract_size_coin": {"value": "1"}}, "contract_size_coin: the constant must be a number, not '1'"),
        ({"contract_size_coin": {"value": float("nan")}}, "contract_size_coin: the constant must be finite"),
        ({"forward": "parity"}, 'forward can only be "parity", and then without forward_usd'),
        ({"forward": "spot", "forward_usd": None}, 'forward can only be "parity", and then without forward_usd'),
        ({"forward": "parity", "forward_usd": None, "mark_usd": None}, "a parity forward needs mark_usd"),
    ],
)
def test_what_is_not_understood_is_an_error(section: dict[str, Any], message: str) -> None:
    assert _refused(section) == message


def test_top_level_is_strict() -> None:
    assert _refused(evry="5m") == "unknown key 'evry'; nearest is 'every'"
    assert _refused(format="cvs") == "unknown format 'cvs'; nearest is 'csv'"
    assert _refused(every="5 minutes") == "duration '5 minutes' is not of the form 30s, 5m, 1h or 1d"
    assert _refused(name=3) == "name must be text, not 3"
    assert _refused(candles=BARS).startswith("needs exactly one section of")
    with pytest.raises(UsageError, match="unknown key 'chian'; nearest is 'chain'"):
        mapping_from({"venue": "deribit", "chian": CHAIN}, "test")
    with pytest.raises(UsageError, match=r"lacks venue \(top level\)"):
        mapping_from({"chain": CHAIN}, "test")


@pytest.mark.parametrize("name", ["BTC OPT", "a/b", "../x", "-x", "a=b", "venue\n"])
def test_what_can_name_no_folder_is_no_venue_and_no_coin(name: str) -> None:
    rule = "it may have letters, digits, '_', '.' and '-', the first a letter, a digit or '_'"
    assert _refused(venue=name) == f"venue {name!r} is no name: {rule}"
    coin = name.strip().upper()  # as symbols are read
    if coin == "VENUE":
        return
    assert _refused({"underlying": {"value": name}}, "candles") == f"underlying {coin!r} is no name: {rule}"


def test_bars_are_strict() -> None:
    assert _refused({"interval": {"value": "7m"}}, "candles").startswith("unknown interval '7m'; nearest is ")
    assert _refused({"market": {"value": "spto"}}, "candles") == "unknown market 'spto'; nearest is 'spot'"
    assert _refused({"interval": "column"}, "candles") == "interval must be a constant: interval = { value = ... }"
    assert _refused({"close_at": "t"}, "candles") == "[candles] needs exactly one of open_at and close_at"
    assert _refused({}, "candles", every="5m") == "every and max_age belong to a chain, not to [candles]"
    bad = {"underlying": {"file": "BTC"}}
    assert _refused(bad, "candles") == "underlying: file = 'BTC' needs exactly one group"


def test_file_gives_the_name_and_is_named_in_errors(tmp_path: Path) -> None:
    path = tmp_path / "vendor.toml"
    path.write_text('venue = "deribit"\nevery = "1h"\n[dvol]\n')
    with pytest.raises(UsageError, match=r"mapping .*vendor\.toml: \[dvol\] lacks interval"):
        load_mapping(path)
    path.write_text('venue = "deribit"\nx = \n')
    with pytest.raises(UsageError, match=r"mapping .*vendor\.toml is not TOML: .*line 2"):
        load_mapping(path)
    path.write_bytes("# \u20ac".encode("utf-16"))
    with pytest.raises(UsageError, match=r"is not TOML: it is not text in UTF-8; save it as such$"):
        load_mapping(path)
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        load_mapping(tmp_path / "absent.toml")
    bars = "".join(f'{k} = "{k}"\n' for k in ("open", "high", "low", "close"))
    path.write_text(
        f'venue = "deribit"\n[dvol]\nunderlying = "u"\ninterval = {{ value = "1h" }}\nopen_at = "t"\n{bars}'
    )
    assert load_mapping(path).name == "vendor"


def test_durations() -> None:
    assert parse_duration("5m") == timedelta(minutes=5)
    assert parse_duration("90s") == timedelta(seconds=90)
    for text in ("0m", "5", "m", "-5m", "1w", "1.5h", ""):
        with pytest.raises(UsageError):
            parse_duration(text)


def test_a_chain_of_a_venue_nobody_can_ask_for_is_refused(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text(
        'venue = "derbit"\n[chain]\nreceived_at = "t"\ninstrument = { column = "n", grammar = "deribit" }\n'
        'forward_usd = "f"\nmark_iv = "v"\nopen_interest_coin = "o"\n'
    )
    with pytest.raises(UsageError, match=r"unknown venue 'derbit'.*deribit"):
        load_mapping(path)


def test_a_contract_size_of_nothing_is_refused(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text(
        'venue = "deribit"\n[chain]\nreceived_at = "t"\ninstrument = { column = "n", grammar = "deribit" }\n'
        'forward_usd = "f"\nmark_iv = "v"\nopen_interest_coin = "o"\ncontract_size_coin = { value = -1 }\n'
    )
    with pytest.raises(UsageError, match="contract_size_coin = -1 must be above 0"):
        load_mapping(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="is not a regular file"):
        load_mapping(pipe)
    with pytest.raises(ImportFileError, match="is not a regular file"):
        file_bytes(pipe)
