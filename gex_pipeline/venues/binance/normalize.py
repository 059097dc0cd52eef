"""Binance's answers -> the cells of a coin's chain. Pure.

Everything but strikes, volatilities and greeks is per contract, and ``unit`` of the same snapshot says how many coins
that is. No forward is published: it comes from parity. ``venue_time`` stays null: marks and quotes have none, and the
time of an open interest, by the minute, says nothing of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from gex_pipeline.core.instruments import Instrument, parse
from gex_pipeline.importers.mapping import mapping_from
from gex_pipeline.venues.base import Answers, Book, VenueError
from gex_pipeline.venues.binance import wire
from gex_pipeline.venues.binance.join import Joined, joined
from gex_pipeline.venues.guards import MISSING, STALE, Bounds, Finding, graded
from gex_pipeline.venues.stated import OTHER_ANSWER, Gamma, contradictions, gamma, strangers

MAPPING = mapping_from(
    {
        "venue": "binance",
        "chain": {
            "received_at": {"column": "received_at", "format": "us"},
            "instrument": {"column": "symbol", "grammar": "binance"},
            "open_interest_coin": {"column": "sumOpenInterest", "unit": "contract"},
            "volume_24h_coin": {"column": "volume", "unit": "contract"},
            "contract_size_coin": "unit",
            "mark_iv": {"column": "markIV", "unit": "fraction"},
            "bid_iv": {"column": "bidIV", "unit": "fraction"},
            "ask_iv": {"column": "askIV", "unit": "fraction"},
            "forward": "parity",
            "index_usd": "indexPrice",
            "settlement_estimate_usd": "exercisePrice",
            "mark_usd": {"column": "markPrice", "unit": "usd_per_contract"},
            "bid_usd": {"column": "bidPrice", "unit": "usd_per_contract"},
            "ask_usd": {"column": "askPrice", "unit": "usd_per_contract"},
        },
    },
    name="binance-rest",
)
_SIDES = {"C": "CALL", "P": "PUT"}
#: Notional beside open interest x unit x index, less 1: the index moves in the minute of an open interest, by some
#: percent in a crash; a unit is wrong by a factor.
_UNIT: Bounds = 0.5, 0.02
#: Share of marks beside which another answer has no row.
_UNCOUNTED: Bounds = 0.999, 0.2
_UNQUOTED: Bounds = np.inf, 0.2
#: Seconds that the newest open interest may lie behind our clock.
_INTEREST: Bounds = np.inf, 600.0
#: In its last half hour a contract is priced on the running average of the index, not on the index.
_SHORTEST = timedelta(hours=1)


def book(answers: Answers, coin: str, snapshot_at: datetime) -> Book | None:
    """The rows of a coin, None where the venue has no options of it. Raises ``VenueError`` for a missing answer."""
    found = joined(answers, coin)
    if found is None:
        return None
    _refuse_units(found)
    names = [name for name, row in found.alive.items() if row.status == "TRADING" and parse("binance", name)]
    at = max(snapshot_at, found.priced_at).timestamp()
    live = frozenset(n for n in names if found.contracts[n].expiry_date / 1000 > at)
    uncounted = len(found.uncounted)
    return Book(found.frame(), MAPPING, live, list(_findings(found, coin, names)), uncounted)


def _refuse_units(found: Joined) -> None:
    """A contract of no coins makes every price infinite and every open interest nothing."""
    for name, row in found.contracts.items():
        if not row.unit > 0:
            raise VenueError(f"{wire.SPECIFICATION.label}: unit = {row.unit:g} of {name} is not above 0")


def _findings(found: Joined, coin: str, names: Sequence[str]) -> Iterable[Finding]:
    """Everything that does not hold; ``names``: contracts that are traded."""
    yield from contradictions("binance", found.contracts.values(), _named)
    yield from _units(found)
    yield from _missing(found, names)
    yield from _unlisted(found)
    yield from _incomplete(found)
    yield from _ages(found)
    for reply, names_sent in found.interest_sent:
        yield from strangers("binance", coin, names_sent, reply.request.label)
    price, at = found.index.index_price, found.priced_at
    rows = (Gamma(name, at, row.gamma, price, row.mark_iv) for name, row in found.marks.items())
    yield from gamma("binance", _SHORTEST, rows, OTHER_ANSWER)


def _named(contract: Instrument) -> dict[str, str | int | float]:
    """What the list has to say of a contract."""
    return {
        "underlying": wire.pair(contract.underlying),
        "expiry_date": round(contract.expiry_at.timestamp() * 1000),
        "side": _SIDES[contract.option_type],
        "strike_price": contract.strike_usd,
    }


def _units(found: Joined) -> Iterable[Finding]:
    """Whether the notional in USD is open interest x unit x index: an error, as a wrong unit multiplies all sums.

    The median decides: one contract's notional may be a minute old, rounded, or 0 beside an open interest; a unit that
    has changed has changed for all.
    """
    index = float(found.index.index_price)
    rows = [(row, found.contracts[name].unit) for name, row in found.interest.items() if name in found.contracts]
    cells = [(float(r.sum_open_interest or 0), float(r.sum_open_interest_usd or 0), unit) for r, unit in rows]
    stated = np.array([row for row in cells if min(row) > 0 and max(row) < np.inf])
    if not stated.size:
        if any(row[0] > 0 for row in cells):
            yield Finding("unit", "warning", "no open interest has a notional in USD to check the unit by")
        return
    amount, notional, unit = stated.T
    ratio = float(np.median(notional / (amount * index * unit)))
    text = f"sumOpenInterestUsd is {ratio:.3g} times sumOpenInterest x unit x index"
    off = max(ratio, 1.0 / ratio) - 1.0 if 0 < ratio < np.inf else np.inf
    finding = graded("unit", off, _UNIT, text)
    if finding is not None:
        yield finding


def _missing(found: Joined, names: Sequence[str]) -> Iterable[Finding]:
    """Traded contracts without a mark; their rows are rejected one by one, and this is about how many there are."""
    missing = [name for name in names if name not in found.marks]
    text = f"{len(missing)} of {len(names)} listed contracts have no mark, first: {(missing or [''])[0]}"
    finding = graded("completeness", len(missing) / max(len(names), 1), MISSING, text)
    if finding is not None:
        yield finding


def _unlisted(found: Joined) -> Iterable[Finding]:
    """Contracts whose own unit is not known, so that their open interest is not taken: a few come and go, a warning."""
    odd = [n for n in {**found.marks, **found.interest} if n not in found.contracts and parse("binance", n)]
    if odd:
        yield Finding("unlisted", "warning", f"{len(odd)} contracts are in no list, first: {odd[0]}")


def _incomplete(found: Joined) -> Iterable[Finding]:
    """Marks beside which open interest or quotes are missing.

    Whether the venue leaves out contracts without open interest is not documented, so that many may be normal and only
    none at all is an error.
    """
    n = max(len(found.marks), 1)
    uncounted = len(found.uncounted) / n
    unquoted = len([m for m in found.marks if m not in found.quotes]) / n
    some = [
        graded("open_interest", uncounted, _UNCOUNTED, f"{uncounted:.0%} of marks have none"),
        graded("quotes", unquoted, _UNQUOTED, f"{unquoted:.0%} of marks have no row of quotes"),
    ]
    yield from (finding for finding in some if finding is not None)


def _ages(found: Joined) -> Iterable[Finding]:
    """Old numbers. An index from another time is a wrong spot: an error.

    Open interest moves slowly, and whether its time is that of the count or of the last change is not documented: only
    a warning, and only where even the newest is old.
    """
    index_off = abs(found.index_at.timestamp() - found.index.time / 1000)
    text = f"the index's time is {index_off:.0f} s from ours"
    newest = max((int(row.timestamp) for row in found.interest.values()), default=None)
    some = [graded("index_time", index_off, STALE, text)]
    if newest is not None:
        at = datetime.fromtimestamp(newest / 1000, UTC)
        age = (found.received_at - at).total_seconds()
        some.append(graded("open_interest_time", age, _INTEREST, f"the newest is of {at:%H:%M:%S}Z"))
    yield from (finding for finding in some if finding is not None)
