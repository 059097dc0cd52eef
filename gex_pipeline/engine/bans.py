"""Until when a venue has banned us: a file per venue, so that no command asks it before."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from gex_pipeline.store.layout import FETCHED
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues.base import Reply

#: What is said of a venue that is not asked.
BANNED = "not asked: it has banned us until {:%Y-%m-%dT%H:%MZ}"


def banned_until(store: Store, venue: str, at: datetime) -> datetime | None:
    """Until when a venue is not to be asked, None where it may be; a damaged file says nothing."""
    until = _noted(store, venue)
    return until if until is not None and until > at else None


def note_ban(store: Store, venue: str, replies: Iterable[Reply]) -> None:
    """Note the longest ban among some replies; one that is noted is never made shorter."""
    bans = [reply.retry_at for reply in replies if reply.retry_at is not None and reply.status is not None]
    if not bans or not store.is_made:
        return
    with store.objects.lock(_name(venue)):
        known = _noted(store, venue)
        longest = max(bans if known is None else [*bans, known])
        store.objects.write(_name(venue), longest.isoformat().encode())


def _noted(store: Store, venue: str) -> datetime | None:
    try:
        until = datetime.fromisoformat(store.objects.read(_name(venue)).decode())
    except (OSError, ValueError):
        return None
    return until if until.tzinfo is not None else None


def _name(venue: str) -> str:
    return f"{FETCHED}/{venue}-ban"
