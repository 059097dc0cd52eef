"""Where the warehouse is, which archives fill it, and how the venues are reached."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dagster import ConfigurableResource

from gex_pipeline import settings

if TYPE_CHECKING:
    from gex_pipeline.engine.polls import Network


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


class Exchanges(ConfigurableResource[None]):
    """Which venues are asked for which coins, and how."""

    venues: list[str]
    underlyings: list[str]
    hosts: dict[str, dict[str, str]]
    timeout_seconds: float
    deadline_seconds: float

    def network(self) -> Network:
        """How they are reached."""
        from gex_pipeline.engine.polls import Network

        return Network(self.hosts, self.timeout_seconds, self.deadline_seconds)


def resources() -> dict[str, ConfigurableResource[None]]:
    """The resources as the environment has them."""
    found = settings.load()
    exchanges = Exchanges(
        venues=list(found.venues),
        underlyings=list(found.underlyings),
        hosts={venue: dict(addresses) for venue, addresses in found.hosts.items()},
        timeout_seconds=found.http_timeout_seconds,
        deadline_seconds=found.snapshot_deadline_seconds,
    )
    return {"places": Places(warehouse=str(found.warehouse), archives=str(found.archives)), "exchanges": exchanges}
