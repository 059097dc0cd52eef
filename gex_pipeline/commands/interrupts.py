"""Ctrl-C and SIGTERM during long work. Belongs here: that they are heard; what happens then is for the command line."""

from __future__ import annotations

import signal
from types import FrameType

#: Every signal so far: libraries may turn the exception into another one.
_heard: list[int] = []


def hear_ctrl_c() -> None:
    """Put a handler of Ctrl-C in place, once the libraries of a command are loaded.

    Polars replaces Python's when it is imported, and loses a Ctrl-C that comes while a query ends.
    """
    signal.signal(signal.SIGINT, _stop)


def hear_sigterm() -> None:
    """Let SIGTERM do what Ctrl-C does: what is half done is put away before the process ends."""
    signal.signal(signal.SIGTERM, _stop)


def is_heard() -> bool:
    """Whether there was a signal."""
    return bool(_heard)


def status() -> int:
    """The exit status of a command that was stopped: 130 by Ctrl-C, 143 by SIGTERM."""
    return 128 + (_heard[0] if _heard else signal.SIGINT)


def _stop(number: int, _: FrameType | None) -> None:
    _heard.append(number)
    raise KeyboardInterrupt
