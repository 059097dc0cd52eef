"""Instants as tests write them."""

from datetime import UTC, datetime


def utc(text: str) -> datetime:
    """A date or instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
