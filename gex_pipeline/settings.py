"""The only reader of the environment.

Belongs here: every ``GEX_`` variable with its meaning and default. Not: options of one command, or anything the
mathematics depends on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: Variable -> (default, meaning). ``gex --help`` lists this table.
VARIABLES: dict[str, tuple[str, str]] = {
    "GEX_WAREHOUSE": ("data/warehouse", "folder of the warehouse"),
    "GEX_ARCHIVES": ("data/archives.toml", "the archive files that Dagster imports"),
}


@dataclass(frozen=True)
class Settings:
    """What the environment says."""

    warehouse: Path
    archives: Path


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; a variable that is empty counts as unset."""
    values = {name: environ.get(name) or default for name, (default, _) in VARIABLES.items()}
    return Settings(
        warehouse=Path(values["GEX_WAREHOUSE"]).expanduser(), archives=Path(values["GEX_ARCHIVES"]).expanduser()
    )
