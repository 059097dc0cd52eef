"""Replies <-> rows of table `raw`. Pure; nothing is lost on the way there and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from gex_pipeline.schema.live import RAW
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.venues.base import Reply, Request

#: Header by which a local server says that its market is made up.
_SYNTHETIC = "x-synthetic"


def is_synthetic(reply: Reply) -> bool:
    """True where a reply says that its numbers are made up."""
    return _SYNTHETIC in reply.headers


@dataclass(frozen=True)
class Poll:
    """One snapshot of one venue: the coins it was taken for, and every reply."""

    snapshot_at: datetime
    venue: str
    coins: tuple[str, ...]
    replies: tuple[Reply, ...]

    @property
    def is_synthetic(self) -> bool:
        """True where a reply says that its numbers are made up."""
        return any(map(is_synthetic, self.replies))

    @property
    def is_answered(self) -> bool:
        """True where anything came back."""
        return any(reply.status is not None for reply in self.replies)

    @property
    def fresh(self) -> list[Reply]:
        """The replies that were asked for now."""
        return [reply for reply in self.replies if not reply.is_kept]

    @property
    def duration_seconds(self) -> float:
        """From the first request to the last answer; 0 where nothing was asked."""
        sent, received = [r.sent_at for r in self.fresh], [r.received_at for r in self.fresh]
        return (max(received) - min(sent)).total_seconds() if sent else 0.0


def to_frame(poll: Poll) -> pl.DataFrame:
    """Rows of `raw`, in the order of arrival."""
    rows = [_row(poll, number, reply) for number, reply in enumerate(poll.replies)]
    return pl.DataFrame(rows, schema=polars_schema(RAW), orient="row")


def _row(poll: Poll, number: int, reply: Reply) -> dict[str, object]:
    return {
        "snapshot_at": poll.snapshot_at,
        "venue": poll.venue,
        "request": number,
        "asked": ",".join(poll.coins),
        "host": reply.request.host,
        "endpoint": reply.request.endpoint,
        "params": json.dumps(dict(reply.request.params)),
        "url": reply.url,
        "status": reply.status,
        "sent_at": reply.sent_at,
        "received_at": reply.received_at,
        "headers": json.dumps(dict(reply.headers)),
        "body": reply.body,
        "error": reply.error,
        "is_kept": reply.is_kept,
        "retry_at": reply.retry_at,
    }


def from_frame(frame: pl.DataFrame) -> Poll:
    """The poll of one file of `raw`; the inverse of :func:`to_frame`."""
    rows: Sequence[dict[str, object]] = frame.sort("request").rows(named=True)
    return Poll(
        frame["snapshot_at"][0], frame["venue"][0], tuple(frame["asked"][0].split(",")), tuple(map(_reply, rows))
    )


def _reply(row: dict[str, object]) -> Reply:
    request = Request(str(row["endpoint"]), json.loads(str(row["params"])), str(row["host"]))
    same = {k: row[k] for k in ("url", "status", "sent_at", "received_at", "body", "error", "retry_at", "is_kept")}
    return Reply(request, headers=json.loads(str(row["headers"])), **same)  # pyright: ignore[reportArgumentType]
