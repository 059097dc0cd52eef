"""What is missing of a feed, as of an instant. Not here: how it is fetched (feeds.py)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gex_pipeline.engine.known import last_time, times, walked_until, walked_within
from gex_pipeline.engine.spans import Stretch, cut, missing_bars, on_grid, without
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues.feeds import Feed, Span


@dataclass(frozen=True)
class Plan:
    """What is missing of a feed, in pieces to be walked.

    ``since``: whether it begins at a time that was given, where an earlier walk ended, or somewhere as the first one.
    """

    feed: Feed
    spans: tuple[Span, ...]
    since: Literal["given", "last", "first"] = "given"


def plan_of(store: Store, feed: Feed, start: datetime | None, end: datetime | None, at: datetime) -> Plan:
    """What is missing of a feed, as of an instant."""
    if feed.is_now:
        return Plan(feed, () if end is not None else (Span(at, at, at),))
    end = min(end or at, at)
    last = _known_until(store, feed) if start is None else None
    missing = _missing(store, feed, (start or last or end - feed.first, end), is_given=start is not None)
    spans = tuple(Span(begins, ends, at) for begins, ends in cut(missing, feed.window))
    return Plan(feed, spans, "given" if start else "last" if last else "first")


def _known_until(store: Store, feed: Feed) -> datetime | None:
    if feed.step is None:
        return walked_until(store, feed)
    last = last_time(store, feed)
    return last + feed.step if last is not None else None


def _missing(store: Store, feed: Feed, whole: Stretch, *, is_given: bool) -> list[Stretch]:
    if feed.step is not None:
        whole = on_grid(whole, feed.step)
        return missing_bars(whole, feed.step, times(store, feed, whole).to_list())
    return without(whole, walked_within(store, feed, whole) if is_given else ())
