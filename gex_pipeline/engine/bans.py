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
    try:
        until = datetime.fromisoformat(store.objects.read(_name(venue)).decode())
        return until if until > at else None
    except (FileNotFoundError, ValueError, TypeError):
        return None


def note_ban(store: Store, venue: str, replies: Iterable[Reply]) -> None:
    """Note the longest ban among some replies."""
    bans = [reply.retry_at for reply in replies if reply.retry_at is not None]
    if bans and store.is_made:
        store.objects.write(_name(venue), max(bans).isoformat().encode())


def _name(venue: str) -> str:
    return f"{FETCHED}/{venue}-ban"
