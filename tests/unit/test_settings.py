"""The environment: defaults, overrides, and that nothing else reads it."""

from __future__ import annotations

import re
from pathlib import Path

import gex_pipeline
from gex_pipeline import settings


def test_default_and_override():
    assert settings.load({}).warehouse == Path("data/warehouse")
    assert settings.load({"GEX_WAREHOUSE": ""}).warehouse == Path("data/warehouse")
    assert settings.load({"GEX_WAREHOUSE": "/srv/gex"}).warehouse == Path("/srv/gex")


def test_every_variable_has_a_default_and_one_line():
    for name, (default, meaning) in settings.VARIABLES.items():
        assert name.startswith("GEX_")
        assert default
        assert meaning
        assert "\n" not in meaning


def test_only_settings_reads_the_environment():
    package = Path(gex_pipeline.__file__).parent
    reading = re.compile(
        r"os\.environ(?!\[[^]]*\] = )|os\.getenv|from os import .*environ"
    )  # setting one is no reading
    readers = {str(p.relative_to(package)) for p in package.rglob("*.py") if reading.search(p.read_text())}
    assert readers == {"settings.py"}
