"""One server for all contract tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gex_pipeline.market.server import VenueServer, serve
from tests.unit.market.venue_client import NOW, Response, get

Ask = Callable[..., Response]


@pytest.fixture(scope="session")
def venues() -> Iterator[VenueServer]:
    with serve(11, NOW) as server:
        yield server


@pytest.fixture
def ask(venues: VenueServer) -> Ask:
    def asked(path: str, **query: Any) -> Response:
        return get(venues.address, path, **query)

    return asked
