"""A client for the tests that knows nothing of the venues: GET, bytes, JSON. Never decodes more than it is asked to."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1_000)
#: The first day of the market that a server has without a word about it: that of the month before.
START_MS = int(datetime(2026, 10, 1, tzinfo=UTC).timestamp() * 1_000)


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        unpacked = gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body
        return json.loads(unpacked)


def get(address: str, path: str, timeout: float = 5.0, accept: str = "identity", **query: Any) -> Response:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=timeout)
    try:
        return get_on(connection, path, accept, **query)
    finally:
        connection.close()


def get_on(connection: http.client.HTTPConnection, path: str, accept: str = "identity", **query: Any) -> Response:
    connection.request("GET", f"{path}?{urlencode(query)}" if query else path, headers={"Accept-Encoding": accept})
    response = connection.getresponse()
    body = response.read()
    return Response(response.status, {k.lower(): v for k, v in response.getheaders()}, body)
