"""A run's configuration: what counts over what, one meaning one hash, and errors that say where and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gex_backtest.config import Candles, configure
from gex_backtest.costs import Costs
from gex_pipeline.errors import UsageError
from tests.instants import utc
from tests.unit.backtest.drifts import RULES, Parameters

FULL = """
underlying = "ETHUSDT"
from = 2026-01-01
to = 2026-04-01T12:00:00+02:00
latency_seconds = 90

[candles]
interval = "5m"

[costs]
taker_fee_bps = 4

[rules.drifts]
hours = [24, 12]
least = 1
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(FULL)
    return path


def configured(tmp_path: Path, text: str, *names: str, **given: object):
    path = tmp_path / "run.toml"
    path.write_text(text)
    return configure(names, path, given, RULES)


def test_defaults_run_every_rule_with_its_own_parameters() -> None:
    made = configure(rules=RULES)
    assert [choice.rule.name for choice in made.rules] == ["drifts", "vols"]
    assert made.rules[0].variants == (Parameters(),)
    assert (made.underlying, made.start, made.latency_seconds, made.costs) == ("BTC", None, 60.0, Costs())


def test_a_file_says_all_of_it(file: Path) -> None:
    made = configure((), file, {}, RULES)
    assert (made.underlying, made.latency_seconds, made.candles) == ("ETH", 90.0, Candles(interval="5m"))
    assert (made.start, made.end) == (utc("2026-01-01"), utc("2026-04-01T10:00"))
    assert made.costs == Costs(taker_fee_bps=4.0)
    (drifts,) = made.rules  # a file with sections of rules runs those
    assert drifts.variants == (Parameters(hours=12, least=1.0), Parameters(hours=24, least=1.0))


def test_the_command_line_counts_over_the_file(file: Path) -> None:
    given = {"underlying": "BTC", "from": utc("2026-02-01"), "to": None, "candles": {"interval": None, "venue": "okx"}}
    made = configure(["vols"], file, given, RULES)
    assert (made.underlying, made.start, made.end) == ("BTC", utc("2026-02-01"), utc("2026-04-01T10:00"))
    assert made.candles == Candles(interval="5m", venue="okx")
    assert [choice.rule.name for choice in made.rules] == ["vols"]


def test_the_parameters_of_the_file_hold_for_the_rules_of_the_command_line(file: Path) -> None:
    drifts, vols = configure(["vols", "drifts"], file, {}, RULES).rules
    assert (len(drifts.variants), vols.variants) == (2, (Parameters(),))


def test_lists_make_all_combinations(tmp_path: Path) -> None:
    made = configured(tmp_path, '[rules.drifts]\nhours = [3, 1, 2, 3]\nside = ["follow", "fade"]')
    assert [(v.hours, v.side) for v in made.rules[0].variants] == [
        (hours, side) for hours in (1, 2, 3) for side in ("fade", "follow")
    ]


def test_a_parameter_that_is_a_list_has_variants_by_a_list_of_lists(tmp_path: Path) -> None:
    one, many = (
        configured(tmp_path, f"[rules.drifts]\nlags = {lags}").rules[0].variants for lags in ("[4, 3]", "[[4, 3], [5]]")
    )
    assert [v.lags for v in one] == [(4, 3)]
    assert [v.lags for v in many] == [(4, 3), (5,)]


@pytest.mark.parametrize(
    "text",
    [
        FULL,
        FULL.replace("[24, 12]", "[12, 24, 12]").replace("least = 1", "least = 1.0"),
        FULL.replace("ETHUSDT", "eth").replace("latency_seconds = 90", "latency_seconds = 90.0"),
        FULL.replace("2026-01-01", '"2026-01-01T00:00Z"').replace("12:00:00+02:00", "10:00:00"),
        """
[rules.drifts]
side = "follow"
least = 1
hours = [24, 12]
[candles]
interval = "5m"
[costs]
slippage_bps = 1
taker_fee_bps = 4.0
""",
    ],
)
def test_one_meaning_has_one_hash(tmp_path: Path, text: str) -> None:
    if "underlying" not in text:  # sections in another order, defaults written out
        text = FULL.split("[candles]", maxsplit=1)[0] + text
    made = configured(tmp_path, text)
    assert made.canonical == configured(tmp_path, FULL).canonical
    assert (made.sha256, len(made.sha256)) == (configured(tmp_path, FULL).sha256, 64)


@pytest.mark.parametrize(
    ("old", "new"),
    [("= 90", "= 91"), ("ETHUSDT", "BTC"), ("[24, 12]", "12"), ("taker_fee_bps", "slippage_bps"), ("5m", "1h")],
)
def test_another_meaning_has_another_hash(tmp_path: Path, old: str, new: str) -> None:
    assert configured(tmp_path, FULL.replace(old, new)).sha256 != configured(tmp_path, FULL).sha256


def test_sizing_is_part_of_the_meaning(tmp_path: Path) -> None:
    texts = ["", "[sizing]", "[sizing]\nannual_vol = 0.2\ncap = 1", "[sizing]\nannual_vol = 0.3"]
    without, defaults, written_out, other = (configured(tmp_path, text) for text in texts)
    assert (without.sizing, json.loads(without.canonical)["sizing"]) == (None, None)
    assert json.loads(other.canonical)["sizing"] == {"annual_vol": 0.3, "window_hours": 168.0, "cap": 1.0}
    assert defaults.sha256 == written_out.sha256
    assert len({without.sha256, defaults.sha256, other.sha256}) == 3


def test_the_canonical_text_is_json_with_every_parameter(file: Path) -> None:
    document = json.loads(configure((), file, {}, RULES).canonical)
    assert document["from"] == "2026-01-01T00:00:00Z"
    assert document["rules"]["drifts"][0] == {"hours": 12, "least": 1.0, "side": "follow", "lags": [1, 2]}
    assert document["costs"]["half_spread_bps"] == 1.0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("underlyng = 'BTC'", "unknown key 'underlyng'; nearest is 'underlying'"),
        ("underlying = 1", "underlying must be text, not 1"),
        ("from = 2026-02-01\nto = 2026-01-01", "from 2026-02-01T00:00:00Z is not before to 2026-01-01T00:00:00Z"),
        ("from = 5", "from 5 is not a time"),
        ("from = 07:00:00", "from 07:00:00 is not a time"),
        ("from = 2026-02-01\nto = 2026-02-01", "from 2026-02-01T00:00:00Z is not before to 2026-02-01T00:00:00Z"),
        ("from = 0001-01-01", "from 0001-01-01 is before any market: write a time from 1970 on"),
        ("to = '1969-12-31T23:59Z'", "to 1969-12-31 is before any market: write a time from 1970 on"),
        ("[candles]\nvenue = ''", "[candles] venue is empty"),
        ("[candles]\nvenue = ' '", "[candles] venue is empty"),
        ("[sizing]\nwindow_hours = 4\n[candles]\ninterval = '1h'", "window_hours = 4 is too short: from 5 on here"),
        ("[rules.regime_cross]", "unknown rule 'regime_cross': there are drifts, vols"),
        ("from = 0001-01-01T00:00:00+05:00", "from 0001-01-01 00:00:00+05:00 is not a time"),
        ("underlying = ''", "underlying '' is no coin"),
        ("to = 'soon'", "to 'soon' is not a time: write it like"),
        ("latency_seconds = -1", "latency_seconds -1 must be from 0 to 2,592,000"),
        ("latency_seconds = true", "latency_seconds must be a number, not True"),
        ("candles = 5", "candles must be a section, [candles], not 5"),
        ("[candles]\nintervall = '5m'", "unknown key in [candles] 'intervall'; nearest is 'interval'"),
        ("[candles]\ninterval = 5", "[candles] interval must be text, not 5"),
        ("[candles]\ninterval = ''", "unknown interval '': valid are 1m, 3m,"),
        ("[candles]\ninterval = '7m'", "unknown interval '7m': valid are 1m, 3m,"),
        ("[candles]\nmarket = 'prep'", "[candles] market 'prep' is none of spot, perp, index, mark; nearest is 'perp'"),
        ("underlying = '\u0412\u0422\u0421'", "is no coin: write it like BTC or BTCUSDT"),
        (f"underlying = '{'B' * 90}'", f"underlying '{'B' * 59}... is no coin"),
        (f"latency_seconds = {'9' * 1_000}", f"latency_seconds must be from -1.8e+308 to 1.8e+308, not {'9' * 60}..."),
        (f"latency_seconds = 0x{'f' * 5_000}", "1.8e+308, not a value too long to repeat"),
        (f"[costs]\nslippage_bps = -{'9' * 1_000}", "[costs] slippage_bps must be from -1.8e+308 to 1.8e+308, not -9"),
        (f"[rules.drifts]\nleast = {'9' * 1_000}", "[rules.drifts] least must be from -1.8e+308 to 1.8e+308, not 9"),
        (f"[rules.drifts]\nside = 0x{'f' * 5_000}", "side a value too long to repeat is none of follow, fade"),
        (f"candles{'.a' * 5_000} = 1", "unknown key in [candles] 'a'"),
        (f"underlying{'.a' * 5_000} = 1", "underlying must be text, not a value too long to repeat"),
        (f"candles = {'[' * 100_000}", "is not TOML that can be read: it is nested too deeply"),
        ("[candles]\nis_stitched = 1", "[candles] is_stitched must be true or false, not 1"),
        ("[costs]\ntaker_fee = 5", "unknown key in [costs] 'taker_fee'; nearest is 'taker_fee_bps'"),
        ("[costs]\ntaker_fee_bps = -5", "[costs] taker_fee_bps -5 must lie between"),
        ("[costs]\ntaker_fee_bps = [1, 2]", "[costs] takes one value a key"),
        ("sizing = 0.2", "sizing must be a section, [sizing], not 0.2"),
        ("[sizing]\nwindow_bars = 5", "unknown key in [sizing] 'window_bars'; nearest is 'window_hours'"),
        ("[sizing]\nannual_vol = 0", "[sizing] annual_vol = 0.0 cannot be: from 0.01 to 5"),
        ("[sizing]\nannual_vol = 20", "[sizing] annual_vol = 20.0 cannot be: from 0.01 to 5"),
        ("[sizing]\nwindow_hours = -24", "[sizing] window_hours = -24.0 cannot be: from 0.1 to 8,760"),
        ("[sizing]\ncap = 0", "[sizing] cap = 0.0 cannot be: from 0.01 to 100"),
        ("[sizing]\ncap = [1, 2]", "[sizing] takes one value a key"),
        ("[rules.drift]", "unknown rule 'drift'; nearest is 'drifts'"),
        ("[rules]\ndrifts = 4", "rules.drifts must be a section, [rules.drifts], not 4"),
        ("[rules.drifts]\nhour = 4", "unknown key in [rules.drifts] 'hour'; nearest is 'hours'"),
        ("[rules.drifts]\nhours = '4'", "[rules.drifts] hours must be a whole number, not '4'"),
        ("[rules.drifts]\nhours = 4.5", "[rules.drifts] hours must be a whole number, not 4.5"),
        ("[rules.drifts]\nhours = [4, true]", "[rules.drifts] hours must be a whole number, not True"),
        ("[rules.drifts]\nhours = []", "[rules.drifts] hours is an empty list"),
        ("[rules.drifts]\nhours = [1, 49]", "[rules.drifts] hours = 49 cannot be: from 1 to 48"),
        ("[rules.drifts]\nleast = nan", "[rules.drifts] least must be a number, not nan"),
        ("[rules.drifts]\nleast = inf", "[rules.drifts] least must be a number, not inf"),
        ("[rules.drifts]\nside = 'folow'", "[rules.drifts] side 'folow' is none of follow, fade; nearest is 'follow'"),
        ("[rules.drifts]\nlags = 3", "[rules.drifts] lags must be a list, not 3"),
        ("hours = ", "is not TOML: Invalid value (at end of document)"),
    ],
)
def test_what_is_not_understood_is_one_line_with_the_file_and_the_key(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        configured(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "run.toml"))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(tmp_path)) + 250


def test_an_interval_has_one_name(tmp_path: Path) -> None:
    hour, day = (configured(tmp_path, f"[candles]\ninterval = '{text}'") for text in (" 60M", "24h"))
    assert (hour.candles.interval, day.candles.interval) == ("1h", "1d")
    assert hour.sha256 == configured(tmp_path, "[candles]\ninterval = '1h'").sha256


def test_a_file_that_nobody_typed_is_not_read_to_the_end(tmp_path: Path) -> None:
    with (tmp_path / "long.toml").open("wb") as file:
        file.truncate(10**12)  # takes no room
    with pytest.raises(UsageError, match=r"long.toml is no configuration: it has more than 1,000,000 characters$"):
        configure((), tmp_path / "long.toml", {}, RULES)


@pytest.mark.parametrize("place", ["/dev/zero", "."])
def test_what_is_no_file_is_not_read(place: str) -> None:
    with pytest.raises(UsageError, match=rf"^{place} is not a regular file$"):
        configure((), Path(place), {}, RULES)


def test_text_of_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_bytes("# \u20ac".encode("cp1252"))
    with pytest.raises(UsageError, match=r"run.toml is not TOML: it is not text in UTF-8; save it as such$"):
        configure((), tmp_path / "run.toml", {}, RULES)


def test_rules_that_do_not_trade_take_any_sizing(tmp_path: Path) -> None:
    text = "[sizing]\nwindow_hours = 4\n[candles]\ninterval = '1h'"
    assert configured(tmp_path, text, "vols").sizing is not None


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.toml cannot be read: No such file"):
        configure((), tmp_path / "none.toml", {}, RULES)


def test_an_unknown_rule_of_the_command_line(file: Path) -> None:
    with pytest.raises(UsageError, match=r"^unknown rule 'drfts'; nearest is 'drifts'$"):
        configure(["drfts"], file, {}, RULES)
