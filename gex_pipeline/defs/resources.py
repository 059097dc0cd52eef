"""Where the warehouse is and which archives fill it."""

from __future__ import annotations

from pathlib import Path

from dagster import ConfigurableResource

from gex_pipeline import settings


class Places(ConfigurableResource[None]):
    """Folder of the warehouse, and the TOML file that lists its archives."""

    warehouse: str
    archives: str

    @property
    def root(self) -> Path:
        """The warehouse."""
        return Path(self.warehouse)

    @property
    def archives_file(self) -> Path:
        """The list of archives."""
        return Path(self.archives)


def resources() -> dict[str, Places]:
    """The resources as the environment has them."""
    found = settings.load()
    return {"places": Places(warehouse=str(found.warehouse), archives=str(found.archives))}
