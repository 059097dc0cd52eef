"""What can be asked of a table or picture, as types. Belongs here: nothing that takes time to import."""

from __future__ import annotations

from datetime import date
from typing import Literal

from gex_pipeline.errors import UsageError

#: All expiries together, those with at most 24 hours to go, or the expiry of one date.
Expiry = Literal["all", "odte"] | date


def expiry_of(text: str) -> Expiry:
    """``all``, ``odte`` or the date of one expiry. Raises ``UsageError``."""
    word = text.strip().lower()
    if word == "all" or word == "odte":  # noqa: PLR1714 - so that the type is known
        return word
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise UsageError(f"{text!r} is not an expiry; type all, odte or a date like 2026-12-25") from None
