"""Bodies changed in a thousand ways: rows that obey their table, or one line that says what is wrong."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gex_pipeline.market.server.server import serve
from gex_pipeline.schema import CHAIN, CHAIN_REJECTED
from gex_pipeline.schema.checks import violations
from gex_pipeline.settings import load
from gex_pipeline.venues.base import Answers, Reply
from gex_pipeline.venues.http import Session, ask, new_client
from gex_pipeline.venues.registry import VENUES
from gex_pipeline.venues.rows import venue_rows

COIN, KEPT_ROWS, MUTATIONS = "SOL", 6, 250
#: What a cell may turn into.
CELLS = (
    None, True, -1, 0, 1e300, -0.0, 2**63, "", "-1", "0", "NaN", "Infinity", "1e400", "-1e308", "x" * 200, [], {}, [1],
    {"a": 1}, "\x00", "\ud800", "2026-01-01", 999, 5, "5", "999", "\uff10", " 1 ",
)  # fmt: skip
BYTES = (b"\xff", b"\x00", b'"', b"{", b"}", b"[", b"]", b",", b":", b"e", b"-", b"9" * 400, b"[" * 2000, b"\n", b"\\u")


def short(found: Any) -> Any:
    """A document with short lists, and of each list the same rows."""
    if isinstance(found, list):
        return [short(item) for item in found[:KEPT_ROWS]]
    return {k: short(v) for k, v in found.items()} if isinstance(found, dict) else found


def shortened(reply: Reply) -> Reply:
    return replace(reply, body=json.dumps(short(json.loads(reply.body))).encode())


async def polled(venue: str, urls: dict[str, str], at: datetime) -> list[Reply]:
    async with new_client(10.0) as client:
        hosts, deadline = load(urls).hosts[venue], at + timedelta(minutes=5)
        session = Session(VENUES[venue], hosts, client, lambda: datetime.now(UTC), deadline, 10.0)
        return await ask(VENUES[venue], [COIN], [], session, 30.0)


def of_cells(body: bytes, chance: random.Random) -> bytes:
    """Some cell, row or key is another, twice or gone."""
    document = json.loads(body)
    nodes = [(document, key) for key in (document if isinstance(document, dict) else range(len(document)))]
    for holder, key in nodes:
        child = holder[key]
        if isinstance(child, (dict, list)):
            nodes += [(child, k) for k in (child if isinstance(child, dict) else range(len(child)))]
    if not nodes:
        return body
    holder, key = chance.choice(nodes)
    how = chance.randrange(4)
    if how == 0:
        del holder[key]
    elif how == 1 and isinstance(holder, list):
        holder.append(holder[key])
    else:
        holder[key] = chance.choice(CELLS)
    return json.dumps(document, ensure_ascii=True).encode()


def of_bytes(body: bytes, chance: random.Random) -> bytes:
    """A few bytes are others, more or gone."""
    at, end = sorted(chance.randrange(len(body) + 1) for _ in range(2))
    cut = chance.choice([at, min(at + 1, len(body)), end])
    return body[:at] + chance.choice([b"", *BYTES]) + body[cut:]


@pytest.mark.parametrize("venue", VENUES)
def test_mutated_bodies(venue: str) -> None:
    at, chance = datetime.now(UTC).replace(second=0, microsecond=0), random.Random(20261127)
    with serve(coins=(COIN,)) as server:
        replies = [shortened(reply) for reply in asyncio.run(polled(venue, server.urls, at))]
    whole = rows(venue, replies, at)
    assert whole is None, "the shortened bodies are sound"
    ways: list[Callable[[bytes, random.Random], bytes]] = [of_cells, of_bytes]
    errors = 0
    for number in range(MUTATIONS):
        place = chance.randrange(len(replies))
        body = ways[number % 2](replies[place].body, chance)
        hostile = [*replies[:place], replace(replies[place], body=body), *replies[place + 1 :]]
        errors += rows(venue, hostile, at) is not None
    assert MUTATIONS / 10 < errors < MUTATIONS, "mutations are seen, and not every one is fatal"


def rows(venue: str, replies: list[Reply], at: datetime) -> str | None:
    """What is wrong with the coin's book; fails where rows break a rule or the reason is not one short line."""
    found = venue_rows(VENUES[venue], Answers(VENUES[venue], replies), [COIN], at, is_synthetic=True)[COIN]
    for table, frame in ((CHAIN, found.chain), (CHAIN_REJECTED, found.rejected)):
        assert violations(table, frame) == []
    for line in (found.error or "", *found.warnings):
        assert "\n" not in line and len(line) < 2000
    assert found.error is None or found.chain.is_empty()
    return found.error
