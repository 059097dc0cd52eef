"""Two snapshots of one underlying that are some hours apart, so that they can be compared.

Belongs here: which snapshots, and whether they can be. What is compared is for `transforms`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import polars as pl

from gex_pipeline.engine import as_of
from gex_pipeline.engine.answers import Asked, ask
from gex_pipeline.errors import UsageError
from gex_pipeline.schema import CHAIN_REJECTED
from gex_pipeline.store.partitions import Store
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.contracts import CONTRACT, Contracts


@dataclass(frozen=True)
class Compared:
    """What is asked now, and the chain of the earlier snapshot with the same venues; None where there is none to use.

    ``before_at``: the earlier snapshot that was found, used or not. ``status``: `ok`; `partial` = a venue lacks one of
    the snapshots and is left out of both; without a chain `none` = no snapshot of these venues was known then, `same` =
    there was no newer one since, `stale` = it was older than twice the usual interval. ``rejected``: venue and
    instrument of what the earlier snapshot has in `chain_rejected` and not in ``before``; None without a chain.
    """

    asked: Asked
    before: pl.DataFrame | None
    before_at: datetime | None
    status: str
    rejected: pl.DataFrame | None = None


def compare(store: Store, underlying: str, *, at: datetime, hours: float, venues: list[str] | None) -> Compared:
    """The snapshots as of ``at`` and as of ``hours`` before it.

    Raises as :func:`ask`, and ``UsageError`` for hours that are no positive number of this calendar.
    """
    wanted = _earlier(at, hours)
    asked = ask(store, underlying, at=at, venues=venues)
    try:
        found, before = as_of.latest(store, underlying, wanted, venues)
    except as_of.NoSnapshotError:
        return Compared(asked, None, None, "none")
    if found.snapshot_at == asked.found.snapshot_at:
        return Compared(asked, None, found.snapshot_at, "same")
    if found.is_stale(wanted):
        return Compared(asked, None, found.snapshot_at, "stale")
    compared = _of_shared_venues(asked, found.snapshot_at, before)
    if compared.before is None:
        return compared
    rejected = as_of.while_months_fold(partial(_rejected, store, underlying, found.snapshot_at))
    # one of several rows of a contract may have been usable
    usable = compared.before.select(CONTRACT).cast(pl.String)
    return replace(compared, rejected=rejected.join(usable, on=CONTRACT, how="anti"))


def _earlier(at: datetime, hours: float) -> datetime:
    if not 0 < hours < float("inf"):
        raise UsageError(f"hours {hours:g} must be a positive number")
    try:
        return at - timedelta(hours=hours)
    except OverflowError as error:
        raise UsageError(f"hours {hours:g} is before the year 1") from error


def _rejected(store: Store, underlying: str, at: datetime) -> pl.DataFrame:
    """Venue and instrument of the rows of `chain_rejected` at a snapshot."""
    here = [p for p in store.partitions(CHAIN_REJECTED, underlying) if f"{at:%Y-%m-%d}".startswith(p.period)]
    found = (store.read(p, CONTRACT, pl.col("snapshot_at") == at) for p in here)
    return pl.concat([pl.DataFrame(schema=dict.fromkeys(CONTRACT, pl.String)), *found])


def _of_shared_venues(asked: Asked, before_at: datetime, before: pl.DataFrame) -> Compared:
    """Both chains without the venues that lack one of them."""
    now_venues, venues_before = (set(frame["venue"].unique()) for frame in (asked.chain, before))
    shared = sorted(now_venues & venues_before)
    if not shared:
        return Compared(asked, None, None, "none")
    if now_venues == venues_before:
        return Compared(asked, before, before_at, "ok")
    is_shared = pl.col("venue").cast(pl.String).is_in(shared)
    now = asked.chain.filter(is_shared)
    whole = Contracts.from_chain(now)
    asked = replace(asked, venues=shared, chain=now, whole=whole, book=Book(whole))
    return Compared(asked, before.filter(is_shared), before_at, "partial")
