"""The environment: defaults and overrides."""

from __future__ import annotations

from pathlib import Path

import pytest

from gex_pipeline import settings
from gex_pipeline.errors import UsageError


def test_default_and_override():
    assert settings.load({}).warehouse == Path("data/warehouse")
    assert settings.load({"GEX_WAREHOUSE": ""}).warehouse == Path("data/warehouse")
    assert settings.load({"GEX_WAREHOUSE": "/srv/gex"}).warehouse == Path("/srv/gex")
    assert settings.load({}).archives == Path("data/archives.toml")
    assert settings.load({"GEX_ARCHIVES": "/srv/archives.toml"}).archives == Path("/srv/archives.toml")


def test_every_variable_has_a_default_and_one_line():
    for name, (default, meaning) in settings.VARIABLES.items():
        assert name.startswith("GEX_")
        assert default or name == "GEX_ALERT_COMMAND"  # nobody is told unless asked for
        assert meaning
        assert "\n" not in meaning


def test_lists_and_seconds():
    found = settings.load({"GEX_UNDERLYINGS": "btc, xrp,BTC,", "GEX_VENUES": "OKX", "GEX_HTTP_TIMEOUT": "2.5"})
    assert (found.underlyings, found.venues, found.http_timeout_seconds) == (("BTC", "XRP"), ("okx",), 2.5)
    assert found.hosts["binance"]["futures"] == "https://fapi.binance.com"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GEX_HTTP_TIMEOUT", "soon"),
        ("GEX_HTTP_TIMEOUT", "0"),
        ("GEX_SNAPSHOT_DEADLINE", "inf"),
        ("GEX_UNDERLYINGS", " , "),
    ],
)
def test_a_value_that_is_none_is_named(name, value):
    with pytest.raises(UsageError, match=f"{name} = '{value}'"):
        settings.load({name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("GEX_BYBIT_URL", "http://127.0.0.1:abc", "is no address"),
        ("GEX_BYBIT_URL", "http://127.0.0.1:99999", "is no address"),
        ("GEX_BYBIT_URL", "http://[::1", "is no address"),
        ("GEX_BYBIT_URL", "ftp://host", "is no address"),
        ("GEX_BYBIT_URL", "api.bybit.com", "is no address"),
        ("GEX_BYBIT_URL", "http://me:secret@host", "holds a user name"),
        ("GEX_UNDERLYINGS", "BTC,../x", "'../X' is no coin"),
        ("GEX_SNAPSHOT_DEADLINE", "1e12", "is no number of seconds above 0, at most 3600"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is(name, value, message):
    with pytest.raises(UsageError, match=name) as caught:
        settings.load({name: value})
    assert message in str(caught.value) and "secret" not in str(caught.value)


def test_how_venues_are_asked_stops_nobody_who_asks_none():
    assert settings.warehouse({"GEX_WAREHOUSE": "/w", "GEX_BYBIT_URL": "foo", "GEX_VENUES": "?"}) == Path("/w")


def test_a_venue_that_is_not_known_is_named():
    with pytest.raises(UsageError, match="GEX_VENUES: unknown venue 'kraken'; nearest is"):
        settings.load({"GEX_VENUES": "deribit,kraken"})
