"""Errors that a person reads, and the exit status each one means.

Belongs here: the exception types that cross package borders, and how a word that is not known is told. Every message
is one line that says what, where and what to do. Anything else that is raised is a defect and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

#: Characters of a value that a message repeats.
_LONGEST = 60


class GexError(Exception):
    """A failure the user can act on: exit status 1."""

    exit_status = 1


class UsageError(GexError):
    """Wrong arguments: exit status 2."""

    exit_status = 2


class ImportFileError(GexError):
    """One input file cannot be used; the other files go on (exit status 3)."""

    exit_status = 3


class StoreError(GexError):
    """The warehouse cannot be read or written; what was there before is still there."""


def printable(text: str) -> str:
    """One line without the control characters that a terminal obeys: a venue may send anything."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(text.split()))


def shown(value: Any) -> str:
    """A value as it is written, cut where it is long: a message is one line."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # more digits than Python writes, or too deeply nested
        return "a value too long to repeat"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def nearest(word: str, words: Iterable[str], likeness: float = 0.0) -> str:
    """The known word most like a given one in any case, as ``; nearest is 'x'``; empty when none is so like it."""
    written = {each.lower(): each for each in words}
    found = difflib.get_close_matches(str(word).lower(), list(written), n=1, cutoff=likeness)
    return f"; nearest is {written[found[0]]!r}" if found else ""


def known(word: Any, words: Iterable[str], what: str) -> str:
    """The word itself where it is known. Raises ``UsageError`` naming the nearest where it is not."""
    choices = tuple(words)
    if word not in choices:
        raise UsageError(f"unknown {what} {shown(word)}{nearest(word, choices)}")
    return word


def not_toml(error: ValueError) -> str:
    """Why a file is not TOML: what its parser says, or that it is no text at all."""
    is_text = not isinstance(error, UnicodeDecodeError)
    return f"is not TOML: {error}" if is_text else "is not TOML: it is not text in UTF-8; save it as such"
