"""Venue x fault: what is stored, what is said, and that it ended in time.

Every venue meets every fault at its main endpoint, each at another time, so that a venue's cell also shows that the
faults of the others do not concern it. A healthy snapshot was stored just before.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gex_pipeline.engine import live, polls
from gex_pipeline.engine.outcomes import Outcome
from gex_pipeline.market.server.faults import KINDS, Fault
from gex_pipeline.market.server.server import VenueServer, serve
from gex_pipeline.schema import CHAIN, RAW
from gex_pipeline.settings import load
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues import http
from gex_pipeline.venues.registry import VENUES

COIN = "SOL"
MAIN = {
    "deribit": "public/get_book_summary_by_currency",
    "bybit": "market/tickers",
    "okx": "public/opt-summary",
    "binance": "eapi/v1/mark",
}
TIMEOUT, DEADLINE = 3.0, 20.0

#: Kind -> (status, words of the one line), for all venues; see OWN for what is another's.
EXPECTED: dict[str, tuple[str, str]] = {
    "reset": ("failed", "the connection broke"),
    "reset_midway": ("failed", "the connection broke"),
    "cut": ("failed", "the connection broke"),
    "slow": ("failed", f"no whole answer within {TIMEOUT:.0f} s"),
    "drip": ("failed", f"no whole answer within {TIMEOUT:.0f} s"),
    "http_status": ("failed", "HTTP 502"),
    "html_200": ("failed", "JSON is malformed"),
    "maintenance": ("failed", "error"),
    "rate_limit": ("failed", "error"),
    "ban": ("failed", "HTTP 4"),
    "redirect": ("failed", "redirects are not followed"),
    "gzip_bomb": ("failed", "its body is above 16 MB"),
    "invalid_json": ("failed", "JSON is malformed"),
    "truncated_json": ("failed", "truncated"),
    "oversize": ("failed", "its body is above 16 MB"),
    "nan": ("failed", "`$"),
    "huge_number": ("partial", "have no usable mark_iv"),
    "wrong_type": ("failed", "got `array` - at `$"),
    "missing_field": ("failed", "missing required field"),
    "null_field": ("failed", "got `null` - at `$"),
    "empty_list": ("failed", "contracts"),
    "half_the_rows": ("failed", "listed contracts"),
    "duplicate_rows": ("partial", "sent twice"),
    "stale": ("failed", "s behind ours"),
    "future": ("failed", "s ahead of ours"),
    "swapped_units": ("failed", ""),
    "iv_sentinel": ("partial", "have no usable mark_iv"),
    "unknown_name": ("failed", "listed contracts"),
    "new_instrument": ("ok", ""),
}
#: Cells that differ, with the reason.
OWN: dict[tuple[str, str], tuple[str, str]] = {
    # Deribit sends numbers as numbers: NaN is no JSON, 1e400 no float; and an absent key is null, its wire says
    ("nan", "deribit"): ("failed", "JSON is malformed"),
    ("huge_number", "deribit"): ("failed", "Number out of range - at `$"),
    ("missing_field", "deribit"): ("partial", "have no usable mark_iv"),
    ("null_field", "deribit"): ("partial", "have no usable mark_iv"),
    # a number that no float holds is none to OKX's wire; its units are in another answer, and lists are asked by quotes
    ("huge_number", "okx"): ("failed", "`$"),
    ("swapped_units", "okx"): ("ok", ""),
    ("new_instrument", "okx"): ("partial", "are not listed"),
    # marks of Binance carry no time, and its units are in another answer
    ("stale", "binance"): ("ok", ""),
    ("future", "binance"): ("ok", ""),
    ("swapped_units", "binance"): ("ok", ""),
    # its answers are joined by name, where a row that comes twice alike is one
    ("duplicate_rows", "binance"): ("ok", ""),
    # without its unit the open interest of a contract is not counted
    ("new_instrument", "binance"): ("partial", "are in no list"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[VenueServer]:
    with serve(coins=(COIN,)) as made:
        yield made


@pytest.fixture(scope="module")
def at() -> datetime:
    return polls.now().replace(second=0, microsecond=0)


@pytest.fixture(scope="module")
def healthy(server: VenueServer, at: datetime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with a snapshot of a minute before."""
    root = tmp_path_factory.mktemp("healthy") / "warehouse"
    network = polls.Network(load(server.urls).hosts, 10.0, 30.0)
    done = live.snapshot(Store(root), network, list(VENUES), [COIN], at - timedelta(minutes=1))
    assert {o.venue: o.status for o in done.outcomes} == dict.fromkeys(VENUES, "ok")
    return root


@pytest.mark.parametrize("turn", range(len(KINDS)))
def test_every_venue_meets_every_fault(
    turn: int, server: VenueServer, healthy: Path, at: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_ATTEMPTS", 1)  # that a request is sent again is tested where it is done
    kinds = {venue: KINDS[(turn + 7 * place) % len(KINDS)] for place, venue in enumerate(VENUES)}
    server.heal()
    server.inject(*(Fault(venue, MAIN[venue], kind, times=None) for venue, kind in kinds.items()))
    store = Store(Path(shutil.copytree(healthy, tmp_path / "warehouse")))
    done = live.snapshot(store, polls.Network(load(server.urls).hosts, TIMEOUT, DEADLINE), list(VENUES), [COIN], at)
    found = {outcome.venue: outcome for outcome in done.outcomes}
    assert set(found) == set(VENUES)
    for venue, kind in kinds.items():
        check(venue, kind, found[venue])
        assert done.seconds[venue] < DEADLINE
        assert stored(store, venue, at) == found[venue].rows.chain.height
        assert len(store.partitions(RAW, venue)) == 2, "replies are kept, whatever they are"


def check(venue: str, kind: str, outcome: Outcome) -> None:
    status, words = OWN.get((kind, venue), EXPECTED[kind])
    said = outcome.text or ""
    assert (outcome.status, words in said) == (status, True), f"{venue} {kind}: {outcome.status}, {said!r}"
    assert (outcome.rows.chain.height > 0) == (status != "failed")
    assert "\n" not in said and len(said) < 400


def stored(store: Store, venue: str, at: datetime) -> int:
    return sum(store.read(p).filter(snapshot_at=at).height for p in store.partitions(CHAIN, COIN, venue))
