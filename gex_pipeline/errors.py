"""Errors that a person reads, and the exit status each one means.

Belongs here: the exception types that cross package borders. Every message is one line that says what, where and
what to do. Anything else that is raised is a defect and keeps its traceback.
"""


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
