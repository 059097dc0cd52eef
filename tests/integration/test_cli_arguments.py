"""Words on the command line -> values."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from gex_pipeline.commands import arguments
from gex_pipeline.commands.question import Question
from gex_pipeline.errors import UsageError
from gex_pipeline.present.choices import expiry_of


@pytest.mark.parametrize("word", ["BTC", "btc", "BTCUSDT", "btcusdt", " Btc ", "BTCUSDC", "btc-usd", "BTC/USD"])
def test_underlying(word):
    assert arguments.underlying(word) == "BTC"


@pytest.mark.parametrize("word", ["", "B/C", "../x", "BTC-", "underlying=BTC", "A" * 20])
def test_what_is_no_underlying(word):
    with pytest.raises(UsageError):
        arguments.underlying(word)
    assert arguments.underlying_or_none(word) is None


@pytest.mark.parametrize(
    "word",
    ["2026-03-17T16:00Z", "2026-03-17T16:00", "2026-03-17 16:00:00", "2026-03-17T17:00+01:00", "20260317T160000Z"],
)
def test_instants_are_utc_without_a_zone(word):
    assert arguments.instant(word) == datetime(2026, 3, 17, 16, tzinfo=UTC)
    assert arguments.instant(word).tzinfo is UTC


def test_a_date_is_its_midnight():
    assert arguments.instant("2026-03-17") == datetime(2026, 3, 17, tzinfo=UTC)


@pytest.mark.parametrize("word", ["", "now", "2026-02-30", "17.03.2026", "1773763200"])
def test_what_is_no_instant(word):
    with pytest.raises(UsageError, match="is not a time"):
        arguments.instant(word)


@pytest.mark.parametrize("word", ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00+05:00"])
def test_an_instant_outside_of_what_utc_can_say_is_none(word):
    with pytest.raises(UsageError, match="is not a time"):
        arguments.instant(word)


@pytest.mark.parametrize("word", ["1969-12-31T23:59:59Z", "1970-01-01T00:00+01:00", "0001-01-01"])
def test_an_instant_before_1970_is_before_any_market(word):
    with pytest.raises(UsageError, match="is before any market"):
        arguments.instant(word)
    assert arguments.instant("1970-01-01") == datetime(1970, 1, 1, tzinfo=UTC)


def test_expiry():
    assert expiry_of("ODTE") == "odte"
    assert expiry_of("all") == "all"
    assert expiry_of("2026-12-25") == date(2026, 12, 25)
    with pytest.raises(UsageError):
        expiry_of("25DEC26")


def test_names_take_commas_and_repetition_and_drop_doubles():
    assert arguments.names("venue", ["okx,Deribit", "okx", " "], ("deribit", "okx")) == ("okx", "deribit")


def test_a_filter_of_nothing_is_refused():
    """`--venue "$VENUE"` with an unset variable must not mean all venues."""
    with pytest.raises(UsageError, match="a venue is missing: valid are deribit"):
        arguments.names("venue", [" , "], ("deribit",))


def test_an_unknown_name_brings_the_nearest():
    with pytest.raises(UsageError, match="unknown venue 'okex': did you mean 'okx'\\? valid are deribit, okx"):
        arguments.one_of("venue", "okex", ("deribit", "okx"))


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_question_wants_positive_bounds(value):
    with pytest.raises(UsageError, match="positive"):
        Question(spot_window_pct=value)
