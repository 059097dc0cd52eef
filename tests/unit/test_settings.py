"""The environment: defaults and overrides."""

from __future__ import annotations

from pathlib import Path

from gex_pipeline import settings


def test_default_and_override():
    assert settings.load({}).warehouse == Path("data/warehouse")
    assert settings.load({"GEX_WAREHOUSE": ""}).warehouse == Path("data/warehouse")
    assert settings.load({"GEX_WAREHOUSE": "/srv/gex"}).warehouse == Path("/srv/gex")
    assert settings.load({}).archives == Path("data/archives.toml")
    assert settings.load({"GEX_ARCHIVES": "/srv/archives.toml"}).archives == Path("/srv/archives.toml")


def test_every_variable_has_a_default_and_one_line():
    for name, (default, meaning) in settings.VARIABLES.items():
        assert name.startswith("GEX_")
        assert default
        assert meaning
        assert "\n" not in meaning
