"""Checks that turn a silent wrong number into a red one.

Belongs here: checks that are the same at every venue. Not here: those that need a venue's own fields (normalize.py).

A finding of severity ``error`` keeps the coin's rows out of `chain`: its numbers would be wrong, or half of it missing
(the replies are stored, so that they can be normalised again). A ``warning`` is stored beside the rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import polars as pl

from gex_pipeline.core import black76

Severity = Literal["error", "warning"]

#: Above the first a finding is an error, above the second a warning.
Bounds = tuple[float, float]

#: Half a chain is a failure, not a quiet market; a few contracts come and go between two answers.
MISSING: Bounds = 0.2, 0.01
#: The same against the snapshot before, where rows that cannot be used count as gone.
_GONE: Bounds = 0.4, 0.2
#: Share of a book's rows with unusable volatility: sentinels and caps are normal in the wings, not everywhere.
_IV: Bounds = 0.5, 0.2
_IV_REASONS = ("no_iv", "iv_out_of_range")
#: Share of a book's rows that cannot be used for any other reason.
_REJECTED: Bounds = 0.5, 0.05
#: All crypto options of the world were 0.1 trillion dollars in 2025.
_OPEN_INTEREST_USD: Bounds = 1e12, 3e11
#: Contracts of a book without any open interest: a coin may be new.
_EMPTY_BOOK: Bounds = 100, 0
#: |forward / index - 1|: a carry of 40 % a year for a year is beyond any market seen; 2x is another coin or unit.
_FORWARD: Bounds = 0.5, 0.25
#: Median |mark - Black-76| / forward. Recorded chains lie at 1e-5; 1e-3 is a tick of the coarsest venue.
_MARK: Bounds = 1e-2, 1e-3
#: Share of a book's rows without a mark: then the check above says little.
_UNMARKED: Bounds = np.inf, 0.5
#: Seconds that a venue's clock may lie before and after ours.
STALE: Bounds = 600.0, 120.0
FUTURE: Bounds = 120.0, 5.0


@dataclass(frozen=True)
class Finding:
    """One check that did not hold."""

    guard: str
    severity: Severity
    text: str

    def __str__(self) -> str:
        return f"{self.guard}: {self.text}"


def examine(chain: pl.DataFrame, rejected: pl.DataFrame, listed: frozenset[str], uncounted: int = 0) -> list[Finding]:
    """What is wrong with the rows of one coin at one venue.

    ``listed``: the names that should be there; ``uncounted``: rows whose open interest the venue may leave out.
    """
    found = [
        _completeness(chain, rejected, listed),
        _rejection(chain, rejected, uncounted),
        *_open_interest(chain),
        _duplicates(rejected),
        _volatility(chain, rejected),
        _forwards(chain),
        *_marks(chain),
        *_clocks(chain),
    ]
    return [finding for finding in found if finding is not None]


def against_previous(chain: pl.DataFrame, previous: pl.DataFrame, snapshot_at: datetime) -> Finding | None:
    """Contracts of the snapshot before (``instrument``, ``expiry_at``) that are gone without having expired.

    As of the receipt: a snapshot that is taken late is without those that have expired meanwhile.
    """
    received_at = chain["knowledge_time"].max()
    at = max(snapshot_at, received_at) if isinstance(received_at, datetime) else snapshot_at
    still = previous.filter(pl.col("expiry_at") > at)
    gone = still.join(chain, on="instrument", how="anti").height
    text = f"{gone} of {still.height} contracts of the snapshot before are missing"
    return graded("contracts", gone / max(still.height, 1), _GONE, text)


def graded(guard: str, value: float, bounds: Bounds, text: str) -> Finding | None:
    """A finding of the severity that a value reaches."""
    if not value > min(bounds):
        return None
    return Finding(guard, "error" if value > bounds[0] else "warning", text)


def _completeness(chain: pl.DataFrame, rejected: pl.DataFrame, listed: frozenset[str]) -> Finding | None:
    """Contracts that the venue lists and has not sent."""
    sent = {*chain["instrument"], *rejected["instrument"].drop_nulls()}
    missing = sorted(listed - sent)
    if not missing:
        return None
    text = f"{len(missing)} of {len(listed)} listed contracts are missing, first: {missing[0]}"
    return graded("completeness", len(missing) / len(listed), MISSING, text)


def repeated(rows: int) -> list[Finding]:
    """Rows that are sent twice, alike in every cell: one of each is kept."""
    return [Finding("duplicates", "warning", f"{rows} rows are sent twice")] if rows else []


def _duplicates(rejected: pl.DataFrame) -> Finding | None:
    twice = rejected.filter(pl.col("reason") == "duplicate")
    if twice.is_empty():
        return None
    text = f"{twice.height} rows repeat a contract with other values, first: {twice['instrument'][0]}"
    return Finding("duplicates", "error", text)


def _rejection(chain: pl.DataFrame, rejected: pl.DataFrame, uncounted: int) -> Finding | None:
    """Rows that cannot be used for another reason than their volatility; all of them are too many for any reason.

    What has just expired may still be sent around 08:00 and counts for nothing.
    """
    alive = rejected.filter(pl.col("reason") != "expired")
    others = alive.filter(~pl.col("reason").is_in(_IV_REASONS))
    rows = chain.height + alive.height
    if chain.is_empty() and rows:
        return Finding("rejected", "error", f"all {rows} rows are rejected, most for {alive['reason'].mode()[0]}")
    left_out = min(uncounted, others.filter(pl.col("reason") == "no_open_interest").height)
    unusable = others.height - left_out
    if unusable <= 0:
        return None
    text = f"{unusable} of {rows} rows are rejected, most for {others['reason'].mode()[0]}"
    return graded("rejected", unusable / rows, _REJECTED, text)


def _open_interest(chain: pl.DataFrame) -> Iterable[Finding | None]:
    """Open interest that no market has: none in a whole book, or more than all markets together."""
    total_usd = float((chain["open_interest_coin"] * chain["index_usd"]).sum())
    yield graded("open_interest", total_usd, _OPEN_INTEREST_USD, f"open interest is {total_usd:.3g} USD in all")
    empty = chain.height if total_usd == 0 else 0
    yield graded("open_interest", empty, _EMPTY_BOOK, f"none of {empty} contracts has any open interest")


def _volatility(chain: pl.DataFrame, rejected: pl.DataFrame) -> Finding | None:
    """Sentinels (-1, 0) and caps (5) in place of volatilities."""
    odd = rejected.filter(pl.col("reason").is_in(_IV_REASONS)).height
    rows = chain.height + rejected.height
    text = f"{odd} of {rows} rows have no usable mark_iv"
    return graded("volatility", odd / max(rows, 1), _IV, text)


def _forwards(chain: pl.DataFrame) -> Finding | None:
    """A forward of another coin, unit or year."""
    off = (chain["forward_usd"] / chain["index_usd"] - 1.0).abs()
    if off.is_empty():
        return None
    row = off.arg_max() or 0
    text = f"{chain['instrument'][row]}: forward {chain['forward_usd'][row]:g}, index {chain['index_usd'][row]:g}"
    return graded("forward", float(off[row]), _FORWARD, text)


def _marks(chain: pl.DataFrame) -> Iterable[Finding | None]:
    """Marks are what Black-76 makes of mark_iv on the forward: else one of the three is in another unit.

    One median per settlement: the prices of a small book may be wrong beside a large one's.
    """
    for (settlement,), book in chain.group_by("settlement", maintain_order=True):
        marked = book.filter(pl.col("mark_usd") > 0)
        unmarked = 1.0 - marked.height / book.height
        yield graded("mark", unmarked, _UNMARKED, f"{unmarked:.0%} of {settlement} rows have no mark")
        if marked.is_empty():
            continue
        forward, strike, tenor, iv, mark = (
            marked[name].to_numpy() for name in ("forward_usd", "strike_usd", "tenor_years", "mark_iv", "mark_usd")
        )
        fair = black76.price(forward, strike, tenor, iv, (marked["option_type"] == "C").to_numpy())
        off = float(np.median(np.abs(fair - mark) / forward))
        text = f"{settlement} marks differ from Black-76 of mark_iv by {off:.2%} of F"
        yield graded("mark", off, _MARK, text)


def _clocks(chain: pl.DataFrame) -> Iterable[Finding | None]:
    """The venue's times against the receipt by our clock."""
    if chain["venue_time"].null_count() == chain.height:
        return
    behind = (chain["knowledge_time"] - chain["venue_time"]).median()
    ahead = (chain["venue_time"] - chain["knowledge_time"]).max()
    assert isinstance(behind, timedelta) and isinstance(ahead, timedelta)
    late, early = behind.total_seconds(), ahead.total_seconds()
    yield graded("stale", late, STALE, f"its clock is {late:.0f} s behind ours")
    yield graded("future", early, FUTURE, f"its clock is {early:.0f} s ahead of ours")
